"""The contract of pictures: always the same columns; only the label depends on the source."""

from collections.abc import Sequence

from anomaly_ae.errors import SpecError
from anomaly_ae.ingest.contract import ORIGIN, SHA256, ColumnContract, Contract, Dtype, LabelRule
from anomaly_ae.ingest.labels import make_label_rule
from anomaly_ae.ingest.pictures.layout import NORMAL_KINDS, is_mask, place_of
from anomaly_ae.ingest.pictures.readers import PictureFile
from anomaly_ae.spec import DataSpec, Role

PICTURE, WIDTH, HEIGHT, MODE, FORMAT = "picture", "width", "height", "mode", "format"
KIND, MASK, MASK_NOTE = "kind", "mask", "mask_note"

_COLUMNS: tuple[tuple[str, Dtype, str], ...] = (
    (WIDTH, "int64", "pixels, upright"),
    (HEIGHT, "int64", "pixels, upright"),
    (MODE, "string", "how the file holds a pixel, in Pillow's words: L, RGB, P, CMYK, I;16, ..."),
    (FORMAT, "string", "PNG, JPEG, TIFF, BMP or WEBP, whatever the name says"),
    (SHA256, "string", "of the file; equal in copies"),
    (KIND, "string", "what the picture shows, as its folder or its label says"),
    (MASK, "binary", "its anomalous pixels, as a PNG of 0 and 255"),
    (MASK_NOTE, "string", "why a mask that is there is not used"),
    (ORIGIN, "string", "train, validation or test, where the source says so"),
)


def picture_contract(files: Sequence[PictureFile], data: DataSpec) -> Contract:
    """Make the contract of a source of pictures.

    Without `data.label`, the folders decide: if one is called good, normal or ok, all others hold anomalies.

    Raises:
        SpecError: pictures have no such label column.
    """
    picture = ColumnContract(name=PICTURE, role=Role.PICTURE, dtype="binary", note="the file as it was found")
    beside = (ColumnContract(name=name, role=Role.INFO, dtype=dtype, note=note) for name, dtype, note in _COLUMNS)
    return Contract(modality="pictures", columns=(picture, *beside), label=_label_rule(files, data))


def has_labels(files: Sequence[PictureFile], contract: Contract) -> bool:
    """Say whether the kinds of a source are labels: those of arrays and tables are, folders only with a known name.

    The folders of new pictures may be named after dates or cameras, which are no anomalies.
    """
    rule = contract.label
    if rule is None:
        return False
    kinds = _kinds(files)
    return not kinds or not kinds.isdisjoint((*(rule.normal_values or ()), *(rule.anomaly_values or ())))


def _kinds(files: Sequence[PictureFile]) -> set[str]:
    """Return the folder names of all pictures."""
    places = (place_of(name) for file in files for name in file.names() if not is_mask(name))
    return {place.kind for place in places if place.kind is not None}


def _label_rule(files: Sequence[PictureFile], data: DataSpec) -> LabelRule | None:
    if data.label is None:
        seen = _kinds(files)
        normal = tuple(kind for kind in NORMAL_KINDS if kind in seen)
        return LabelRule(column=KIND, normal_values=normal) if normal else None
    has_columns = any(file.format == "parquet-pictures" for file in files)
    if data.label.column != KIND and not has_columns:
        msg = f"data.label.column is {data.label.column!r}; what these pictures show is called {KIND!r}"
        raise SpecError(msg)
    return make_label_rule(data.label, ())
