"""Plan: what of a source that grows is new, changed, or done, by comparison with the ledger."""

from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from anomaly_ae.modalities import find_source
from anomaly_ae.modalities.days import find_days, last_day_over
from anomaly_ae.modalities.partitions import By, Partition, between, day_in, find_partitions
from anomaly_ae.stages.ingest import describe
from anomaly_ae.storage import fingerprint, is_published
from anomaly_ae.workspace.ledger import Entry, Ledger, Refusal
from anomaly_ae.workspace.model_version import Description, load_calibration, load_description


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
        refused: why partitions will not be tried, by key: their files were refused, and have not changed.
        late: keys of new partitions of a day before the last one scored.
        waiting: keys of days that are not over yet.
        vanished: keys of partitions that were scored, and whose files or rows are no longer there.
    """

    model: Path
    workspace: Path
    ledger: Ledger
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
        """What is to be scored: new partitions first, as they are what somebody waits for."""
        return self.new + self.changed + self.rescored


def plan(
    source: str,
    model: Path,
    workspace: Path,
    *,
    by: By = "file",
    since: date | None = None,
    until: date | None = None,
    rescore: bool = False,
    settle_days: int = 1,
    now: datetime | None = None,
) -> Plan:
    """Compare a source with the ledger.

    Args:
        source: a directory or a glob, or by time a file too; new rows, read as the model's training data were.
        model: directory of the model version.
        workspace: where the ledger is.
        by: what makes a partition: a file; the date in the names of files; or, by time, the day of a row.
        since: only partitions of this day or later.
        until: only partitions of this day or earlier.
        rescore: also those that another model version or threshold scored, and those that were refused.
        settle_days: by time, a day waits until it is so many days ago; 0 scores today as far as it is there, and anew
            as it grows.
        now: what that is counted from; default: the present.

    Raises:
        SourceError: nothing is there, or a file's name lacks the date that is needed.
        SpecError: by time, and the model's contract has no time column of dates.
        ArtifactError: the model version or the ledger is not as it was written.
    """
    about = load_description(model)
    found = _find(source, by, about)
    over = last_day_over(about.contract, settle_days, now) if by == "time" else date.max
    ledger = Ledger.of(workspace, about.name, source, by)
    entries, refusals = ledger.entries(), {} if rescore else ledger.refusals()
    scorer = (about.version, load_calibration(model).calibration_id) if rescore else None
    kinds: dict[str, list[Partition]] = {"new": [], "changed": [], "rescored": [], "done": []}
    refused, waiting = {}, []
    for one in between(_of_days(found) if by == "time" and (since or until) else found, since, until):
        kind, refusal = _kind(one, entries.get(one.key), workspace, scorer), refusals.get(one.key)
        if one.day and one.day > over:
            waiting.append(one.key)
        elif kind != "done" and refusal and _stands(refusal, one, about.version):
            refused[one.key] = refusal.reason
        else:
            kinds[kind].append(one)
    last = max((day for key in entries if (day := day_in(key))), default=date.min)
    return Plan(
        model,
        workspace,
        ledger,
        **{kind: tuple(some) for kind, some in kinds.items()},
        refused=refused,
        late=tuple(one.key for one in kinds["new"] if one.day and one.day < last),
        waiting=tuple(waiting),
        vanished=tuple(sorted(entries.keys() - {one.key for one in found})),
    )


def content_of(files: list[dict[str, Any]]) -> str:
    """Return a fingerprint of files, from their names and hashes."""
    return fingerprint([(file["name"], file["sha256"]) for file in files])


def _find(source: str, by: By, about: Description) -> tuple[Partition, ...]:
    found = find_source(about.spec.data.model_copy(update={"source": source}))
    return find_days(found, about.contract) if by == "time" else find_partitions(found, by)


def _of_days(found: tuple[Partition, ...]) -> tuple[Partition, ...]:
    return tuple(one for one in found if one.day)


def _kind(one: Partition, entry: Entry | None, workspace: Path, scorer: tuple[str, str] | None) -> str:
    if entry is None or not is_published(workspace / entry.scored):
        return "new"
    if not _is_unchanged(one, entry):
        return "changed"
    return "rescored" if scorer and scorer != (entry.model_version, entry.calibration_id) else "done"


def _stands(refusal: Refusal, one: Partition, version: str) -> bool:
    return refusal.model_version == version and _is_unchanged(one, refusal)


def _is_unchanged(one: Partition, known: Entry | Refusal) -> bool:
    """Say whether the files are those that are known; they are read only if they were touched."""
    return known.stamp == one.stamp() or known.content == content_of([describe(file) for file in one.source.files])
