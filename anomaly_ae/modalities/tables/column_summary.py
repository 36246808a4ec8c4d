"""A summary of a sample, column by column: values, missing cells, and what names and values suggest."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.ingest.contract import ColumnContract, Contract
from anomaly_ae.spec import Role

_SHOWN_VALUES = 20
"""Largest number of distinct values that are kept with their counts."""

LABEL_NAMES = ("anomaly", "anomalous", "outlier", "fraud", "attack", "defect", "failure", "intrusion")
_WEAK_LABEL_NAMES = ("label", "target", "class", "y", "diagnosis", "ground_truth", "outcome")
_LABEL_PARTS = ("anomal", "fraud", "outlier", "failure", "defect", "attack")
_NORMAL_WORD = re.compile(
    r"0|false|f|no|n|normal|benign|good|ok|pass|negative|inlier|legit|legitimate|genuine|healthy", re.IGNORECASE
)
ANOMALY_WORD = re.compile(
    r"1|true|t|yes|y|anomaly|anomalous|abnormal|malignant|malicious|bad|defect|defective|nok|ng|fail|failed|positive"
    r"|outlier|fraud|fraudulent|attack|intrusion|failure|fault|faulty|sick",
    re.IGNORECASE,
)
_UNSEEN_ANOMALY = {"0": "1", "0.0": "1.0", "false": "true"}
"""For a label whose sample holds only the key, the value that will mean anomaly."""
_ID_NAME = re.compile(r"(^|_)(id|uid|uuid|guid|key|nr|no|number|index|serial)$")
_ENTITY_NAME = re.compile(
    r"(machine|device|host|sensor|unit|asset|equipment|station|site|vehicle|customer|client|user|account|patient)(_id)?"
)


@dataclass(frozen=True)
class ColumnSummary:
    """What a sample shows of one column.

    Attributes:
        name: name in the source.
        role: role in the contract.
        dtype: type in the contract.
        note: the contract's reason for them.
        values: distinct values as text with their counts, most frequent first; empty where there are too many.
        distinct: number of distinct values.
        filled: number of rows with a value.
        missing: number of rows without one.
        example: the first value, as text.
        determines: likely label columns whose value always follows from this column's.
        leaks: likely label columns whose rarer value always comes with this column's rarer value.
    """

    name: str
    role: Role
    dtype: str
    note: str
    values: tuple[tuple[str, int], ...]
    distinct: int
    filled: int
    missing: int
    example: str | None
    determines: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()


def summarise(table: pa.Table, contract: Contract) -> tuple[ColumnSummary, ...]:
    """Summarise a sample of raw rows, whose columns are text or already typed, column by column."""
    texts = {column.name: _as_text(table[column.name], contract.missing_values) for column in contract.columns}
    summaries = [_summary_of(column, texts[column.name]) for column in contract.columns]
    labels = [seen for seen in summaries if label_rank(seen) is not None]
    return tuple(_compare(seen, labels, texts) for seen in summaries)


def _as_text(cells: pa.ChunkedArray, missing_values: Sequence[object]) -> pa.Array:
    """Return cells as text; null where missing."""
    try:
        text = pc.cast(cells, pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # a type without a text form, such as bytes
        text = pa.chunked_array([pa.array([None if cell is None else str(cell) for cell in cells.to_pylist()])])
    text = pc.utf8_trim_whitespace(pc.cast(text, pa.string()))
    missing = pa.array(["", "nan", *map(str, missing_values)], pa.string())
    return pc.if_else(pc.is_in(text, value_set=missing), None, text).combine_chunks()


def _summary_of(column: ColumnContract, text: pa.Array) -> ColumnSummary:
    filled = text.drop_null()
    counts = [(entry["values"], entry["counts"]) for entry in filled.value_counts().to_pylist()]
    counts.sort(key=lambda pair: (-pair[1], pair[0]))
    return ColumnSummary(
        name=column.name,
        role=column.role,
        dtype=column.dtype,
        note=column.note,
        values=tuple(counts) if len(counts) <= _SHOWN_VALUES else (),
        distinct=len(counts),
        filled=len(filled),
        missing=text.null_count,
        example=filled[0].as_py() if len(filled) else None,
    )


def _compare(seen: ColumnSummary, labels: Sequence[ColumnSummary], texts: dict[str, pa.Array]) -> ColumnSummary:
    """Find the likely labels that a column reveals; with few rows per value it would reveal any by chance."""
    if not 2 <= seen.distinct <= seen.filled / 10:
        return seen
    determined, leaked = [], []
    for label in labels:
        if label.name == seen.name or label.distinct < 2:
            continue
        counts = _count_pairs(texts[seen.name], texts[label.name])
        if len(counts) == len({value for value, _ in counts}):
            determined.append(label.name)
        elif seen.distinct == 2 and _rare_implies_rare(counts, seen.values[-1][0], label.values[-1][0]):
            leaked.append(label.name)
    return replace(seen, determines=tuple(determined), leaks=tuple(leaked))


def _count_pairs(values: pa.Array, labels: pa.Array) -> dict[tuple[str, str], int]:
    """Count the rows of each pair of a value and a label, where both are present."""
    groups = pa.table({"value": values, "label": labels}).drop_null().group_by(["value", "label"])
    rows = groups.aggregate([([], "count_all")]).to_pylist()
    return {(row["value"], row["label"]): row["count_all"] for row in rows}


def _rare_implies_rare(counts: dict[tuple[str, str], int], value: str, label: str) -> bool:
    """Say whether at least ten rows have a column's rarer value, and all of them the label's rarer value."""
    return counts.get((value, label), 0) >= 10 and all(pair[1] == label for pair in counts if pair[0] == value)


def is_key_like(seen: ColumnSummary) -> bool:
    """Say whether a column is named like an id and has a different value in every row."""
    unique = seen.missing == 0 and seen.distinct == seen.filled > 1
    return unique and (seen.role is Role.ID or _ID_NAME.search(_plain(seen.name)) is not None)


def is_entity_like(seen: ColumnSummary) -> bool:
    """Say whether a column is named like an entity, and has several values with several rows each."""
    return 2 <= seen.distinct <= seen.filled / 2 and _ENTITY_NAME.fullmatch(_plain(seen.name)) is not None


def _plain(name: str) -> str:
    """Return a name in lower case with single underscores: `PolicyNumber` and `policy number` become one."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def label_rank(seen: ColumnSummary) -> int | None:
    """Rank a column as label by its name, best first; None where its name or values rule it out."""
    plain = _plain(seen.name)
    core = re.sub(r"^(is|has)_|_(flag|label|p|yn)$", "", plain)
    one_sided = seen.distinct == 1 and core in LABEL_NAMES and anomaly_value(seen) is not None
    if seen.role is Role.LABEL:
        return 0
    if seen.distinct != 2 and not one_sided:
        return None
    if core in LABEL_NAMES:
        return 1
    if plain in _WEAK_LABEL_NAMES:
        return 2
    return 3 if any(part in plain for part in _LABEL_PARTS) else None


def anomaly_value(label: ColumnSummary) -> str | None:
    """Return the value that means anomaly, where the values are unambiguous."""
    values = [value for value, _ in label.values]
    if len(values) == 1:
        return _UNSEEN_ANOMALY.get(values[0].lower())
    normal = [value for value in values if _NORMAL_WORD.fullmatch(value.removesuffix(".0"))]
    anomaly = [value for value in values if ANOMALY_WORD.fullmatch(value.removesuffix(".0"))]
    return anomaly[0] if len(values) == 2 and len(normal) == len(anomaly) == 1 else None
