"""A raw batch checked against the contract: valid rows in exactly its schema, the others with a reason."""

import json
import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.ingest.cells import blank_missing, to_text
from anomaly_ae.ingest.contract import ROW_ID, SOURCE_FILE, SOURCE_ROW, Contract
from anomaly_ae.ingest.ids import SeenIds
from anomaly_ae.ingest.labels import read_labels
from anomaly_ae.ingest.parse import REASONS, RULES, mask, parse_column
from anomaly_ae.ingest.raw import RawBatch
from anomaly_ae.spec import Role

ContractRule = tuple[str, str | None]
"""A reject reason, and the column it is about (None: the whole record)."""

REJECTED_SCHEMA = pa.schema(
    [
        pa.field("source_file", pa.string(), nullable=False),
        pa.field("source_row", pa.int64(), nullable=False),
        pa.field("row", pa.string(), nullable=False),
        pa.field("reject_reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
    ]
)
"""Schema of rejected.parquet: source of a row, the raw record as JSON text, the reason code, and an explanation."""

_EXPLANATIONS = {
    **REASONS,
    "missing_id": "is missing, and names the row",
    "duplicate_id": "names an earlier row too",
    "unknown_label": "is neither an anomaly nor a normal value of the label column",
}

_SHOWN = 100
"""Characters of a cell that the detail of a reject shows; the whole record is stored beside it."""


@dataclass(frozen=True)
class Reject:
    """One rejected row; the fields are those of REJECTED_SCHEMA."""

    source_file: str
    source_row: int
    row: str
    reject_reason: str
    detail: str


@dataclass(frozen=True)
class Applied:
    """A batch that was checked against its contract.

    Attributes:
        raw: the batch as read.
        accepted: the valid rows, in the contract's schema.
        rejects: the others.
        checked: for each rule, the number of rows it was checked on.
        failed: for each rule, the number of them that broke it.
    """

    raw: RawBatch
    accepted: pa.RecordBatch
    rejects: list[Reject]
    checked: dict[ContractRule, int]
    failed: dict[ContractRule, int]


def apply_contract(batch: RawBatch, contract: Contract, source_file: str) -> Applied:
    """Check a raw batch against the contract.

    A row that breaks several rules is rejected for the first: that of the id, then of the label, then by column.

    Args:
        batch: records as read; columns that it lacks are null, columns that the contract lacks are dropped.
        contract: columns and their types.
        source_file: value of `_source_file`.
    """
    missing = tuple(str(value) for value in contract.missing_values)
    columns, checks, checked = _meta_columns(batch, contract, source_file, missing)
    for column in contract.stored:
        parsed = parse_column(batch.column(column.name), column, missing)
        columns.append(parsed.values)
        checks |= {(reason, column.name): rows for reason, rows in parsed.failed.items()}
        checked |= {(reason, column.name): parsed.checked for reason in RULES[column.dtype]}
    broken = pa.array(np.logical_or.reduce([np.zeros(len(batch.numbers), bool), *checks.values()]))
    accepted = [column.filter(pc.invert(broken)) for column in columns] if pc.any(broken).as_py() else columns
    rejects = [*_rejects(batch, checks, source_file), *_malformed(batch, source_file)]
    failed = Counter({rule: int(rows.sum()) for rule, rows in checks.items()})
    failed.update((record.code, None) for record in batch.malformed)
    return Applied(batch, pa.RecordBatch.from_arrays(accepted, schema=contract.schema), rejects, checked, dict(failed))


def without_duplicates(applied: Applied, id_column: str, seen: SeenIds) -> Applied:
    """Reject the accepted rows whose id an earlier accepted row has."""
    rule: ContractRule = ("duplicate_id", id_column)
    duplicate = seen.add(applied.accepted.column(ROW_ID))
    checked = {**applied.checked, rule: len(duplicate)}
    if not duplicate.any():
        return replace(applied, checked=checked)
    numbers = applied.accepted.column(SOURCE_ROW).filter(pa.array(duplicate)).to_numpy()
    source_file = applied.accepted.column(SOURCE_FILE)[0].as_py()
    places = np.searchsorted(applied.raw.numbers, numbers).tolist()
    rejects = _make_rejects(applied.raw, dict.fromkeys(places, rule), source_file)
    return Applied(
        applied.raw,
        applied.accepted.filter(pa.array(~duplicate)),
        [*applied.rejects, *rejects],
        checked,
        {**applied.failed, rule: len(rejects)},
    )


def _code(rule: ContractRule) -> str:
    """Return the stable code of a rule, as `reject_reason` holds it."""
    reason, column = rule
    return reason if column is None else f"{reason}: column {column!r}"


def _meta_columns(
    batch: RawBatch, contract: Contract, source_file: str, missing: tuple[str, ...]
) -> tuple[list[pa.Array], dict[ContractRule, np.ndarray], dict[ContractRule, int]]:
    """Make the four columns that every dataset starts with.

    Returns:
        The columns, the masks of rows without an id or without a known label, and how many rows were checked for it.
    """
    rows = len(batch.numbers)
    checks: dict[ContractRule, np.ndarray] = {}
    checked: dict[ContractRule, int] = {}
    numbers = pa.array(batch.numbers, pa.int64())
    id_column = contract.named(Role.ID)
    if id_column is None:
        row_id = pc.binary_join_element_wise(pa.repeat(source_file, rows), numbers.cast(pa.string()), ":")
    else:
        row_id = blank_missing(to_text(batch.column(id_column)), missing)
        checks["missing_id", id_column] = mask(row_id.is_null())
        checked["missing_id", id_column] = rows
    labels = pa.nulls(rows, pa.bool_())
    if contract.label:
        labels, unknown = read_labels(batch.column(contract.label.column), contract.label, missing)
        if contract.label.normal_values is not None:
            checks["unknown_label", contract.label.column] = unknown
            checked["unknown_label", contract.label.column] = rows - labels.null_count + int(unknown.sum())
    return [row_id, pa.repeat(source_file, rows), numbers, labels], checks, checked


def _rejects(batch: RawBatch, checks: dict[ContractRule, np.ndarray], source_file: str) -> list[Reject]:
    """Make the rejects of the rows that break a rule, each with the first rule it breaks."""
    first: dict[int, ContractRule] = {}
    for rule, rows in checks.items():
        for index in np.flatnonzero(rows).tolist():
            first.setdefault(index, rule)
    return _make_rejects(batch, first, source_file)


def _make_rejects(batch: RawBatch, broken: dict[int, ContractRule], source_file: str) -> list[Reject]:
    """Make the rejects of well-formed records, given the rule that each breaks by its index in the batch."""
    records = batch.records.take(pa.array(list(broken), pa.int64())).to_pylist() if broken else []
    rejects = []
    for (index, rule), record in zip(broken.items(), records, strict=True):
        reason, column = rule
        cell = repr(record.get(column))
        shown = cell if len(cell) <= _SHOWN else f"{cell[:_SHOWN]}..."
        detail = f"{column!r}: {shown} {_EXPLANATIONS[reason]}"
        row = json.dumps({name: _legible(cell) for name, cell in record.items()}, ensure_ascii=False, default=str)
        rejects.append(Reject(source_file, int(batch.numbers[index]), row, _code(rule), detail))
    return rejects


def _legible(cell: object) -> object:
    """Return NaN and infinity as text, since JSON has no number for them."""
    return cell if not isinstance(cell, float) or math.isfinite(cell) else str(cell)


def _malformed(batch: RawBatch, source_file: str) -> list[Reject]:
    return [
        Reject(source_file, record.number, json.dumps(record.text, ensure_ascii=False), record.code, record.detail)
        for record in batch.malformed
    ]
