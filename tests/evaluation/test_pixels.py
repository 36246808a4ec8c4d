"""Pixel ROC AUC and AUPRO: computed from counts, and equal to independent computations."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import label
from sklearn.metrics import auc, roc_auc_score, roc_curve

from anomaly_ae.evaluation.pixels import PixelCounts
from anomaly_ae.scoring.maps import bring_to, compact

Pictures = list[tuple[NDArray[np.float32], NDArray[np.bool_]]]


def pictures(seed: int, count: int = 8) -> Pictures:
    """Return maps and masks of pictures of several sizes; every second one has two regions, one of them hot."""
    rng = np.random.default_rng(seed)
    made: Pictures = []
    for number in range(count):
        error_map = rng.gamma(2, size=(16, 16)).astype(np.float32)
        mask = np.zeros((48, 32 + 8 * (number % 3)), bool)
        if number % 2:
            mask[3:9, 4:20] = mask[30:33, 10:13] = True
            error_map[1:3, 2:10] += 1.5
        made.append((error_map, mask))
    return made


def counted(made: Pictures) -> PixelCounts:
    """Return the counts of all pictures."""
    counts = PixelCounts()
    for error_map, mask in made:
        counts.add(error_map, mask)
    return counts


def pixels(made: Pictures) -> tuple[NDArray[np.bool_], NDArray[np.float16]]:
    """Return every pixel's label and score."""
    scores = [compact(bring_to(error_map, mask.shape[::-1])).ravel() for error_map, mask in made]
    return np.concatenate([mask.ravel() for _, mask in made]), np.concatenate(scores)


@pytest.mark.parametrize("seed", range(3))
def test_roc_auc_is_that_of_scikit_learn(seed: int) -> None:
    """Counting gives the ROC AUC that scikit-learn computes from all pixels."""
    truth, scores = pixels(pictures(seed))

    assert counted(pictures(seed)).metrics().pixel_roc_auc == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_aupro_is_that_of_trying_every_threshold(seed: int) -> None:
    """Counting gives the AUPRO computed by applying every threshold to every picture."""
    made = pictures(seed)
    truth, scores = pixels(made)
    scored = [
        (compact(bring_to(error_map, mask.shape[::-1])), label(mask, np.ones((3, 3)))) for error_map, mask in made
    ]
    regions = [values[areas == area] for values, (areas, number) in scored for area in range(1, number + 1)]
    thresholds = np.unique(scores)[::-1]
    false = np.array([0, *((scores[~truth] >= cut).mean() for cut in thresholds)])
    found = np.array([0, *(np.mean([(region >= cut).mean() for region in regions]) for cut in thresholds)])
    grid = np.linspace(0, 0.3, 300_001)

    expected = np.trapezoid(np.interp(grid, false, found), grid) / 0.3

    assert counted(made).metrics().aupro == pytest.approx(expected, abs=1e-4)


def test_aupro_of_equal_regions_is_the_partial_roc_area() -> None:
    """If all regions have the same size, AUPRO is the area under scikit-learn's ROC curve up to 0.3."""
    error_map = np.random.default_rng(5).random((20, 20), dtype=np.float32)
    mask = np.zeros((20, 20), bool)
    mask[2:4, 2:4] = mask[10:12, 15:17] = True
    false, found, _ = roc_curve(mask.ravel(), compact(error_map).ravel(), drop_intermediate=False)
    grid = np.linspace(0, 0.3, 300_001)

    measured = counted([(error_map, mask)]).metrics().aupro

    assert measured == pytest.approx(auc(grid, np.interp(grid, false, found)) / 0.3, abs=1e-3)


def test_small_regions_count_as_much_as_large_ones() -> None:
    """A map that finds only the large region has half the AUPRO, though it finds nearly all pixels."""
    mask = np.zeros((40, 40), bool)
    mask[:20, :20] = mask[38, 38] = True
    error_map = np.zeros((40, 40), np.float32)
    error_map[:20, :20] = 9
    error_map[38, 38] = -1e-3

    metrics = counted([(error_map, mask)]).metrics()

    assert metrics.regions == 2
    assert metrics.pixel_roc_auc == pytest.approx(1, abs=0.005)
    assert metrics.aupro == pytest.approx(0.5 + 0.25 * 0.3, abs=0.01)


def test_regions_connect_at_corners() -> None:
    """Two squares that touch at a corner are one region; with a pixel between them they are two."""
    together, apart = np.zeros((2, 12, 12), bool)
    together[2:4, 2:4] = together[4:6, 4:6] = True
    apart[2:4, 2:4] = apart[5:7, 5:7] = True

    assert counted([(np.ones((4, 4), np.float32), together)]).regions == 1
    assert counted([(np.ones((4, 4), np.float32), apart)]).regions == 2


def test_perfect_and_useless_maps() -> None:
    """A map equal to the mask has both metrics at 1; a constant one has 0.5 and 0.15."""
    _, mask = pictures(0)[1]

    perfect = counted([(mask.astype(np.float32), mask)]).metrics()
    useless = counted([(np.ones((4, 4), np.float32), mask)]).metrics()

    assert (perfect.pixel_roc_auc, perfect.aupro) == (1, pytest.approx(1))
    assert (useless.pixel_roc_auc, useless.aupro) == (pytest.approx(0.5), pytest.approx(0.15))


def test_numbers_without_masks_are_undefined() -> None:
    """Without any mask, both metrics are undefined, with the reason."""
    metrics = counted([(np.ones((4, 4), np.float32), np.zeros((8, 8), bool))]).metrics(unmasked_anomalies=3)

    assert metrics.pixel_roc_auc is None
    assert metrics.aupro is None
    assert metrics.undefined["aupro"] == "no labelled anomaly has a mask"
    assert metrics.unmasked_anomalies == 3
