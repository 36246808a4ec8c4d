"""Rows already in memory: a DataFrame's contract, and the DataFrame as the Arrow table that the contract describes."""

import numpy as np
import pandas as pd
import pyarrow as pa

from anomaly_ae.errors import ContractError
from anomaly_ae.ingest.contract import ARROW_TYPES, ColumnContract, Contract, Dtype
from anomaly_ae.spec import Role


def contract_of(frame: pd.DataFrame) -> Contract:
    """Return the contract that a DataFrame's own types state; every column is a feature."""
    return Contract(columns=tuple(_column(str(name), frame.iloc[:, i]) for i, name in enumerate(frame.columns)))


def to_table(frame: pd.DataFrame, contract: Contract) -> pa.Table:
    """Return the rows as an Arrow table with the contract's column types.

    Raises:
        ContractError: a cell is infinite, or does not fit its column's type.
    """
    arrays = [_array(frame.iloc[:, index], column) for index, column in enumerate(contract.columns)]
    return pa.table(arrays, names=[column.name for column in contract.columns])


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
        return pa.Array.from_pandas(values).cast(ARROW_TYPES[column.dtype])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        msg = f"column {column.name!r} was {column.note} when fitted and does not read as {column.dtype} now: {error}"
        raise ContractError(msg) from error
