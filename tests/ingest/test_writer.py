"""How parts are laid out: what is read back is what was written, in the encoding that suits it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from anomaly_ae.ingest.writer import write_parts


def test_numbers_of_single_precision_are_split_by_byte(tmp_path: Path) -> None:
    """Their zeros lie together then; decimals, which gain nothing by it, stay in one piece; all read back the same."""
    numbers = np.random.default_rng(0).normal(size=5_000)
    single = pa.array(numbers.astype(np.float32).astype(np.float64))
    with_gap = pa.array([None, *single[1:].to_pylist()], pa.float64())
    rows = pa.record_batch({"single": single, "gap": with_gap, "decimal": numbers.round(3), "count": range(5_000)})
    [part] = write_parts(tmp_path, rows.schema, iter([rows]))
    file = pq.ParquetFile(tmp_path / part["name"])
    group = file.metadata.row_group(0)
    split = {
        group.column(place).path_in_schema
        for place in range(group.num_columns)
        if "BYTE_STREAM_SPLIT" in group.column(place).encodings
    }
    assert split == {"single", "gap"}
    assert file.read().equals(pa.table(rows))


def test_a_table_without_rows_is_one_part(tmp_path: Path) -> None:
    """Its schema can be read, be it empty."""
    schema = pa.schema({"a": pa.float64()})
    assert write_parts(tmp_path, schema, iter([])) == [{"name": "part-00000.parquet", "rows": 0}]
    assert pq.read_table(tmp_path / "part-00000.parquet").equals(schema.empty_table())
