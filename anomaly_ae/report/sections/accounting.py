"""Row accounting: rows in = rows scored + rows rejected, by reason."""

import itertools
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from anomaly_ae.errors import ArtifactError
from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import open_parquet
from anomaly_ae.workspace.scored_table import ScoredTable

_REJECTED_EXAMPLES = 10


@dataclass(frozen=True)
class RejectedRow:
    """An example of a row that was not scored."""

    source_file: str | None
    source_row: int | None
    reason: str | None
    detail: str | None


@dataclass(frozen=True)
class Accounting:
    """Rows in = rows scored + rows rejected, by reason."""

    rows_in: int
    rows_scored: int
    rows_rejected: int
    by_reason: tuple[tuple[str, int], ...]
    examples: tuple[RejectedRow, ...]


def section(source: ReportSource) -> PageSection:
    """Return the account of all rows of the source."""
    return PageSection("accounting", "Rows", _account(source.table))


def _account(table: ScoredTable) -> Accounting:
    manifest = table.manifest
    by_reason = sorted(manifest.rejected_by_reason.items(), key=lambda item: (-item[1], item[0]))
    return Accounting(
        rows_in=manifest.rows_in,
        rows_scored=manifest.rows_scored,
        rows_rejected=manifest.rows_rejected,
        by_reason=tuple(by_reason),
        examples=_rejected_examples(table.rejected) if manifest.rows_rejected else (),
    )


def _rejected_examples(path: Location) -> tuple[RejectedRow, ...]:
    columns = ["source_file", "source_row", "reject_reason", "detail"]
    try:
        with open_parquet(path) as file:
            batches = file.iter_batches(batch_size=_REJECTED_EXAMPLES, columns=columns)
            records: list[dict[str, Any]] = [row for batch in itertools.islice(batches, 1) for row in batch.to_pylist()]
        return tuple(RejectedRow(*(record[name] for name in columns)) for record in records)
    except (pa.ArrowException, OSError, KeyError) as error:
        msg = f"{path} cannot be read: {error}; score the source again"
        raise ArtifactError(msg) from error
