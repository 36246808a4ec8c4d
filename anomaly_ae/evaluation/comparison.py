"""Comparison of the model with baselines on the same labelled rows: how well each ranks them, and which beat it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from anomaly_ae.evaluation.intervals import average_precision_interval, roc_auc_interval
from anomaly_ae.evaluation.proportions import Interval
from anomaly_ae.spec import Section

MODEL = "autoencoder"
_RESAMPLES = 500
MEASURES = {"roc_auc": "ROC AUC", "average_precision": "AP"}

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


class Lead(Section):
    """A method's lead over the model, with the interval of a paired bootstrap stratified by label."""

    value: float
    interval: Interval


class Ranking(Section):
    """How well a method ranks the rows; `leads` is None for the model itself."""

    method: str
    roc_auc: float
    average_precision: float
    intervals: dict[str, Interval]
    leads: dict[str, Lead] | None = None


class Comparison(Section):
    """The model compared with baselines.

    Attributes:
        rows: labelled rows ranked by all methods.
        anomalies: anomalies among them.
        train_rows: rows the baselines were fitted on, a subset of the model's.
        rankings: one per method, the model first.
        sentences: one for each measure by which a method beats the model beyond chance.
        not_made: why there is no comparison, or None.
    """

    rows: int = 0
    anomalies: int = 0
    train_rows: int = 0
    rankings: tuple[Ranking, ...] = ()
    sentences: tuple[str, ...] = ()
    not_made: str | None = None


def compare(label: Bools, scores: Mapping[str, Floats], train_rows: int) -> Comparison:
    """Compare the rankings of several methods.

    Args:
        label: True for anomalies, `(n,)`; both classes must occur.
        scores: anomaly scores of each method, `(n,)` each; the others are compared with those of `MODEL`.
        train_rows: number of rows the baselines were fitted on.
    """
    methods = [MODEL, *(method for method in scores if method != MODEL)]
    ordered = [OrderedLabels.of(scores[method], label) for method in methods]
    values = np.array([labels.measure(np.ones(len(label))) for labels in ordered])
    leads = values[1:] - values[0]
    low, high = _bootstrap_leads(label, ordered)
    rankings = [_rank(method, scores[method], label, value) for method, value in zip(methods, values, strict=True)]
    for number, ranking in enumerate(rankings[1:]):
        ends = zip(MEASURES, leads[number], low[number], high[number], strict=True)
        ahead = {name: Lead(value=lead, interval=(lower, upper)) for name, lead, lower, upper in ends}
        rankings[number + 1] = ranking.model_copy(update={"leads": ahead})
    return Comparison(
        rows=len(label),
        anomalies=int(label.sum()),
        train_rows=train_rows,
        rankings=tuple(rankings),
        sentences=tuple(sentence for ranking in rankings[1:] for sentence in _sentences(ranking, rankings[0])),
    )


@dataclass(frozen=True)
class OrderedLabels:
    """Labels sorted by descending score, so that resamples are measured without sorting again.

    Attributes:
        order: row indices by descending score, `(n,)`.
        is_last: True for the last row, in that order, of each group of equal scores.
        anomaly: labels in that order.
    """

    order: NDArray[np.intp]
    is_last: Bools
    anomaly: Bools

    @classmethod
    def of(cls, score: Floats, label: Bools) -> Self:
        """Sort rows once."""
        order = np.argsort(-score, kind="stable")
        ranked = score[order]
        return cls(order, np.append(ranked[1:] != ranked[:-1], True), label[order])

    def measure(self, weight: Floats) -> tuple[float, float]:
        """Return ROC AUC and average precision of rows weighted by `weight`, `(n,)`."""
        ordered_weight = weight[self.order]
        hits = np.cumsum(ordered_weight * self.anomaly)[self.is_last]
        alarms = np.cumsum(ordered_weight * ~self.anomaly)[self.is_last]
        new_hits, new_alarms = np.diff(hits, prepend=0), np.diff(alarms, prepend=0)
        area = float(new_alarms @ (hits - new_hits / 2)) / (hits[-1] * alarms[-1])
        precision = hits / np.maximum(hits + alarms, 1)
        return area, float(new_hits @ precision) / hits[-1]


def _bootstrap_leads(label: Bools, ordered: list[OrderedLabels]) -> tuple[Floats, Floats]:
    """Return both ends of the leads' 95% percentile intervals, `(methods, 2)` each; all methods share the resamples.

    SciPy's bootstrap would store the indices of every resample and sort each one.
    """
    rng = np.random.default_rng(0)
    leads = []
    for _ in range(_RESAMPLES):
        weight = _resample(label, rng)
        values = np.array([labels.measure(weight) for labels in ordered])
        leads.append(values[1:] - values[0])
    low, high = np.quantile(leads, [0.025, 0.975], axis=0)
    return low, high


def _resample(label: Bools, rng: np.random.Generator) -> Floats:
    """Draw rows with replacement, stratified by label, and return how often each was drawn, `(n,)`."""
    weight = np.empty(len(label))
    for rows in (np.flatnonzero(label), np.flatnonzero(~label)):
        weight[rows] = np.bincount(rng.integers(len(rows), size=len(rows)), minlength=len(rows))
    return weight


def _rank(method: str, score: Floats, label: Bools, value: Floats) -> Ranking:
    roc_auc, average_precision = value.tolist()
    intervals = {
        "roc_auc": roc_auc_interval(score[label], score[~label]),
        "average_precision": average_precision_interval(average_precision, int(label.sum())),
    }
    return Ranking(method=method, roc_auc=roc_auc, average_precision=average_precision, intervals=intervals)


def _sentences(ranking: Ranking, model: Ranking) -> list[str]:
    """Return a sentence for each measure by which a method beats the model beyond chance."""
    return [
        f"{ranking.method} ranks these rows better than the {MODEL}: {title} {getattr(ranking, name):.3f} against "
        f"{getattr(model, name):.3f}, difference {lead.value:.3f} (95% interval {lead.interval[0]:.3f} to "
        f"{lead.interval[1]:.3f})"
        for name, title in MEASURES.items()
        if (lead := (ranking.leads or {})[name]).interval[0] > 0
    ]
