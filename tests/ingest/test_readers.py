"""Every format yields every record once, under its own number, or says what is wrong with it."""

import datetime as dt
import decimal
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tables import read, write

from anomaly_ae.errors import ContractError, SourceError, SpecError
from anomaly_ae.ingest import csv_files
from anomaly_ae.ingest.text import detect_encoding


def test_csv_cells_stay_text(tmp_path: Path) -> None:
    """Nothing in a CSV file is interpreted while it is read: not numbers, not missing values."""
    records, malformed = read(write(tmp_path / "a.csv", "a,b\n01,NA\n,x\n"))

    assert records == {1: {"a": "01", "b": "NA"}, 2: {"a": "", "b": "x"}}
    assert malformed == []


def test_ragged_records_are_numbered_and_set_aside(tmp_path: Path) -> None:
    """A record with too many or too few fields is malformed and keeps its number; the others keep theirs."""
    records, malformed = read(write(tmp_path / "a.csv", 'a,b\n1,2\n3\n"x\ny",4\n\n5,6,7\n8,9\n'))

    assert list(records) == [1, 3, 5]
    assert records[3] == {"a": "x\ny", "b": "4"}
    assert [(m.number, m.code, m.text) for m in malformed] == [
        (2, "wrong_number_of_fields", "3"),
        (4, "wrong_number_of_fields", "5,6,7"),
    ]


def test_numbers_hold_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Record numbers do not depend on where the file is cut into blocks."""
    lines = ["x" if number % 3 == 0 else f"{number},{number}" for number in range(1, 500)]
    path = write(tmp_path / "a.csv", "a,b\n" + "\n".join(lines) + "\n")
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 64)

    records, malformed = read(path)

    assert {number: record["a"] for number, record in records.items()} == {
        number: str(number) for number in range(1, 500) if number % 3
    }
    assert [m.number for m in malformed] == list(range(3, 500, 3))


@pytest.mark.parametrize("text", ["", "a,b", "a,b\n", "\ufeffa,b\n", "a,b\r\n"])
def test_file_without_records_has_none(tmp_path: Path, text: str) -> None:
    """An empty file and a file of a header alone are read without complaint."""
    assert read(write(tmp_path / "a.csv", text)) == ({}, [])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found_in_the_header(tmp_path: Path, delimiter: str) -> None:
    """The delimiter is the one that the header line is cut by."""
    text = f'"a, b"{delimiter}c{delimiter}d\n1,5{delimiter}2{delimiter}3\n'.replace("1,5", '"1,5"')

    assert read(write(tmp_path / "a.csv", text))[0] == {1: {"a, b": "1,5", "c": "2", "d": "3"}}


def test_delimiter_given_is_used(tmp_path: Path) -> None:
    """A delimiter that the user sets is not guessed."""
    assert read(write(tmp_path / "a.csv", "a;b:c\n1;2:3\n"), delimiter=":")[0] == {1: {"a;b": "1;2", "c": "3"}}
    with pytest.raises(SpecError, match="ASCII"):
        read(tmp_path / "a.csv", delimiter="§")


@pytest.mark.parametrize("tail", ['3,"open\n4,5\n', '3,"open\n4,5'])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_quote_that_is_never_closed_is_an_error(tmp_path: Path, name: str, tail: str) -> None:
    """Rows swallowed by an unclosed quote at the end of a file are not lost in silence."""
    with pytest.raises(SourceError, match="record 2 has a quote that is never closed"):
        read(write(tmp_path / name, f"a,b\n1,2\n{tail}"))


def test_quoted_newline_may_end_a_file(tmp_path: Path) -> None:
    """A closed quote around a trailing newline is a value like any other."""
    assert read(write(tmp_path / "a.csv", 'a,b\n1,"x\n"\n'))[0] == {1: {"a": "1", "b": "x\n"}}


def test_endless_record_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record longer than a block is refused, naming the record before it."""
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 64)
    path = write(tmp_path / "a.csv", "a,b\n1,2\n" + '3,"' + "x\n" * 200)

    with pytest.raises(SourceError, match="the record after number 1 is longer"):
        read(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encoding_is_detected(tmp_path: Path, encoding: str) -> None:
    """Text in the usual encodings is read without being told which."""
    rows = "".join(f"{number},Größe in Übergröße für Käse {number}\n" for number in range(50))
    path = write(tmp_path / "a.csv", f"zahl,wört\n{rows}".encode(encoding))

    assert read(path)[0][1] == {"zahl": "0", "wört": "Größe in Übergröße für Käse 0"}


def test_encoding_given_is_used(tmp_path: Path) -> None:
    """An encoding that the user sets is not guessed; a name that is none is refused."""
    path = write(tmp_path / "a.csv", "a\n\xe4\n".encode("latin-1"))

    assert read(path, encoding="cp437")[0] == {1: {"a": "Σ"}}
    with pytest.raises(SpecError, match="no known encoding"):
        read(path, encoding="latin-99")


@pytest.mark.parametrize(("name", "text"), [("a.csv", "a\n1\n"), ("a.jsonl", '{"a": 1}\n')])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_byte_order_mark_is_no_text(tmp_path: Path, name: str, text: str, mark: str) -> None:
    """UTF-8 may begin with a byte order mark or not, also where the user sets the encoding."""
    path = write(tmp_path / name, mark + text)

    assert read(path, encoding="utf-8") == read(path)
    assert list(read(path)[0][1]) == ["a"]


def test_very_wide_header_is_read(tmp_path: Path) -> None:
    """Ten thousand columns with long names are no obstacle to finding the delimiter."""
    names = [f"a rather long column name {number}" for number in range(10_000)]

    records, _ = read(write(tmp_path / "a.csv", ";".join(names) + "\n" + ";".join(["1"] * len(names)) + "\n"))

    assert list(records[1]) == names


def test_broken_byte_costs_its_row_only(tmp_path: Path) -> None:
    """One byte that is not UTF-8 in a UTF-8 file makes its record malformed and leaves the others alone."""
    text = "a,b\n" + "ä,ö\n" * 20
    records, malformed = read(write(tmp_path / "a.csv", text.encode() + b"1,\xff\n3,4\n"))

    assert records[20] == {"a": "ä", "b": "ö"}
    assert records[22] == {"a": "3", "b": "4"}
    assert [(m.number, m.code, m.text) for m in malformed] == [(21, "not_utf8", "1,\\xff")]
    assert detect_encoding("ü".encode() * 5 + b"\xff") == "cp1252"


@pytest.mark.parametrize(
    "name", ["", "  ", 'a "b"', "ü\u202e", "line\nbreak", "../x", "__proto__", "x" * 5000, "a,b", "'"]
)
def test_hostile_names_are_names(tmp_path: Path, name: str) -> None:
    """Any text may be a column's name, and comes back as it is."""
    quoted = '"' + name.replace('"', '""') + '"'
    records, _ = read(write(tmp_path / "a.csv", f"first,{quoted}\n1,2\n"))

    assert records == {1: {"first": "1", name: "2"}}


def test_duplicate_names_are_refused(tmp_path: Path) -> None:
    """Two columns of one name cannot be told apart: their positions are named."""
    with pytest.raises(ContractError, match=r"columns 1, 3 are all called 'a'"):
        read(write(tmp_path / "a.csv", "a,b,a\n1,2,3\n"))


def test_our_own_names_are_refused(tmp_path: Path) -> None:
    """A source column may not be called like a meta column."""
    with pytest.raises(ContractError, match="'_row_id'"):
        read(write(tmp_path / "a.csv", "a,_row_id\n1,2\n"))


def test_json_values_keep_their_value(tmp_path: Path) -> None:
    """A JSON value is typed where its column is of one type, else exact text; nested values are JSON text."""
    lines = [
        {"i": 2**53 + 1, "big": 2**63 + 1, "f": 0.1, "b": True, "s": "ü", "n": None, "l": [1, {"x": "é"}], "mix": "a"},
        {"i": 1, "big": 1, "f": 2, "mix": 3.0, "late": -0.0},
        {"f": 1e400, "mix": True},
        {"f": float("nan"), "mix": 0.5},
    ]
    records, malformed = read(write(tmp_path / "a.jsonl", "\n\n".join(map(json.dumps, lines))))

    first, second, third, fourth = records.values()
    assert malformed == []
    assert (first["i"], first["big"], second["big"]) == (2**53 + 1, str(2**63 + 1), "1")
    assert (first["f"], second["f"], third["f"]) == (0.1, 2.0, float("inf"))
    assert (first["b"], first["s"], first["n"]) == (True, "ü", None)
    assert (first["l"], second["l"]) == ('[1, {"x": "é"}]', None)
    assert [record["mix"] for record in records.values()] == ["a", "3", "true", "0.5"]
    assert (first["late"], second["late"]) == (None, 0.0)
    assert fourth["f"] != fourth["f"]


def test_integer_beside_floats_keeps_its_digits(tmp_path: Path) -> None:
    """An integer that no float can hold is not rounded because of its neighbours."""
    path = write(tmp_path / "a.jsonl", f'{{"x": {2**53 + 1}}}\n{{"x": 0.5}}\n')

    assert [record["x"] for record in read(path)[0].values()] == [str(2**53 + 1), "0.5"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"a": 1', "not_json"),
        (b"[1]", "not_json"),
        (b"3", "not_json"),
        (b'{"a": 1, "a": 2}', "not_json"),
        (b'{"a": "\xff"}', "not_utf8"),
        (b'{"a": "\\ud800"}', "not_utf8"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not_json"),
        (b"[" * 100_000, "not_json"),
    ],
)
def test_bad_json_line_is_malformed(tmp_path: Path, line: bytes, code: str) -> None:
    """A line that is no JSON object of text is set aside under its number; the lines around it are read."""
    records, malformed = read(write(tmp_path / "a.jsonl", b'{"a": 1}\n' + line + b'\n{"a": 2}\n'), encoding="utf-8")

    assert records == {1: {"a": 1}, 3: {"a": 2}}
    assert [(m.number, m.code) for m in malformed] == [(2, code)]


def test_json_array_is_refused(tmp_path: Path) -> None:
    """A file that is one JSON array is named as such instead of giving a reject a line."""
    with pytest.raises(SourceError, match="JSON array"):
        read(write(tmp_path / "a.json", '[\n{"a": 1}\n]\n'))


def test_empty_json_objects_are_records(tmp_path: Path) -> None:
    """An object without keys counts as a record."""
    assert read(write(tmp_path / "a.jsonl", "{}\n{}\n"))[0] == {1: {}, 2: {}}


TYPED = pa.table(
    {
        "u64": pa.array([2**64 - 1, 1], pa.uint64()),
        "i8": pa.array([1, None], pa.int8()),
        "f32": pa.array([0.5, float("nan")], pa.float32()),
        "dec": pa.array([decimal.Decimal("1.25"), None]),
        "day": pa.array([dt.date(2020, 1, 2), None]),
        "ns": pa.array([1_600_000_000_123_456_789, None], pa.timestamp("ns", "Europe/Berlin")),
        "cat": pa.array(["x", None]).dictionary_encode(),
        "big": pa.array(["x", "y"], pa.large_string()),
        "raw": pa.array([b"\xff", b"a"]),
        "list": pa.array([[1, 2], None]),
        "null": pa.nulls(2),
        "bool": [True, None],
    }
)


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.arrows"])
def test_typed_columns_come_in_plain_types(tmp_path: Path, name: str) -> None:
    """The many types of typed files are brought down to a few, without losing a digit of an integer."""
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(TYPED, path)
    else:
        new = pa.ipc.new_file if name.endswith("feather") else pa.ipc.new_stream
        with new(path, TYPED.schema) as writer:
            writer.write_table(TYPED)

    first, second = read(path)[0].values()

    assert first["u64"] == str(2**64 - 1)
    assert second["i8"] is None
    assert first["f32"] == 0.5
    assert first["dec"] == 1.25
    assert first["day"] == dt.datetime(2020, 1, 2)  # noqa: DTZ001 (a day has no zone)
    assert first["ns"] == dt.datetime(2020, 9, 13, 12, 26, 40, 123456, tzinfo=dt.UTC)
    assert (first["cat"], second["cat"], first["big"]) == ("x", None, "x")
    assert first["list"] == "[1, 2]"
    assert (first["null"], first["bool"], second["bool"]) == (None, True, None)
    assert first["raw"] == '"ff"'


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.zst", ".jsonl.gz", ".jsonl.zst", ".arrow.zst"])
def test_compressed_files_read_like_plain_ones(tmp_path: Path, suffix: str) -> None:
    """Compression is seen from the suffix; a file cut short is named as the culprit."""
    content = compressed(tmp_path, suffix)
    path = tmp_path / f"a{suffix}"

    assert len(read(path)[0]) == 5000
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceError, match=f"a{suffix} cannot be read"):
        read(path)


def compressed(directory: Path, suffix: str) -> bytes:
    """Write 5000 records in the format and compression of a suffix; return the file's bytes."""
    path = directory / f"a{suffix}"
    table = pa.table({"a": [f"{number * 7919 % 5000}" for number in range(5000)]})
    with pa.output_stream(str(path), compression="gzip" if suffix.endswith("gz") else "zstd") as stream:
        if ".arrow" in suffix:
            with pa.ipc.new_file(stream, table.schema) as writer:
                writer.write_table(table)
        else:
            lines = table["a"].to_pylist()
            header = "a\n" if ".csv" in suffix else ""
            stream.write((header + "".join(f"{line}\n" if header else f'{{"a": {line}}}\n' for line in lines)).encode())
    return path.read_bytes()


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.csv.gz", "a.jsonl.zst"])
def test_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    """A file that is not what its suffix says is named in the error."""
    (tmp_path / name).write_bytes(b"hello")

    with pytest.raises(SourceError, match=name):
        read(tmp_path / name)


def test_parquet_cut_short_is_named(tmp_path: Path) -> None:
    """A Parquet file that lacks its end is named in the error."""
    path = tmp_path / "a.parquet"
    pq.write_table(TYPED.drop_columns(["null"]), path)
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(SourceError, match=r"a\.parquet"):
        read(path)
