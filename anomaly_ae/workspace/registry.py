"""The registry: which model version a name stands for, and how that came about.

aliases/<name>/000001.json, 000002.json, ...    one file a change: champion, challenger, and every change until then

The last file counts. Each is created by one writer only, who had read the one before; a second one, on whatever host,
finds the number taken, and looks again before it changes anything. A single `aliases/<name>.json`, as earlier releases
kept, counts until the first change.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from anomaly_ae.errors import ArtifactError
from anomaly_ae.spec import Section
from anomaly_ae.storage import clear_stale, create_json, reach, read_json, read_manifest

MODELS, ALIASES = "models", "aliases"
TRAINING = ".training-"
Alias = Literal["champion", "challenger"]
CHAMPION: Alias = "champion"
CHALLENGER: Alias = "challenger"


class Change(Section):
    """One change of an alias.

    Attributes:
        at: when.
        alias: which.
        version: what it stands for since.
        reason: what made it so.
        notes: what was checked before a promotion, and what spoke against it.
        forced: whether it was made against what spoke against it.
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
    history: tuple[Change, ...] = ()

    @property
    def champions(self) -> tuple[str, ...]:
        """The champion and those it followed, latest last: what rolling back would bring back, step by step."""
        line: list[str] = []
        for change in self.history:
            if change.alias != CHAMPION:
                continue
            if change.reason == "rolled back":
                line.pop()
            else:
                line.append(change.version)
        return tuple(line)

    def after(self, change: Change) -> "Aliases":
        """Return the aliases after a change; a version that becomes champion is no challenger any more."""
        named: dict[str, str | None] = {change.alias: change.version}
        if change.alias == CHAMPION and self.challenger == change.version:
            named[CHALLENGER] = None
        return self.model_copy(update={**named, "history": (*self.history, change)})


def model_directory(workspace: Path, version: str) -> Path:
    """Return where a version is or will be."""
    return workspace / MODELS / version


def training_directory(workspace: Path, version: str) -> Path:
    """Return where the checkpoints of a version in training are."""
    return workspace / MODELS / f"{TRAINING}{version}"


def read_aliases(workspace: Path, name: str) -> Aliases:
    """Read what the aliases of the model called `name` stand for; nothing where nothing was trained.

    Raises:
        ArtifactError: a file is not as it was written.
        StorageError: the workspace cannot be reached.
    """
    return _latest(workspace, name)[1]


def set_alias(workspace: Path, name: str, version: str, alias: Alias = CHAMPION) -> None:
    """Let an alias of the model called `name` stand for a version just trained.

    The champion, trained again, does not become its own challenger.
    """

    def decide(known: Aliases) -> Change | None:
        is_known = version in (known.champion, getattr(known, alias))
        return None if is_known else _change(alias, version, "trained")

    _record(workspace, name, decide)


def promote_version(
    workspace: Path, name: str, version: str, notes: tuple[str, ...] = (), *, forced: bool = False
) -> None:
    """Make a version the champion, and keep for the record what was checked before."""
    change = _change(CHAMPION, version, "promoted").model_copy(update={"notes": notes, "forced": forced})
    _record(workspace, name, lambda _: change)


def roll_back(workspace: Path, name: str) -> tuple[str, str]:
    """Make the version before the champion the champion again.

    Returns:
        The version that was champion, and the one that is.

    Raises:
        ArtifactError: there was none before it, or it was removed.
    """

    def decide(known: Aliases) -> Change:
        if len(known.champions) < 2:
            msg = f"{name!r} had no champion before {known.champion} in {workspace}; there is nothing to go back to"
            raise ArtifactError(msg)
        before = known.champions[-2]
        read_manifest(model_directory(workspace, before), "model")
        return _change(CHAMPION, before, "rolled back")

    line = _record(workspace, name, decide).champions
    return line[-1], line[-2]


def find_model(workspace: Path, name: str, alias: Alias = CHAMPION) -> Path:
    """Return the directory of the version that an alias stands for.

    Raises:
        ArtifactError: nothing was trained under that name, or the alias is not set.
    """
    known = read_aliases(workspace, name)
    version = getattr(known, alias)
    if version is None:
        what = "`anomaly-ae promote` makes its challenger one" if known.challenger else "train one first"
        msg = f"no model called {name!r} has a {alias} in {workspace}; {what}"
        raise ArtifactError(msg)
    return model_directory(workspace, version)


def aliased_versions(workspace: Path) -> set[str]:
    """Return every version that an alias of some model stands for, or that rolling back would make it stand for."""
    return set(_named(workspace))


def model_that_scored(scored: Path) -> Path:
    """Return the directory of the version that a workspace's scored table was made by, champion or not.

    Raises:
        ArtifactError: the directory is no published scored table.
    """
    return model_directory(scored.absolute().parent.parent, read_manifest(scored, "scored")["model_version"])


def _named(workspace: Path) -> Iterator[str]:
    for name in {path.name.removesuffix(".json") for path in (workspace / ALIASES).glob("[!.]*")}:
        known = read_aliases(workspace, name)
        yield from (version for version in (known.champion, known.challenger) if version)
        yield from known.champions[-2:]


def _change(alias: Alias, version: str, reason: Literal["trained", "promoted", "rolled back"]) -> Change:
    return Change(at=datetime.now(UTC).isoformat(timespec="seconds"), alias=alias, version=version, reason=reason)


def _latest(workspace: Path, name: str) -> tuple[int, Aliases]:
    """Return how many changes there were, and the aliases since the last of them."""
    reach(workspace)
    changes = sorted((workspace / ALIASES / name).glob("[0-9]*.json"))
    last = changes[-1] if changes else workspace / ALIASES / f"{name}.json"
    try:
        known = Aliases.model_validate(read_json(last)) if last.exists() else Aliases()
    except ValidationError as error:
        msg = f"{last} is not as it was written: {error.errors()[0]['msg']}"
        raise ArtifactError(msg) from error
    return int(last.stem) if changes else 0, known


def _file(workspace: Path, name: str, number: int) -> Path:
    return workspace / ALIASES / name / f"{number:06d}.json"


def _record(workspace: Path, name: str, decide: Callable[[Aliases], Change | None]) -> Aliases:
    """Add the change that is decided on; decide again where somebody else's came first.

    Returns:
        The aliases as they were before.
    """
    while True:
        number, known = _latest(workspace, name)
        # Killed right after it created the latest, a process could not remove what it had written that as.
        clear_stale(_file(workspace, name, number))
        change = decide(known)
        if change is None:
            return known
        path = _file(workspace, name, number + 1)
        content = known.after(change).model_dump(mode="json")
        try:
            create_json(path, content)
        except FileExistsError:
            if read_json(path) != content:
                continue
            # Ours after all: it was stored, the answer got lost, and the storage's client asked again.
        return known
