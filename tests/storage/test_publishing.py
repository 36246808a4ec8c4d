"""A published directory is complete or absent, even if a writer dies or several write at once."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_ae.errors import ArtifactError
from anomaly_ae.storage import (
    MANIFEST,
    STAGING,
    canonical_json,
    commit,
    fingerprint,
    hash_file,
    is_published,
    open_staging,
    publish,
    read_json,
    read_manifest,
    verify_files,
    write_json,
)

FILES = 20


def write_all(target: Path, text: str = "text") -> None:
    """Publish a directory of several files."""
    with publish(target) as staging:
        for number in range(FILES):
            (staging.path / f"{number}.txt").write_text(f"{text} {number}")
        staging.facts.update(kind="dataset", format_version=1, text=text)


def test_what_was_written_appears_with_a_manifest(tmp_path: Path) -> None:
    """The directory holds the files, and a manifest with the facts and every file's size and hash."""
    write_all(tmp_path / "deep" / "one")

    manifest = read_manifest(tmp_path / "deep" / "one", "dataset")

    assert manifest["text"] == "text"
    assert len(manifest["files"]) == FILES
    assert manifest["files"]["7.txt"] == {"bytes": 6, "sha256": hash_file(tmp_path / "deep" / "one" / "7.txt")}
    verify_files(tmp_path / "deep" / "one", manifest["files"])
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["one"]


def test_a_reader_sees_nothing_or_all(tmp_path: Path) -> None:
    """A reader that polls while directories are published never finds an incomplete one."""
    done, halves = threading.Event(), []

    def look() -> None:
        while not done.is_set():
            seen = [path for path in tmp_path.iterdir() if not path.name.startswith(STAGING)]
            halves.extend(path for path in seen if len(list(path.iterdir())) != FILES + 1)

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(15):
        write_all(tmp_path / f"d{number}")
    done.set()
    reader.join()

    assert halves == []


def test_the_manifest_is_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the manifest is written, all other files exist, and only then does the directory get its name."""
    seen: list[tuple[int, bool]] = []

    def spy(path: Path, value: object) -> None:
        seen.append((len(list(path.parent.iterdir())), (tmp_path / "one").exists()))
        write_json(path, value)

    monkeypatch.setattr("anomaly_ae.storage.publishing.write_json", spy)
    write_all(tmp_path / "one")

    assert seen == [(FILES, False)]
    assert is_published(tmp_path / "one")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    """A block that fails or is interrupted publishes nothing and leaves no files."""
    with pytest.raises(error), publish(tmp_path / "one") as staging:  # noqa: PT012 - the block is the point
        (staging.path / "half.txt").write_text("half")
        raise error

    assert list(tmp_path.iterdir()) == []


def test_facts_that_are_not_json_leave_nothing(tmp_path: Path) -> None:
    """A failure at the very end, while writing the manifest, leaves no files either."""
    with pytest.raises(ValueError, match="not JSON compliant"), publish(tmp_path / "one") as staging:
        staging.facts["share"] = float("nan")

    assert list(tmp_path.iterdir()) == []


def test_the_second_publisher_keeps_the_first(tmp_path: Path) -> None:
    """If two writers publish the same name at once, one result is kept, the other is removed, and neither fails."""
    first, second = (open_staging(tmp_path / "one") for _ in range(2))
    for staging, text in ((first, "first"), (second, "second")):
        (staging.path / "a.txt").write_text(text)

    assert commit(first) == commit(second) == tmp_path / "one"

    assert (tmp_path / "one" / "a.txt").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_foreign_directories_are_not_replaced(tmp_path: Path) -> None:
    """A directory that no stage published is left alone, with an error that names it."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "mine.txt").write_text("mine")

    with pytest.raises(ArtifactError, match=r"one exists but was not published by a stage"):
        write_all(tmp_path / "one")

    assert [path.name for path in tmp_path.rglob("*")] == ["one", "mine.txt"]


def test_staging_of_dead_processes_is_removed_and_that_of_running_ones_kept(tmp_path: Path) -> None:
    """Staging of an ended process is removed; that of a running one, another host or another target stays."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = socket.gethostname()
    dead = tmp_path / f"{STAGING}one-{host}-{gone.pid}-abc"
    kept = [
        tmp_path / f"{STAGING}one-{host}-{os.getpid()}-abc",
        tmp_path / f"{STAGING}one-{host}x-{gone.pid}-abc",
        tmp_path / f"{STAGING}two-{host}-{gone.pid}-abc",
        tmp_path / f"{STAGING}one-{host}-abc-{gone.pid}",
    ]
    for path in (dead, *kept):
        path.mkdir()

    write_all(tmp_path / "one")

    assert not dead.exists()
    assert all(path.exists() for path in kept)


@pytest.mark.parametrize("change", ["append", "flip", "remove"])
def test_a_changed_file_is_named(tmp_path: Path, change: str) -> None:
    """An added byte, a changed byte or a missing file is noticed, with the file's name."""
    write_all(tmp_path / "one")
    path = tmp_path / "one" / "3.txt"
    content = path.read_bytes()
    path.unlink()
    if change != "remove":
        path.write_bytes(content + b"!" if change == "append" else bytes([content[0] ^ 1]) + content[1:])

    with pytest.raises(ArtifactError, match=r"3\.txt"):
        verify_files(tmp_path / "one", read_manifest(tmp_path / "one", "dataset")["files"])


def test_an_incomplete_directory_is_refused(tmp_path: Path) -> None:
    """A missing directory, a missing manifest and a manifest of another kind give three different messages."""
    (tmp_path / "half").mkdir()
    write_all(tmp_path / "one")

    with pytest.raises(ArtifactError, match="does not exist"):
        read_manifest(tmp_path / "none", "dataset")
    with pytest.raises(ArtifactError, match="never completed"):
        read_manifest(tmp_path / "half", "dataset")
    with pytest.raises(ArtifactError, match="holds a 'dataset', not a 'model'"):
        read_manifest(tmp_path / "one", "model")


def test_json_is_replaced_whole(tmp_path: Path) -> None:
    """A value that cannot be written leaves the old file, and no temporary file remains."""
    write_json(tmp_path / "a.json", {"é": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("inf")})

    assert read_json(tmp_path / "a.json") == {"é": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b""])
def test_invalid_json_is_refused(tmp_path: Path, content: bytes) -> None:
    """Truncated, binary and empty files give errors that name the file."""
    (tmp_path / "a.json").write_bytes(content)

    with pytest.raises(ArtifactError, match=r"a\.json is not readable JSON"):
        read_json(tmp_path / "a.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(JSON, JSON)
def test_fingerprints_tell_values_apart(first: object, second: object) -> None:
    """Equal values have equal fingerprints whatever the order of their keys; different values differ."""
    assert fingerprint(first) == fingerprint(json.loads(canonical_json(first)))
    assert (fingerprint(first) == fingerprint(second)) == (canonical_json(first) == canonical_json(second))
    if isinstance(first, dict):
        assert fingerprint(first) == fingerprint(dict(reversed(first.items())))


def test_the_manifest_is_readable(tmp_path: Path) -> None:
    """The manifest is indented JSON with a final newline."""
    write_all(tmp_path / "one")

    text = (tmp_path / "one" / MANIFEST).read_text()

    assert text.startswith('{\n  "')
    assert text.endswith("}\n")
