"""The file formats of tables, one line each; their readers are in `anomaly_ae/ingest/`."""

from typing import TYPE_CHECKING, Literal, NamedTuple


class TableFormat(NamedTuple):
    """A file format of tables.

    Attributes:
        reader: `module:function` that reads a file; imported when a source first has one.
        suffixes: of the files that are read so where `data.format` is "auto", in lower case.
    """

    reader: str
    suffixes: tuple[str, ...]


TABLE_FORMATS = {
    "csv": TableFormat("anomaly_ae.ingest.csv_files:read_csv", (".csv", ".txt")),
    "tsv": TableFormat("anomaly_ae.ingest.csv_files:read_csv", (".tsv", ".tab")),
    "jsonl": TableFormat("anomaly_ae.ingest.jsonl_files:read_jsonl", (".jsonl", ".ndjson", ".json")),
    "parquet": TableFormat("anomaly_ae.ingest.arrow_files:read_parquet", (".parquet", ".pq")),
    "arrow": TableFormat("anomaly_ae.ingest.arrow_files:read_arrow", (".arrow", ".feather", ".ipc", ".arrows")),
}
"""A new format is one file in `ingest/` and one line here."""

if TYPE_CHECKING:
    FormatName = str
else:
    FormatName = Literal["auto", *TABLE_FORMATS, "pictures"]
