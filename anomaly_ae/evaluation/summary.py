"""Metrics as a few lines of text, for a terminal or a page about a run."""

from collections.abc import Iterator

from anomaly_ae.evaluation.comparison import Comparison
from anomaly_ae.evaluation.metrics import NAMES, Metrics
from anomaly_ae.evaluation.pixels import PixelMetrics


def summarise(metrics: Metrics) -> list[str]:
    """Return the metrics with their intervals, the warnings and the baselines, one finding per line."""
    numbers = ", ".join(f"{name} {number_of(metrics, name)}" for name in NAMES)
    split = "labelled" if metrics.split == "all" else metrics.split
    lines = [f"on {metrics.rows} {split} rows: {numbers}", *metrics.warnings]
    lines += list(_in_pixels(metrics.pixels)) if metrics.pixels else []
    return lines + (list(_beside(metrics.baselines)) if metrics.baselines else [])


def number_of(metrics: Metrics, name: str) -> str:
    """Return a metric with its 95% interval as text, or "undefined"."""
    value, interval = getattr(metrics, name), metrics.intervals.get(name)
    if value is None:
        return "undefined"
    return f"{value:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def _in_pixels(pixels: PixelMetrics) -> Iterator[str]:
    if pixels.pixel_roc_auc is None or pixels.aupro is None:
        yield f"no pixel metrics: {pixels.undefined['aupro']}"
        return
    masks = f"{pixels.masked_pictures} of {pixels.pictures} pictures with a mask, {pixels.regions} regions"
    yield f"maps against masks ({masks}): pixel_roc_auc {pixels.pixel_roc_auc:.3f}, aupro {pixels.aupro:.3f}"
    if pixels.unmasked_anomalies:
        yield f"{pixels.unmasked_anomalies} labelled anomalies have no mask and are left out of these two numbers"


def _beside(baselines: Comparison) -> Iterator[str]:
    if baselines.not_made:
        yield f"no comparison with baselines: {baselines.not_made}"
        return
    ranked = sorted(baselines.rankings, key=lambda ranking: -ranking.average_precision)
    yield "AP of each method: " + ", ".join(f"{ranking.method} {ranking.average_precision:.3f}" for ranking in ranked)
    yield from baselines.sentences
