"""Metrics in a few lines of text, for a terminal or a page that shows a run."""

from collections.abc import Iterator

from anomaly_ae.evaluation.comparison import Comparison
from anomaly_ae.evaluation.metrics import NAMES, Metrics


def summarise(metrics: Metrics) -> list[str]:
    """Return the metrics with their intervals, what to beware of, and how simple methods do, one finding a line."""
    numbers = ", ".join(f"{name} {number_of(metrics, name)}" for name in NAMES)
    lines = [f"on {metrics.rows} {metrics.split} rows: {numbers}", *metrics.warnings]
    return lines + (list(_beside(metrics.baselines)) if metrics.baselines else [])


def number_of(metrics: Metrics, name: str) -> str:
    """Write one of the metrics with its 95 % interval, or that it is undefined."""
    value, interval = getattr(metrics, name), metrics.intervals.get(name)
    if value is None:
        return "undefined"
    return f"{value:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def _beside(baselines: Comparison) -> Iterator[str]:
    if baselines.not_made:
        yield f"no simple methods beside the model: {baselines.not_made}"
        return
    ranked = sorted(baselines.rankings, key=lambda ranking: -ranking.average_precision)
    yield "AP of each method: " + ", ".join(f"{one.method} {one.average_precision:.3f}" for one in ranked)
    yield from baselines.sentences
