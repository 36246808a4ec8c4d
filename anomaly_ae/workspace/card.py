"""The model card: what a version is, what it was made from and what it promises, in Markdown."""

from anomaly_ae.threshold import Calibration
from anomaly_ae.workspace.description import ModelDescription

_NAMED_ROWS = 20
_TRIMMED = "## Trimmed rows\n{rows} train rows lie far from all others and were left out of training"
_EXCLUDED = "## Excluded rows\n{rows} rows were found to be anomalies by a reviewer and are in no split but test"


def model_card(about: ModelDescription, calibration: Calibration) -> str:
    """Return the card of a model version."""
    columns = "\n".join(f"| {column.name} | {column.role} | {column.note} |" for column in about.contract.columns)
    counts = "\n".join(f"| {name} | {value} |" for name, value in about.split.items())
    return f"""# {about.name} {about.version}

A {about.spec.network.kind} autoencoder over {about.model.summary}.

Threshold {calibration.threshold:.6g} on the anomaly score, from {calibration.n_validation} held-out validation rows.
{calibration.promise} It promises nothing about rows from another source.

## Rows
| | |
|---|---|
{counts}

## Columns
| column | role | why |
|---|---|---|
{columns}
{_named_rows(about.trimmed, _TRIMMED)}{_named_rows(about.split_rule.excluded, _EXCLUDED)}"""


def _named_rows(ids: tuple[str, ...], why: str) -> str:
    """Name rows that were left out; all of them are in `model.json`."""
    named = ", ".join(ids[:_NAMED_ROWS]) + (", ..." if len(ids) > _NAMED_ROWS else "")
    return f"\n{why.format(rows=len(ids))}: {named}.\n" if ids else ""
