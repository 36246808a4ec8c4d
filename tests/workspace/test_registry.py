"""The registry: aliases, their history, and the way back."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from anomaly_ae.errors import ArtifactError
from anomaly_ae.storage import publish
from anomaly_ae.workspace.model_version import ModelManifest
from anomaly_ae.workspace.registry import CHALLENGER, Registry
from anomaly_ae.workspace.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Three published versions, and no alias."""
    workspace = Workspace(tmp_path)
    for version in ("v1", "v2", "v3"):
        with publish(workspace.model_directory(version)) as staging:
            facts = {"kind": ModelManifest.KIND, "format_version": ModelManifest.FORMAT_VERSION}
            staging.facts.update(facts, version=version, trained_at="2026-10-01T00:00:00+00:00")
    return workspace


@pytest.fixture
def registry(workspace: Workspace) -> Registry:
    """The aliases of one model."""
    return workspace.registry("plant")


def champion(workspace: Workspace) -> str:
    """Return the champion's version."""
    return workspace.aliased_model("plant").version


def kept(workspace: Workspace) -> set[str]:
    """Return the versions that housekeeping keeps for the aliases of all models."""
    return {version for aliases in workspace.aliases() for version in aliases.in_use}


def test_every_change_is_kept(workspace: Workspace, registry: Registry) -> None:
    """Training, promotion and rollback are in the history in order, a forced one with what spoke against it."""
    registry.set_trained("v1")
    registry.set_trained("v2", CHALLENGER)
    registry.promote("v2", ("AP is lower",), forced=True)
    workspace.roll_back("plant")

    known = registry.aliases()
    told = [(change.alias, change.version, change.reason, change.forced) for change in known.history]
    assert told == [
        ("champion", "v1", "trained", False),
        ("challenger", "v2", "trained", False),
        ("champion", "v2", "promoted", True),
        ("champion", "v1", "rolled back", False),
    ]
    assert known.history[2].notes == ("AP is lower",)
    assert (known.champion, known.challenger) == ("v1", None)


def test_training_again_changes_nothing(registry: Registry) -> None:
    """The same version found again makes no entry, and a champion is not made its own challenger."""
    registry.set_trained("v1")
    before = registry.aliases()

    registry.set_trained("v1")
    registry.set_trained("v1", CHALLENGER)

    assert registry.aliases() == before


def test_rolling_back_goes_back_step_by_step(workspace: Workspace, registry: Registry) -> None:
    """Each rollback goes one champion back, never to the one just left; at the first there is nothing to go back to."""
    for version in ("v1", "v2", "v3"):
        registry.set_trained(version)

    assert workspace.roll_back("plant") == ("v3", "v2")
    assert workspace.roll_back("plant") == ("v2", "v1")
    with pytest.raises(ArtifactError, match="had no champion before v1"):
        workspace.roll_back("plant")
    assert champion(workspace) == "v1"


def test_a_version_that_was_removed_is_not_gone_back_to(workspace: Workspace, registry: Registry) -> None:
    """Rolling back to what is no longer there is refused, and the champion stays."""
    registry.set_trained("v0")
    registry.set_trained("v1")

    with pytest.raises(ArtifactError, match="v0 does not exist"):
        workspace.roll_back("plant")
    assert champion(workspace) == "v1"


def test_what_rolling_back_needs_is_named(workspace: Workspace, registry: Registry) -> None:
    """Housekeeping is told of champion, challenger and the champion before; of earlier ones not."""
    for version in ("v0", "v1", "v2"):
        registry.set_trained(version)
    registry.set_trained("v3", CHALLENGER)

    assert kept(workspace) == {"v1", "v2", "v3"}


def test_a_lone_challenger_is_pointed_out(workspace: Workspace, registry: Registry) -> None:
    """Without a champion the message says that the challenger may be made one."""
    registry.set_trained("v1", CHALLENGER)

    with pytest.raises(ArtifactError, match="anomaly-ae promote"):
        workspace.aliased_model("plant")


def test_changes_at_once_are_all_kept(registry: Registry) -> None:
    """A training and a promotion that end at the same moment do not undo each other."""
    versions = [f"w{number}" for number in range(40)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(registry.set_trained, versions))

    assert sorted(change.version for change in registry.aliases().history) == sorted(versions)


def test_the_single_file_of_earlier_releases_counts_until_the_first_change(
    workspace: Workspace, registry: Registry
) -> None:
    """After an upgrade the champion still scores, housekeeping keeps it, and rolling back leads to it."""
    registry.set_trained("v1")
    (only,) = (workspace.location / "aliases" / "plant").iterdir()
    only.rename(workspace.location / "aliases" / "plant.json")
    only.parent.rmdir()
    assert champion(workspace) == "v1"
    assert kept(workspace) == {"v1"}

    registry.promote("v2")

    assert champion(workspace) == "v2"
    assert kept(workspace) == {"v1", "v2"}
    assert workspace.roll_back("plant") == ("v2", "v1")


def test_an_altered_file_is_refused(workspace: Workspace, registry: Registry) -> None:
    """A key that nobody wrote is no alias."""
    registry.set_trained("v1")
    (workspace.location / "aliases" / "plant" / "000001.json").write_text('{"champoin": "v1"}', encoding="utf-8")

    with pytest.raises(ArtifactError, match=r"000001\.json is not as it was written"):
        workspace.aliased_model("plant")
