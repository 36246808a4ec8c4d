"""Calibrate: a model version and a promise in, a new threshold in force, with the weights as they are."""

from pathlib import Path

from anomaly_ae.artifact import load_calibration, load_validation_scores, save_calibration
from anomaly_ae.threshold import Calibration
from anomaly_ae.threshold import calibrate as take_threshold


def calibrate(model: Path, target_fpr: float) -> Calibration:
    """Take the threshold anew from the model version's validation scores, and put it in force.

    Args:
        model: directory of the model version.
        target_fpr: share of normal rows that may lie above the threshold.

    Raises:
        CalibrationError: the rate is none, or the validation scores are too few to promise it.
    """
    calibration = take_threshold(load_validation_scores(model), target_fpr)
    if calibration != load_calibration(model):
        save_calibration(model, calibration)
    return calibration
