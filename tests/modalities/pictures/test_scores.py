"""Scores of pictures: the hottest share of a map, region by region, and the reasons taken from it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from anomaly_ae.modalities.pictures.scores import (
    PictureScores,
    contribute,
    mean_of_regions,
    region_boxes,
    region_reasons,
)


def maps(count: int = 5, side: int = 28) -> NDArray[np.float32]:
    """Return random maps."""
    return np.random.default_rng(0).gamma(1, size=(count, side, side)).astype(np.float32)


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("side", [28, 64])
def test_contributions_sum_to_the_mean_of_the_hottest_share(share: float, side: int) -> None:
    """What regions add is the score, whether or not the side divides into regions."""
    errors = maps(side=side)
    hottest = np.sort(errors.reshape(5, -1))[:, -max(1, round(share * side * side)) :]

    added = contribute(errors, share)

    assert added.shape == (5, 64)
    np.testing.assert_allclose(added.sum(axis=1), hottest.mean(axis=1), rtol=1e-6)


def test_what_a_region_adds_comes_from_its_own_pixels() -> None:
    """A hot spot adds to the region it lies in, and to no other."""
    errors = np.zeros((1, 64, 64), np.float32)
    errors[0, 17:20, 41:44] = 1

    added = contribute(errors, 9 / 4096)

    assert np.flatnonzero(added[0]).tolist() == [2 * 8 + 5]


def test_means_of_regions() -> None:
    """Each region's mean is taken over its own pixels, also where regions are of unequal size."""
    errors = maps(1, 28)

    assert mean_of_regions(errors)[0, 9] == pytest.approx(errors[0, 4:7, 4:7].mean(), rel=1e-6)


def test_regions_tile_the_picture() -> None:
    """The boxes of the regions cover every pixel of the original picture once."""
    boxes = region_boxes(np.array([[37, 100]]))[0]
    covered = np.zeros((100, 37), int)
    for left, upper, right, lower in boxes:
        covered[upper:lower, left:right] += 1

    assert (covered == 1).all()


def test_reasons_name_regions_in_the_picture_s_own_pixels() -> None:
    """Reasons are sorted, carry value and expectation, and leave out what adds nothing."""
    errors = np.zeros((2, 64, 64), np.float32)
    errors[0, 0:8, 8:16] = 2
    errors[0, 8:16, 0:8] = 1
    scores = PictureScores(
        reconstruction_error=np.zeros(2),
        contributions=contribute(errors, 128 / 4096),
        reconstruction=np.empty((2, 0), np.float32),
        maps=errors,
        sizes=np.array([[160, 80], [64, 64]]),
    )

    first, second = region_reasons(scores, np.full(64, 0.25), 3).to_pylist()

    assert [one["feature"] for one in first] == ["x 20-40, y 0-10", "x 0-20, y 10-20"]
    assert (first[0]["value"], first[0]["expected"]) == ("error 2", "error 0.25")
    assert sum(one["contribution"] for one in first) == pytest.approx(1.5)
    assert second == []
