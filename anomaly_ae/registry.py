"""The registry: which model version a name stands for, and how that came about.

aliases/<name>.json    champion, challenger, and every change of either, oldest first; replaced whole
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from anomaly_ae.errors import ArtifactError
from anomaly_ae.spec import Section
from anomaly_ae.storage import read_json, read_manifest, write_json
from anomaly_ae.unwritable import explain_unwritable

MODELS, ALIASES = "models", "aliases"
TRAINING = ".training-"
Alias = Literal["champion", "challenger"]
CHAMPION: Alias = "champion"
CHALLENGER: Alias = "challenger"


class Change(Section):
    """One change of an alias.

    Attributes:
        at: when.
        alias: which.
        version: what it stands for since.
        reason: what made it so.
        notes: what was checked before a promotion, and what spoke against it.
        forced: whether it was made against what spoke against it.
    """

    at: str
    alias: Alias
    version: str
    reason: Literal["trained", "promoted", "rolled back"]
    notes: tuple[str, ...] = ()
    forced: bool = False


class Aliases(Section):
    """What a model's aliases stand for; None where one stands for nothing."""

    champion: str | None = None
    challenger: str | None = None
    history: tuple[Change, ...] = ()

    @property
    def champions(self) -> tuple[str, ...]:
        """The champion and those it followed, latest last: what rolling back would bring back, step by step."""
        line: list[str] = []
        for change in self.history:
            if change.alias != CHAMPION:
                continue
            if change.reason == "rolled back":
                line.pop()
            else:
                line.append(change.version)
        return tuple(line)

    def after(self, change: Change) -> "Aliases":
        """Return the aliases after a change; a version that becomes champion is no challenger any more."""
        named: dict[str, str | None] = {change.alias: change.version}
        if change.alias == CHAMPION and self.challenger == change.version:
            named[CHALLENGER] = None
        return self.model_copy(update={**named, "history": (*self.history, change)})


def model_directory(workspace: Path, version: str) -> Path:
    """Return where a version is or will be."""
    return workspace / MODELS / version


def training_directory(workspace: Path, version: str) -> Path:
    """Return where the checkpoints of a version in training are."""
    return workspace / MODELS / f"{TRAINING}{version}"


def read_aliases(workspace: Path, name: str) -> Aliases:
    """Read what the aliases of the model called `name` stand for; nothing where nothing was trained.

    Raises:
        ArtifactError: the file is not as it was written.
    """
    path = _file(workspace, name)
    try:
        return Aliases.model_validate(read_json(path)) if path.exists() else Aliases()
    except ValidationError as error:
        msg = f"{path} is not as it was written: {error.errors()[0]['msg']}"
        raise ArtifactError(msg) from error


def set_alias(workspace: Path, name: str, version: str, alias: Alias = CHAMPION) -> None:
    """Let an alias of the model called `name` stand for a version just trained.

    The champion, trained again, does not become its own challenger.
    """
    with _alone(workspace, name):
        known = read_aliases(workspace, name)
        if version not in (known.champion, getattr(known, alias)):
            _write(workspace, name, known.after(_change(alias, version, "trained")))


def promote_version(
    workspace: Path, name: str, version: str, notes: tuple[str, ...] = (), *, forced: bool = False
) -> None:
    """Make a version the champion, and keep for the record what was checked before."""
    change = _change(CHAMPION, version, "promoted").model_copy(update={"notes": notes, "forced": forced})
    with _alone(workspace, name):
        _write(workspace, name, read_aliases(workspace, name).after(change))


def roll_back(workspace: Path, name: str) -> tuple[str, str]:
    """Make the version before the champion the champion again.

    Returns:
        The version that was champion, and the one that is.

    Raises:
        ArtifactError: there was none before it, or it was removed.
    """
    with _alone(workspace, name):
        known = read_aliases(workspace, name)
        if len(known.champions) < 2:
            msg = f"{name!r} had no champion before {known.champion} in {workspace}; there is nothing to go back to"
            raise ArtifactError(msg)
        version, before = known.champions[-1], known.champions[-2]
        read_manifest(model_directory(workspace, before), "model")
        _write(workspace, name, known.after(_change(CHAMPION, before, "rolled back")))
    return version, before


def find_model(workspace: Path, name: str, alias: Alias = CHAMPION) -> Path:
    """Return the directory of the version that an alias stands for.

    Raises:
        ArtifactError: nothing was trained under that name, or the alias is not set.
    """
    known = read_aliases(workspace, name)
    version = getattr(known, alias)
    if version is None:
        what = "`anomaly-ae promote` makes its challenger one" if known.challenger else "train one first"
        msg = f"no model called {name!r} has a {alias} in {workspace}; {what}"
        raise ArtifactError(msg)
    return model_directory(workspace, version)


def aliased_versions(workspace: Path) -> set[str]:
    """Return every version that an alias of some model stands for, or that rolling back would make it stand for."""
    return set(_named(workspace))


def model_that_scored(scored: Path) -> Path:
    """Return the directory of the version that a workspace's scored table was made by, champion or not.

    Raises:
        ArtifactError: the directory is no published scored table.
    """
    return model_directory(scored.absolute().parent.parent, read_manifest(scored, "scored")["model_version"])


def _named(workspace: Path) -> Iterator[str]:
    for path in (workspace / ALIASES).glob("*.json"):
        known = read_aliases(workspace, path.stem)
        yield from (version for version in (known.champion, known.challenger) if version)
        yield from known.champions[-2:]


def _change(alias: Alias, version: str, reason: Literal["trained", "promoted", "rolled back"]) -> Change:
    return Change(at=datetime.now(UTC).isoformat(timespec="seconds"), alias=alias, version=version, reason=reason)


def _file(workspace: Path, name: str) -> Path:
    return workspace / ALIASES / f"{name}.json"


def _write(workspace: Path, name: str, aliases: Aliases) -> None:
    write_json(_file(workspace, name), aliases.model_dump(mode="json"))


@contextmanager
def _alone(workspace: Path, name: str) -> Iterator[None]:
    """Keep others of this host from changing the aliases between reading and writing them; a dead one keeps nobody."""
    lock = _file(workspace, name).with_suffix(".lock")
    with explain_unwritable(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        stream = lock.open("w")
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
