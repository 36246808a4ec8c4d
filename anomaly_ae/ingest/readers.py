"""The readers by format, and the one way to call them: names are checked, and damage is a SourceError."""

import csv
import zlib
from collections import Counter
from collections.abc import Callable, Iterator

import pyarrow as pa

from anomaly_ae.errors import ContractError, SourceError
from anomaly_ae.ingest.arrow_files import read_arrow, read_parquet
from anomaly_ae.ingest.contract import META_FIELDS
from anomaly_ae.ingest.csv_files import read_csv
from anomaly_ae.ingest.jsonl_files import read_jsonl
from anomaly_ae.ingest.raw import RawBatch
from anomaly_ae.ingest.source_file import SourceFile
from anomaly_ae.spec import DataSpec

Reader = Callable[[SourceFile, DataSpec], Iterator[RawBatch]]
READERS: dict[str, Reader] = {
    "csv": read_csv,
    "tsv": read_csv,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "arrow": read_arrow,
}
"""A new format is a new reader and one line here (and its suffixes in `table_files.py`)."""

_META_NAMES = frozenset(field.name for field in META_FIELDS)
_DAMAGE = (pa.ArrowException, OSError, EOFError, zlib.error, csv.Error, UnicodeError)


def read_records(file: SourceFile, data: DataSpec) -> Iterator[RawBatch]:
    """Yield the records of one file in batches.

    Raises:
        SourceError: the file cannot be read, is damaged or cut short.
        ContractError: two columns have one name, or a column has the name of one of ours.
    """
    checked: list[str] = []
    try:
        for batch in READERS[file.format](file, data):
            names = batch.records.schema.names
            if names != checked:
                check_names(names, file)
                checked = names
            yield batch
    except SourceError:
        raise
    except _DAMAGE as error:
        msg = f"{file.path} cannot be read as {file.format}: {error}; is it damaged, cut short, or of another format?"
        raise SourceError(msg) from error


def check_names(names: list[str], file: SourceFile) -> None:
    """Refuse column names that would be ambiguous in a dataset.

    Raises:
        ContractError: two columns have one name, or a column has the name of one of ours.
    """
    for name, times in Counter(names).items():
        if times > 1:
            places = ", ".join(str(position) for position, other in enumerate(names, start=1) if other == name)
            msg = f"{file.path}: columns {places} are all called {name!r}; rename all but one"
            raise ContractError(msg)
        if name in _META_NAMES:
            msg = f"{file.path}: a column is called {name!r}, which is reserved in every dataset; rename it"
            raise ContractError(msg)
