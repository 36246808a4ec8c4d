"""The spec: pydantic models of everything a user may set.

One `Spec` describes one pipeline: where the data are, how rows are split, how the autoencoder is built and trained,
and what the threshold promises. Unknown keys are refused; `spec_file.py` reads it from YAML with dotted overrides.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """A part of the spec: immutable, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Role(StrEnum):
    """What a source column is for."""

    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    CATEGORICAL = "categorical"
    DATETIME = "datetime"
    ID = "id"
    LABEL = "label"
    ENTITY = "entity"
    TIME = "time"
    IGNORED = "ignored"


FEATURE_ROLES = frozenset({Role.NUMERIC, Role.BOOLEAN, Role.CATEGORICAL, Role.DATETIME})
"""Roles whose columns the autoencoder reads. The others identify, order or judge a row."""

Scalar = bool | int | float | str
Share = Annotated[float, Field(gt=0, lt=1)]
Widths = tuple[Annotated[int, Field(ge=1)], ...]


class LabelSpec(Section):
    """Which column says what is an anomaly, and which of its values say so.

    `anomaly_values` may be left out only where the values speak for themselves (0/1, true/false, normal/anomaly).
    """

    column: str
    anomaly_values: tuple[Scalar, ...] | None = None


class DataSpec(Section):
    """Where the rows are and what their columns mean; what is not said here is inferred from the data."""

    source: str = Field(description="a file, a directory or a glob; .gz and .zst are read as they are")
    format: Literal["auto", "csv", "tsv", "jsonl", "parquet", "arrow"] = "auto"
    encoding: str = Field("auto", description="of text sources; auto: a BOM, else UTF-8, else detected")
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        None, description="of CSV sources; default: comma, or what the header shows"
    )
    missing_values: tuple[str, ...] = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?")
    id: str | None = Field(None, description="column that names a row; default: file name and row number")
    time: str | None = Field(None, description="column that orders rows in time; not a feature")
    entity: str | None = Field(None, description="column that says whose row it is (a machine); not a feature")
    label: LabelSpec | None = None
    ignore: tuple[str, ...] = ()
    roles: dict[str, Role] = Field(default_factory=dict, description="column -> role, where the inferred one is wrong")
    infer_rows: int = Field(100_000, ge=1, description="rows read to infer the contract")
    max_reject_share: float = Field(0.05, ge=0, le=1, description="above this share of rejected rows ingest fails")

    @model_validator(mode="after")
    def _one_role_a_column(self) -> Self:
        named = [self.id, self.time, self.entity, self.label and self.label.column, *self.ignore, *self.roles]
        named = [name for name in named if name]
        for name in named:
            if named.count(name) > 1:
                msg = f"column {name!r} is given more than one role (id, time, entity, label, ignore, roles)"
                raise ValueError(msg)
        return self


class SplitSpec(Section):
    """How normal rows are shared out: train for weights, validation for the threshold, test for reported numbers.

    Labelled anomalies only ever go to test. `row` hashes the row id, `group` hashes the entity, `time` cuts by time.
    """

    by: Literal["row", "group", "time"] = "row"
    train: Share = 0.6
    validation: Share = 0.2
    test: Share = 0.2
    seed: int = Field(0, ge=0, le=999_999)

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            msg = f"train + validation + test must be 1, not {total:g}"
            raise ValueError(msg)
        return self


class FeatureSpec(Section):
    """How source columns become the float32 elements that the network reconstructs."""

    numeric: Literal["auto", "standard", "quantile", "tempered", "both"] = Field(
        "auto",
        description="view of a numeric column: standardised; mapped to a normal by its quantiles; tempered: the mean "
        "of these two; both, side by side; auto tempers the heavy-tailed columns and standardises the others",
    )
    max_kurtosis: float = Field(3.0, description="excess kurtosis above which a column counts as heavy-tailed")
    max_levels: int = Field(100, ge=1, description="levels of a categorical column kept apart; the rest are one")
    min_level_rows: int = Field(5, ge=1, description="a level seen in fewer train rows counts as rare")


class TextbookNetwork(Section):
    """The textbook autoencoder: an encoder to a bottleneck and its mirror image, fed with clean rows."""

    kind: Literal["textbook"] = "textbook"
    hidden: Widths = Field((256,), description="widths between input and bottleneck")
    bottleneck: int = Field(64, ge=1, description="width of the code; at most half of the elements")


class DenoisingNetwork(Section):
    """The multi-scale denoising autoencoder: fed with rows at many noise levels, taught to return the clean row."""

    kind: Literal["denoising"] = "denoising"
    hidden: Widths = Field((256, 256), description="widths between input and output")
    members: int = Field(2, ge=1, description="networks side by side, each trained without a share of the rows")
    noise_min: float = Field(0.05, gt=0, description="noise standard deviation, in units of a column's own; per row")
    noise_max: float = Field(0.5, gt=0, description="drawn log-uniformly between noise_min and noise_max")

    @model_validator(mode="after")
    def _noise_is_a_range(self) -> Self:
        if self.noise_min > self.noise_max:
            msg = f"noise_min {self.noise_min:g} is above noise_max {self.noise_max:g}"
            raise ValueError(msg)
        return self


class MemoryNetwork(DenoisingNetwork):
    """The denoising autoencoder with a memory: rows are also reconstructed from the nearest stored train rows.

    There are two memories, one of the elements as they are and one of the whitened elements.
    """

    kind: Literal["memory"] = "memory"  # type: ignore[assignment] # a kind of its own
    rows: int = Field(4096, ge=2, description="train rows stored; the model version holds them")
    neighbours: int = Field(3, ge=1, description="nearest stored rows that reconstruct a row")
    shrinkage: float = Field(0.1, gt=0, le=1, description="of the covariance before whitening")


NetworkSpec = Annotated[MemoryNetwork | DenoisingNetwork | TextbookNetwork, Field(discriminator="kind")]


class TrainingSpec(Section):
    """The one training loop."""

    steps: int = Field(500, ge=0, description="weight updates at most; 0 leaves the network untrained")
    batch_size: int = Field(256, ge=1)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = Field(1e-2, gt=0, description="peak of the one-cycle schedule")
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd")
    weight_decay: float = Field(1e-2, ge=0)
    schedule: Literal["one-cycle", "constant"] = "one-cycle"
    early_stopping_share: Share = Field(
        0.1, description="of the train rows, kept out of the updates; a network of several members leaves each its own"
    )
    patience: int = Field(10, ge=1, description="checks without a better early-stopping loss before stopping")
    check_every: int = Field(50, ge=1, description="steps between two checks")
    max_rows: int = Field(200_000, ge=1, description="train rows held in memory; a larger table is sampled")
    robust: bool = Field(
        False, description="train rows may hold anomalies: those far from all others are trimmed, and reported"
    )
    seed: int = 0
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"


class ScoringSpec(Section):
    """How a row's reconstruction becomes its anomaly score and its reasons."""

    passes: int = Field(1, ge=1, description="times the reconstruction is fed back before the error is taken")
    whiten: bool = Field(False, description="divide each element's error by its own mean, not only each part's")
    reasons: int = Field(3, ge=0, description="features named per row, largest contribution first")


class ThresholdSpec(Section):
    """What the threshold promises: the share of normal rows it may flag."""

    target_fpr: Share = 0.01


class Spec(Section):
    """One pipeline, whole."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "anomaly_ae"
    workspace: str = Field("anomaly_ae_runs", description="directory that receives datasets, models and scored tables")
    data: DataSpec
    score_source: str | None = Field(None, description="new rows to score; default: the data themselves")
    split: SplitSpec = SplitSpec()
    features: FeatureSpec = FeatureSpec()
    network: NetworkSpec = MemoryNetwork()
    training: TrainingSpec = TrainingSpec()
    scoring: ScoringSpec = ScoringSpec()
    threshold: ThresholdSpec = ThresholdSpec()
