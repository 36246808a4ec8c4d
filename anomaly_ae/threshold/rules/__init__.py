"""Threshold rules: one file and one line here each."""

from collections.abc import Mapping
from typing import Any

from anomaly_ae.threshold.rules.budget import cut_by_budget
from anomaly_ae.threshold.rules.cost import cut_by_cost
from anomaly_ae.threshold.rules.f_beta import cut_by_f_beta
from anomaly_ae.threshold.rules.fpr import cut_by_fpr
from anomaly_ae.threshold.rules.manual import cut_by_hand
from anomaly_ae.threshold.rules.precision import cut_by_precision
from anomaly_ae.threshold.rules.recall import cut_by_recall
from anomaly_ae.threshold.rules.rule import Cut, Rule

__all__ = ["RULES", "Cut", "Rule"]

RULES: Mapping[str, Rule[Any]] = {
    "fpr": Rule(cut_by_fpr),
    "budget": Rule(cut_by_budget),
    "recall": Rule(cut_by_recall, needs_anomalies=True),
    "precision": Rule(cut_by_precision, needs_anomalies=True, takes_reviewed=True),
    "f_beta": Rule(cut_by_f_beta, needs_anomalies=True),
    "cost": Rule(cut_by_cost, needs_anomalies=True, takes_reviewed=True),
    "manual": Rule(cut_by_hand),
}
