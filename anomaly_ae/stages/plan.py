"""Plan: which partitions of a growing source are new, changed or done, by comparison with the ledger."""

from dataclasses import dataclass, field
from datetime import date, datetime

from anomaly_ae.ingest.file_source import day_in
from anomaly_ae.ingest.source import By, Partition, between
from anomaly_ae.ingest.table_source import last_day_over
from anomaly_ae.modalities import find_source
from anomaly_ae.storage import is_published
from anomaly_ae.workspace.description import ModelDescription
from anomaly_ae.workspace.ledger import Ledger, LedgerEntry, PartitionRefusal
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.workspace import Workspace


@dataclass(frozen=True)
class ScoringTarget:
    """What scores partitions, and where the results go.

    Attributes:
        model: the version that scores.
        workspace: receives datasets and scored tables.
        ledger: records what was scored.
    """

    model: ModelVersion
    workspace: Workspace
    ledger: Ledger


@dataclass(frozen=True)
class ScoringPlan:
    """What is to be scored, and why.

    Attributes:
        target: what scores it.
        new: partitions that were never scored.
        changed: scored before, with other content.
        rescored: scored before, by another model version or threshold, and asked for again.
        done: scored before, and unchanged.
        refused: why partitions will not be tried, by key: their files were refused, and have not changed.
        late: keys of new partitions of a day before the last one scored.
        waiting: keys of days that are not over yet.
        vanished: keys of partitions that were scored, and whose files or rows no longer exist.
    """

    target: ScoringTarget
    new: tuple[Partition, ...] = ()
    changed: tuple[Partition, ...] = ()
    rescored: tuple[Partition, ...] = ()
    done: tuple[Partition, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)
    late: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()

    @property
    def pending(self) -> tuple[Partition, ...]:
        """What is to be scored: new partitions first, because somebody is waiting for them."""
        return self.new + self.changed + self.rescored


def plan(
    source: str,
    model: ModelVersion,
    workspace: Workspace,
    *,
    by: By = "file",
    since: date | None = None,
    until: date | None = None,
    rescore: bool = False,
    settle_days: int = 1,
    now: datetime | None = None,
) -> ScoringPlan:
    """Compare a source with the ledger.

    Args:
        source: a directory or a glob, or by time a file too; new rows, read as the model's training data were.
        model: the version that is to score.
        workspace: where the ledger is.
        by: what makes a partition: a file; the date in the names of files; or, by time, the day of a row.
        since: only partitions of this day or later.
        until: only partitions of this day or earlier.
        rescore: also those that another model version or threshold scored, and those that were refused.
        settle_days: by time, a day waits until it is so many days ago; 0 scores today as far as it has arrived, and
            again as it grows.
        now: what that is counted from; default: the present.

    Raises:
        SourceError: the source does not exist, or a file's name lacks the date that is needed.
        SpecError: by time, and the model's contract has no time column of dates.
        ArtifactError: the model version or the ledger is not as it was written.
    """
    about = model.description
    found = _find(source, by, about)
    last_over = last_day_over(about.contract, settle_days, now) if by == "time" else date.max
    ledger = workspace.ledger(about.name, source, by)
    entries, refusals = ledger.entries(), {} if rescore else ledger.refusals()
    scorer = (about.version, model.calibration.calibration_id) if rescore else None
    kinds: dict[str, list[Partition]] = {"new": [], "changed": [], "rescored": [], "done": []}
    refused, waiting = {}, []
    for partition in between(_of_days(found) if by == "time" and (since or until) else found, since, until):
        key = partition.key
        kind, refusal = _kind(partition, entries.get(key), workspace, scorer), refusals.get(key)
        if partition.day and partition.day > last_over:
            waiting.append(key)
        elif kind != "done" and refusal and _stands(refusal, partition, about.version):
            refused[key] = refusal.reason
        else:
            kinds[kind].append(partition)
    last_scored = max((day for key in entries if (day := day_in(key))), default=date.min)
    return ScoringPlan(
        ScoringTarget(model, workspace, ledger),
        **{kind: tuple(partitions) for kind, partitions in kinds.items()},
        refused=refused,
        late=tuple(partition.key for partition in kinds["new"] if partition.day and partition.day < last_scored),
        waiting=tuple(waiting),
        vanished=tuple(sorted(entries.keys() - {partition.key for partition in found})),
    )


def _find(source: str, by: By, about: ModelDescription) -> tuple[Partition, ...]:
    found = find_source(about.spec.data.model_copy(update={"source": source}))
    return found.partitions(by, about.contract)


def _of_days(found: tuple[Partition, ...]) -> tuple[Partition, ...]:
    return tuple(partition for partition in found if partition.day)


def _kind(partition: Partition, entry: LedgerEntry | None, workspace: Workspace, scorer: tuple[str, str] | None) -> str:
    if entry is None or not is_published(workspace.location / entry.scored):
        return "new"
    if not _is_unchanged(partition, entry):
        return "changed"
    return "rescored" if scorer and scorer != (entry.model_version, entry.calibration_id) else "done"


def _stands(refusal: PartitionRefusal, partition: Partition, version: str) -> bool:
    return refusal.model_version == version and _is_unchanged(partition, refusal)


def _is_unchanged(partition: Partition, known: LedgerEntry | PartitionRefusal) -> bool:
    """Say whether the files are those that are known; they are read only if they were touched."""
    return known.stamp == partition.stamp() or known.content == partition.content()
