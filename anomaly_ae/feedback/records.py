"""Feedback: verdicts on scored rows, stored for thresholds and later training.

    <fingerprint>.parquet    one file of verdicts with the scores they were given on

Files are only added. Their names are derived from the content, so the same verdicts are stored once. If a row has
several verdicts, the latest is in force; all are kept.
"""

from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anomaly_ae.feedback.verdicts import FALSE_ALARM, REAL
from anomaly_ae.ingest.contract import ROW_ID
from anomaly_ae.ingest.rows import RowStore
from anomaly_ae.storage import fingerprint, read_each, write_bytes
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import read_parquet

_SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("source_file", pa.string()),
        ("verdict", pa.string()),
        ("note", pa.string()),
        ("anomaly_score", pa.float64()),
        ("is_anomaly", pa.bool_()),
        ("threshold", pa.float64()),
        ("model_version", pa.string()),
        ("calibration_id", pa.string()),
        ("given_at", pa.timestamp("us", tz="UTC")),
    ]
)


def store(directory: Location, reviewed: pa.Table) -> tuple[Location, bool]:
    """Store verdicts on rows of a model's scored table.

    Args:
        directory: directory of the model's verdicts.
        reviewed: the columns of `_SCHEMA` except `given_at`, one record per row.

    Returns:
        The file, and whether it existed already.
    """
    path = directory / f"{fingerprint(reviewed.sort_by('row_id').to_pylist())}.parquet"
    if path.exists():
        return path, True
    now = pa.array([datetime.now(UTC)] * reviewed.num_rows, _SCHEMA.field("given_at").type)
    sink = pa.BufferOutputStream()
    pq.write_table(reviewed.append_column("given_at", now).select(_SCHEMA.names).cast(_SCHEMA), sink)
    write_bytes(path, sink.getvalue().to_pybytes())
    return path, False


def read_feedback(directory: Location) -> pd.DataFrame:
    """Return all verdicts on rows that a model scored, earliest first, with the columns of `_SCHEMA`."""
    files = sorted(directory.glob("*.parquet"))
    tables = read_each(lambda file: read_parquet(file, schema=_SCHEMA), files)
    whole: pd.DataFrame = pa.concat_tables([_SCHEMA.empty_table(), *tables]).to_pandas()
    return whole.sort_values("given_at", kind="stable", ignore_index=True)


def reviewed_rows(directory: Location, version: str) -> pa.Table:
    """Return the rows with a verdict in force, in the form a threshold rule reads.

    Mostly flagged rows are reviewed, so these rows carry no information below the smallest threshold they were flagged
    at, and no threshold may be set there.

    Args:
        directory: directory of the model's verdicts.
        version: version of the model; scores of other versions are on other scales and left out.

    Returns:
        `row_id`, `anomaly_score`, `threshold` (that the row was judged by) and `label`: true for a real anomaly, false
        for a false alarm. Rows with the verdict unsure are left out.
    """
    given = read_feedback(directory)
    label = _in_force(given).set_index("row_id")["verdict"].map({REAL: True, FALSE_ALARM: False})
    scored = _in_force(given[given["model_version"] == version])
    rows = scored[["row_id", "anomaly_score", "threshold"]].assign(label=scored["row_id"].map(label))
    fields = [_SCHEMA.field(column) for column in ("row_id", "anomaly_score", "threshold")]
    schema = pa.schema([*fields, pa.field("label", pa.bool_())])
    return pa.Table.from_pandas(rows.dropna(subset=["label"]), schema, preserve_index=False)


def known_anomalies(directory: Location) -> tuple[str, ...]:
    """Return the ids of the rows whose verdict in force is real, ascending."""
    given = _in_force(read_feedback(directory))
    return tuple(sorted(given.loc[given["verdict"] == REAL, "row_id"]))


def known_anomalies_of(dataset: RowStore, directory: Location) -> tuple[str, ...]:
    """Return the ids of a dataset's rows whose verdict in force is real, ascending."""
    known = pa.array(known_anomalies(directory), pa.string())
    if not len(known):
        return ()
    columns = (batch.column(ROW_ID) for batch in dataset.batches([ROW_ID]))
    return tuple(sorted(row_id for ids in columns for row_id in ids.filter(pc.is_in(ids, known)).to_pylist()))


def replaced(directory: Location, reviewed: pa.Table) -> int:
    """Count the rows whose verdict in `reviewed` is superseded by a different, later one."""
    verdict = _in_force(read_feedback(directory)).set_index("row_id")["verdict"]
    rows = reviewed.select(["row_id", "verdict"]).to_pandas()
    return int((rows["row_id"].map(verdict) != rows["verdict"]).sum())


def _in_force(given: pd.DataFrame) -> pd.DataFrame:
    """Keep the last verdict on each row."""
    return given.drop_duplicates("row_id", keep="last")
