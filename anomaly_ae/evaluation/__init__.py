"""Evaluation: precision, recall and ranking of labelled rows with intervals, and simple methods beside the model."""

from anomaly_ae.evaluation.metrics import Confusion, Metrics, SegmentAlarms, evaluate

__all__ = ["Confusion", "Metrics", "SegmentAlarms", "evaluate"]
