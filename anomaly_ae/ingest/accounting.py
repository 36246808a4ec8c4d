"""Row accounting of ingest: every row read is either accepted, or rejected for a stated reason."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from anomaly_ae.ingest.apply import Applied, ContractRule, Reject
from anomaly_ae.ingest.contract import LABEL, Contract
from anomaly_ae.spec import Role

_NAMED = 3
"""Reject reasons that an error message names."""


@dataclass
class RowAccount:
    """Counts over all batches of a source."""

    contract: Contract
    rows: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Reject] = field(default_factory=dict)
    checked: Counter[ContractRule] = field(default_factory=Counter)
    failed: Counter[ContractRule] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    extra: dict[str, None] = field(default_factory=dict)

    def add(self, source_file: str, applied: Applied) -> None:
        """Count one batch."""
        rows = applied.accepted
        self.rows[source_file] += applied.raw.total
        self.accepted += rows.num_rows
        self.reasons.update(reject.reject_reason for reject in applied.rejects)
        for reject in applied.rejects:
            self.examples.setdefault(reject.reject_reason, reject)
        self.checked.update(applied.checked)
        self.failed.update(applied.failed)
        self.missing.update({column.name: rows.column(column.name).null_count for column in self.contract.stored})
        self._count_labels(applied)
        known = {column.name for column in self.contract.columns}
        self.extra |= dict.fromkeys(name for name in applied.raw.records.schema.names if name not in known)

    def _count_labels(self, applied: Applied) -> None:
        labels = applied.accepted.column(LABEL)
        anomalies = pc.sum(labels).as_py() or 0
        unlabelled = labels.null_count
        self.labels.update(anomaly=anomalies, normal=len(labels) - unlabelled - anomalies, unlabelled=unlabelled)

    @property
    def rows_in(self) -> int:
        """Number of records read."""
        return self.rows.total()

    @property
    def rejected(self) -> int:
        """Number of records rejected."""
        return self.reasons.total()

    def facts(self) -> dict[str, Any]:
        """Return the counts as the manifest lists them."""
        return {
            "rows_in": self.rows_in,
            "rows_accepted": self.accepted,
            "rows_rejected": self.rejected,
            "rejected_by_reason": dict(self.reasons.most_common()),
            "rules": [
                {
                    "rule": rule,
                    "column": column,
                    "checked": self._checked(rule, column),
                    "failed": self.failed[rule, column],
                }
                for rule, column in dict.fromkeys([*self.checked, *self.failed])
            ],
            "missing_cells": dict(self.missing),
            "ignored_columns": [column.name for column in self.contract.columns if column.role is Role.IGNORED],
            "extra_columns": list(self.extra),
            "labels": dict(self.labels),
            "notes": list(self._notes()),
        }

    def _checked(self, rule: str, column: str | None) -> int:
        """Count the rows that a rule was checked on; a rule about a whole record applies to all."""
        return self.rows_in if column is None else self.checked[rule, column]

    def _notes(self) -> Iterable[str]:
        label = self.contract.label
        if label and self.labels["normal"] and not self.labels["anomaly"]:
            values = ", ".join(map(repr, label.anomaly_values or label.normal_values or ()))
            held = f"never holds {values}" if label.anomaly_values else f"holds nothing but {values}"
            yield f"no accepted row is labelled an anomaly: label column {label.column!r} {held}"
        if self.extra:
            yield f"columns that the contract does not have were left out: {', '.join(map(repr, self.extra))}"

    def worst(self) -> str:
        """Name the most frequent reject reasons, each with an example."""
        named = []
        for reason, count in self.reasons.most_common(_NAMED):
            example = self.examples[reason]
            named.append(
                f"{count} x {reason} (as in {example.source_file}, row {example.source_row}: {example.detail})"
            )
        return "; ".join(named)
