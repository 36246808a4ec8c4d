"""The ledger: which partitions of a source are scored, by which model, and where the rows are.

    partitions/<model name>/<source>/<partition>.json       one file a partition
    partitions/<model name>/<source>/<partition>.refused    why its files could not be scored, where they could not

Each file is made from what scoring published and replaced whole, so two runs at once write the same, and a lost ledger
is made again from the tables that are there. What a partition was scored to before stays listed under `earlier`.
"""

from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from anomaly_ae.errors import ArtifactError
from anomaly_ae.spec import Section
from anomaly_ae.storage import read_each, read_json, write_json
from anomaly_ae.storage.locations import Location

_Kind = TypeVar("_Kind", bound=Section)


class PartitionResult(Section):
    """What one partition was scored to.

    Attributes:
        content: fingerprint of its files.
        stamp: of their names, sizes and times of change.
        scored: the scored table, relative to the workspace.
        model_version: that scored it.
        calibration_id: of the threshold.
        rows_in: rows of its files.
        rows_scored: rows of the scored table.
        rows_rejected: rows beside it.
        alerts: rows above the threshold.
    """

    content: str
    stamp: str
    scored: str
    model_version: str
    calibration_id: str
    rows_in: int
    rows_scored: int
    rows_rejected: int
    alerts: int


class LedgerEntry(PartitionResult):
    """A partition with the result that counts.

    Attributes:
        partition: its key.
        earlier: results that no longer count, latest first: of other content, or by another model or threshold.
    """

    partition: str
    earlier: tuple[PartitionResult, ...] = ()


class PartitionRefusal(Section):
    """Why the files of a partition were not scored: they are at fault, and trying again would not help.

    It stands until they change, or another model version is to score them.

    Attributes:
        partition: its key.
        content: fingerprint of its files.
        stamp: of their names, sizes and times of change.
        model_version: that was to score them.
        reason: what is wrong with them.
    """

    partition: str
    content: str
    stamp: str
    model_version: str
    reason: str


@dataclass(frozen=True)
class Ledger:
    """The entries of one source.

    Attributes:
        directory: where they are.
    """

    directory: Location

    def entries(self) -> dict[str, LedgerEntry]:
        """Read every entry, by the key of its partition.

        Raises:
            ArtifactError: a file is not as it was written.
        """
        found = read_each(lambda path: _read(path, LedgerEntry), sorted(self.directory.rglob("*.json")))
        return {entry.partition: entry for entry in found}

    def refusals(self) -> dict[str, PartitionRefusal]:
        """Read every refusal, by the key of its partition; errors as of `entries`."""
        found = read_each(lambda path: _read(path, PartitionRefusal), sorted(self.directory.rglob("*.refused")))
        return {refusal.partition: refusal for refusal in found}

    def record(self, partition: str, result: PartitionResult) -> LedgerEntry:
        """Let a result count for its partition; the one that did so far goes to the earlier ones."""
        path = self.directory / f"{partition}.json"
        before = _read(path, LedgerEntry) if path.exists() else None
        if before is None:
            entry = LedgerEntry(partition=partition, **dict(result))
        elif before.scored == result.scored:
            entry = before.model_copy(update=dict(result))
        else:
            entry = LedgerEntry(partition=partition, earlier=_earlier(before, result), **dict(result))
        if entry != before:
            write_json(path, entry.model_dump(mode="json"))
        return entry

    def refuse(self, refusal: PartitionRefusal) -> None:
        """Write down why a partition is not scored; what it was scored to before goes on counting."""
        path = self.directory / f"{refusal.partition}.refused"
        write_json(path, refusal.model_dump(mode="json"))


def _read(path: Location, kind: type[_Kind]) -> _Kind:
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        msg = f"{path} is not as it was written ({error.errors()[0]['msg']}); remove it, and it will be written again"
        raise ArtifactError(msg) from error


def _earlier(before: LedgerEntry, now: PartitionResult) -> tuple[PartitionResult, ...]:
    """List what counted before, without the table that counts now: content may come back."""
    last = PartitionResult(**before.model_dump(include=set(PartitionResult.model_fields)))
    return tuple(result for result in (last, *before.earlier) if result.scored != now.scored)
