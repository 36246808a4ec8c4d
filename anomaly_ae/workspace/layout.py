"""How a workspace is laid out; only this module knows.

datasets/<fingerprint>/     what ingest published
models/<version>/           model versions; models/.training-<version>/ holds the checkpoints of a training
scored/<fingerprint>/       scored tables
aliases/<model name>/       which version is champion, which challenger
partitions/<model name>/    which partitions of a source are scored
feedback/<model name>/      what analysts said of alerts
"""

from dataclasses import dataclass
from typing import Self

from anomaly_ae.storage.locations import Location

DATASETS, MODELS, SCORED = "datasets", "models", "scored"
ALIASES, PARTITIONS, FEEDBACK = "aliases", "partitions", "feedback"
TRAINING = ".training-"
VISIBLE = "[!.]*"


@dataclass(frozen=True)
class Layout:
    """Where everything in a workspace is.

    Attributes:
        location: directory of the workspace, on this machine or on an object store.
    """

    location: Location

    @classmethod
    def holding(cls, directory: Location) -> Self:
        """Return the workspace that holds a dataset, a model version or a scored table."""
        return cls(directory.absolute().parent.parent)

    def dataset_directory(self, name: str) -> Location:
        """Return where a dataset is or will be."""
        return self.location / DATASETS / name

    def model_directory(self, version: str) -> Location:
        """Return where a model version is or will be."""
        return self.location / MODELS / version

    def training_directory(self, version: str) -> Location:
        """Return where the checkpoints of a version in training are."""
        return self.location / MODELS / f"{TRAINING}{version}"

    def scored_directory(self, name: str) -> Location:
        """Return where a scored table is or will be."""
        return self.location / SCORED / name

    def feedback_directory(self, name: str) -> Location:
        """Return where the verdicts on the rows that a model scored are."""
        return self.location / FEEDBACK / name
