"""What the threshold promises: one section a rule, told apart by `rule`; without one it is `fpr`.

Each rule has one figure of its own: a rate, a number of alerts, a recall. Its `warn_...` is the same figure, milder,
for the second level: rows above the warn threshold, but not above the threshold, are worth a look and are no alerts.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from anomaly_ae.spec.kinds import Kinds
from anomaly_ae.spec.sections import Section, Share

DEFAULT_RULE = "fpr"
MILDER = 5
"""How many times the figure of `fpr` and `budget` the warn level allows, unless the spec says otherwise."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Confidence = Annotated[
    Share | None,
    Field(description="share of draws of validation rows for which the promise holds; null: it holds on average"),
]
BaseRate = Annotated[
    Share | None, Field(description="share of anomalies among the rows to come; default: as in the labelled data")
]


class ThresholdRule(Section):
    """What every rule has.

    Attributes:
        figure: name of the rule's own figure.
        warn_figure: name of the same for the warn level.
        milder_is: the direction in which that figure flags more rows.
    """

    figure: ClassVar[str]
    warn_figure: ClassVar[str]
    milder_is: ClassVar[Literal["higher", "lower"]] = "higher"

    rule: str
    by: str | None = Field(
        None, description="column (entity, categorical or boolean) whose values get a threshold each"
    )
    min_rows: int | None = Field(
        None, ge=1, description="normal rows a segment needs for a threshold of its own; default: as many as the rule"
    )

    @property
    def warn_rule(self) -> Self | None:
        """The same rule with the figure of the warn level, or None where there is no such level."""
        warn = getattr(self, self.warn_figure)
        return None if warn is None else self.model_copy(update={self.figure: warn})

    @model_validator(mode="after")
    def _warn_is_milder(self) -> Self:
        figure, warn = getattr(self, self.figure), getattr(self, self.warn_figure)
        if warn is not None and (warn < figure if self.milder_is == "higher" else warn > figure):
            name = self.warn_figure
            msg = f"{name} must be {self.milder_is} than {self.figure} ({figure:g}), the stricter one, not {warn:g}"
            raise ValueError(msg)
        return self


class FprThreshold(ThresholdRule):
    """At most this share of normal rows lies above the threshold: split-conformal, from normal rows alone."""

    figure = "target_fpr"
    warn_figure = "warn_fpr"
    rule: Literal["fpr"] = "fpr"
    target_fpr: Share = Field(0.01, description="share of normal rows that may be flagged")
    warn_fpr: Share | None = Field(
        None, description="the same for the warn level; default: five times target_fpr, half of the rows at most"
    )
    confidence: Confidence = None

    @property
    def warn_rule(self) -> Self:
        """The rule at `warn_fpr`, or at five times the rate, half of the rows at most."""
        default = max(self.target_fpr, min(MILDER * self.target_fpr, 0.5))
        return self.model_copy(update={"target_fpr": default if self.warn_fpr is None else self.warn_fpr})


class BudgetThreshold(ThresholdRule):
    """At most so many alerts a day, or per 1,000 rows, where all rows are normal."""

    figure = "alerts"
    warn_figure = "warn_alerts"
    rule: Literal["budget"] = "budget"
    alerts: Positive = Field(10, description="alerts expected at most, per day or per 1,000 rows")
    warn_alerts: Positive | None = Field(None, description="the same for the warn level; default: five times as many")
    per: Literal["day", "1000_rows"] = "1000_rows"
    rows_per_day: Positive | None = Field(
        None, description="rows a day brings; default: rows of the training data per day that has any"
    )

    @property
    def warn_rule(self) -> Self:
        """The rule at `warn_alerts`, or at five times the alerts."""
        warn = MILDER * self.alerts if self.warn_alerts is None else self.warn_alerts
        return self.model_copy(update={"alerts": warn})


class RecallThreshold(ThresholdRule):
    """At least this share of anomalies like the labelled ones lies above the threshold."""

    figure = "target_recall"
    warn_figure = "warn_recall"
    rule: Literal["recall"] = "recall"
    target_recall: Share = Field(0.9, description="share of anomalies to be flagged at least")
    warn_recall: Share | None = Field(None, description="the same for the warn level; default: no such level")
    confidence: Confidence = 0.95


class PrecisionThreshold(ThresholdRule):
    """At least this share of alerts is real: the lowest threshold of which that is sure."""

    figure = "target_precision"
    warn_figure = "warn_precision"
    milder_is = "lower"
    rule: Literal["precision"] = "precision"
    target_precision: Share = Field(0.8, description="share of alerts that are real, at least")
    warn_precision: Share | None = Field(None, description="the same for the warn level; default: no such level")
    confidence: Confidence = 0.95
    base_rate: BaseRate = None


class FBetaThreshold(ThresholdRule):
    """The largest F-beta on the labelled validation rows; beta times as much weight on recall as on precision."""

    figure = "beta"
    warn_figure = "warn_beta"
    rule: Literal["f_beta"] = "f_beta"
    beta: Positive = Field(1.0, description="above 1 recall weighs more, below 1 precision")
    warn_beta: Positive | None = Field(None, description="the same for the warn level; default: no such level")
    base_rate: BaseRate = None


class CostThreshold(ThresholdRule):
    """The smallest expected cost on the labelled validation rows."""

    figure = "miss_cost"
    warn_figure = "warn_miss_cost"
    rule: Literal["cost"] = "cost"
    false_alarm_cost: Positive = Field(1.0, description="cost of looking at a normal row")
    miss_cost: Positive = Field(10.0, description="cost of an anomaly that nobody looks at")
    warn_miss_cost: Positive | None = Field(None, description="the same for the warn level; default: no such level")
    base_rate: BaseRate = None


class ManualThreshold(ThresholdRule):
    """A threshold set by hand; it promises nothing."""

    figure = "threshold"
    warn_figure = "warn_threshold"
    milder_is = "lower"
    rule: Literal["manual"] = "manual"
    threshold: float = Field(allow_inf_nan=False, description="cut on the anomaly score")
    warn_threshold: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        None, description="the same for the warn level; default: no such level"
    )


RULES = Kinds(
    ThresholdRule,
    "rule",
    {
        "fpr": "anomaly_ae.spec.threshold:FprThreshold",
        "budget": "anomaly_ae.spec.threshold:BudgetThreshold",
        "recall": "anomaly_ae.spec.threshold:RecallThreshold",
        "precision": "anomaly_ae.spec.threshold:PrecisionThreshold",
        "f_beta": "anomaly_ae.spec.threshold:FBetaThreshold",
        "cost": "anomaly_ae.spec.threshold:CostThreshold",
        "manual": "anomaly_ae.spec.threshold:ManualThreshold",
    },
    default=DEFAULT_RULE,
)
"""A new rule is one file in `threshold/rules/` and one line here."""

ThresholdSpec = Annotated[ThresholdRule, RULES]
