"""Verdicts of analysts on scored rows, read from a CSV or Parquet file."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from anomaly_ae.errors import ContractError, SourceError
from anomaly_ae.storage import open_bytes
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import read_parquet

REAL, FALSE_ALARM, UNSURE = "real", "false alarm", "unsure"
_VERDICTS = (REAL, FALSE_ALARM, UNSURE)
COLUMNS = ("row_id", "source_file", "verdict", "note")
_NAMED_ROWS = 10
"""Maximum number of rows named in an error message."""


def read_verdicts(path: Location) -> pa.Table:
    """Read a file of verdicts: `row_id` and `verdict`, and `source_file` and `note` if present.

    Other columns are ignored, so that an exported table of alerts may be returned with a column added. Rows without a
    verdict are left out.

    Returns:
        The four columns as strings, empty where missing, and `row`: the record number in the file, from 1.

    Raises:
        SourceError: the file does not exist or is not readable.
        ContractError: a column is missing or duplicated, a verdict is unknown, no row has one, or a row id is missing
            or duplicated.
    """
    given = _read(path)
    row_id, verdict = given["row_id"], _normalised(given["verdict"])
    is_given = pc.not_equal(verdict, "")
    _refuse(
        path, pc.invert(pc.is_in(verdict, pa.array(["", *_VERDICTS]))), f"unknown verdict; use {', '.join(_VERDICTS)}"
    )
    _refuse(path, pc.and_(is_given, pc.equal(row_id, "")), "no row_id")
    whole = pa.table({**given, "verdict": verdict, "row": np.arange(1, len(row_id) + 1)}).filter(is_given)
    if not whole.num_rows:
        msg = f"{path}: no row has a verdict; write {', '.join(_VERDICTS)} into the column `verdict`"
        raise ContractError(msg)
    _refuse_twice(path, whole)
    return whole


def refuse_rows(path: Location, rows: Sequence[int], fault: str) -> None:
    """Refuse a file with faulty rows; `rows` are their record numbers.

    Raises:
        ContractError: there are any; the message names the first ones.
    """
    if rows:
        named = ", ".join(map(str, rows[:_NAMED_ROWS])) + (", ..." if len(rows) > _NAMED_ROWS else "")
        msg = f"{path}: {'row' if len(rows) == 1 else f'{len(rows)} rows,'} {named}: {fault}. Nothing was stored."
        raise ContractError(msg)


def _read(path: Location) -> dict[str, pa.ChunkedArray]:
    """Return the known columns as stripped strings, empty where missing."""
    try:
        table = read_parquet(path) if path.suffix in {".parquet", ".pq"} else _read_csv(path)
    except FileNotFoundError as error:
        msg = f"{path} does not exist"
        raise SourceError(msg) from error
    except pa.ArrowInvalid as error:
        msg = f"{path} is not readable as {'Parquet' if path.suffix in {'.parquet', '.pq'} else 'CSV'}: {error}"
        raise SourceError(msg) from error
    _check_columns(path, table.column_names)
    absent = pa.chunked_array([pa.repeat("", table.num_rows)])
    cells = {name: table[name] if name in table.column_names else absent for name in COLUMNS}
    return {name: pc.utf8_trim_whitespace(pc.fill_null(pc.cast(cell, pa.string()), "")) for name, cell in cells.items()}


def _read_csv(path: Location) -> pa.Table:
    with open_bytes(path) as file:
        return pacsv.read_csv(
            file,
            read_options=pacsv.ReadOptions(use_threads=False),  # with threads, errors do not name the row
            parse_options=pacsv.ParseOptions(newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.string())),
        )


def _check_columns(path: Location, names: Sequence[str]) -> None:
    faults = [f"no column {name!r}" for name in ("row_id", "verdict") if name not in names]
    faults += [f"column {name!r} twice" for name in COLUMNS if names.count(name) > 1]
    if faults:
        msg = f"{path} has {' and '.join(faults)}; its columns are {', '.join(names)}. Nothing was stored."
        raise ContractError(msg)


def _normalised(verdict: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return verdicts in lower case with spaces: `False_Alarm` and `false-alarm` become `false alarm`."""
    return pc.replace_substring_regex(pc.utf8_lower(verdict), r"[\s_-]+", " ")


def _refuse(path: Location, at_fault: pa.ChunkedArray, fault: str) -> None:
    refuse_rows(path, (np.flatnonzero(at_fault.to_numpy()) + 1).tolist(), fault)


def _refuse_twice(path: Location, given: pa.Table) -> None:
    is_repeated: NDArray[np.bool_] = given["row_id"].to_pandas().duplicated().to_numpy()
    rows = given["row"].filter(pa.array(is_repeated)).to_pylist()
    refuse_rows(path, rows, "duplicate row_id; give one verdict per row")
