"""Text becomes a location in one place; what cannot be reached is said in words, before anything is done."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from anomaly_ae.errors import StorageError
from anomaly_ae.ingest.table_files import find_tables
from anomaly_ae.modalities import find_source
from anomaly_ae.spec import DataSpec
from anomaly_ae.storage import expand, is_remote, locate, open_staging, reach
from anomaly_ae.workspace.workspace import Workspace


@pytest.mark.parametrize("named", ["a/b.csv", "/a/b.csv", "a b.csv", "file:///a/b.csv", ".", "c:d"])
def test_paths_of_this_machine_are_plain_paths(named: str) -> None:
    """Whatever names a file of this machine becomes a plain path, as it was."""
    place = locate(named)

    assert type(place) is type(Path())
    assert str(place) == named.removeprefix("file://")


def test_a_location_is_kept() -> None:
    """What is a location already stays the same one."""
    place = locate("memory://a/b")

    assert locate(place) is place
    assert is_remote(place)
    assert not is_remote(locate("a/b"))


def test_text_comes_back_as_it_was(bucket: Path) -> None:
    """A location as text names the same location again: so tasks hand them on."""
    for place in (bucket, bucket / "ws" / "a=1" / "b c.csv"):
        assert locate(str(place)) == place
    assert str(locate("s3://bucket/ws/")) == "s3://bucket/ws"


@pytest.mark.parametrize("named", ["s3://key:secret@bucket/a", "http://me:secret@host/a.csv"])
def test_a_password_in_a_path_is_refused(named: str) -> None:
    """It would end up in logs and manifests; and the message does not say it."""
    with pytest.raises(StorageError, match="a password does not belong into a path") as caught:
        locate(named)
    assert "secret" not in str(caught.value)


def test_a_missing_library_is_named() -> None:
    """Without the extra, the message says how to install it; of an unknown protocol, that it is none."""
    code = (
        "import sys; sys.modules['s3fs'] = None\n"
        "from anomaly_ae.storage import locate\n"
        "try: locate('s3://bucket/a')\n"
        "except OSError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own
    assert 'pip install "anomaly_ae[s3]"' in told
    assert "s3://bucket/a" in told
    with pytest.raises(StorageError, match="s4://bucket/a cannot be reached"):
        locate("s4://bucket/a")


def test_the_library_is_loaded_only_when_needed() -> None:
    """Nothing of object stores is loaded by whoever works on this machine."""
    code = (
        "import sys, anomaly_ae.cli, anomaly_ae.storage.parquet\n"
        "print([name for name in ('upath', 's3fs') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own
    assert told.strip() == "[]"


def test_a_missing_bucket_is_said_to_be_missing(bucket: Path) -> None:
    """Source, workspace and registry all say that the bucket is not there; an empty place in one that is, is none."""
    missing = locate(f"{text(bucket)}-missing/ws")

    for attempt in (
        lambda: find_source(DataSpec(source=f"{missing}/*.csv")),
        lambda: open_staging(missing / "datasets" / "one"),
        lambda: Workspace(missing).aliased_model("plant"),
    ):
        with pytest.raises(StorageError, match="there is no such bucket"):
            attempt()
    reach(bucket / "nothing" / "yet")


def test_missing_credentials_are_said_to_be_missing(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials the message says so."""
    store = type(bucket.fs)  # type: ignore[attr-defined]
    store.clear_instance_cache()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")

    with pytest.raises(StorageError, match="cannot be reached: Unable to locate credentials"):
        reach(locate(f"{text(bucket)}/other"))
    store.clear_instance_cache()


def test_globs_and_folders_name_the_same_files_everywhere(bucket: Path, tmp_path: Path) -> None:
    """A folder and globs give the same names, in the same order, on this machine and on an object store."""
    for root in (bucket, tmp_path):
        for name in ("in/b.csv", "in/a.csv", "in/deep/c.csv", "in/_notes.csv", "in/.hidden.csv", "in/notes.md"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("x\n1\n")

    def found(source: str) -> list[str]:
        return [file.name for file in find_tables(source)]

    for source in ("in", "in/*.csv", "in/**/*.csv", "in/deep/c.csv", "i*/[ab].csv"):
        assert found(f"{text(bucket)}/{source}") == found(f"{tmp_path}/{source}"), source
    assert found(f"{text(bucket)}/in") == ["a.csv", "b.csv", "deep/c.csv"]
    assert expand(f"{text(bucket)}/in/a.csv") == []


def test_a_changed_object_has_another_state(bucket: Path) -> None:
    """An object written anew with as many bytes, within the same second, is told from the one before."""
    place = bucket / "a.csv"
    place.write_text("x\n0\n")
    (file,) = find_tables(str(bucket / "a.csv"))
    times, states = [], []

    for number in range(1, 4):  # of three moments in a row two are within a second
        place.write_text(f"x\n{number}\n")
        times.append(place.stat().st_mtime)
        states.append(file.states())
        assert file.states() == states[-1]

    assert len(set(times)) < len(times)
    assert all(first != second for first, second in pairwise(states))


def text(bucket: Path) -> str:
    """Return a bucket as a user writes it."""
    return str(bucket).rstrip("/")
