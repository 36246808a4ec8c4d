"""Incremental: only the new and changed partitions of a growing source are scored.

A partition is done when its ledger entry names a published table of the same content; so a run that was killed is
simply repeated, and missed days are caught up. Bad files are refused: they do not keep the others from being scored,
and are tried again when they change.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from anomaly_ae.errors import ContractError, SourceError
from anomaly_ae.ingest.faults import is_in_the_data
from anomaly_ae.ingest.source import Partition, content_of
from anomaly_ae.stages.pipeline import SCORING, Run, require, run_stages
from anomaly_ae.stages.plan import ScoringPlan, ScoringTarget
from anomaly_ae.stages.score import ScoreResult
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.ledger import PartitionRefusal, PartitionResult
from anomaly_ae.workspace.scored_table import ScoredTable


@dataclass(frozen=True)
class IncrementalResult:
    """What became of every partition, by key.

    Each is in exactly one of new, changed, rescored, done, waiting, refused, refused_before and failed.

    Attributes:
        new: scored for the first time.
        changed: scored again, as the content differs; the earlier table is kept, and no longer counts.
        rescored: scored again by the model version and threshold now in force.
        done: scored before.
        refused: not scored because its files are bad, with the reason; tried again when they change.
        refused_before: the same, found by an earlier run.
        failed: not scored for another reason, and why; the next run tries again.
        late: those of `new` that are of a day before the last one scored.
        waiting: days that are not over yet.
        vanished: scored before, and no longer in the source; their tables are kept.
        scored: the table of each partition that was scored in this run.
    """

    new: tuple[str, ...]
    changed: tuple[str, ...]
    rescored: tuple[str, ...]
    done: tuple[str, ...]
    refused: dict[str, str]
    refused_before: dict[str, str]
    failed: dict[str, str]
    late: tuple[str, ...]
    waiting: tuple[str, ...]
    vanished: tuple[str, ...]
    scored: dict[str, ScoreResult]

    def facts(self) -> dict[str, Any]:
        """Return what became of every partition as JSON values."""
        kinds = {item.name: getattr(self, item.name) for item in fields(self)}
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in kinds.items()}
        return listed | {"scored": {key: made.facts() for key, made in self.scored.items()}}

    def raise_if_failed(self) -> None:
        """Fail if a partition failed, or if files were refused and none was scored.

        Raises:
            SourceError: names each partition that could not be scored, and why.
        """
        if self.failed:
            whole = len(self.failed) + len(self.refused) + len(self.scored)
            msg = f"{len(self.failed)} of {whole} partitions could not be scored, the others were: {_list(self.failed)}"
            raise SourceError(msg)
        if self.refused and not self.scored:
            msg = f"nothing could be scored: {_list(self.refused)}"
            raise SourceError(msg)


@dataclass(frozen=True)
class PartitionOutcomes:
    """What became of the partitions that a run tried, by key, as in `IncrementalResult`."""

    scored: dict[str, ScoreResult] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def score_new(plan: ScoringPlan, run_id: str | None = None) -> IncrementalResult:
    """Score what a plan found to be new or changed, one partition after the other.

    A partition that cannot be scored raises nothing; it is among `refused` or `failed`.
    """
    return conclude(plan, score_each(plan.pending, plan.target, run_id))


def _score_partition(
    partition: Partition, target: ScoringTarget, run_id: str | None = None
) -> ScoreResult | PartitionRefusal:
    """Run the scoring stages on one partition, then record its table in the ledger.

    Returns:
        The scored table; or the refusal, if the partition's own files are bad.

    Raises:
        AnomalyAEError: its files cannot be read for another reason, or a later stage failed.
    """
    about, stamp = target.model.description, partition.stamp()
    run = Run(about.spec, target.workspace, partition.source, about.contract, target.model, run_id=run_id)
    try:
        ingested = run_stages(run, ("ingest",))
    except (SourceError, ContractError) as error:
        if not is_in_the_data(error):
            raise
        refusal = PartitionRefusal(
            partition=partition.key,
            content=partition.content(),
            stamp=stamp,
            model_version=about.version,
            reason=_as_text(error),
        )
        target.ledger.refuse(refusal)
        return refusal
    made = run_stages(ingested, SCORING[1:])
    scored, dataset = require(made.scored), require(made.ingested).dataset
    target.ledger.record(partition.key, _result(scored.table, dataset, stamp))
    return scored


def score_each(partitions: Iterable[Partition], target: ScoringTarget, run_id: str | None = None) -> PartitionOutcomes:
    """Score partitions one after the other; one that cannot be scored does not stop the others."""
    outcomes = PartitionOutcomes()
    for partition in partitions:
        try:
            made = _score_partition(partition, target, run_id)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one file, the others are scored, then the run fails
            outcomes.failed[partition.key] = _as_text(error)
            continue
        if isinstance(made, PartitionRefusal):
            outcomes.refused[partition.key] = made.reason
        else:
            outcomes.scored[partition.key] = made
    return outcomes


def conclude(plan: ScoringPlan, outcomes: PartitionOutcomes) -> IncrementalResult:
    """Combine the plan with the outcomes of its partitions."""
    kinds = {
        kind: tuple(partition.key for partition in partitions if partition.key in outcomes.scored)
        for kind, partitions in (("new", plan.new), ("changed", plan.changed), ("rescored", plan.rescored))
    }
    return IncrementalResult(
        **kinds,
        done=tuple(partition.key for partition in plan.done),
        refused=outcomes.refused,
        refused_before=plan.refused,
        failed=outcomes.failed,
        late=tuple(key for key in plan.late if key in outcomes.scored),
        waiting=plan.waiting,
        vanished=plan.vanished,
        scored=outcomes.scored,
    )


def _result(table: ScoredTable, dataset: Dataset, stamp: str) -> PartitionResult:
    manifest = table.manifest
    return PartitionResult(
        content=content_of(dataset.manifest.sources),
        stamp=stamp,
        scored=table.name_in_workspace,
        model_version=manifest.model_version,
        calibration_id=manifest.calibration_id,
        rows_in=manifest.rows_in,
        rows_scored=manifest.rows_scored,
        rows_rejected=manifest.rows_rejected,
        alerts=manifest.alerts,
    )


def _as_text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _list(reasons: dict[str, str]) -> str:
    return "; ".join(f"{key}: {reason}" for key, reason in reasons.items())
