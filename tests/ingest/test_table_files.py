"""A source string names the same files in the same order every time, or says what is wrong."""

from pathlib import Path

import pytest

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.table_files import find_tables


def touch(directory: Path, *names: str) -> None:
    """Make empty files below a directory."""
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_directory_is_listed_in_name_order(tmp_path: Path) -> None:
    """A directory gives its tables, also in folders, sorted by their name relative to it."""
    touch(tmp_path, "b.csv", "a/z.parquet", "a.jsonl.gz", "c.arrow")

    files = find_tables(str(tmp_path))

    assert [file.name for file in files] == ["a.jsonl.gz", "a/z.parquet", "b.csv", "c.arrow"]
    assert [file.format for file in files] == ["jsonl", "parquet", "csv", "arrow"]
    assert [file.compression for file in files] == ["gzip", None, None, None]


def test_directory_skips_hidden_and_unknown_files(tmp_path: Path) -> None:
    """Hidden files, hidden folders and files that are no tables are not part of a directory."""
    touch(tmp_path, "a.csv", ".b.csv", "_SUCCESS", "_log/c.csv", ".git/d.csv", "README.md")

    assert [file.name for file in find_tables(str(tmp_path))] == ["a.csv"]


def test_directory_with_a_format_takes_that_format_only(tmp_path: Path) -> None:
    """With a format given, a directory's files of other formats are left alone."""
    touch(tmp_path, "a.csv", "b.parquet")

    assert [file.name for file in find_tables(str(tmp_path), "parquet")] == ["b.parquet"]


def test_directory_gives_json_and_text_only_when_asked(tmp_path: Path) -> None:
    """Notes and settings beside tables are not taken for tables, unless their format is set."""
    touch(tmp_path, "a.csv", "schema.json", "notes.txt", "b.jsonl")

    assert [file.name for file in find_tables(str(tmp_path))] == ["a.csv", "b.jsonl"]
    assert [file.name for file in find_tables(str(tmp_path), "jsonl")] == ["b.jsonl", "schema.json"]
    assert find_tables(str(tmp_path / "schema.json"))[0].format == "jsonl"


def test_file_is_taken_in_the_given_format(tmp_path: Path) -> None:
    """A file of any suffix is read in the format that the user gives."""
    touch(tmp_path, "a.dat.zst")

    file = find_tables(str(tmp_path / "a.dat.zst"), "tsv")[0]

    assert (file.name, file.format, file.compression) == ("a.dat.zst", "tsv", "zstd")


def test_glob_names_are_relative_to_its_fixed_part(tmp_path: Path) -> None:
    """Two files of the same name in two folders keep different names under a glob."""
    touch(tmp_path, "x/a.csv", "y/a.csv", "y/b.tsv")

    assert [file.name for file in find_tables(f"{tmp_path}/*/a.csv")] == ["x/a.csv", "y/a.csv"]


def test_existing_name_with_wildcard_characters_is_a_file(tmp_path: Path) -> None:
    """A file whose name looks like a glob is taken as the file it is."""
    touch(tmp_path, "a[1].csv", "a1.csv")

    assert [file.name for file in find_tables(str(tmp_path / "a[1].csv"))] == ["a[1].csv"]


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    """A mistyped name is answered with the names that are there."""
    touch(tmp_path, "machines.csv", "readings.csv")

    with pytest.raises(SourceError, match=r"machine\.csv does not exist; nearest .*machines\.csv"):
        find_tables(str(tmp_path / "machine.csv"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none/x.csv", "no similar name"),
        ("*.csv", "no file matches"),
        ("empty", "holds no file"),
        ("a.xlsx", "set data.format"),
        ("b.parquet.gz", "decompress"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, expected: str) -> None:
    """A source that gives no readable file is refused with the reason and the remedy."""
    touch(tmp_path, "a.xlsx", "b.parquet.gz", "empty/notes.md")

    with pytest.raises(SourceError, match=expected):
        find_tables(str(tmp_path / name))
