"""Calibrations and what-if tables as lines of text."""

from collections.abc import Sequence

from anomaly_ae.threshold.calibration import Calibration
from anomaly_ae.threshold.what_if import WhatIfRow

_FALLEN_BACK_SHOWN = 5


def calibration_lines(made: Calibration) -> list[str]:
    """Return the threshold, its promise, and the segments that fell back to it."""
    warn = "" if made.warn_threshold is None else f", warn {made.warn_threshold:.6g}"
    lines = [f"threshold  {made.threshold:.6g}{warn}  rule {made.rule}, calibration {made.calibration_id}"]
    lines.append(f"           {made.promise}")
    if made.by:
        fallen_back = [segment for segment in made.segments if segment.threshold is None]
        own = f"{len(made.segments) - len(fallen_back)} values of {made.by} have a threshold of their own"
        lines.append(f"segments   {own}, {len(fallen_back)} use the one above")
        lines += [f"           {segment.value}: {segment.reason}" for segment in fallen_back[:_FALLEN_BACK_SHOWN]]
    return lines


def what_if_lines(table: Sequence[WhatIfRow]) -> list[str]:
    """Return the table as aligned text, one line per threshold; empty columns are left out."""
    columns = {
        "threshold": [f"{'*' if row.in_force else ''}{row.threshold:.6g}" for row in table],
        "alerts per 1,000": [f"{row.alerts_per_1000:.3g}" for row in table],
        "alerts a day": [_number(row.alerts_per_day) for row in table],
        "false-alarm rate": [_with_interval(row.false_alarm_rate, row.false_alarm_interval) for row in table],
        "recall": [_with_interval(row.recall, row.recall_interval) for row in table],
        "precision": [_with_interval(row.precision, row.precision_interval) for row in table],
    }
    filled = {name: cells for name, cells in columns.items() if any(cells)}
    widths = [max(len(name), *map(len, cells)) for name, cells in filled.items()]
    rows = [list(filled), *zip(*filled.values(), strict=True)]
    lines = ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    return [*lines, "* in force; 95% intervals in brackets"]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _with_interval(value: float | None, interval: tuple[float, float] | None) -> str:
    if interval is None:
        return ""
    return f"{_number(value) or 'undefined'} [{interval[0]:.3g}, {interval[1]:.3g}]"
