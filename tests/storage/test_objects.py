"""A directory on an object store is complete or absent: its manifest, written last, is the commit."""

import json
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from anomaly_ae.errors import ArtifactError, StorageError
from anomaly_ae.storage import (
    MANIFEST,
    commit,
    create_json,
    files_below,
    is_published,
    open_staging,
    publish,
    read_json,
    read_manifest,
    verify_files,
    withdraw,
    write_json,
)

FILES = 5
CLAIM = ".staging-claim-000001"


def write_all(target: Path, text: str = "text") -> None:
    """Publish a directory of several files, one of them in a folder."""
    with publish(target) as staging:
        for number in range(FILES):
            (staging.path / f"{number}.txt").write_text(f"{text} {number}")
        (staging.path / "deep" / "er.txt").write_text(text)
        staging.facts.update(kind="dataset", text=text)


def names(directory: Path) -> list[str]:
    """Return the files below a directory, relative to it."""
    return [path.relative_to(directory).as_posix() for path in files_below(directory)]


def test_what_was_written_appears_with_a_manifest(bucket: Path) -> None:
    """The directory holds the files and a manifest with every file's size and hash; nothing else is left."""
    write_all(bucket / "ws" / "one")

    manifest = read_manifest(bucket / "ws" / "one", "dataset")

    assert set(manifest["files"]) == {*(f"{number}.txt" for number in range(FILES)), "deep/er.txt"}
    assert manifest["files"]["3.txt"]["bytes"] == len("text 3")
    verify_files(bucket / "ws" / "one", manifest["files"])
    assert set(names(bucket)) == {f"ws/one/{name}" for name in (*manifest["files"], MANIFEST)}


def test_the_manifest_is_the_last_object(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the manifest is created, every other object is under its name."""
    seen: list[tuple[str, list[str]]] = []

    def spy(path: Path, value: object) -> None:
        seen.append((path.name, names(path.parent)))
        create_json(path, value)

    monkeypatch.setattr("anomaly_ae.storage.objects.create_json", spy)
    write_all(bucket / "one")

    everything = [CLAIM, *(f"{number}.txt" for number in range(FILES)), "deep/er.txt"]
    assert seen == [(CLAIM, []), (MANIFEST, everything)]


def test_a_reader_sees_nothing_or_all(bucket: Path) -> None:
    """A reader that polls while directories are published never finds a manifest that names a missing object."""
    done, missing = threading.Event(), []

    def look() -> None:
        while not done.is_set():
            for place in (bucket / f"d{number}" for number in range(5)):
                if is_published(place):
                    missing.extend(read_manifest(place, "dataset")["files"].keys() - set(names(place)))

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(5):
        write_all(bucket / f"d{number}")
    done.set()
    reader.join()

    assert missing == []


def test_an_error_leaves_nothing(bucket: Path) -> None:
    """A block that fails publishes nothing and leaves no object."""
    with pytest.raises(KeyError), publish(bucket / "one") as staging:  # noqa: PT012 - the block is the point
        (staging.path / "half.txt").write_text("half")
        raise KeyError

    assert names(bucket) == []


def test_a_failed_writer_keeps_what_another_published(bucket: Path) -> None:
    """A writer that fails after another one has published the same directory removes only its own objects."""
    with pytest.raises(KeyError), publish(bucket / "one") as staging:  # noqa: PT012 - the block is the point
        (staging.path / "0.txt").write_text("half")
        write_all(bucket / "one")
        raise KeyError

    verify_files(bucket / "one", read_manifest(bucket / "one", "dataset")["files"])
    assert len(names(bucket)) == FILES + 2


@pytest.mark.parametrize("is_of_this_host", [True, False])
def test_what_a_dead_writer_left_is_replaced(
    bucket: Path, monkeypatch: pytest.MonkeyPatch, is_of_this_host: bool
) -> None:
    """Objects without a manifest are invisible to readers; the next writer replaces or removes all of them."""
    host = socket.gethostname() if is_of_this_host else "another-host"
    write_json(bucket / "one" / CLAIM, f".staging-one-{host}-{dead_pid()}-01234567")
    for name in ("0.txt", "of-another-release.txt"):
        (bucket / "one" / name).write_text("from another time")
    if not is_of_this_host:
        monkeypatch.setattr("anomaly_ae.storage.objects.STALE_AFTER", timedelta(seconds=-10))

    with pytest.raises(ArtifactError, match="never completed"):
        read_manifest(bucket / "one", "dataset")
    write_all(bucket / "one")

    assert "of-another-release.txt" not in names(bucket / "one")
    assert CLAIM not in names(bucket / "one")
    assert (bucket / "one" / "0.txt").read_text() == "text 0"
    verify_files(bucket / "one", read_manifest(bucket / "one", "dataset")["files"])


def test_a_running_writer_is_waited_for(bucket: Path) -> None:
    """While another host's claim is fresh, nothing is touched; its manifest ends the wait."""
    write_json(bucket / "one" / CLAIM, ".staging-one-another-host-1-01234567")
    (bucket / "one" / "a.txt").write_text("theirs")
    writer = threading.Thread(target=write_all, args=[bucket / "one"])
    writer.start()
    writer.join(2)
    assert writer.is_alive()
    assert names(bucket / "one") == [CLAIM, "a.txt"]

    write_json(bucket / "one" / MANIFEST, {"kind": "dataset", "files": {}})
    writer.join(60)

    assert names(bucket / "one") == [CLAIM, "a.txt", MANIFEST]
    assert names(bucket) == [f"one/{name}" for name in names(bucket / "one")]


def test_a_lost_response_is_not_taken_for_another_writer(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that retries after a lost response finds that the object exists; it is its own."""

    def create_and_lose_the_answer(path: Path, value: object) -> None:
        create_json(path, value)
        raise FileExistsError

    monkeypatch.setattr("anomaly_ae.storage.objects.create_json", create_and_lose_the_answer)
    write_all(bucket / "one")

    verify_files(bucket / "one", read_manifest(bucket / "one", "dataset")["files"])
    assert len(names(bucket)) == FILES + 2


def test_a_stalled_writer_gives_way(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer whose claim was taken over while it copied writes no manifest and leaves the objects alone."""
    store = bucket.fs  # type: ignore[attr-defined]
    copy = store.copy

    def copy_slowly(*given: object) -> None:
        copy(*given)
        create_json(bucket / "one" / CLAIM.replace("1", "2"), ".staging-one-another-host-1-01234567")

    monkeypatch.setattr(store, "copy", copy_slowly)
    with pytest.raises(StorageError, match="taken over by another writer"):
        write_all(bucket / "one")

    assert not is_published(bucket / "one")
    assert "0.txt" in names(bucket / "one")


def test_foreign_objects_are_not_replaced(bucket: Path) -> None:
    """Objects that no stage published are left alone, with an error that names the location."""
    (bucket / "one" / "mine.txt").write_text("mine")

    with pytest.raises(ArtifactError, match=r"one exists but was not published by a stage"):
        write_all(bucket / "one")

    assert names(bucket) == ["one/mine.txt"]


def test_the_second_publisher_keeps_the_first(bucket: Path) -> None:
    """If two writers publish the same name at once, one result is kept, the other is removed, and neither fails."""
    first, second = (open_staging(bucket / "one") for _ in range(2))
    for staging, text in ((first, "first"), (second, "second")):
        (staging.path / "a.txt").write_text(text)

    assert commit(first) == commit(second) == bucket / "one"

    assert (bucket / "one" / "a.txt").read_text() == "first"
    assert names(bucket) == ["one/a.txt", f"one/{MANIFEST}"]


def test_many_publishers_at_once_make_one_directory(bucket: Path) -> None:
    """Concurrent writers of the same directory all succeed, and the result is complete."""
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: write_all(bucket / "one"), range(6)))

    verify_files(bucket / "one", read_manifest(bucket / "one", "dataset")["files"])
    assert len(names(bucket)) == FILES + 2


def test_a_changed_object_is_named(bucket: Path) -> None:
    """A changed byte or a missing object is noticed, with the object's name."""
    write_all(bucket / "one")
    files = read_manifest(bucket / "one", "dataset")["files"]

    (bucket / "one" / "3.txt").write_text("text 4")
    with pytest.raises(ArtifactError, match=r"3\.txt has changed"):
        verify_files(bucket / "one", files)
    (bucket / "one" / "3.txt").unlink()
    with pytest.raises(ArtifactError, match=r"3\.txt is missing"):
        verify_files(bucket / "one", files)


def test_withdrawn_is_gone(bucket: Path) -> None:
    """A withdrawn directory is removed completely, its neighbour is not."""
    write_all(bucket / "one")
    write_all(bucket / "one-more")

    withdraw(bucket / "one")

    assert names(bucket / "one") == []
    assert is_published(bucket / "one-more")


def test_exactly_one_of_several_writers_creates(bucket: Path, tmp_path: Path) -> None:
    """Of several writers that create the same file, exactly one succeeds, locally and on an object store."""

    def create(number: int, place: Path) -> int | None:
        try:
            create_json(place / "000001.json", number)
        except FileExistsError:
            return None
        return number

    for place in (bucket, tmp_path):
        with ThreadPoolExecutor(8) as pool:
            succeeded = [number for number in pool.map(create, range(8), [place] * 8) if number is not None]
        assert [read_json(place / "000001.json")] == succeeded
        assert names(place) == ["000001.json"]


def test_listings_are_never_stale(bucket: Any) -> None:
    """Objects of another client are seen at once, although the same location was listed before."""
    write_json(bucket / "one" / "a.json", {})

    def look() -> tuple[list[str], list[str], bool]:
        listed = sorted(path.name for path in (bucket / "one").glob("*"))
        return names(bucket / "one"), listed, is_published(bucket / "one")

    assert look() == (["a.json"], ["a.json"], False)
    boto3.client("s3").put_object(Bucket=bucket.path.strip("/"), Key=f"one/{MANIFEST}", Body=b"{}")
    assert look() == (["a.json", MANIFEST], ["a.json", MANIFEST], True)


def test_denied_access_gives_a_clear_error(bucket: Path) -> None:
    """Denied read or write access gives an error that names the location and the remedy."""
    write_json(bucket / "a.json", {})

    deny(bucket, "s3:PutObject")
    with pytest.raises(
        StorageError, match=r"a\.json cannot be written: access is denied \(.*\); grant the credentials"
    ):
        write_json(bucket / "a.json", {})
    with pytest.raises(StorageError, match=r"one cannot be written: access is denied"):
        write_all(bucket / "one")
    deny(bucket, "s3:GetObject")
    with pytest.raises(StorageError, match=r"a\.json cannot be read: access is denied"):
        read_json(bucket / "a.json")


def deny(bucket: Any, action: str) -> None:
    """Deny an action to everyone by the bucket's policy."""
    everything = [f"arn:aws:s3:::{bucket.path.strip('/')}/*"]
    statement = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": everything}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    bucket.fs.call_s3("put_bucket_policy", Bucket=bucket.path.strip("/"), Policy=policy)


def dead_pid() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
