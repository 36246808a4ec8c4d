"""The folder for temporary files: that of a run that was killed goes, that of one that is at work stays."""

import fcntl
import os
from pathlib import Path

import pytest
import temp_folder


@pytest.mark.parametrize(("age", "left"), [(-1, ["live"]), (60, ["dead", "live"])])
def test_only_abandoned_folders_are_removed(
    age: float, left: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A locked folder stays, and so does one that was made a moment ago."""
    monkeypatch.setattr(temp_folder, "MIN_AGE", age)
    for name in ("dead", "live"):
        (tmp_path / f"{temp_folder.PREFIX}{name}" / "content").mkdir(parents=True)
    lock = os.open(tmp_path / f"{temp_folder.PREFIX}live", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)

    temp_folder.remove_abandoned(tmp_path)

    os.close(lock)
    assert sorted(path.name.removeprefix(temp_folder.PREFIX) for path in tmp_path.iterdir()) == left
