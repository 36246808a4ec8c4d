"""The workspace: one directory that holds everything a pipeline makes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from anomaly_ae.errors import ArtifactError
from anomaly_ae.storage import STAGING, fingerprint, is_published, is_remote, locate
from anomaly_ae.storage.locations import Location
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.layout import ALIASES, DATASETS, MODELS, PARTITIONS, SCORED, TRAINING, VISIBLE, Layout
from anomaly_ae.workspace.ledger import Ledger
from anomaly_ae.workspace.registry import CHAMPION, Alias, Aliases, Registry
from anomaly_ae.workspace.scored_table import ScoredTable

if TYPE_CHECKING:
    from anomaly_ae.workspace.model_version import ModelVersion


@dataclass(frozen=True)
class Workspace(Layout):
    """A workspace: opens what its directories hold."""

    @classmethod
    def open(cls, location: str | Location) -> Self:
        """Return the workspace at a location; it need not exist yet.

        Raises:
            StorageError: nothing installed knows the protocol of the location.
        """
        return cls(locate(location))

    def find_dataset(self, name: str) -> Dataset | None:
        """Return a dataset; None where there is none of that name."""
        return Dataset.find(self.dataset_directory(name))

    def model(self, version: str) -> "ModelVersion":
        """Return a model version.

        Raises:
            ArtifactError: there is none, or it is incomplete or altered.
        """
        from anomaly_ae.workspace.model_version import ModelVersion

        return ModelVersion.open(self.model_directory(version))

    def find_model(self, version: str) -> "ModelVersion | None":
        """Return a model version; None where it was removed."""
        return self.model(version) if is_published(self.model_directory(version)) else None

    def model_directories(self) -> Iterator[Location]:
        """Yield the directory of every model version, whatever its format."""
        yield from self._published(MODELS)

    def scored_directories(self) -> Iterator[Location]:
        """Yield the directory of every scored table, whatever its format."""
        yield from self._published(SCORED)

    def tables(self) -> Iterator[ScoredTable]:
        """Yield the scored tables that this release can read."""
        for directory in self.scored_directories():
            try:
                yield ScoredTable.open(directory)
            except ArtifactError:
                continue  # of another format; whoever asks for that one is told

    def registry(self, name: str) -> Registry:
        """Return the aliases of the model called `name`."""
        return Registry(self.location / ALIASES, name)

    def aliases(self) -> Iterator[Aliases]:
        """Yield the aliases of every model."""
        names = {path.name.removesuffix(".json") for path in (self.location / ALIASES).glob(VISIBLE)}
        for name in sorted(names):
            yield self.registry(name).aliases()

    def aliased_model(self, name: str, alias: Alias = CHAMPION) -> "ModelVersion":
        """Return the version that an alias of the model called `name` stands for.

        Raises:
            ArtifactError: nothing was trained under that name, the alias is not set, or the version is damaged.
        """
        return self.model(self.registry(name).version_of(alias))

    def roll_back(self, name: str) -> tuple[str, str]:
        """Make the version before the champion the champion again.

        Returns:
            The version that was champion, and the one that is now.

        Raises:
            ArtifactError: there was none before it, or it was removed.
        """
        return self.registry(name).roll_back(self.model)

    def ledger(self, name: str, source: str, by: str) -> Ledger:
        """Return the ledger of a source that the model called `name` scores in partitions of one kind."""
        return Ledger(self.location / PARTITIONS / name / fingerprint([source.rstrip("/"), by]))

    def scoring_in_progress(self) -> Iterator[Location]:
        """Yield the directories of scored tables that are being written, or that a dead process left behind."""
        yield from (self.location / SCORED).glob(f"{STAGING}*")

    def unfinished(self) -> Iterator[Location]:
        """Yield what is being written, or was left behind by a dead process: stagings, hidden files, checkpoints."""
        patterns = (f"*/{STAGING}*", f"*/{VISIBLE}/{STAGING}*", f"{PARTITIONS}/**/{STAGING}*", f"{MODELS}/{TRAINING}*")
        found = {path for pattern in patterns for path in self.location.glob(pattern)}
        if is_remote(self.location):
            # Nothing can appear at once on an object store: what is being published has no manifest yet.
            directories = (path for kind in (DATASETS, MODELS, SCORED) for path in (self.location / kind).glob(VISIBLE))
            found |= {path for path in directories if not is_published(path)}
        yield from found

    def _published(self, kind: str) -> Iterator[Location]:
        yield from (path for path in (self.location / kind).glob(VISIBLE) if is_published(path))
