"""The registry: which model version a name stands for."""

from pathlib import Path

from anomaly_ae.errors import ArtifactError
from anomaly_ae.storage import read_json, read_manifest, write_json

MODELS, ALIASES = "models", "aliases"
CHAMPION = "champion"


def model_directory(workspace: Path, version: str) -> Path:
    """Return where a version is or will be."""
    return workspace / MODELS / version


def set_alias(workspace: Path, name: str, version: str, alias: str = CHAMPION) -> None:
    """Let `alias` of the model called `name` stand for a version."""
    path = workspace / ALIASES / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = read_json(path) if path.exists() else {}
    write_json(path, {**known, alias: version})


def find_model(workspace: Path, name: str, alias: str = CHAMPION) -> Path:
    """Return the directory of the version that an alias stands for.

    Raises:
        ArtifactError: nothing was trained under that name, or the alias is not set.
    """
    path = workspace / ALIASES / f"{name}.json"
    known = read_json(path) if path.exists() else {}
    if alias not in known:
        msg = f"no model called {name!r} has a {alias} in {workspace}; train one first"
        raise ArtifactError(msg)
    return model_directory(workspace, known[alias])


def aliased_versions(workspace: Path) -> set[str]:
    """Return every version that an alias of some model stands for."""
    return {version for path in (workspace / ALIASES).glob("*.json") for version in read_json(path).values()}


def model_that_scored(scored: Path) -> Path:
    """Return the directory of the version that a workspace's scored table was made by, champion or not.

    Raises:
        ArtifactError: the directory is no published scored table.
    """
    return model_directory(scored.absolute().parent.parent, read_manifest(scored, "scored")["model_version"])
