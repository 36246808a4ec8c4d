"""Pixel metrics: how well anomaly maps show where the anomaly is, against the masks of labelled pictures.

A pixel's score is the map's value there, rounded to half precision as maps are stored. So it has one of 65,536 values,
pixels are counted instead of kept, and ROC AUC and AUPRO of any number of pictures are exact for these scores: memory
does not grow with them, and nothing is sampled. Rounding moves a score by less than .05 % of its value, or by 3e-8.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from anomaly_ae.scoring.maps import ErrorMap, bring_to, compact
from anomaly_ae.spec import Section

MAX_FALSE = 0.3
"""Share of normal pixels up to which AUPRO looks: beyond it a map shows nobody anything."""

VALUES = 1 << 16
"""Numbers that half precision tells apart."""

Counts = NDArray[np.float64]
Mask = NDArray[np.bool_]


class PixelMetrics(Section):
    """What the maps show of the masked pixels; None where a number is undefined, and `undefined` says why.

    Attributes:
        pictures: judged: normal ones, and anomalies that have a mask.
        masked_pictures: those with a mask.
        regions: connected areas of all masks.
        unmasked_anomalies: labelled anomalies left out, as nobody marked where they are.
        pixel_roc_auc: chance that an anomalous pixel is hotter than a normal one.
        aupro: mean share of a region that is found, averaged over shares of normal pixels found wrongly up to .3.
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
    """Counts pixels by score, picture after picture.

    Attributes:
        normal: normal pixels with each score, `(65536,)`.
        anomalous: pixels inside masks.
        covered: the same, each region's counts divided by its size.
    """

    normal: Counts = field(default_factory=lambda: np.zeros(VALUES))
    anomalous: Counts = field(default_factory=lambda: np.zeros(VALUES))
    covered: Counts = field(default_factory=lambda: np.zeros(VALUES))
    pictures: int = 0
    masked_pictures: int = 0
    regions: int = 0

    def add(self, error_map: ErrorMap, mask: Mask) -> None:
        """Count the pixels of one picture.

        Args:
            error_map: at any size; it is brought to the mask's.
            mask: True where the picture is anomalous, `(height, width)`; False everywhere for a normal one.
        """
        from scipy.ndimage import label  # noqa: PLC0415 - only pictures need it

        height, width = mask.shape
        values = compact(bring_to(error_map, (width, height))).view(np.uint16)
        areas, regions = label(mask, np.ones((3, 3)))
        sizes = np.bincount(areas.ravel(), minlength=regions + 1)
        self.normal += np.bincount(values[~mask], minlength=VALUES)
        self.anomalous += np.bincount(values[mask], minlength=VALUES)
        self.covered += np.bincount(values[mask], weights=1 / sizes[areas[mask]], minlength=VALUES)
        self.pictures += 1
        self.masked_pictures += bool(regions)
        self.regions += regions

    def metrics(self, unmasked_anomalies: int = 0) -> PixelMetrics:
        """Judge what was counted."""
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
    """Return the chance that an anomalous pixel has the higher score; equal ones count half.

    Args:
        normal: normal pixels with each score, ascending.
        anomalous: anomalous ones.
    """
    below = np.cumsum(normal) - normal / 2
    return float(anomalous @ below / (anomalous.sum() * normal.sum()))


def aupro(normal: Counts, covered: Counts, most_false: float = MAX_FALSE) -> float:
    """Return the mean share of a region that is found, over the shares of normal pixels found wrongly up to a limit.

    Source: Bergmann et al., "The MVTec anomaly detection dataset", IJCV 2021; regions touch at edges and corners.

    Args:
        normal: normal pixels with each score, ascending.
        covered: mean share of a region with each score; its sum is 1.
        most_false: the limit.
    """
    false = np.concatenate([[0], np.cumsum(normal[::-1])]) / normal.sum()
    found = np.concatenate([[0], np.cumsum(covered[::-1])])
    inside = false <= most_false
    last = np.interp(most_false, false, found)
    return float(np.trapezoid([*found[inside], last], [*false[inside], most_false]) / most_false)
