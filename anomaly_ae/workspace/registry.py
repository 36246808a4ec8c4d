"""The registry of one model: which version each alias stands for, and how that came about.

aliases/<name>/000001.json, 000002.json, ...    one file per change: champion, challenger, and every change so far

The last file counts. Each is created by one writer only, which has read the one before it; a second writer, on
whatever host, finds the number taken and decides again. A single `aliases/<name>.json`, as earlier releases kept,
counts until the first change.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import ValidationError

from anomaly_ae.errors import ArtifactError
from anomaly_ae.spec import Section
from anomaly_ae.storage import clear_stale, create_json, reach, read_json
from anomaly_ae.storage.locations import Location

Alias = Literal["champion", "challenger"]
CHAMPION: Alias = "champion"
CHALLENGER: Alias = "challenger"


class AliasChange(Section):
    """One change of an alias.

    Attributes:
        at: when.
        alias: which.
        version: what it has stood for since.
        reason: why it was changed.
        notes: what was checked before a promotion, and what spoke against it.
        forced: whether it was made despite what spoke against it.
    """

    at: str
    alias: Alias
    version: str
    reason: Literal["trained", "promoted", "rolled back"]
    notes: tuple[str, ...] = ()
    forced: bool = False


class Aliases(Section):
    """What a model's aliases stand for; None where one stands for nothing."""

    champion: str | None = None
    challenger: str | None = None
    history: tuple[AliasChange, ...] = ()

    @property
    def champions(self) -> tuple[str, ...]:
        """The champion and those before it, latest last: what rolling back would bring back, step by step."""
        line: list[str] = []
        for change in self.history:
            if change.alias != CHAMPION:
                continue
            if change.reason == "rolled back":
                line.pop()
            else:
                line.append(change.version)
        return tuple(line)

    @property
    def in_use(self) -> frozenset[str]:
        """Every version that an alias stands for, or would stand for after rolling back."""
        return frozenset(version for version in (self.champion, self.challenger, *self.champions[-2:]) if version)

    def after(self, change: AliasChange) -> "Aliases":
        """Return the aliases after a change; a version that becomes champion is no challenger any more."""
        named: dict[str, str | None] = {change.alias: change.version}
        if change.alias == CHAMPION and self.challenger == change.version:
            named[CHALLENGER] = None
        return self.model_copy(update={**named, "history": (*self.history, change)})


@dataclass(frozen=True)
class Registry:
    """The aliases of one model.

    Attributes:
        directory: of the files of all models.
        name: of the model.
    """

    directory: Location
    name: str

    def aliases(self) -> Aliases:
        """Read what the aliases stand for; nothing where nothing was trained.

        Raises:
            ArtifactError: a file is not as it was written.
            StorageError: the workspace cannot be reached.
        """
        return self._latest()[1]

    def version_of(self, alias: Alias = CHAMPION) -> str:
        """Return the version that an alias stands for.

        Raises:
            ArtifactError: nothing was trained under that name, or the alias is not set.
        """
        known = self.aliases()
        version: str | None = getattr(known, alias)
        if version is None:
            remedy = "`anomaly-ae promote` promotes its challenger" if known.challenger else "train one first"
            msg = f"the model {self.name!r} has no {alias} in {self.directory.parent}; {remedy}"
            raise ArtifactError(msg)
        return version

    def set_trained(self, version: str, alias: Alias = CHAMPION) -> None:
        """Let an alias stand for a version that was just trained.

        The champion, trained again, does not become its own challenger.
        """

        def decide(known: Aliases) -> AliasChange | None:
            is_known = version in (known.champion, getattr(known, alias))
            return None if is_known else _change(alias, version, "trained")

        self._record(decide)

    def promote(self, version: str, notes: tuple[str, ...] = (), *, forced: bool = False) -> None:
        """Make a version the champion, and record what was checked before."""
        change = _change(CHAMPION, version, "promoted").model_copy(update={"notes": notes, "forced": forced})
        self._record(lambda _: change)

    def roll_back(self, check: Callable[[str], object]) -> tuple[str, str]:
        """Make the version before the champion the champion again.

        Args:
            check: raises where the version that would come back cannot be used.

        Returns:
            The version that was champion, and the one that is now.

        Raises:
            ArtifactError: there was none before it.
        """

        def decide(known: Aliases) -> AliasChange:
            if len(known.champions) < 2:
                place = self.directory.parent
                msg = (
                    f"{self.name!r} had no champion before {known.champion} in {place}; there is nothing to go back to"
                )
                raise ArtifactError(msg)
            check(known.champions[-2])
            return _change(CHAMPION, known.champions[-2], "rolled back")

        line = self._record(decide).champions
        return line[-1], line[-2]

    def _latest(self) -> tuple[int, Aliases]:
        """Return how many changes there were, and the aliases after the last of them."""
        reach(self.directory.parent)
        changes = sorted((self.directory / self.name).glob("[0-9]*.json"))
        last = changes[-1] if changes else self.directory / f"{self.name}.json"
        try:
            known = Aliases.model_validate(read_json(last)) if last.exists() else Aliases()
        except ValidationError as error:
            msg = f"{last} is not as it was written: {error.errors()[0]['msg']}"
            raise ArtifactError(msg) from error
        return int(last.stem) if changes else 0, known

    def _file(self, number: int) -> Location:
        return self.directory / self.name / f"{number:06d}.json"

    def _record(self, decide: Callable[[Aliases], AliasChange | None]) -> Aliases:
        """Add the change that is decided on; decide again where another writer was first.

        Returns:
            The aliases as they were before.
        """
        while True:
            number, known = self._latest()
            # Killed right after it created the latest file, a process could not remove its temporary copy.
            clear_stale(self._file(number))
            change = decide(known)
            if change is None:
                return known
            path = self._file(number + 1)
            content = known.after(change).model_dump(mode="json")
            try:
                create_json(path, content)
            except FileExistsError:
                if read_json(path) != content:
                    continue
                # Ours after all: it was stored, the answer got lost, and the storage's client asked again.
            return known


def _change(alias: Alias, version: str, reason: Literal["trained", "promoted", "rolled back"]) -> AliasChange:
    return AliasChange(at=datetime.now(UTC).isoformat(timespec="seconds"), alias=alias, version=version, reason=reason)
