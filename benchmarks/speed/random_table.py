"""Random tables for measuring speed: generated from a seed and written in row groups, so that any size fits memory."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

CHUNK = 250_000
CATEGORIES = ("red", "green", "blue", "white", "black", "amber", "teal", "pink")
FACTORS = 5


def write_table(path: Path, rows: int, numeric: int, categorical: int = 0) -> Path:
    """Write a table of correlated numbers and of categories that depend on them.

    Args:
        path: ends in .parquet or .csv.
        rows: number of rows.
        numeric: number of float columns.
        categorical: number of text columns.
    """
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}")
    schema = _chunk(0, 1, numeric, categorical).schema
    writer = pq.ParquetWriter(hidden, schema) if path.suffix == ".parquet" else pc.CSVWriter(hidden, schema)
    with writer:
        for start in range(0, rows, CHUNK):
            writer.write_table(_chunk(start, min(CHUNK, rows - start), numeric, categorical))
    return hidden.rename(path)


def _chunk(start: int, rows: int, numeric: int, categorical: int) -> pa.Table:
    mixing = np.random.default_rng(0).normal(size=(FACTORS, numeric))
    rng = np.random.default_rng([1, start])
    factors = rng.normal(size=(rows, FACTORS))
    values = (factors @ mixing + 0.5 * rng.normal(size=(rows, numeric))).astype(np.float32)
    columns = {f"x{index}": values[:, index] for index in range(numeric)}
    for index in range(categorical):
        code = np.clip((factors[:, index % FACTORS] + 0.3 * rng.normal(size=rows)) * 2 + 4, 0, len(CATEGORIES) - 1)
        columns[f"c{index}"] = pa.array(CATEGORIES).take(pa.array(code.astype(np.int64)))
    return pa.table(columns)
