"""Maps as colours: one scale, on which normal pictures stay grey."""

import numpy as np
import pytest

from anomaly_ae.modalities.pictures.heat import colour_indices, draw_overlay, fit_size, full_scale, palette
from anomaly_ae.scoring.maps import MapScale

SCALE = MapScale(low=1.0, high=2.0)
GREY = np.full((20, 30), 128, np.uint8)


def test_normal_picture_does_not_glow() -> None:
    """Where the error is at most the median of normal pictures, the overlay is the grey picture itself."""
    overlay = np.asarray(draw_overlay(GREY, np.full((4, 4), 1.0, np.float32), SCALE, 512))

    assert (overlay == 128).all()


def test_anomaly_glows_where_it_is() -> None:
    """Only the anomalous corner of a picture is coloured."""
    error_map = np.ones((20, 30), np.float32)
    error_map[:5, :5] = 9

    overlay = np.asarray(draw_overlay(GREY, error_map, SCALE, 512)).astype(int)

    colour = np.ptp(overlay, axis=2)
    assert colour[2, 2] > 50
    assert (colour[8:, 8:] == 0).all()


def test_same_error_has_the_same_colour_in_every_picture() -> None:
    """Colours come from the scale, not from what else is in the map."""
    alone = colour_indices(np.array([[1.5]]), SCALE)[0, 0]
    among_others = colour_indices(np.array([[1.5, 0.2, 50.0]]), SCALE)[0, 0]

    assert alone == among_others == 64


def test_half_of_the_scale_is_what_normal_pictures_stay_below() -> None:
    """`high` lies in the middle of the scale, and full colour as far above it."""
    assert full_scale(SCALE) == 3.0
    assert colour_indices(np.array([[1.0, 2.0, 3.0, 7.0]]), SCALE).tolist() == [[0, 128, 255, 255]]


def test_constant_scale_divides_by_no_zero() -> None:
    """Validation maps that are all alike still give a scale."""
    assert colour_indices(np.array([[0.0, 1.0]]), MapScale(low=0, high=0)).tolist() == [[0, 255]]


def test_colours_are_ordered_for_the_eye() -> None:
    """Lightness and opacity never fall along the colour map, from transparent on."""
    red, green, blue, opacity = palette().astype(float).T
    lightness = 0.2126 * red + 0.7152 * green + 0.0722 * blue

    assert opacity[0] == 0
    assert (np.diff(opacity) >= 0).all()
    assert (np.diff(lightness) > -1).all()


@pytest.mark.parametrize(
    ("size", "expected"), [((100, 50), (100, 50)), ((1000, 500), (512, 256)), ((9000, 1), (512, 1))]
)
def test_large_pictures_are_shrunk(size: tuple[int, int], expected: tuple[int, int]) -> None:
    """Overlays of large pictures keep their proportions and at least one pixel."""
    assert fit_size(size, 512) == expected
