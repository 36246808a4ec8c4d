"""Every row of a source ends up in the dataset or among the rejects, and the same input gives the same bytes."""

import json
import signal
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from warm_process import WarmProcess

from anomaly_ae.errors import ArtifactError, ContractError, SourceError
from anomaly_ae.ingest import csv_files, writer
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.infer import infer_contract
from anomaly_ae.ingest.source import Source, TablePart
from anomaly_ae.modalities.tables.modality import Tables
from anomaly_ae.spec import DataSpec
from anomaly_ae.stages.ingest import IngestResult, ingest
from anomaly_ae.storage import hash_file, read_json, verify_files
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.workspace import Workspace


def run(source: Path, contract: Contract | None = None, **data: Any) -> IngestResult:
    """Ingest a source into a workspace beside it."""
    return ingest(DataSpec(source=str(source), **data), Workspace.open(source.parent / "ws"), contract)


def rows(result: IngestResult) -> list[dict[str, Any]]:
    """Read the accepted rows."""
    return [row for batch in result.dataset.batches() for row in batch.to_pylist()]


def rejects(result: IngestResult) -> list[tuple[Any, ...]]:
    """Read file, row, reason and detail of the rejected rows."""
    table = pq.read_table(result.directory / "rejected.parquet").drop_columns("row")
    return [tuple(row.values()) for row in table.to_pylist()]


def write(path: Path, text: str) -> Path:
    """Write a text file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def hashes(directory: Path) -> dict[str, str]:
    """Return the hash of every file in a directory."""
    return {path.name: hash_file(path) for path in directory.iterdir()}


def test_rows_and_rejects_are_accounted_for(tmp_path: Path) -> None:
    """Good rows come in order with their numbers; each bad one is among the rejects, with its record and a reason."""
    good = "".join(f"{number},red,0\n" for number in range(200))
    path = write(tmp_path / "a.csv", f"x,colour,y\n{good}oops,blue,0\n1,2\n7,NA,1\ninf,red,0\n8,red,maybe\n")

    result = run(path, label={"column": "y", "anomaly_values": None}, infer_rows=200)

    assert (result.rows_in, result.rows_accepted, result.rows_rejected) == (205, 201, 4)
    assert rows(result)[-1] == {
        "_row_id": "a.csv:203",
        "_source_file": "a.csv",
        "_source_row": 203,
        "_label": True,
        "x": 7,
        "colour": None,
    }
    assert rejects(result) == [
        ("a.csv", 201, "not_numeric: column 'x'", "'x': 'oops' is not a number"),
        ("a.csv", 202, "wrong_number_of_fields", "2 fields, where the header has 3"),
        ("a.csv", 204, "infinite: column 'x'", "'x': 'inf' is infinite"),
        (
            "a.csv",
            205,
            "unknown_label: column 'y'",
            "'y': 'maybe' is neither an anomaly nor a normal value of the label column",
        ),
    ]
    raw = pq.read_table(result.directory / "rejected.parquet")["row"].to_pylist()
    assert [json.loads(row) for row in raw[:2]] == [{"x": "oops", "colour": "blue", "y": "0"}, "1,2"]


def test_row_with_two_faults_has_the_first_reason(tmp_path: Path) -> None:
    """A row that breaks several rules is rejected once, for the first in column order; the rules count it each."""
    path = write(tmp_path / "a.csv", "x,y,z\n" + "1,2,3\n" * 200 + "1,oops,inf\n")

    result = run(path)

    assert result.rejected_by_reason == {"not_numeric: column 'y'": 1}
    rules = read_json(result.directory / "manifest.json")["rules"]
    assert [(rule["rule"], rule["column"]) for rule in rules if rule["failed"]] == [
        ("not_numeric", "y"),
        ("infinite", "z"),
    ]


def test_long_cell_is_shortened_in_the_detail(tmp_path: Path) -> None:
    """The detail of a reject stays short; the record beside it is whole."""
    path = write(tmp_path / "a.csv", "x\n" + "1\n" * 200 + "z" * 5000 + "\n")

    result = run(path)

    table = pq.read_table(result.directory / "rejected.parquet").to_pylist()
    assert len(table[0]["detail"]) < 200
    assert json.loads(table[0]["row"]) == {"x": "z" * 5000}


def test_manifest_says_what_happened(tmp_path: Path) -> None:
    """The manifest lists sources, parts, counts by rule, missing cells, labels, left-out columns and file hashes."""
    write(tmp_path / "in" / "a.csv", "x,note,y\n" + "1,,0\n" * 99 + ",,1\n")
    write(tmp_path / "in" / "b.csv", "x,y,new\n2,0,5\nbad,0,5\n")
    write(tmp_path / "in" / "c.csv", "")
    write(tmp_path / "in" / "d.csv", "x,y\n3,0\n1\n")

    manifest = read_json(run(tmp_path / "in", label={"column": "y"}).directory / "manifest.json")

    assert [(source["name"], source["rows"]) for source in manifest["sources"]] == [
        ("a.csv", 100),
        ("b.csv", 2),
        ("c.csv", 0),
        ("d.csv", 2),
    ]
    assert {"rule": "wrong_number_of_fields", "column": None, "checked": 104, "failed": 1} in manifest["rules"]
    assert {"rule": "not_numeric", "column": "x", "checked": 102, "failed": 1} in manifest["rules"]
    assert {"rule": "infinite", "column": "x", "checked": 102, "failed": 0} in manifest["rules"]
    assert manifest["missing_cells"] == {"x": 1}
    assert manifest["labels"] == {"anomaly": 1, "normal": 101, "unlabelled": 0}
    assert (manifest["ignored_columns"], manifest["extra_columns"]) == (["note"], ["new"])
    assert manifest["parts"] == [{"name": "part-00000.parquet", "rows": 102}]
    verify_files(tmp_path / "ws" / "datasets" / manifest["fingerprint"], manifest["files"])


def test_label_never_seen_is_noted(tmp_path: Path) -> None:
    """Where no row has an anomaly value the manifest says so; it is no error."""
    path = write(tmp_path / "a.csv", "x,y\n1,ok\n2,ok\n")

    result = run(path, label={"column": "y", "anomaly_values": ["broken"]})

    assert "never holds 'broken'" in read_json(result.directory / "manifest.json")["notes"][0]


def test_same_input_is_not_read_twice(tmp_path: Path) -> None:
    """A repeated ingest finds its own result; other bytes, settings or contract make another dataset."""
    path = write(tmp_path / "a.csv", "x,z\n1,2\n")
    first = run(path)
    contract = first.dataset.contract

    assert not first.reused
    assert (first.rows_in, first.rows_accepted, first.rows_rejected, first.rejected_by_reason) == (1, 1, 0, {})
    assert run(path) == IngestResult(first.dataset, reused=True)
    others = {run(path, ignore=("z",)).directory, run(path, contract).directory}
    write(path, "x,z\n1,3\n")
    others.add(run(path).directory)
    assert len(others | {first.directory}) == 4


@pytest.mark.parametrize("block", [64, 1 << 20])
def test_bytes_do_not_depend_on_how_rows_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """Blocks of any size give the same files: row groups and parts are full whatever the batches are."""
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", block)
    monkeypatch.setattr(writer, "GROUP_ROWS", 50)
    lines = "".join("1,2\n" if number % 40 == 0 else f"{number},{number},a\n" for number in range(1000))

    result = run(write(tmp_path / "a.csv", f"x,y,z\n{lines}"))

    dataset = result.dataset
    assert [part.rows for part in dataset.manifest.parts] == [350, 350, 275]
    assert result.rows_rejected == 25
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 300)
    other = ingest(DataSpec(source=str(tmp_path / "a.csv")), Workspace.open(tmp_path / "other"))
    assert hashes(other.directory) == hashes(result.directory)


def test_batches_have_the_size_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are cut to size across row groups, end with their part, and hold the columns asked for in that order."""
    monkeypatch.setattr(writer, "GROUP_ROWS", 10)
    result = run(write(tmp_path / "a.csv", "x,y\n" + "".join(f"{n},0.5\n" for n in range(100))))
    dataset = result.dataset

    batches = list(dataset.batches(["y", "x", "_row_id"], batch_rows=32))

    assert [batch.num_rows for batch in batches] == [32, 32, 6, 30]
    assert batches[0].schema.names == ["y", "x", "_row_id"]
    assert [x for batch in batches for x in batch.column("x").to_pylist()] == list(range(100))
    assert [batch.num_rows for batch in dataset.batches(part=dataset.parts[1])] == [30]
    assert dataset.rows == 100
    assert next(dataset.batches()).schema == dataset.contract.schema
    with pytest.raises(ContractError, match="no column 'q'"):
        next(dataset.batches(["q"]))


def test_ids_name_rows_once(tmp_path: Path) -> None:
    """A row without an id is rejected, and so is one whose id an accepted row had; a corrected row may come again."""
    lines = ["a,1", ",2", "a,3", "b,oops", "b,5", *(f"k{number},1" for number in range(200))]
    path = write(tmp_path / "a.csv", "id,x\n" + "\n".join(lines) + "\n")

    result = run(path, id="id")

    assert [row["_row_id"] for row in rows(result)][:2] == ["a", "b"]
    assert rows(result)[0]["id"] == "a"
    assert [reject[1:3] for reject in rejects(result)] == [
        (2, "missing_id: column 'id'"),
        (3, "duplicate_id: column 'id'"),
        (4, "not_numeric: column 'x'"),
    ]


def test_too_many_rejects_publish_nothing(tmp_path: Path) -> None:
    """Above the tolerated share the worst reasons are told with an example and a remedy, and nothing stays behind."""
    path = write(tmp_path / "a.csv", "x\n" + "1\n" * 90 + "oops\n" * 10)

    with pytest.raises(ContractError, match=r"10 of 100 .*10 x not_numeric: column 'x' \(as in a\.csv, row 91: .*oops"):
        run(path, roles={"x": "numeric"})

    assert list((tmp_path / "ws" / "datasets").iterdir()) == []
    assert run(path, roles={"x": "numeric"}, max_reject_share=0.1).rows_rejected == 10


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    """The contract of an earlier batch: id, time, two features and a label."""
    path = write(tmp_path / "first" / "a.csv", "id,t,x,colour,y\n" + "".join(f"{n},{n},{n},red,0\n" for n in range(50)))
    return run(path, id="id", time="t", label={"column": "y"}).dataset.contract


def test_later_batch_may_come_in_another_order_and_type(tmp_path: Path, contract: Contract) -> None:
    """Columns may be reordered, retyped and unlabelled: the dataset has the contract's schema."""
    table = pa.table({"x": ["1", "2.0"], "extra": [1, 2], "t": [1.0, 2.0], "id": [7, 8], "colour": [1, None]})
    pq.write_table(table, tmp_path / "b.parquet")

    result = run(tmp_path / "b.parquet", contract)

    dataset = result.dataset
    assert dataset.contract == contract
    assert next(dataset.batches()).schema == contract.schema
    assert [(row["id"], row["t"], row["x"], row["colour"], row["_label"]) for row in rows(result)] == [
        ("7", 1, 1, "1", None),
        ("8", 2, 2, None, None),
    ]
    assert read_json(result.directory / "manifest.json")["extra_columns"] == ["extra"]


@pytest.mark.parametrize("name", ["id", "t", "x", "colour"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_missing_column_is_an_error(tmp_path: Path, contract: Contract, name: str, suffix: str) -> None:
    """A file without a column that the dataset needs is named, and so is the column."""
    row = {key: 1 for key in ["id", "t", "x", "colour"] if key != name}
    header = ",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n"
    write(tmp_path / f"b.{suffix}", header if suffix == "csv" else json.dumps(row))

    with pytest.raises(ContractError, match=rf"b\.{suffix} lacks the \w+ column '{name}'"):
        run(tmp_path / f"b.{suffix}", contract)


def test_json_key_may_be_absent_from_some_lines(tmp_path: Path, contract: Contract) -> None:
    """A key that a JSON line leaves out is a missing cell, as long as the file has it somewhere."""
    lines = [{"id": 1, "t": 1}, {"id": 2, "x": 3, "t": 1, "colour": "red"}]
    path = write(tmp_path / "b.jsonl", "\n".join(map(json.dumps, lines)))

    assert [row["x"] for row in rows(run(path, contract))] == [None, 3]


@pytest.mark.parametrize("text", ["", "x,y\n"])
def test_no_rows_at_all_is_an_error(tmp_path: Path, text: str) -> None:
    """A source without a single row is refused, with and without a contract."""
    contract = run(write(tmp_path / "a.csv", "x,y\n1,2\n")).dataset.contract
    path = write(tmp_path / "b.csv", text)

    for given_contract in (None, contract):
        with pytest.raises(ContractError, match="holds no rows"):
            run(path, given_contract)


def test_source_that_changes_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that grows while it is read is not published under the hash of what it was."""
    path = write(tmp_path / "a.csv", "x\n1\n")

    def infer_late(_: Tables, source: Source[TablePart]) -> Contract:
        write(path, "x\n1\n2\n")
        return infer_contract(source.parts, source.data)

    monkeypatch.setattr(Tables, "infer_contract", infer_late)

    with pytest.raises(SourceError, match=r"a\.csv changed while it was read"):
        run(path)

    assert list((tmp_path / "ws" / "datasets").iterdir()) == []


def test_dataset_of_another_version_is_refused(tmp_path: Path) -> None:
    """A dataset written in another format is not misread."""
    result = run(write(tmp_path / "a.csv", "x\n1\n"))
    manifest = read_json(result.directory / "manifest.json")
    write(result.directory / "manifest.json", json.dumps({**manifest, "format_version": 99}))

    with pytest.raises(ArtifactError, match="format version 99"):
        Dataset.open(result.directory)


KILLED = """
import os, signal, sys
from pathlib import Path
import anomaly_ae.ingest.accounting as accounting, anomaly_ae.storage.publishing as publishing
from anomaly_ae.ingest import csv_files
from anomaly_ae.spec import DataSpec
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.workspace.workspace import Workspace

csv_files.BLOCK_BYTES = 4096
owner, name, calls = {"first": (accounting.RowAccount, "add", 1), "middle": (accounting.RowAccount, "add", 9),
                      "counted": (accounting.RowAccount, "facts", 1), "manifest": (publishing, "write_json", 1),
                      "rename": (Path, "rename", 1)}[sys.argv[3]]
original, left = getattr(owner, name), [calls]
def dying(*args, **kwargs):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)
setattr(owner, name, dying)
ingest(DataSpec(source=sys.argv[1]), Workspace.open(sys.argv[2]))
"""


@pytest.mark.parametrize("moment", ["first", "middle", "counted", "manifest", "rename"])
def test_killed_ingest_leaves_nothing_published(tmp_path: Path, moment: str) -> None:
    """A run killed at any moment publishes nothing; the next one cleans up and gives the bytes of a quiet run."""
    path = write(tmp_path / "a.csv", "x,y\n" + "".join(f"{n},{n / 7}\n" for n in range(5000)))
    workspace = tmp_path / "killed"

    killed, _ = WarmProcess.start(KILLED, str(path), str(workspace), moment).finish()

    assert killed == -signal.SIGKILL
    assert [one.name.startswith(".staging-") for one in (workspace / "datasets").iterdir()] == [True]
    again, quiet = (
        ingest(DataSpec(source=str(path)), Workspace.open(place)) for place in (workspace, tmp_path / "quiet")
    )
    assert not again.reused
    assert hashes(again.directory) == hashes(quiet.directory)
    assert list((workspace / "datasets").iterdir()) == [again.directory]


cell = st.one_of(
    st.sampled_from(["", "1", "2.5", "NA", "inf", "x", '"q"', '"a,b"', '"', "t", "2020-01-01", "\n", '"two\nlines"']),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
)


@given(st.lists(st.lists(cell, min_size=1, max_size=4).map(",".join), min_size=1, max_size=30))
def test_no_row_is_ever_lost(lines: list[str]) -> None:
    """Whatever a file holds, ingest says what is wrong with it or accounts for every record."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.csv"
        path.write_bytes(("n,b\n1,2\n" + "\n".join(lines) + "\n").encode())
        try:
            result = run(path, max_reject_share=1.0)
        except SourceError:
            assert '"' in "".join(lines)  # a quote that is never closed: the one thing that cannot be counted
            return

        accepted, rejected = rows(result), rejects(result)
        numbers = sorted([row["_source_row"] for row in accepted] + [reject[1] for reject in rejected])
        assert numbers == list(range(1, result.rows_in + 1))
        assert (len(accepted), len(rejected)) == (result.rows_accepted, result.rows_rejected)
        assert len({row["_row_id"] for row in accepted}) == len(accepted)


json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)


@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "", "é"]), json_value).map(json.dumps) | st.text(max_size=8))
)
def test_no_json_line_is_ever_lost(lines: list[str]) -> None:
    """Every line of a JSON Lines file that is not blank is accepted or rejected."""
    lines = [" ".join(line.split()) for line in lines]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.jsonl"
        path.write_bytes("\n".join(['{"a": 1, "b": 2}', *lines]).encode())

        result = run(path, max_reject_share=1.0, encoding="utf-8")

        assert result.rows_in == 1 + sum(bool(line) for line in lines)
        assert len(rows(result)) + len(rejects(result)) == result.rows_in
