"""Rows already in memory: a DataFrame's contract, and the DataFrame as the Arrow table that the contract describes."""

import numpy as np
import pandas as pd
import pyarrow as pa

from anomaly_ae.errors import ContractError
from anomaly_ae.ingest.contract import ARROW_TYPES, ColumnContract, Contract, Dtype
from anomaly_ae.spec import Role


def column_names(count: int) -> list[str]:
    """Return the names that the columns of an array get."""
    return [f"x{index}" for index in range(count)]


def contract_of(frame: pd.DataFrame) -> Contract:
    """Return the contract that a DataFrame's own types state; every column is a feature.

    Raises:
        ContractError: two columns have the same name.
    """
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"column {twice[0]!r} is there more than once; give every column a name of its own"
        raise ContractError(msg)
    return Contract(columns=tuple(_column(str(name), frame.iloc[:, i]) for i, name in enumerate(frame.columns)))


def to_table(frame: pd.DataFrame, contract: Contract) -> pa.Table:
    """Return the rows as an Arrow table with the contract's column types.

    Columns are found by name; where the DataFrame has other names than the contract, by position.

    Raises:
        ContractError: a cell is infinite, or does not fit its column's type.
    """
    names = [column.name for column in contract.columns]
    position = {str(name): index for index, name in enumerate(frame.columns)}
    places = [position[name] for name in names] if set(names) <= set(position) else range(len(names))
    arrays = [_array(frame.iloc[:, place], column) for place, column in zip(places, contract.columns, strict=True)]
    return pa.table(arrays, names=names)


def _column(name: str, cells: pd.Series) -> ColumnContract:
    role, dtype = _role(cells)
    return ColumnContract(name=name, role=role, dtype=dtype, note=f"{cells.dtype} in memory")


def _role(cells: pd.Series) -> tuple[Role, Dtype]:
    dtype = cells.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return Role.BOOLEAN, "bool"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return Role.DATETIME, "timestamp" if getattr(dtype, "tz", None) is None else "timestamp_utc"
    if pd.api.types.is_numeric_dtype(dtype):
        return Role.NUMERIC, "float64"
    return Role.CATEGORICAL, "string"


def _array(cells: pd.Series, column: ColumnContract) -> pa.Array:
    """Return one column as Arrow; missing of every kind becomes null."""
    if column.role is Role.NUMERIC and np.isinf(pd.to_numeric(cells, errors="coerce")).any():
        msg = f"column {column.name!r} holds an infinite value (infinity); remove the row or set the cell to NaN"
        raise ContractError(msg)
    values = cells.astype("string") if column.role is Role.CATEGORICAL else cells
    try:
        # Unsafe means rounding: an integer beyond 2^53 to a float, nanoseconds to microseconds.
        return pa.Array.from_pandas(values).cast(ARROW_TYPES[column.dtype], safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        msg = f"column {column.name!r} was {column.note} when fitted and does not read as {column.dtype} now: {error}"
        raise ContractError(msg) from error
