"""The score distribution: a histogram per label, on a shared axis, with the threshold at the edge of a bar."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from anomaly_ae.report.tally import Array, Counts, Tally

_BARS = 64
_LOG_FROM = 30
"""The axis is logarithmic if the highest score is more than this many times the 1st percentile."""


@dataclass(frozen=True)
class Panel:
    """One histogram: the rows with one label.

    Attributes:
        label: True (anomaly), False (normal) or None (unlabelled).
        below: rows in each bar that are not alerts.
        above: rows in each bar that are alerts.
        total: rows with this label, drawn or not.
    """

    label: bool | None
    below: tuple[int, ...]
    above: tuple[int, ...]
    total: int


@dataclass(frozen=True)
class Distribution:
    """Histograms with shared bars.

    Attributes:
        edges: edges of the bars, ascending, one more than bars; the threshold is one of them.
        is_log: whether the axis is logarithmic.
        not_drawn: rows with a score of 0 or less, which a logarithmic axis cannot show.
        has_segments: whether segments have their own thresholds, so that alerts lie on either side of `threshold`.
    """

    edges: tuple[float, ...]
    is_log: bool
    threshold: float
    panels: tuple[Panel, ...]
    not_drawn: int
    has_segments: bool = False


def draw_distribution(tally: Tally, threshold: float, *, has_segments: bool = False) -> Distribution | None:
    """Bin the scores of all rows; return None if there are no rows.

    Args:
        tally: counts of the scored rows.
        threshold: threshold of all rows without their own.
        has_segments: whether some rows have their own threshold; alerts may then lie on either side of `threshold`.
    """
    everything = tally.counts()
    if not everything.total:
        return None
    is_log = _wants_log(everything, threshold)
    drawn = everything.scores[everything.scores > 0] if is_log else everything.scores
    edges = _edges(float(drawn.min()), float(drawn.max()), threshold, is_log=is_log)
    labels = sorted({group.label for group in tally.groups}, key=[False, True, None].index)
    panels = tuple(_panel(tally, label, edges, None if has_segments else threshold) for label in labels)
    not_drawn = everything.total - sum(sum(panel.below) + sum(panel.above) for panel in panels)
    return Distribution(tuple(edges.tolist()), is_log, threshold, panels, not_drawn, has_segments)


def _wants_log(everything: Counts, threshold: float) -> bool:
    positive = everything.scores > 0
    if threshold <= 0 or not positive.any():
        return False
    cumulative = np.cumsum(everything.rows[positive])
    low = everything.scores[positive][np.searchsorted(cumulative, 0.01 * cumulative[-1])]
    return bool(max(everything.scores[-1], threshold) > _LOG_FROM * min(low, threshold))


def _edges(low: float, high: float, threshold: float, *, is_log: bool) -> Array:
    """Return the edges of equal bars over all scores and the threshold, which is exactly one of the edges."""
    to, back = (np.log, np.exp) if is_log else (np.positive, np.positive)
    left, right, cut = (float(to(value)) for value in (min(low, threshold), max(high, threshold), threshold))
    width = (right - left) / _BARS
    if width <= abs(cut) * 1e-9:
        width = max(abs(cut), 1.0) / _BARS
    first, last = np.floor((left - cut) / width - 1e-6), np.ceil((right - cut) / width + 1e-6)
    steps = np.arange(first, last + 1)
    edges: Array = np.asarray(back(cut + steps * width))
    edges[steps == 0] = threshold
    return edges


def _panel(tally: Tally, label: bool | None, edges: Array, threshold: float | None) -> Panel:
    below = tally.counts(lambda group: group.label is label and not group.is_anomaly)
    above = tally.counts(lambda group: group.label is label and group.is_anomaly)
    total = below.total + above.total
    first, last = 0, len(edges) - 1
    cut = None if threshold is None else int(np.searchsorted(edges, threshold))
    sides = (first, last if cut is None else cut), (first if cut is None else cut, last)
    return Panel(label, _fill(below, edges, *sides[0]), _fill(above, edges, *sides[1]), total)


def _fill(counts: Counts, edges: Array, first: int, last: int) -> tuple[int, ...]:
    """Count rows in bars first..last; scores that rounding moved across the threshold are put back on their side."""
    bars: Any = np.zeros(len(edges) - 1, dtype=np.int64)
    inside = counts.scores > (0 if edges[0] > 0 else -np.inf)
    index = np.searchsorted(edges, counts.scores[inside], side="left") - 1
    np.add.at(bars, np.clip(index, first, max(first, last - 1)), counts.rows[inside])
    return tuple(bars.tolist())
