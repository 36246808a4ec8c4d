"""Networks of pictures: the common grid, the whitening of each position, ink, and the convolutional autoencoder."""

import pytest
import torch

from anomaly_ae.networks.convolutional import ConvolutionalAutoencoder, multiple_of
from anomaly_ae.networks.feature_maps import lay_on_grid
from anomaly_ae.networks.pixels import Ink, smooth
from anomaly_ae.networks.position_whitening import Moments


def test_maps_of_all_strides_meet_on_one_grid() -> None:
    """Finer maps are averaged and coarser ones interpolated; what is even stays even."""
    maps = [torch.full((2, channels, side, side), float(side)) for channels, side in ((3, 16), (4, 8), (5, 4))]

    features = lay_on_grid(maps, 8)

    assert features.shape == (2, 64, 12)
    assert torch.equal(features.unique(dim=0).unique(dim=1)[0, 0], torch.tensor([16.0] * 3 + [8.0] * 4 + [4.0] * 5))


def test_positions_keep_their_place_on_the_grid() -> None:
    """Positions run row by row, as a map is read."""
    one = torch.zeros(1, 1, 4, 4)
    one[0, 0, 3, 0] = 1

    features = lay_on_grid([one], 4)

    assert features[0, :, 0].argmax() == 12


def position_features(pictures: int) -> torch.Tensor:
    """Return features `(pictures, 4, 3)` with a mean and links of each position's own."""
    generator = torch.Generator().manual_seed(0)
    mixing = torch.eye(3) + 0.3 * torch.randn(4, 3, 3, generator=generator)
    plain = torch.randn(pictures, 4, 3, generator=generator)
    return torch.einsum("npc,pcd->npd", plain, mixing) + torch.rand(4, 3, generator=generator)


def test_whitened_channels_are_independent_and_equally_varied() -> None:
    """At every position, whitened features of normal pictures have no mean and, nearly, the identity as covariance."""
    features = position_features(4000)
    moments = Moments(4, 3, features.mean(dim=(0, 1)))
    for some in features.split(500):
        moments.add(some)

    white = moments.whitening(0)(features)

    assert white.mean(dim=0).abs().max() < 0.02
    for position in range(4):
        off_diagonal = torch.cov(white[:, position].T) - torch.diag(torch.cov(white[:, position].T).diagonal())
        assert off_diagonal.abs().max() < 0.05
    assert 0.8 < white.std(dim=0).min() <= white.std(dim=0).max() < 1.01


def test_whitening_does_not_depend_on_the_channels_units() -> None:
    """A channel in other units, and far from zero, is whitened to the same."""
    features = position_features(50)
    scaled = features * torch.tensor([1e3, 1.0, 1e-3]) + torch.tensor([0.0, 50.0, 0.0])

    first, second = (_whiten(one) for one in (features, scaled))

    torch.testing.assert_close(first, second, atol=0.02, rtol=0.02)


def _whiten(features: torch.Tensor) -> torch.Tensor:
    moments = Moments(*features.shape[1:], features.mean(dim=(0, 1)))
    moments.add(features)
    return moments.whitening(0.1)(features)


def test_a_single_picture_can_be_whitened() -> None:
    """Shrinkage and ridge keep the covariance of one picture invertible."""
    assert torch.isfinite(_whiten(position_features(1))).all()


@pytest.mark.parametrize("sigma", [0.5, 2.0, 30.0])
def test_smoothing_keeps_even_pictures_even(sigma: float) -> None:
    """No brightness is lost at the edge, however wide the Gaussian."""
    even = torch.full((1, 3, 9, 12), 0.4)

    torch.testing.assert_close(smooth(even, sigma), even)


def test_smoothing_spreads_by_the_asked_deviation() -> None:
    """A point becomes a Gaussian of the deviation asked for."""
    point = torch.zeros(1, 1, 41, 41)
    point[0, 0, 20, 20] = 1
    profile = smooth(point, 3.0)[0, 0].sum(dim=0)

    assert (profile * (torch.arange(41) - 20) ** 2).sum().sqrt().item() == pytest.approx(3, rel=0.03)


def test_ink_undone_is_the_smoothed_picture() -> None:
    """Elements can be shown as pixels again, dark or bright on their ground."""
    ground = torch.full((6, 1, 16, 16), 0.5)
    ground[:3, :, 4:12, 4:12] = 0.9
    ground[3:, :, 4:12, 4:12] = 0.1
    ink = Ink(16)
    ink.fit(ground)

    shown = ink.undo(*ink(ground)).view_as(ground)

    assert shown[0, 0, 8, 8] == pytest.approx(0.9, abs=0.03)
    assert shown[5, 0, 8, 8] == pytest.approx(0.1, abs=0.03)


def test_the_ground_is_the_commonest_level_though_things_fill_most_of_the_picture() -> None:
    """Things of many shades may cover more than half of a picture, and the ground is still told."""
    pictures = torch.rand(50, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    pictures[:, :, :5] = 0
    ink = Ink(16)

    ink.fit(pictures)

    assert ink.ground == 0


def test_ink_brings_bold_and_faint_together() -> None:
    """The same thing drawn at half the strength differs less than its pixels do."""
    bold = torch.zeros(2, 1, 16, 16)
    bold[0, :, 4:12, 6:9] = 1
    bold[1] = bold[0] / 2
    ink = Ink(16)

    elements, _ = ink(bold)

    assert 1 < elements[0].norm() / elements[1].norm() < 1.25


def test_convolutional_keeps_the_shape() -> None:
    """Rows in, rows out of the same width, and the last layer may give any number."""
    torch.manual_seed(0)
    network = ConvolutionalAutoencoder(3, multiple_of(30, 3), (4, 6, 8), 5)

    assert network(torch.rand(2, 3 * 32 * 32)).shape == (1, 2, 3 * 32 * 32)
    assert network(torch.rand(1, 2, 3 * 32 * 32)).min() < 0
