"""Methods side by side on the same labelled rows: how well each ranks them, and which beat the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from anomaly_ae.evaluation.intervals import average_precision_interval, roc_auc_interval
from anomaly_ae.evaluation.proportions import Interval
from anomaly_ae.spec import Section

MODEL = "autoencoder"
RESAMPLES = 500
MEASURES = {"roc_auc": "ROC AUC", "average_precision": "AP"}

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


class Lead(Section):
    """How far a method is ahead of the model; its interval is a paired bootstrap's, stratified by label."""

    value: float
    interval: Interval


class Ranking(Section):
    """How well a method ranks the rows; the leads are None for the model itself."""

    method: str
    roc_auc: float
    average_precision: float
    intervals: dict[str, Interval]
    leads: dict[str, Lead] | None = None


class Comparison(Section):
    """Simple methods beside the model.

    Attributes:
        rows: labelled rows that all of them ranked.
        anomalies: among these.
        train_rows: rows that the simple methods were fitted on, a part of the model's.
        rankings: the model's first.
        sentences: says in words which methods beat the model beyond chance.
        not_made: why there is nothing to compare, or None.
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
        label: True where a row is an anomaly, `(n,)`; rows of both kinds.
        scores: anomaly scores of each method, `(n,)` each; those of `MODEL` are what the others are compared with.
        train_rows: for the record.
    """
    methods = [MODEL, *(method for method in scores if method != MODEL)]
    ordered = [Ordered.of(scores[method], label) for method in methods]
    values = np.array([one.measure(np.ones(len(label))) for one in ordered])
    leads = values[1:] - values[0]
    low, high = _bootstrap_leads(label, ordered)
    rankings = [_rank(method, scores[method], label, value) for method, value in zip(methods, values, strict=True)]
    for number, ranking in enumerate(rankings[1:]):
        ends = zip(MEASURES, leads[number], low[number], high[number], strict=True)
        ahead = {name: Lead(value=lead, interval=(below, above)) for name, lead, below, above in ends}
        rankings[number + 1] = ranking.model_copy(update={"leads": ahead})
    return Comparison(
        rows=len(label),
        anomalies=int(label.sum()),
        train_rows=train_rows,
        rankings=tuple(rankings),
        sentences=tuple(sentence for ranking in rankings[1:] for sentence in _sentences(ranking, rankings[0])),
    )


@dataclass(frozen=True)
class Ordered:
    """Labels in the order of falling scores, so that each resample is measured without sorting.

    Attributes:
        order: rows by falling score, `(n,)`.
        is_last: whether a row is the last of those with its score, in that order.
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
        """Return ROC AUC and average precision where each row counts `weight` times, `(n,)`."""
        here = weight[self.order]
        hits = np.cumsum(here * self.anomaly)[self.is_last]
        alarms = np.cumsum(here * ~self.anomaly)[self.is_last]
        found, raised = np.diff(hits, prepend=0), np.diff(alarms, prepend=0)
        area = float(raised @ (hits - found / 2)) / (hits[-1] * alarms[-1])
        precision = hits / np.maximum(hits + alarms, 1)
        return area, float(found @ precision) / hits[-1]


def _bootstrap_leads(label: Bools, ordered: list[Ordered]) -> tuple[Floats, Floats]:
    """Return both ends of the leads' 95 % percentile intervals, `(methods, 2)` each; the same rows for every method.

    scipy's bootstrap would hold indices for each resample and sort each anew.
    """
    rng = np.random.default_rng(0)
    leads = []
    for _ in range(RESAMPLES):
        weight = _resample(label, rng)
        values = np.array([one.measure(weight) for one in ordered])
        leads.append(values[1:] - values[0])
    low, high = np.quantile(leads, [0.025, 0.975], axis=0)
    return low, high


def _resample(label: Bools, rng: np.random.Generator) -> Floats:
    """Draw rows with replacement, as many of each label as there are, and return how often each was drawn."""
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
    """Say of each measure by which a method beats the model beyond chance that it does."""
    return [
        f"{ranking.method} ranks these rows better than the {MODEL}: {word} {getattr(ranking, name):.3f} against "
        f"{getattr(model, name):.3f}, difference {lead.value:.3f} (95% interval {lead.interval[0]:.3f} to "
        f"{lead.interval[1]:.3f})"
        for name, word in MEASURES.items()
        if (lead := (ranking.leads or {})[name]).interval[0] > 0
    ]
