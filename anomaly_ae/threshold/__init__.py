"""Thresholds: scores of held-out rows become a cut on the anomaly score, with a promise that can be checked.

rules        one file a rule: its settings, its cut and its promise
calibration  a rule applied to all rows and to each segment: the frozen threshold
detector     new rows against the threshold: p-value, severity, level, segment
what_if      what other thresholds would do
conformal    cuts, p-values and exact bounds
sample       the scores of normal rows and of anomalies
"""

from anomaly_ae.threshold.calibration import Calibration, Promise, Segment, calibrate, calibrate_fpr
from anomaly_ae.threshold.conformal import p_values, severity
from anomaly_ae.threshold.detector import LEVELS, Decisions, Detector
from anomaly_ae.threshold.rows import validation_rows
from anomaly_ae.threshold.sample import hash_scores, normal_scores, scores_of
from anomaly_ae.threshold.what_if import WhatIfRow, what_if

__all__ = [
    "LEVELS",
    "Calibration",
    "Decisions",
    "Detector",
    "Promise",
    "Segment",
    "WhatIfRow",
    "calibrate",
    "calibrate_fpr",
    "hash_scores",
    "normal_scores",
    "p_values",
    "scores_of",
    "severity",
    "validation_rows",
    "what_if",
]
