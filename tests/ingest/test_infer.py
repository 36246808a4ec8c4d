"""The contract says what each column is for, and why; the user's word goes before what the data suggest."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tables import write

from anomaly_ae.errors import AnomalyAEError, ContractError, SpecError
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.infer import infer_contract
from anomaly_ae.ingest.table_files import find_tables
from anomaly_ae.spec import DataSpec


def infer(path: Path, **data: Any) -> Contract:
    """Infer the contract of a source."""
    return infer_contract(find_tables(str(path)), DataSpec(source=str(path), **data))


def column_of(directory: Path, cells: list[str], name: str = "x", **data: Any) -> Any:
    """Infer the contract of a column of cells beside a column that is surely numeric."""
    lines = [f'{number}.5,"{cell}"' for number, cell in enumerate(cells)]
    return infer(write(directory / "a.csv", "\n".join([f'n,"{name}"', *lines]) + "\n"), **data)[name]


@pytest.mark.parametrize(
    ("cells", "role", "dtype"),
    [
        (["1", "-2", " 3 ", ""], "numeric", "int64"),
        (["0", "1", "1", "0"], "numeric", "int64"),
        (["1", "2.0"], "numeric", "float64"),
        (["1e3", "NA"], "numeric", "float64"),
        (["1", "nan", "inf"], "numeric", "float64"),
        (["9007199254740993", "9223372036854775807"], "numeric", "int64"),
        (["9223372036854775808", "1"], "numeric", "float64"),
        ([*["1"] * 199, "oops"], "numeric", "int64"),
        ([*["1"] * 197, *["oops"] * 3], "categorical", "string"),
        (["0x1F", "0x20"], "categorical", "string"),
        (["true", "FALSE", ""], "boolean", "bool"),
        (["true", "true"], "boolean", "bool"),
        (["t", "F"], "boolean", "bool"),
        (["Yes", "no"], "boolean", "bool"),
        (["y", "n"], "boolean", "bool"),
        (["F", "F"], "categorical", "string"),
        (["F", "M"], "categorical", "string"),
        (["2020-01-01", "2020-02-01T10:00"], "datetime", "timestamp"),
        (["2020-01-01T10:00:00Z", "2020-01-01 10:00:00+02:00"], "datetime", "timestamp_utc"),
        (["31.12.2020", "01.02.2021"], "datetime", "timestamp"),
        (["12/31/2020 11:59 PM", "01/02/2021 1:00 AM"], "datetime", "timestamp"),
        (["Tue, 03 Mar 2020 10:00:00 +0100"] * 2, "datetime", "timestamp_utc"),
        (["red", "green", "red", "blue"], "categorical", "string"),
        (["", "NA", "?"], "ignored", "string"),
        ([f"note {number}" for number in range(40)], "ignored", "string"),
    ],
)
def test_role_follows_from_the_cells(tmp_path: Path, cells: list[str], role: str, dtype: str) -> None:
    """What a column is for is read off its cells, and the contract says why."""
    column = column_of(tmp_path, cells)

    assert (column.role, column.dtype) == (role, dtype)
    assert column.note


def test_ambiguous_day_and_month_is_noted(tmp_path: Path) -> None:
    """Where day and month could be exchanged, the contract says which reading it took and that it is a guess."""
    doubtful = column_of(tmp_path, ["01/02/2020", "03/04/2020"])
    certain = column_of(tmp_path, ["01/02/2020", "31/03/2020"])

    assert (doubtful.datetime_format, "fits as well" in doubtful.note) == ("%m/%d/%Y", True)
    assert (certain.datetime_format, "fits as well" in certain.note) == ("%d/%m/%Y", False)


@pytest.mark.parametrize("name", ["id", "machine_id", "PolicyNumber", "UUID", "row key", "sensor-no"])
def test_distinct_column_called_like_an_id_is_the_id(tmp_path: Path, name: str) -> None:
    """A column called like an id in which no value repeats names the rows; it is kept as text."""
    column = column_of(tmp_path, ["01", "2", "3"], name)

    assert (column.role, column.dtype) == ("id", "string")


@pytest.mark.parametrize(
    ("name", "cells", "role"),
    [
        ("id", ["1", "1", "2"], "numeric"),
        ("id", ["1", "2", ""], "numeric"),
        ("id", ["1.5", "2.5", "3.5"], "numeric"),
        ("valid", ["1", "2", "3"], "numeric"),
        ("id", ["99999999999999999998", "99999999999999999999"], "id"),
    ],
)
def test_other_columns_are_no_id(tmp_path: Path, name: str, cells: list[str], role: str) -> None:
    """A repeated or missing value, a fraction or another name makes no id; integers of any length may."""
    assert column_of(tmp_path, cells, name).role == role


def test_only_one_column_becomes_the_id(tmp_path: Path) -> None:
    """Of several columns that could name the rows the first does, or the one that the user names."""
    path = write(tmp_path / "a.csv", "uid,key,v\n1,a,1\n2,b,1\n")

    by_place, by_name = infer(path), infer(path, id="key")

    assert [column.role for column in by_place.columns] == ["id", "ignored", "numeric"]
    assert [column.role for column in by_name.columns] == ["ignored", "id", "numeric"]
    assert "beside 'uid'" in by_place["key"].note


def test_unnamed_column_is_left_out(tmp_path: Path) -> None:
    """A column without a name, as index columns are, is no feature."""
    assert column_of(tmp_path, ["1", "2"], "").role == "ignored"


def test_user_roles_go_first(tmp_path: Path) -> None:
    """Roles set by the user are taken as they are, and typed from the cells."""
    path = write(tmp_path / "a.csv", "t,who,code,y,skip,v\n3,a,1,0,5,0.5\n4,b,2,1,6,1.5\n")

    contract = infer(
        path, time="t", entity="who", label={"column": "y"}, ignore=("skip",), roles={"code": "categorical"}
    )

    assert [column.role for column in contract.columns] == [
        "time",
        "entity",
        "categorical",
        "label",
        "ignored",
        "numeric",
    ]
    assert contract.schema.names == ["_row_id", "_source_file", "_source_row", "_label", "t", "who", "code", "v"]
    assert (contract["t"].dtype, contract["who"].dtype, contract["code"].dtype) == ("int64", "string", "string")


@pytest.mark.parametrize(
    ("data", "error", "expected"),
    [
        ({"time": "tim"}, SpecError, "data.time names the column 'tim'.*nearest: 'time'"),
        ({"ignore": ("x",)}, SpecError, "data.ignore names the column 'x'"),
        ({"roles": {"time": "time", "v": "time"}}, SpecError, "'time', 'v' are all given the role time"),
        ({"time": "word"}, ContractError, "column 'word' cannot be the time column.*'red'"),
        ({"roles": {"word": "datetime"}}, ContractError, "cannot be the datetime column"),
        ({"ignore": ("v", "time", "word")}, ContractError, "no column is left to learn from"),
        ({"label": {"column": "v"}}, ContractError, r"'v' holds '1', '2': .*data\.label\.anomaly_values"),
    ],
)
def test_what_does_not_fit_is_said(
    tmp_path: Path, data: dict[str, Any], error: type[AnomalyAEError], expected: str
) -> None:
    """A setting that the source does not bear out is refused, with the column, the reason and the remedy."""
    path = write(tmp_path / "a.csv", "time,word,v\n2020-01-01,red,1\n2020-01-02,blue,2\n")

    with pytest.raises(error, match=expected):
        infer(path, **data)


def test_columns_are_those_of_the_first_file(tmp_path: Path) -> None:
    """Files without columns do not count; later files add cells to judge by, but no columns."""
    write(tmp_path / "a.csv", "")
    write(tmp_path / "b.csv", "x,y\n1,2\n")
    write(tmp_path / "c.csv", "y,z,x\n2.5,0,1\n")

    contract = infer(tmp_path)

    assert [(column.name, column.dtype) for column in contract.columns] == [("x", "int64"), ("y", "float64")]


def test_file_of_broken_lines_gives_no_columns(tmp_path: Path) -> None:
    """A file none of whose records can be read leaves it to the next one to say which columns there are."""
    write(tmp_path / "a.jsonl", "oops\n")
    write(tmp_path / "b.jsonl", '{"x": 1}\n')

    assert [column.name for column in infer(tmp_path).columns] == ["x"]


def test_typed_columns_keep_their_types(tmp_path: Path) -> None:
    """Types of a typed file are believed; a column that changes type between files becomes the wider one."""
    pq.write_table(pa.table({"i": [1, 2], "f": [1.0, 2.0], "b": [True, None], "mix": [1, 2]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"i": [1], "f": [1.5], "b": [True], "mix": [0.5]}), tmp_path / "b.parquet")

    columns = infer(tmp_path).columns

    assert [column.dtype for column in columns] == ["int64", "float64", "bool", "float64"]


def test_only_the_first_rows_are_judged(tmp_path: Path) -> None:
    """Rows beyond `infer_rows` do not change the contract."""
    path = write(tmp_path / "a.csv", "x\n1\n2\noops\noops\n")

    assert infer(path, infer_rows=2)["x"].dtype == "int64"
    assert infer(path)["x"].dtype == "string"


@pytest.mark.parametrize("text", ["", "x\n", "x\n1,2\n"])
def test_no_rows_is_an_error(tmp_path: Path, text: str) -> None:
    """Nothing is inferred from no rows."""
    with pytest.raises(ContractError, match="holds no rows"):
        infer(write(tmp_path / "a.csv", text))


def test_table_has_no_picture_column(tmp_path: Path) -> None:
    """The role of pictures is refused for a table, with what to set instead."""
    with pytest.raises(SpecError, match=r"set data\.format to pictures"):
        column_of(tmp_path, ["a", "b"], roles={"x": "picture"})


def test_column_kept_as_info_is_stored_and_no_feature(tmp_path: Path) -> None:
    """A column may be kept beside the features, as text."""
    contract = infer(write(tmp_path / "a.csv", "n,x\n1.5,a\n2.5,b\n"), roles={"x": "info"})

    assert [column.name for column in contract.features] == ["n"]
    assert contract.schema.field("x").type == pa.string()
