"""Pictures in Parquet: a column of encoded files, as bytes or as Hugging Face's struct of bytes and path."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anomaly_ae.errors import SourceError, SpecError
from anomaly_ae.ingest.cells import to_text
from anomaly_ae.ingest.labels import canonical
from anomaly_ae.ingest.pictures.decode import looks_like_picture
from anomaly_ae.ingest.pictures.layout import Place
from anomaly_ae.ingest.pictures.raw import RawPicture, Refusal
from anomaly_ae.ingest.source_file import SourceFile
from anomaly_ae.spec import DataSpec, Role
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import open_parquet

_BATCH_ROWS = 16
_MASK_COLUMNS = ("mask", "ground_truth")


def read_parquet_pictures(file: SourceFile, data: DataSpec) -> Iterator[RawPicture]:
    """Yield the pictures of a Parquet file; the label column gives the kinds, the id column the names.

    Raises:
        SourceError: it is damaged, or no column holds pictures.
        SpecError: the spec names a column that does not exist.
    """
    try:
        # Buffered, as even one row group of pictures may be larger than memory.
        with open_parquet(file.path, buffer_size=1 << 20) as parquet:
            picture, mask = _columns(parquet, file, data)
            named = [data.id, data.label.column if data.label else None]
            _require(parquet.schema_arrow.names, [name for name in named if name], file)
            wanted = list(dict.fromkeys(name for name in (picture, mask, *named) if name))
            number = 0
            for batch in parquet.iter_batches(_BATCH_ROWS, columns=wanted):
                for row in _rows(batch, picture, mask, *named):
                    number += 1
                    yield _raw_picture(row, number, file)
    except pa.ArrowException as error:
        msg = f"{file.path} cannot be read as Parquet: {error}; is it damaged or cut short?"
        raise SourceError(msg) from error


def holds_pictures(path: Location) -> bool:
    """Say whether a column of a Parquet file holds encoded pictures."""
    try:
        with open_parquet(path, buffer_size=1 << 20) as parquet:
            return bool(_candidates(parquet))
    except (pa.ArrowException, OSError):
        return False  # whoever reads it will say what is wrong with it


_Row = tuple[bytes | None, bytes | None, str | None, str | None]


def _rows(batch: pa.RecordBatch, picture: str, mask: str | None, id_: str | None, label: str | None) -> Sequence[_Row]:
    columns = [
        _bytes(batch.column(picture)).to_pylist(),
        _bytes(batch.column(mask)).to_pylist() if mask else [None] * batch.num_rows,
        to_text(batch.column(id_)).to_pylist() if id_ else [None] * batch.num_rows,
        to_text(batch.column(label)).to_pylist() if label else [None] * batch.num_rows,
    ]
    return list(zip(*columns, strict=True))


def _raw_picture(row: _Row, number: int, file: SourceFile) -> RawPicture:
    encoded, mask, name, kind = row
    return RawPicture(
        name or f"{file.name}:{number}",
        file.name,
        number,
        encoded if encoded is not None else Refusal("empty_file", "holds no picture"),
        Place(None, canonical(kind) if kind else None),
        (mask,) if mask else (),
    )


def _columns(parquet: pq.ParquetFile, file: SourceFile, data: DataSpec) -> tuple[str, str | None]:
    """Find the column of pictures, and that of masks."""
    found = _candidates(parquet)
    mask = next((name for name in _MASK_COLUMNS if name in _byte_columns(parquet)), None)
    given = [name for name, role in data.roles.items() if role is Role.PICTURE]
    _require(parquet.schema_arrow.names, given, file)
    pictures = given or [name for name in found if name != mask]
    if len(pictures) != 1:
        held = f"columns {', '.join(map(repr, pictures))} hold pictures" if pictures else "no column holds pictures"
        msg = f"{file.path}: {held}; name the one to learn from in data.roles, such as {{image: picture}}"
        raise SourceError(msg)
    return pictures[0], mask if mask != pictures[0] else None


def _require(names: Sequence[str], wanted: Sequence[str], file: SourceFile) -> None:
    for name in wanted:
        if name not in names:
            msg = f"{file.path} has no column {name!r}, which data names; it has {', '.join(map(repr, names))}"
            raise SpecError(msg)


def _candidates(parquet: pq.ParquetFile) -> list[str]:
    """Return the columns of bytes whose first value begins like a picture."""
    names = _byte_columns(parquet)
    first = next(iter(parquet.iter_batches(_BATCH_ROWS, columns=names)), None) if names else None
    return [name for name in names if first and _shows_picture(first.column(name))]


def _shows_picture(column: pa.Array) -> bool:
    head = _bytes(column).drop_null()[:1].to_pylist()
    return bool(head) and looks_like_picture(head[0])


def _byte_columns(parquet: pq.ParquetFile) -> list[str]:
    return [field.name for field in parquet.schema_arrow if _is_bytes(field.type)]


def _is_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _is_bytes(kind.field("bytes").type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _bytes(column: pa.Array) -> pa.Array:
    return pc.struct_field(column, "bytes") if pa.types.is_struct(column.type) else column
