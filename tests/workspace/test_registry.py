"""The registry: aliases, their history, and the way back."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from anomaly_ae.errors import ArtifactError
from anomaly_ae.storage import publish
from anomaly_ae.workspace.registry import (
    CHALLENGER,
    aliased_versions,
    find_model,
    model_directory,
    promote_version,
    read_aliases,
    roll_back,
    set_alias,
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Three published versions, and no alias."""
    for version in ("v1", "v2", "v3"):
        with publish(model_directory(tmp_path, version)) as staging:
            staging.facts.update(kind="model")
    return tmp_path


def champion(workspace: Path) -> str:
    """Return the champion's version."""
    return find_model(workspace, "plant").name


def test_every_change_is_kept(workspace: Path) -> None:
    """Training, promotion and rollback are in the history in order, a forced one with what spoke against it."""
    set_alias(workspace, "plant", "v1")
    set_alias(workspace, "plant", "v2", CHALLENGER)
    promote_version(workspace, "plant", "v2", ("AP is lower",), forced=True)
    roll_back(workspace, "plant")

    known = read_aliases(workspace, "plant")
    told = [(change.alias, change.version, change.reason, change.forced) for change in known.history]
    assert told == [
        ("champion", "v1", "trained", False),
        ("challenger", "v2", "trained", False),
        ("champion", "v2", "promoted", True),
        ("champion", "v1", "rolled back", False),
    ]
    assert known.history[2].notes == ("AP is lower",)
    assert (known.champion, known.challenger) == ("v1", None)


def test_training_again_changes_nothing(workspace: Path) -> None:
    """The same version found again makes no entry, and a champion is not made its own challenger."""
    set_alias(workspace, "plant", "v1")
    before = read_aliases(workspace, "plant")

    set_alias(workspace, "plant", "v1")
    set_alias(workspace, "plant", "v1", CHALLENGER)

    assert read_aliases(workspace, "plant") == before


def test_rolling_back_goes_back_step_by_step(workspace: Path) -> None:
    """Each rollback goes one champion back, never to the one just left; at the first there is nothing to go back to."""
    for version in ("v1", "v2", "v3"):
        set_alias(workspace, "plant", version)

    assert roll_back(workspace, "plant") == ("v3", "v2")
    assert roll_back(workspace, "plant") == ("v2", "v1")
    with pytest.raises(ArtifactError, match="had no champion before v1"):
        roll_back(workspace, "plant")
    assert champion(workspace) == "v1"


def test_a_version_that_was_removed_is_not_gone_back_to(workspace: Path) -> None:
    """Rolling back to what is no longer there is refused, and the champion stays."""
    set_alias(workspace, "plant", "v0")
    set_alias(workspace, "plant", "v1")

    with pytest.raises(ArtifactError, match="v0 does not exist"):
        roll_back(workspace, "plant")
    assert champion(workspace) == "v1"


def test_what_rolling_back_needs_is_named(workspace: Path) -> None:
    """Housekeeping is told of champion, challenger and the champion before; of earlier ones not."""
    for version in ("v0", "v1", "v2"):
        set_alias(workspace, "plant", version)
    set_alias(workspace, "plant", "v3", CHALLENGER)

    assert aliased_versions(workspace) == {"v1", "v2", "v3"}


def test_a_lone_challenger_is_pointed_out(workspace: Path) -> None:
    """Without a champion the message says that the challenger may be made one."""
    set_alias(workspace, "plant", "v1", CHALLENGER)

    with pytest.raises(ArtifactError, match="anomaly-ae promote"):
        find_model(workspace, "plant")


def test_changes_at_once_are_all_kept(workspace: Path) -> None:
    """A training and a promotion that end at the same moment do not undo each other."""
    versions = [f"w{number}" for number in range(40)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda version: set_alias(workspace, "plant", version), versions))

    assert sorted(change.version for change in read_aliases(workspace, "plant").history) == sorted(versions)


def test_the_single_file_of_earlier_releases_counts_until_the_first_change(workspace: Path) -> None:
    """After an upgrade the champion still scores, housekeeping keeps it, and rolling back leads to it."""
    set_alias(workspace, "plant", "v1")
    (only,) = (workspace / "aliases" / "plant").iterdir()
    only.rename(workspace / "aliases" / "plant.json")
    only.parent.rmdir()
    assert champion(workspace) == "v1"
    assert aliased_versions(workspace) == {"v1"}

    promote_version(workspace, "plant", "v2")

    assert champion(workspace) == "v2"
    assert aliased_versions(workspace) == {"v1", "v2"}
    assert roll_back(workspace, "plant") == ("v2", "v1")


def test_an_altered_file_is_refused(workspace: Path) -> None:
    """A key that nobody wrote is no alias."""
    set_alias(workspace, "plant", "v1")
    (workspace / "aliases" / "plant" / "000001.json").write_text('{"champoin": "v1"}', encoding="utf-8")

    with pytest.raises(ArtifactError, match=r"000001\.json is not as it was written"):
        find_model(workspace, "plant")
