"""Pixel metrics: how well anomaly maps localise anomalies, compared with the masks of labelled pictures.

A pixel's score is the map's value there, rounded to half precision as maps are stored. It therefore has one of 65,536
values, so pixels are counted instead of kept: ROC AUC and AUPRO are exact for these scores, with constant memory and no
sampling, for any number of pictures. Rounding changes a score by less than 0.05% of its value, or by 3e-8.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from anomaly_ae.scoring.maps import ErrorMap, bring_to, compact
from anomaly_ae.spec import Section

_MAX_FPR = 0.3
"""False-positive rate up to which AUPRO integrates; beyond it a map is of no use."""

_VALUES = 1 << 16
"""Number of half-precision values."""

Counts = NDArray[np.float64]
Mask = NDArray[np.bool_]


class PixelMetrics(Section):
    """How well maps localise masked pixels; a metric is None where it is undefined, and `undefined` says why.

    Attributes:
        pictures: pictures evaluated: normal ones, and anomalies with a mask.
        masked_pictures: those with a mask.
        regions: connected components of all masks.
        unmasked_anomalies: labelled anomalies without a mask, which are left out.
        pixel_roc_auc: probability that an anomalous pixel scores higher than a normal one.
        aupro: mean per-region overlap, averaged over false-positive rates up to 0.3.
    """

    pictures: int
    masked_pictures: int
    regions: int
    unmasked_anomalies: int = 0
    pixel_roc_auc: float | None
    aupro: float | None
    undefined: dict[str, str]


@dataclass
class PixelCounts:
    """Pixel counts by score, accumulated over pictures.

    Attributes:
        normal: normal pixels with each score, `(65536,)`.
        anomalous: pixels inside masks with each score.
        covered: the same, with each region's counts divided by its size.
    """

    normal: Counts = field(default_factory=lambda: np.zeros(_VALUES))
    anomalous: Counts = field(default_factory=lambda: np.zeros(_VALUES))
    covered: Counts = field(default_factory=lambda: np.zeros(_VALUES))
    pictures: int = 0
    masked_pictures: int = 0
    regions: int = 0

    def add(self, error_map: ErrorMap, mask: Mask) -> None:
        """Count the pixels of one picture.

        Args:
            error_map: of any size; it is resized to the mask's.
            mask: True for anomalous pixels, `(height, width)`; all False for a normal picture.
        """
        from scipy.ndimage import label  # noqa: PLC0415 - only pictures need it

        height, width = mask.shape
        values = compact(bring_to(error_map, (width, height))).view(np.uint16)
        areas, regions = label(mask, np.ones((3, 3)))
        sizes = np.bincount(areas.ravel(), minlength=regions + 1)
        self.normal += np.bincount(values[~mask], minlength=_VALUES)
        self.anomalous += np.bincount(values[mask], minlength=_VALUES)
        self.covered += np.bincount(values[mask], weights=1 / sizes[areas[mask]], minlength=_VALUES)
        self.pictures += 1
        self.masked_pictures += bool(regions)
        self.regions += regions

    def metrics(self, unmasked_anomalies: int = 0) -> PixelMetrics:
        """Return the metrics of the counted pixels."""
        undefined = {}
        if not self.regions:
            undefined = dict.fromkeys(("pixel_roc_auc", "aupro"), "no labelled anomaly has a mask")
        elif not self.normal.any():
            undefined = dict.fromkeys(("pixel_roc_auc", "aupro"), "no pixel is normal")
        return PixelMetrics(
            pictures=self.pictures,
            masked_pictures=self.masked_pictures,
            regions=self.regions,
            unmasked_anomalies=unmasked_anomalies,
            pixel_roc_auc=None if undefined else roc_auc(self.normal, self.anomalous),
            aupro=None if undefined else aupro(self.normal, self.covered / self.regions),
            undefined=undefined,
        )


def roc_auc(normal: Counts, anomalous: Counts) -> float:
    """Return the probability that an anomalous pixel scores higher than a normal one; ties count as half.

    Args:
        normal: normal pixels with each score, by ascending score.
        anomalous: anomalous pixels, likewise.
    """
    below = np.cumsum(normal) - normal / 2
    return float(anomalous @ below / (anomalous.sum() * normal.sum()))


def aupro(normal: Counts, covered: Counts, max_fpr: float = _MAX_FPR) -> float:
    """Return the area under the per-region-overlap curve up to a false-positive rate, divided by that rate.

    Source: Bergmann et al., "The MVTec anomaly detection dataset", IJCV 2021; regions connect at edges and corners.

    Args:
        normal: normal pixels with each score, by ascending score.
        covered: mean share of a region with each score; sums to 1.
        max_fpr: upper limit of the false-positive rate.
    """
    fpr = np.concatenate([[0], np.cumsum(normal[::-1])]) / normal.sum()
    overlap = np.concatenate([[0], np.cumsum(covered[::-1])])
    inside = fpr <= max_fpr
    last = np.interp(max_fpr, fpr, overlap)
    return float(np.trapezoid([*overlap[inside], last], [*fpr[inside], max_fpr]) / max_fpr)
