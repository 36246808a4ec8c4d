"""How rows become elements, how the network is trained on them, and how its errors become scores."""

from typing import Literal

from pydantic import Field

from anomaly_ae.spec.sections import Section, Share


class FeatureSpec(Section):
    """How source columns become the float32 elements that the network reconstructs."""

    numeric: Literal["auto", "standard", "quantile", "tempered", "both"] = Field(
        "auto",
        description="view of a numeric column: standardised; mapped to a normal by its quantiles; tempered: the mean "
        "of these two; both, side by side; auto tempers the heavy-tailed columns and standardises the others",
    )
    max_kurtosis: float = Field(3.0, description="excess kurtosis above which a column counts as heavy-tailed")
    max_categories: int = Field(100, ge=1, description="frequent categories encoded one by one; others are merged")
    min_category_rows: int = Field(5, ge=1, description="a category seen in fewer train rows counts as rare")


class TrainingSpec(Section):
    """The one training loop."""

    steps: int = Field(500, ge=0, description="weight updates at most; 0 leaves the network untrained")
    batch_size: int = Field(256, ge=1, description="rows per weight update, for each member")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="sgd is stochastic gradient descent with momentum")
    learning_rate: float = Field(1e-2, gt=0, description="peak of the one-cycle schedule")
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd")
    weight_decay: float = Field(1e-2, ge=0, description="decay of the weights")
    schedule: Literal["one-cycle", "constant"] = Field("one-cycle", description="of the learning rate")
    early_stopping_share: Share = Field(
        0.1,
        description="share of the train rows that early stopping watches; each member of a network leaves out its own",
    )
    patience: int = Field(10, ge=1, description="checks without a better early-stopping loss before training stops")
    check_every: int = Field(50, ge=1, description="steps between two checks")
    checkpoint_seconds: float = Field(
        30, ge=0, description="seconds between two checkpoints at least, from which a killed run is resumed"
    )
    max_rows: int = Field(200_000, ge=1, description="train rows held in memory; a larger table is sampled")
    robust: bool = Field(
        False, description="whether train rows may include anomalies: rows far from all others are trimmed and reported"
    )
    exclude_reviewed: bool = Field(
        True, description="leave out of train and validation the rows that a reviewer found to be real anomalies"
    )
    seed: int = Field(0, description="of initial weights, batches and noise")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="auto: an accelerator if there is one")


class ScoringSpec(Section):
    """How a row's reconstruction becomes its anomaly score and its reasons."""

    passes: int = Field(1, ge=1, description="times the reconstruction is fed back before the error is taken")
    whiten: bool = Field(False, description="divide each element's error by its own mean, not only each part's")
    reasons: int = Field(3, ge=0, description="features named per row, largest contribution first")
