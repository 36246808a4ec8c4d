"""What a kill cannot show and a loss of power would: what a directory holds is on disk before its name is."""

import os
from pathlib import Path

import pytest

from anomaly_ae.storage import MANIFEST, publish, write_json

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux names the file of a descriptor")
Done = list[tuple[str, Path]]


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Done:
    """Return a list that fills with what is put on disk, and what is renamed."""
    done: Done = []
    sync, rename, replace = os.fsync, Path.rename, Path.replace

    def note_sync(descriptor: int) -> None:
        sync(descriptor)
        done.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "rename", lambda path, target: (done.append(("rename", path)), rename(path, target))[1])
    monkeypatch.setattr(Path, "replace", lambda path, target: (done.append(("rename", path)), replace(path, target))[1])
    return done


def test_a_directory_is_on_disk_before_it_appears(tmp_path: Path, done: Done) -> None:
    """All its files and folders are put on disk, then it is renamed, then the directory above is put on disk."""
    with publish(tmp_path / "table") as staging:
        (staging.path / "maps" / "part").mkdir(parents=True)
        for name in ("part.parquet", "maps/part/0.npy"):
            (staging.path / name).write_bytes(b"content")

    end = done.index(("rename", staging.path))
    synced = {path for operation, path in done[:end] if operation == "sync"}
    held = {path.relative_to(tmp_path / "table") for path in (tmp_path / "table").rglob("*")} - {Path(MANIFEST)}
    assert {staging.path, *(staging.path / path for path in held)} <= synced
    assert done[end + 1 :] == [("sync", tmp_path)]


def test_a_file_is_on_disk_before_it_replaces_another(tmp_path: Path, done: Done) -> None:
    """Its new content is put on disk under a hidden name first."""
    write_json(tmp_path / "alias.json", {"champion": "new"})

    (first, hidden), (second, renamed) = done
    assert (first, second, hidden) == ("sync", "rename", renamed)
