"""The spec: pydantic models of everything a user may set.

One `Spec` describes one pipeline: where the data are, how rows are split, how the autoencoder is built and trained,
and what the threshold promises. Unknown keys are refused; `file.py` reads it from YAML with dotted overrides.
"""

from typing import Annotated, Literal

from pydantic import Field

from anomaly_ae.spec.data import FEATURE_ROLES, DataSpec, LabelSpec, Role, SplitSpec
from anomaly_ae.spec.networks import (
    AutoNetwork,
    NetworkChoice,
    NetworkSection,
    decided,
)
from anomaly_ae.spec.pictures import PictureSpec
from anomaly_ae.spec.sections import Scalar, Section, Share, Widths
from anomaly_ae.spec.threshold import RULES, ThresholdSpec
from anomaly_ae.spec.training import FeatureSpec, ScoringSpec, TrainingSpec

__all__ = [
    "FEATURE_ROLES",
    "AutoNetwork",
    "DataSpec",
    "FeatureSpec",
    "LabelSpec",
    "NetworkChoice",
    "NetworkSection",
    "PictureSpec",
    "Role",
    "Scalar",
    "ScoringSpec",
    "Section",
    "Share",
    "Spec",
    "SplitSpec",
    "ThresholdSpec",
    "TrainingSpec",
    "Widths",
    "decided",
]


class Spec(Section):
    """One pipeline, whole."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "anomaly_ae"
    workspace: str = Field("anomaly_ae_runs", description="directory that receives datasets, models and scored tables")
    data: DataSpec
    score_source: str | None = Field(None, description="new rows to score; default: the data themselves")
    split: SplitSpec = SplitSpec()
    features: FeatureSpec = FeatureSpec()
    pictures: PictureSpec = PictureSpec()
    network: NetworkChoice = AutoNetwork()
    training: TrainingSpec = TrainingSpec()
    scoring: ScoringSpec = ScoringSpec()
    threshold: ThresholdSpec = Field(default_factory=RULES.default_section)
    register_as: Literal["champion", "challenger"] = Field(
        "champion", description="what training makes of the model; a challenger scores nothing until it is promoted"
    )
