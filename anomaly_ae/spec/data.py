"""Where the rows are, what their columns mean, and how they are split."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from anomaly_ae.spec.formats import FormatName
from anomaly_ae.spec.sections import Scalar, Section, Share


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
    PICTURE = "picture"
    INFO = "info"
    IGNORED = "ignored"


FEATURE_ROLES = frozenset({Role.NUMERIC, Role.BOOLEAN, Role.CATEGORICAL, Role.DATETIME})
"""Roles whose columns the autoencoder of a table reads. The others identify, order, judge or describe a row."""


class LabelSpec(Section):
    """Which column says what is an anomaly, and which of its values say so.

    With one of the two lists given, every other value means the opposite; with both, a row of any other value is
    rejected. Both may be left out only where the values speak for themselves (0/1, true/false, normal/anomaly).
    """

    column: str = Field(description="column that holds the label")
    anomaly_values: tuple[Scalar, ...] | None = Field(None, description="values that mean anomaly")
    normal_values: tuple[Scalar, ...] | None = Field(None, description="values that mean normal")

    @model_validator(mode="after")
    def _no_value_means_both(self) -> Self:
        both = set(map(str, self.anomaly_values or ())) & set(map(str, self.normal_values or ()))
        if both:
            msg = f"{', '.join(sorted(both))} is in anomaly_values and in normal_values"
            raise ValueError(msg)
        return self


class DataSpec(Section):
    """Where the rows are and what their columns mean; what is not said here is inferred from the data."""

    source: str = Field(
        description="a file, a directory or a glob of tables (.gz and .zst are read as they are) or of pictures (also "
        "in .zip, .tar, .npz, IDX or Parquet)"
    )
    format: FormatName = Field("auto", description="of the files; auto: by their suffixes")
    encoding: str = Field("auto", description="of text sources; auto: a BOM, else UTF-8, else detected")
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        None, description="of CSV sources; default: comma, or what the header shows"
    )
    missing_values: tuple[str, ...] = Field(
        ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?"),
        description="texts that mean a missing cell",
    )
    id: str | None = Field(None, description="column that identifies a row; default: file name and row number")
    time: str | None = Field(None, description="column that orders rows in time; not a feature")
    entity: str | None = Field(
        None, description="column that says which entity, such as a machine, a row is about; not a feature"
    )
    label: LabelSpec | None = Field(None, description="which rows are known to be anomalies or normal")
    ignore: tuple[str, ...] = Field((), description="columns to leave out")
    roles: dict[str, Role] = Field(default_factory=dict, description="column -> role, where the inferred one is wrong")
    infer_rows: int = Field(100_000, ge=1, description="rows read to infer the contract")
    max_pixels: int = Field(
        50_000_000, ge=1, le=89_478_485, description="of a picture; a larger one is rejected before it is decoded"
    )
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
    """How rows are split: train for weights, validation for the threshold, test for reported numbers.

    Labelled anomalies go to test, unless `validation_anomalies` says otherwise. `row` hashes the row id, `group` hashes
    the entity, `time` cuts by time. `folder` takes pictures as their folders say: those of train are shared out to
    train and validation by their hash, those of test are for test.
    """

    by: Literal["row", "group", "time", "folder"] = Field("row", description="what decides where a row goes")
    train: Share = Field(0.6, description="share of the normal rows for weights")
    validation: Share = Field(0.2, description="share for the threshold")
    test: Share = Field(0.2, description="share for the reported metrics")
    validation_anomalies: float = Field(
        0,
        ge=0,
        lt=1,
        description="share of the labelled anomalies (by group or time: of those in validation) that thresholds may be "
        "taken from; the others stay test rows",
    )
    seed: int = Field(0, ge=0, le=999_999, description="another seed gives another split")

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            msg = f"train + validation + test must be 1, not {total:g}"
            raise ValueError(msg)
        return self
