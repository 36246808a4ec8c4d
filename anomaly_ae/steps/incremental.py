"""Incremental: of a source that grows, only what is new or changed is scored, partition by partition.

A partition is done when its ledger entry names a published table of the same content; so a run that was killed, or
that met a bad file, is simply repeated, and days without a run are caught up with.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from anomaly_ae.artifact import load_calibration, load_description
from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.dataset import Dataset
from anomaly_ae.ingest.modality import Source
from anomaly_ae.ingest.partitions import By, Partition, between, day_in, find_partitions
from anomaly_ae.ledger import Entry, Ledger, Result
from anomaly_ae.steps.evaluate import evaluate
from anomaly_ae.steps.ingest import describe, ingest_source
from anomaly_ae.steps.monitor import monitor
from anomaly_ae.steps.report import report
from anomaly_ae.steps.score import SCORED, ScoreResult, score
from anomaly_ae.storage import fingerprint, is_published, read_manifest


@dataclass(frozen=True)
class Plan:
    """What is to be scored, and why.

    Attributes:
        model: directory of the model version that will score.
        workspace: receives datasets, scored tables and the ledger.
        ledger: what was scored so far.
        new: partitions that were never scored.
        changed: scored before, with other content.
        rescored: scored before, by another model version or threshold, and asked for again.
        done: as they are.
        late: keys of new partitions of a day before the last one scored.
        vanished: keys of partitions that were scored, and whose files are no longer there.
    """

    model: Path
    workspace: Path
    ledger: Ledger
    new: tuple[Partition, ...] = ()
    changed: tuple[Partition, ...] = ()
    rescored: tuple[Partition, ...] = ()
    done: tuple[Partition, ...] = ()
    late: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()

    @property
    def pending(self) -> tuple[Partition, ...]:
        """What is to be scored: new partitions first, as they are what somebody waits for."""
        return self.new + self.changed + self.rescored


@dataclass(frozen=True)
class IncrementalResult:
    """What became of every partition, by key; each is in exactly one of new, changed, rescored, done and failed.

    Attributes:
        new: scored for the first time.
        changed: scored again, as the content differs; the earlier table is kept, and no longer counts.
        rescored: scored again by the model version and threshold now in force.
        done: scored before.
        failed: not scored, and why; the next run tries again.
        late: those of `new` that are of a day before the last one scored.
        vanished: scored before, and no longer in the source; their tables are kept.
        scored: the table of each partition that was scored in this run.
    """

    new: tuple[str, ...]
    changed: tuple[str, ...]
    rescored: tuple[str, ...]
    done: tuple[str, ...]
    failed: dict[str, str]
    late: tuple[str, ...]
    vanished: tuple[str, ...]
    scored: dict[str, ScoreResult]

    def raise_if_failed(self) -> None:
        """Fail when a partition did.

        Raises:
            SourceError: names each partition that could not be scored, and why.
        """
        if self.failed:
            whole = len(self.failed) + len(self.scored)
            why = "; ".join(f"{key}: {reason}" for key, reason in self.failed.items())
            msg = f"{len(self.failed)} of {whole} partitions could not be scored, the others were: {why}"
            raise SourceError(msg)


def score_new(
    source: str,
    model: Path,
    workspace: Path,
    *,
    by: By = "file",
    since: date | None = None,
    until: date | None = None,
    rescore: bool = False,
    run_id: str | None = None,
) -> IncrementalResult:
    """Score what is new or changed in a source, one partition after the other; arguments are those of `plan`.

    Raises:
        AnomalyAEError: the source, the model or the ledger cannot be read. A partition that cannot be scored raises
            nothing; it is among `failed`.
    """
    what = plan(source, model, workspace, by=by, since=since, until=until, rescore=rescore)
    return conclude(what, *score_each(what.pending, what, run_id))


def plan(
    source: str,
    model: Path,
    workspace: Path,
    *,
    by: By = "file",
    since: date | None = None,
    until: date | None = None,
    rescore: bool = False,
) -> Plan:
    """Compare a source with the ledger.

    Args:
        source: a directory or a glob; new rows, read as the model's training data were.
        model: directory of the model version.
        workspace: where the ledger is.
        by: what makes a partition: a file, or the date in the names of files.
        since: only partitions of this day or later.
        until: only partitions of this day or earlier.
        rescore: also those that another model version or threshold scored.

    Raises:
        SourceError: nothing is there, or a file's name lacks the date that is needed.
        ArtifactError: the model version or the ledger is not as it was written.
    """
    about = load_description(model)
    found = find_partitions(Source.find(about.spec.data.model_copy(update={"source": source})), by)
    ledger = Ledger.of(workspace, about.name, source, by)
    entries, scorer = ledger.entries(), (about.version, load_calibration(model).calibration_id)
    kinds: dict[str, list[Partition]] = {"new": [], "changed": [], "rescored": [], "done": []}
    for one in between(found, since, until):
        kinds[_kind(one, entries.get(one.key), workspace, scorer if rescore else None)].append(one)
    last = max((day for key in entries if (day := day_in(key))), default=date.min)
    return Plan(
        model,
        workspace,
        ledger,
        **{kind: tuple(some) for kind, some in kinds.items()},
        late=tuple(one.key for one in kinds["new"] if one.day and one.day < last),
        vanished=tuple(sorted(entries.keys() - {one.key for one in found})),
    )


def score_partition(partition: Partition, what: Plan, run_id: str | None = None) -> ScoreResult:
    """Ingest, score, judge and report one partition, then let its table count.

    Raises:
        AnomalyAEError: its files cannot be read, or break the contract.
    """
    stamp = partition.stamp()
    ingested = ingest_source(partition.source, what.workspace, load_description(what.model).contract)
    made = score(ingested.directory, what.model, what.workspace, run_id)
    monitor(made.directory, what.model)
    evaluate(made.directory)
    report(made.directory, what.model)
    manifest = read_manifest(made.directory, "scored")
    counts = ("rows_in", "rows_scored", "rows_rejected", "alerts", "model_version", "calibration_id")
    result = Result(
        content=_content(Dataset.open(ingested.directory).manifest["sources"]),
        stamp=stamp,
        scored=f"{SCORED}/{made.directory.name}",
        **{name: manifest[name] for name in counts},
    )
    what.ledger.record(partition.key, result)
    return made


def score_each(
    partitions: Iterable[Partition], what: Plan, run_id: str | None = None
) -> tuple[dict[str, ScoreResult], dict[str, str]]:
    """Score partitions one after the other; return the tables, and of those that have none why."""
    scored, failed = {}, {}
    for one in partitions:
        try:
            scored[one.key] = score_partition(one, what, run_id)
        except Exception as error:  # noqa: BLE001 - whatever one file has, the others are scored, and then the run fails
            failed[one.key] = f"{type(error).__name__}: {error}"
    return scored, failed


def conclude(what: Plan, scored: dict[str, ScoreResult], failed: dict[str, str]) -> IncrementalResult:
    """Put together what was planned and what became of it."""
    kinds = {
        kind: tuple(one.key for one in partitions if one.key in scored)
        for kind, partitions in (("new", what.new), ("changed", what.changed), ("rescored", what.rescored))
    }
    return IncrementalResult(
        **kinds,
        done=tuple(one.key for one in what.done),
        failed=failed,
        late=tuple(key for key in what.late if key in scored),
        vanished=what.vanished,
        scored=scored,
    )


def _kind(one: Partition, entry: Entry | None, workspace: Path, scorer: tuple[str, str] | None) -> str:
    if entry is None or not is_published(workspace / entry.scored):
        return "new"
    if entry.stamp != one.stamp() and entry.content != _content([describe(file) for file in one.source.files]):
        return "changed"
    return "rescored" if scorer and scorer != (entry.model_version, entry.calibration_id) else "done"


def _content(files: list[dict[str, str]]) -> str:
    return fingerprint([(file["name"], file["sha256"]) for file in files])
