"""Incremental: of a source that grows, only what is new or changed is scored, partition by partition.

A partition is done when its ledger entry names a published table of the same content; so a run that was killed is
simply repeated, and days without a run are caught up with. Files that are at fault themselves are refused: they keep
none of the others from being scored, and are tried again when they change.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from anomaly_ae.errors import ContractError, SourceError
from anomaly_ae.ingest.faults import is_in_the_data
from anomaly_ae.modalities.partitions import Partition
from anomaly_ae.stages.evaluate import evaluate
from anomaly_ae.stages.ingest import describe, ingest_source
from anomaly_ae.stages.monitor import monitor
from anomaly_ae.stages.plan import Plan, content_of
from anomaly_ae.stages.report import report
from anomaly_ae.stages.score import SCORED, ScoreResult, score
from anomaly_ae.storage import read_manifest
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.ledger import Refusal, Result
from anomaly_ae.workspace.model_version import load_description


@dataclass(frozen=True)
class IncrementalResult:
    """What became of every partition, by key.

    Each is in exactly one of new, changed, rescored, done, waiting, refused, refused_before and failed.

    Attributes:
        new: scored for the first time.
        changed: scored again, as the content differs; the earlier table is kept, and no longer counts.
        rescored: scored again by the model version and threshold now in force.
        done: scored before.
        refused: not scored, as its files are at fault, and why; tried again when they change.
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

    def raise_if_failed(self) -> None:
        """Fail when a partition did, or when files were refused and none scored.

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
class Outcome:
    """What became of the partitions that a run tried, by key, as in `IncrementalResult`."""

    scored: dict[str, ScoreResult] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def score_new(what: Plan, run_id: str | None = None) -> IncrementalResult:
    """Score what a plan found to be new or changed, one partition after the other.

    A partition that cannot be scored raises nothing; it is among `refused` or `failed`.
    """
    return conclude(what, score_each(what.pending, what, run_id))


def score_partition(partition: Partition, what: Plan, run_id: str | None = None) -> ScoreResult | Refusal:
    """Ingest, score, judge and report one partition, then let its table count.

    Returns:
        The scored table; or, where its files are at fault, why they are refused.

    Raises:
        AnomalyAEError: its files cannot be read for another reason, or a later step failed.
    """
    about, stamp = load_description(what.model), partition.stamp()
    try:
        ingested = ingest_source(partition.source, what.workspace, about.contract)
    except (SourceError, ContractError) as error:
        if not is_in_the_data(error):
            raise
        content = content_of([describe(file) for file in partition.source.files])
        refusal = Refusal(
            partition=partition.key, content=content, stamp=stamp, model_version=about.version, reason=_in_words(error)
        )
        what.ledger.refuse(refusal)
        return refusal
    made = score(ingested.directory, what.model, what.workspace, run_id)
    monitor(made.directory, what.model)
    evaluate(made.directory)
    report(made.directory, what.model)
    what.ledger.record(partition.key, _result(made.directory, ingested.directory, stamp))
    return made


def score_each(partitions: Iterable[Partition], what: Plan, run_id: str | None = None) -> Outcome:
    """Score partitions one after the other; one that cannot be scored does not stop the others."""
    outcome = Outcome()
    for one in partitions:
        try:
            made = score_partition(one, what, run_id)
        except Exception as error:  # noqa: BLE001 - whatever one file has, the others are scored, and then the run fails
            outcome.failed[one.key] = _in_words(error)
            continue
        if isinstance(made, Refusal):
            outcome.refused[one.key] = made.reason
        else:
            outcome.scored[one.key] = made
    return outcome


def conclude(what: Plan, outcome: Outcome) -> IncrementalResult:
    """Put together what was planned and what became of it."""
    kinds = {
        kind: tuple(one.key for one in partitions if one.key in outcome.scored)
        for kind, partitions in (("new", what.new), ("changed", what.changed), ("rescored", what.rescored))
    }
    return IncrementalResult(
        **kinds,
        done=tuple(one.key for one in what.done),
        refused=outcome.refused,
        refused_before=what.refused,
        failed=outcome.failed,
        late=tuple(key for key in what.late if key in outcome.scored),
        waiting=what.waiting,
        vanished=what.vanished,
        scored=outcome.scored,
    )


def _result(scored: Path, dataset: Path, stamp: str) -> Result:
    manifest = read_manifest(scored, "scored")
    counts = ("rows_in", "rows_scored", "rows_rejected", "alerts", "model_version", "calibration_id")
    return Result(
        content=content_of(Dataset.open(dataset).manifest["sources"]),
        stamp=stamp,
        scored=f"{SCORED}/{scored.name}",
        **{name: manifest[name] for name in counts},
    )


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _list(reasons: dict[str, str]) -> str:
    return "; ".join(f"{key}: {reason}" for key, reason in reasons.items())
