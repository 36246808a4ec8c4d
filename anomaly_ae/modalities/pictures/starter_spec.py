"""The spec that `anomaly-ae init` writes for pictures: what was found, and first settings with their reasons."""

from collections import Counter

from anomaly_ae.ingest.contract import LabelRule
from anomaly_ae.ingest.labels import is_anomaly
from anomaly_ae.ingest.pictures.layout import Place
from anomaly_ae.modalities.pictures.summary import PictureSummary
from anomaly_ae.modalities.tables.starter_spec import is_supported, name_of, quoted, threshold_lines
from anomaly_ae.spec import SplitSpec

_SHOWN = 5
_SMALL = 64
"""Shorter side in pixels below which the network reads the pixels of a picture, not feature maps."""

_VALIDATION_PARTS = (0.1, 0.15, 0.2, 0.25)
_WANTED_RATE = 0.025
"""The false-alarm rate that the validation pictures should support: half of 5 %, so that two of them are above a
threshold for 5 %. A threshold at the single highest of them would depend on chance, and mostly be too high."""


def starter_pictures(look: PictureSummary, label: LabelRule | None, source: str) -> str:
    """Return a commented YAML spec for a source of pictures.

    Args:
        look: summary of the pictures.
        label: the rule of the contract; None where folders do not tell what is normal.
        source: the source as the file names it: relative to the file's directory, or absolute.
    """
    lines = [
        "# A starter spec, inferred from the pictures. Edit any line; settings not listed keep their defaults.",
        f"name: {quoted(name_of(source))}",
        "data:",
        f"  source: {quoted(source)}",
        "  format: pictures",
        *_found_lines(look, label),
        *_label_lines(look, label),
        *_split_lines(look, label),
        *_network_lines(look),
        *_threshold_lines(look, label),
    ]
    return "\n".join(lines) + "\n"


def _found_lines(look: PictureSummary, label: LabelRule | None) -> list[str]:
    """List what was found as comments, aligned."""
    names = {place: "/".join(filter(None, (place.origin, place.kind))) or "." for place in look.places}
    width = min(max(map(len, names.values()), default=0), 40)
    counts = [
        f"  #   {_one_line(names[place]):<{width}}  {look.places[place]:>7}{_meaning(place, label)}"
        for place in sorted(look.places, key=lambda place: names[place])
    ]
    more = "" if look.is_whole else "at least "
    like = "; ".join(map(_most, (look.sizes, look.modes, look.formats)))
    refused = (
        [f"  # {look.refused} of the sampled pictures cannot be used; ingest gives the reasons"] if look.refused else []
    )
    masks = [f"  # {look.masks} masks mark anomalous pixels"] if look.masks else []
    return [
        f"  # {more}{look.places.total()} pictures: {like}",
        *counts,
        *masks,
        *refused,
    ]


def _meaning(place: Place, label: LabelRule | None) -> str:
    if label is None or place.kind is None:
        return ""
    return "  anomalies" if is_anomaly(place.kind, label) else "  normal"


def _label_lines(look: PictureSummary, label: LabelRule | None) -> list[str]:
    """Say where the label comes from, or ask for it."""
    if label is not None:
        normal = " and ".join(map(quoted, label.normal_values or ()))
        return [f"  # label: not needed; the pictures of kind {normal} are normal, all others are anomalies"]
    kinds = sorted({place.kind for place in look.places if place.kind is not None})
    return [
        "  # label: # the folders do not tell which pictures are anomalies; without a label all count as normal",
        "  #   column: kind",
        f"  #   normal_values: [{quoted(kinds[0]) if kinds else 'the kinds that are normal'}]",
    ]


def _split_lines(look: PictureSummary, label: LabelRule | None) -> list[str]:
    if not _has_split(look):
        return ["split:", "  by: row # each picture by its name"]
    part, test = _validation_part(_normal(look, label, "train")), SplitSpec().test
    return [
        "split:",
        "  by: folder # pictures in train for training and threshold, those in test for test; or row",
        f"  train: {(1 - part) * (1 - test):.2f} # {1 - part:.0%} of those in train",
        f"  validation: {part * (1 - test):.2f} # {part:.0%} of those in train; no more than the threshold needs",
        f"  test: {test:.2f} # those in test, however many",
    ]


def _validation_part(normal: int) -> float:
    """Return the smallest share of the train pictures that the threshold needs; training needs the others."""
    enough = [part for part in _VALIDATION_PARTS if is_supported(_WANTED_RATE, normal, part)]
    return enough[0] if enough else _VALIDATION_PARTS[-1]


def _network_lines(look: PictureSummary) -> list[str]:
    if 0 < look.short_side < _SMALL:
        return ["network:", "  kind: memory # for small pictures, pixel by pixel; or convolutional, textbook"]
    return ["network:", "  kind: feature_maps # of a frozen backbone; or on pixels: convolutional, textbook"]


def _threshold_lines(look: PictureSummary, label: LabelRule | None) -> list[str]:
    if _has_split(look):
        train = _normal(look, label, "train")
        return threshold_lines(train, _validation_part(train))
    return threshold_lines(_normal(look, label), SplitSpec().validation)


def _normal(look: PictureSummary, label: LabelRule | None, origin: str | None = None) -> int:
    """Count the pictures that are not anomalies, in all folders or in one."""
    places = (place for place in look.places if origin is None or place.origin == origin)
    return sum(look.places[place] for place in places if not _is_anomaly(place, label))


def _is_anomaly(place: Place, label: LabelRule | None) -> bool:
    return bool(label and place.kind is not None and is_anomaly(place.kind, label))


def _has_split(look: PictureSummary) -> bool:
    return {"train", "test"} <= {place.origin for place in look.places}


def _most(counts: Counter[str]) -> str:
    """List the most frequent values; of many different ones, their number."""
    if not counts:
        return "unknown"
    if len(counts) > _SHOWN:
        return f"{len(counts)} different, such as {counts.most_common(1)[0][0]}"
    return ", ".join(value for value, _ in counts.most_common())


def _one_line(text: str) -> str:
    return text if text.isprintable() else quoted(text)
