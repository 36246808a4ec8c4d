"""Other thresholds: their effect on this table, as a slider and as a table."""

from typing import Any

from anomaly_ae.evaluation.proportions import Rate
from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource
from anomaly_ae.report.what_if import Outcome, try_thresholds


def section(source: ReportSource) -> PageSection | None:
    """Return the effect of other thresholds; None if no row was scored."""
    has_segments = source.calibration.by is not None
    tried = try_thresholds(
        source.tally,
        source.validation,
        source.manifest.threshold,
        has_segments=has_segments,
        rows_per_day=source.about.data.get("rows_per_day"),
    )
    if tried is None:
        return None
    steps = [_numbers(outcome) for outcome in tried.outcomes]
    place = next(number for number, outcome in enumerate(tried.outcomes) if outcome.in_force)
    return PageSection(
        "what_if", "What if", tried, data={"what-if": {"rows": tried.rows, "steps": steps, "place": place}}
    )


def _numbers(outcome: Outcome) -> dict[str, Any]:
    return {
        "threshold": outcome.threshold,
        "alerts": outcome.alerts,
        "rate": _bounds(outcome.false_alarm_rate),
        "precision": _bounds(outcome.precision),
        "recall": _bounds(outcome.recall),
    }


def _bounds(rate: Rate | None) -> list[float] | None:
    """Return share, low and high; None where the rate is undefined."""
    if rate is None or rate.share is None or rate.low is None or rate.high is None:
        return None
    return [round(value, 6) for value in (rate.share, rate.low, rate.high)]
