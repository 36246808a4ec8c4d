"""What every threshold rule is: a section of the spec that turns scores into a cut and its promise."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from anomaly_ae.spec import Share
from anomaly_ae.spec.threshold import RuleSection
from anomaly_ae.threshold.sample import Sample

MILDER = 5
"""How many times its figure the warn level of `fpr` and `budget` allows, unless the spec says otherwise."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Confidence = Annotated[
    Share | None,
    Field(description="share of draws of validation rows for which the promise holds; null: it holds on average"),
]
BaseRate = Annotated[
    Share | None, Field(description="share of anomalies among the rows to come; default: as in the labelled data")
]


@dataclass(frozen=True)
class Cut:
    """A threshold and what it promises.

    Attributes:
        threshold: `is_anomaly = anomaly_score > threshold`; finite.
        promise: in plain sentences; a rule that promises nothing says so.
        target_fpr: share of normal rows that may lie above it; None where the rule promises none.

    Raises:
        ValueError: the threshold is not finite.
    """

    threshold: float
    promise: str
    target_fpr: float | None = None

    def __post_init__(self) -> None:
        """Refuse a threshold that JSON cannot hold and no score can be compared with."""
        if not math.isfinite(self.threshold):
            msg = f"a rule must return a finite threshold, not {self.threshold}"
            raise ValueError(msg)


class Rule(RuleSection, ABC):
    """One way to find a threshold; a subclass adds its settings and its cut.

    A rule may have a figure, such as a rate or a recall. With one it can have a warn level, which is the same rule at a
    milder figure: rows above the warn threshold, but not above the threshold, are worth a look and are no alerts.

    Attributes:
        needs_anomalies: it needs labelled anomalies among the validation rows.
        takes_reviewed: it can be met from reviewed alerts alone.
        figure: the setting that holds its figure; None: it has none, and no warn level.
        warn_figure: the setting that holds the figure of the warn level.
        milder_is: the direction in which the figure flags more rows.
    """

    needs_anomalies: ClassVar[bool] = False
    takes_reviewed: ClassVar[bool] = False
    figure: ClassVar[str | None] = None
    warn_figure: ClassVar[str | None] = None
    milder_is: ClassVar[Literal["higher", "lower"]] = "higher"

    @abstractmethod
    def cut(self, sample: Sample) -> Cut:
        """Return the threshold of these scores, and what it promises.

        Raises:
            CalibrationError: the promise cannot be made from these scores; the message says by how much they fall
                short, and which setting helps.
        """

    @classmethod
    def of(cls, section: RuleSection) -> "Rule":
        """Return the threshold section of a spec as the rule that it is.

        Raises:
            TypeError: its class is registered as a rule and is none.
        """
        if isinstance(section, Rule):
            return section
        msg = f"{type(section).__name__} is registered as the rule {section.rule!r}, but does not derive from Rule"
        raise TypeError(msg)

    @property
    def warn_rule(self) -> Self | None:
        """The same rule at the figure of the warn level; None where there is no such level."""
        if self.figure is None or self.warn_figure is None:
            return None
        warn = getattr(self, self.warn_figure)
        return None if warn is None else self.model_copy(update={self.figure: warn})

    def with_measured(self, *, rows_per_day: float | None, base_rate: float | None) -> Self:
        """Fill in the settings of these names that were left to the data, if the rule has them.

        Args:
            rows_per_day: rows that a day of the training data brings; None: not known.
            base_rate: share of labelled anomalies among the training data; None: none is labelled.
        """
        measured = {"rows_per_day": rows_per_day, "base_rate": base_rate}
        fields = type(self).model_fields
        missing = {name: value for name, value in measured.items() if name in fields and getattr(self, name) is None}
        return self.model_copy(update=missing)

    @model_validator(mode="after")
    def _warn_is_milder(self) -> Self:
        if self.figure is None or self.warn_figure is None:
            return self
        figure, warn = getattr(self, self.figure), getattr(self, self.warn_figure)
        if warn is not None and (warn < figure if self.milder_is == "higher" else warn > figure):
            msg = (
                f"{self.warn_figure} must be {self.milder_is} than {self.figure} ({figure:g}), the stricter one, "
                f"not {warn:g}"
            )
            raise ValueError(msg)
        return self
