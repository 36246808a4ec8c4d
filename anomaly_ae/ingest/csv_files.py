"""CSV and TSV files, streamed by pyarrow as string columns that keep the record number of every row."""

import csv
import io
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.csv

from anomaly_ae.errors import SourceError, SpecError
from anomaly_ae.ingest.raw import Malformed, RawBatch, without
from anomaly_ae.ingest.source_file import SourceFile
from anomaly_ae.ingest.text import choose_encoding, open_stream, read_head
from anomaly_ae.spec import DataSpec

BLOCK_BYTES = 4 << 20
"""Bytes read at once, and the longest record allowed; four times pyarrow's default, at nearly the same speed."""

_DELIMITERS = ",;\t|"


def read_csv(file: SourceFile, data: DataSpec) -> Iterator[RawBatch]:
    """Yield the records of a CSV or TSV file; an empty batch with its columns comes first.

    A record with too many or too few fields, or with bytes that are not text, is malformed.

    Raises:
        SourceError: a record is longer than a block, or a quote is never closed.
        SpecError: the encoding or the delimiter is invalid.
    """
    head = read_head(file)
    encoding = choose_encoding(head, data.encoding)
    text = head.decode(encoding, errors="replace")
    delimiter = data.delimiter or ("\t" if file.format == "tsv" else _sniff_delimiter(text))
    if not delimiter.isascii():
        msg = f"data.delimiter={delimiter!r} must be an ASCII character"
        raise SpecError(msg)
    names = _header(text, delimiter)
    if names is None:
        return
    yield RawBatch(_empty(names), np.empty(0, np.int64))
    if "\n" in text or "\r" in text:
        yield from _read_records(file, encoding, delimiter, names)


def _sniff_delimiter(text: str) -> str:
    """Return the delimiter that splits the header line into the most fields; by default the comma."""
    return max(_DELIMITERS, key=lambda delimiter: _fields(text, delimiter))


def _fields(text: str, delimiter: str) -> int:
    """Count the fields of the header; with a wrong delimiter a very wide header is one field too long to read."""
    try:
        return len(_header(text, delimiter) or [])
    except csv.Error:
        return 0


def _header(text: str, delimiter: str) -> list[str] | None:
    """Return the column names: the first record that is not an empty line; None where there is none."""
    records = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    return next((record for record in records if record), None)


def _empty(names: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], pa.string())] * len(names), names=names)


def _read_records(file: SourceFile, encoding: str, delimiter: str, names: list[str]) -> Iterator[RawBatch]:
    bad: list[Malformed] = []
    last, final_cell = 0, b""
    with open_stream(file) as stream:
        reader = _open_reader(stream, encoding, delimiter, names, bad)
        if reader.schema.names != names:
            msg = f"{file.path}: the header line can be read in two ways: {names} or {reader.schema.names}"
            raise SourceError(msg)
        try:
            for records in reader:
                batch = _numbered(records, last, bad)
                last += records.num_rows + len(batch.malformed)
                final_cell = next(iter(records.columns[-1][-1:].cast(pa.binary()).to_pylist()), b"")
                yield _valid_text(batch)
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error):
                raise
            msg = (
                f"{file.path}: the record after number {last} is longer than {BLOCK_BYTES >> 20} MiB, "
                "or has a quote that is never closed"
            )
            raise SourceError(msg) from error
    if bad:
        yield RawBatch(_empty(names), np.empty(0, np.int64), tuple(bad))
    elif b"\n" in final_cell and not _ends_with_quote(file):
        # The rest of the file, which the quote swallowed, would be lost silently.
        msg = f"{file.path}: record {last} has a quote that is never closed"
        raise SourceError(msg)


def _open_reader(
    stream: pa.NativeFile, encoding: str, delimiter: str, names: list[str], bad: list[Malformed]
) -> pyarrow.csv.CSVStreamingReader:
    """Open pyarrow's reader without any conversion: strings, no nulls, quoted newlines, bad rows set aside."""

    def set_aside(row: pyarrow.csv.InvalidRow) -> str:
        lines = row.text.count("\n") + 1
        spread = f", over {lines} lines: is a quote not closed?" if lines > 1 else ""
        detail = f"{row.actual_columns} fields, where the header has {row.expected_columns}{spread}"
        bad.append(Malformed(row.number - 1, row.text, "wrong_number_of_fields", detail))  # row 1 is the header
        return "skip"

    return pyarrow.csv.open_csv(
        stream,
        # Rows are numbered only with one thread; more are no faster, as nothing is converted here.
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, block_size=BLOCK_BYTES, encoding="utf8" if encoding.startswith("utf-8") else encoding
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=set_aside
        ),
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), check_utf8=False),
    )


def _numbered(records: pa.RecordBatch, last: int, bad: list[Malformed]) -> RawBatch:
    """Number the well-formed records that follow record `last`; move the malformed ones among them out of `bad`."""
    end = last + records.num_rows
    malformed = []
    while bad and bad[0].number <= end + 1:
        malformed.append(bad.pop(0))
        end += 1
    every = np.arange(last + 1, end + 1)
    numbers = np.setdiff1d(every, [record.number for record in malformed], assume_unique=True)
    return RawBatch(records, numbers, tuple(malformed))


def _valid_text(batch: RawBatch) -> RawBatch:
    """Turn records with bytes that are not text into malformed ones."""
    try:
        batch.records.validate(full=True)
    except pa.ArrowInvalid:
        columns = [column.cast(pa.binary()).to_pylist() for column in batch.records.columns]
        rows = enumerate(zip(*columns, strict=True))
        return without(batch, {index: _not_text(batch, index, cells) for index, cells in rows if not _is_text(cells)})
    return batch


def _is_text(cells: tuple[bytes, ...]) -> bool:
    try:
        b",".join(cells).decode()
    except UnicodeDecodeError:
        return False
    return True


def _not_text(batch: RawBatch, index: int, cells: tuple[bytes, ...]) -> Malformed:
    text = ",".join(cell.decode(errors="backslashreplace") for cell in cells)
    detail = "bytes that are not UTF-8; set data.encoding if the whole file is in another encoding"
    return Malformed(int(batch.numbers[index]), text, "not_utf8", detail)


def _ends_with_quote(file: SourceFile) -> bool:
    """Say whether the last field of a file ends with a quote; reads the file again, which is rarely needed."""
    tail = b""
    with open_stream(file) as stream:
        while block := stream.read(BLOCK_BYTES):
            tail = (tail + block)[-64:]
    return tail.rstrip(b"\r\n\0").endswith(b'"')
