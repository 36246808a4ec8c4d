"""Metrics of anomaly maps and masks by scikit-learn, independent of the package's own implementation."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

MAX_FALSE_POSITIVES = 0.3


def image_figures(is_anomaly: NDArray[np.bool_], scores: NDArray[np.float64]) -> dict[str, float]:
    """Return ROC AUC and average precision per picture."""
    return {
        "image_auroc": float(roc_auc_score(is_anomaly, scores)),
        "image_ap": float(average_precision_score(is_anomaly, scores)),
    }


def pixel_figures(masks: list[NDArray[np.bool_]], maps: list[NDArray[np.float32]]) -> dict[str, float]:
    """Return ROC AUC over all pixels, and AUPRO, of maps as large as their masks."""
    truth = np.concatenate([mask.ravel() for mask in masks])
    errors = np.concatenate([error_map.ravel() for error_map in maps])
    return {"pixel_auroc": float(roc_auc_score(truth, errors)), "aupro": aupro(masks, errors)}


def aupro(masks: list[NDArray[np.bool_]], errors: NDArray[np.float32]) -> float:
    """Return the exact mean per-region overlap over false-positive rates up to 0.3.

    It is the partial area under a ROC curve in which all regions have the same weight, divided among their pixels.

    Source: Bergmann et al., "The MVTec anomaly detection dataset", IJCV 2021.
    """
    truth = np.concatenate([mask.ravel() for mask in masks])
    false_rate, found, _ = roc_curve(truth, errors, sample_weight=np.concatenate([_weights(mask) for mask in masks]))
    inside = false_rate < MAX_FALSE_POSITIVES
    x = np.append(false_rate[inside], MAX_FALSE_POSITIVES)
    y = np.append(found[inside], np.interp(MAX_FALSE_POSITIVES, false_rate, found))
    return float(np.trapezoid(y, x) / MAX_FALSE_POSITIVES)


def _weights(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return pixel weights: 1 outside of regions; inside, the weights of each region sum to 1."""
    regions, count = label(mask, structure=np.ones((3, 3)))
    sizes = np.bincount(regions.ravel(), minlength=count + 1).astype(float)
    sizes[0] = 1
    weights: NDArray[np.float64] = 1 / sizes[regions.ravel()]
    return weights
