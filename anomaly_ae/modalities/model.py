"""What a trained model of any modality looks like to the stages."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa
from torch import nn

from anomaly_ae.monitoring.profile import Profile
from anomaly_ae.scoring.scores import Scores
from anomaly_ae.spec import NetworkSection, Section, Spec, decided
from anomaly_ae.training import Check


class Model(Protocol):
    """A trained model: rows of a dataset in, scores and reasons out."""

    @property
    def batch_rows(self) -> int:
        """Rows that scoring reads at once."""

    @property
    def history(self) -> tuple[Check, ...]:
        """The checks of its training."""

    @property
    def network(self) -> nn.Module:
        """Its tensors: what `weights.safetensors` holds, by the names of its state dict."""

    @property
    def parts(self) -> "ModelParts":
        """What `model.json` says of it, besides its spec."""

    def score(self, rows: pa.RecordBatch) -> Scores:
        """Score rows of a dataset."""

    def reasons(self, rows: pa.RecordBatch, scores: Scores) -> pa.ListArray:
        """Return each row's largest contributions, as the scored table holds them."""


class ModelParts(Section):
    """What `model.json` says of a model, besides its spec; each modality has its own.

    Attributes:
        kind: name of the modality.
    """

    kind: str

    @property
    def summary(self) -> str:
        """What the autoencoder reads, in a few words."""
        return self.kind

    @property
    def scored_facts(self) -> dict[str, Any]:
        """What the manifest of a scored table repeats of the model."""
        return {}

    def fitted_network(self, spec: Spec) -> NetworkSection:
        """Return the network that was fitted, with every default decided."""
        return decided(spec.network)


@dataclass(frozen=True)
class Fitted:
    """What fitting makes of a dataset.

    Attributes:
        model: on the device it was trained on.
        validation: the validation rows, ascending by `anomaly_score`, which is one of its columns.
        split: counts by split, saved with the model.
        trimmed: ids of the train rows that were left out as too far from the others.
        profile: what the feature columns of the train rows held.
    """

    model: Model
    validation: pa.Table
    split: dict[str, int | float | str]
    trimmed: tuple[str, ...] = ()
    profile: Profile = field(default_factory=Profile)
