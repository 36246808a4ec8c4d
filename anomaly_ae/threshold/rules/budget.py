"""Rule `budget`: at most this many alerts a day, or per 1,000 rows.

All rows to come are treated as normal, so it is `fpr` with a rate made from the budget.
"""

from typing import Literal, Self

from pydantic import Field

from anomaly_ae.errors import CalibrationError
from anomaly_ae.threshold.conformal import cut, rows_needed, smallest_rate
from anomaly_ae.threshold.rules.rule import MILDER, Cut, Positive, Rule
from anomaly_ae.threshold.sample import Sample


class BudgetThreshold(Rule):
    """At most this many alerts a day, or per 1,000 rows, while all rows are normal."""

    figure = "alerts"
    warn_figure = "warn_alerts"
    rule: Literal["budget"] = "budget"
    alerts: Positive = Field(10, description="alerts expected at most, per day or per 1,000 rows")
    warn_alerts: Positive | None = Field(None, description="the same for the warn level; default: five times as many")
    per: Literal["day", "1000_rows"] = Field("1000_rows", description="what the alerts are counted over")
    rows_per_day: Positive | None = Field(
        None, description="rows a day brings; default: rows of the training data per day that has any"
    )

    @property
    def warn_rule(self) -> Self:
        """The rule at `warn_alerts`, or at five times the alerts."""
        warn = MILDER * self.alerts if self.warn_alerts is None else self.warn_alerts
        return self.model_copy(update={"alerts": warn})

    def cut(self, sample: Sample) -> Cut:
        """Return the smallest threshold above which at most `alerts` normal rows are expected, a day or per 1,000 rows.

        Raises:
            CalibrationError: too few normal rows to promise so few alerts, or the rows of a day are not known.
        """
        rows, unit = self._period()
        rate, n = min(self.alerts / rows, 1.0), len(sample.normal)
        threshold = cut(sample.normal, rate)
        if threshold is None:
            msg = (
                f"{self.alerts:g} alerts {unit} are a rate of {rate:.3g}, which needs at least {rows_needed(rate)} "
                f"normal validation rows; there are {n}, which can promise {rows * smallest_rate(n):.3g} {unit}. Give "
                "more rows, a larger split.validation, or more threshold.alerts."
            )
            raise CalibrationError(msg)
        promise = (
            f"At most {self.alerts:g} alerts {unit} are expected while all rows are normal and from the same source; "
            "anomalies add to them."
        )
        return Cut(threshold, promise, rate if rate < 1 else None)

    def _period(self) -> tuple[float, str]:
        """Return the rows that the budget is for, and how to name them in a sentence."""
        if self.per == "1000_rows":
            return 1000, "per 1,000 rows"
        if self.rows_per_day is None:
            msg = (
                "a budget per day needs the number of rows that a day brings: set threshold.rows_per_day, or name a "
                "datetime column in data.time and train on data that have it"
            )
            raise CalibrationError(msg)
        return self.rows_per_day, f"a day of {self.rows_per_day:,.0f} rows"
