"""In-memory rows: the contract of a DataFrame, and its conversion to an Arrow table."""

import numpy as np
import pandas as pd
import pyarrow as pa

from anomaly_ae.errors import ContractError
from anomaly_ae.ingest.contract import ARROW_TYPES, ColumnContract, Contract, Dtype
from anomaly_ae.spec import Role


def column_names(count: int) -> list[str]:
    """Return the names given to the columns of an array."""
    return [f"x{index}" for index in range(count)]


def contract_of(frame: pd.DataFrame) -> Contract:
    """Return the contract implied by a DataFrame's types; every column is a feature.

    Raises:
        ContractError: two columns have the same name.
    """
    names = [str(name) for name in frame.columns]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        msg = f"column {duplicates[0]!r} occurs more than once; give every column a unique name"
        raise ContractError(msg)
    return Contract(columns=tuple(_column(str(name), frame.iloc[:, i]) for i, name in enumerate(frame.columns)))


def to_table(frame: pd.DataFrame, contract: Contract) -> pa.Table:
    """Return the rows as an Arrow table with the contract's column types.

    Columns are matched by name, or by position if the DataFrame's names differ from the contract's.

    Raises:
        ContractError: a cell is infinite or does not fit its column's type.
    """
    names = [column.name for column in contract.columns]
    position = {str(name): index for index, name in enumerate(frame.columns)}
    positions = [position[name] for name in names] if set(names) <= set(position) else range(len(names))
    arrays = [_array(frame.iloc[:, index], column) for index, column in zip(positions, contract.columns, strict=True)]
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
    """Return one column as an Arrow array; missing values of every kind become null."""
    if column.role is Role.NUMERIC and np.isinf(pd.to_numeric(cells, errors="coerce")).any():
        msg = f"column {column.name!r} holds an infinite value (infinity); remove the row or set the cell to NaN"
        raise ContractError(msg)
    values = cells.astype("string") if column.role is Role.CATEGORICAL else cells
    try:
        # Unsafe, to allow rounding: integers beyond 2^53 to floats, nanoseconds to microseconds.
        return pa.Array.from_pandas(values).cast(ARROW_TYPES[column.dtype], safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        msg = f"column {column.name!r} was {column.note} in fit and cannot be converted to {column.dtype} now: {error}"
        raise ContractError(msg) from error
