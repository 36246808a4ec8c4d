"""Calibrate: a model version and a promise in, a new threshold in force, with the weights as they are."""

from pathlib import Path

from anomaly_ae.artifact import load_calibration, load_validation_scores, save_calibration
from anomaly_ae.spec import ThresholdSpec
from anomaly_ae.threshold import Calibration
from anomaly_ae.threshold import calibrate as take_threshold


def calibrate(model: Path, spec: ThresholdSpec) -> Calibration:
    """Take the threshold anew from the model version's validation scores, and put it in force.

    Args:
        model: directory of the model version.
        spec: what the threshold shall promise.

    Raises:
        CalibrationError: the validation scores are too few for the promise.
    """
    calibration = take_threshold(load_validation_scores(model), spec.target_fpr)
    if calibration != load_calibration(model):
        save_calibration(model, calibration)
    return calibration
