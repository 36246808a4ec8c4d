"""Rule `budget`: at most so many alerts a day, or per 1,000 rows.

All rows to come are treated as normal ones, so it is `fpr` with a rate made from the budget.
"""

from anomaly_ae.errors import CalibrationError
from anomaly_ae.spec import BudgetThreshold
from anomaly_ae.threshold.conformal import cut, rows_needed, smallest_rate
from anomaly_ae.threshold.rules.rule import Cut
from anomaly_ae.threshold.sample import Sample


def cut_by_budget(sample: Sample, rule: BudgetThreshold) -> Cut:
    """Return the smallest threshold above which at most `alerts` normal rows are expected, a day or per 1,000 rows.

    Raises:
        CalibrationError: too few normal rows to promise so few alerts, or nobody knows how many rows a day brings.
    """
    rows, unit = _period(rule)
    rate, n = min(rule.alerts / rows, 1.0), len(sample.normal)
    threshold = cut(sample.normal, rate)
    if threshold is None:
        msg = (
            f"{rule.alerts:g} alerts {unit} are a rate of {rate:.3g}, which needs at least {rows_needed(rate)} normal "
            f"validation rows; there are {n}, which can promise {rows * smallest_rate(n):.3g} {unit}. Give more rows, "
            "a larger split.validation, or more threshold.alerts."
        )
        raise CalibrationError(msg)
    promise = (
        f"At most {rule.alerts:g} alerts {unit} are expected while all rows are normal ones from the same source; "
        "anomalies come on top."
    )
    return Cut(threshold, promise, rate if rate < 1 else None)


def _period(rule: BudgetThreshold) -> tuple[float, str]:
    """Return the rows that the budget is for, and how to say it."""
    if rule.per == "1000_rows":
        return 1000, "per 1,000 rows"
    if rule.rows_per_day is None:
        msg = (
            "a budget per day needs the number of rows that a day brings: set threshold.rows_per_day, or name a "
            "datetime column in data.time and train on data that have it"
        )
        raise CalibrationError(msg)
    return rule.rows_per_day, f"a day of {rule.rows_per_day:,.0f} rows"
