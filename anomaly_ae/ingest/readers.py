"""The one way to call a reader: names are checked, and damage is a SourceError."""

import csv
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import cast

import pyarrow as pa

from anomaly_ae.errors import ContractError, SourceError
from anomaly_ae.ingest.contract import META_FIELDS
from anomaly_ae.ingest.raw import RawBatch
from anomaly_ae.ingest.source_file import SourceFile
from anomaly_ae.spec import DataSpec
from anomaly_ae.spec.formats import TABLE_FORMATS

Reader = Callable[[SourceFile, DataSpec], Iterator[RawBatch]]
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
        for batch in reader_of(file.format)(file, data):
            names = batch.records.schema.names
            if names != checked:
                _check_names(names, file)
                checked = names
            yield batch
    except SourceError:
        raise
    except _DAMAGE as error:
        msg = f"{file.path} cannot be read as {file.format}: {error}; is it damaged, cut short, or of another format?"
        raise SourceError(msg) from error


def reader_of(file_format: str) -> Reader:
    """Import and return the reader of a format."""
    module, _, name = TABLE_FORMATS[file_format].reader.partition(":")
    return cast("Reader", getattr(import_module(module), name))


def _check_names(names: list[str], file: SourceFile) -> None:
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
