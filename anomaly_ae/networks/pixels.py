"""Pictures as rows of elements: pixels to elements, and the errors of the elements back to a map."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from anomaly_ae.networks.autoencoder import Autoencoder
from anomaly_ae.networks.picture_network import PictureAutoencoder, PictureExamination

_BLUR = 1.2 / 28
"""Standard deviation of the smoothing, as a share of the picture's side: two pictures of the same thing never match to
the pixel, and distances between unsmoothed pictures mostly measure that."""
_EVENNESS = 0.5
"""Power of a picture's strength that its elements are divided by: 0 keeps bold and faint pictures different, 1 makes
them equal."""
_MIN_STRENGTH = 0.01
"""Added to a picture's strength: that of a picture which differs from the ground by a hundredth in every pixel."""


class PlainPixels(nn.Module):
    """Pixels as elements, as they are."""

    def fit(self, pictures: Tensor) -> None:
        """Learn nothing."""

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return elements `(n, d)` of pictures `(n, colours, size, size)`, and divisors of 1, `(n,)`."""
        return pictures.flatten(1), pictures.new_ones(len(pictures))

    def undo(self, elements: Tensor, _: Tensor) -> Tensor:
        """Return the pixels that elements stand for, `(n, d)`."""
        return elements


class Ink(nn.Module):
    """Pixels as deviations from the ground: compressed by the square root, smoothed, and scaled by their strength.

    Args:
        size: pixels on each side.

    Attributes:
        ground: the most frequent of 256 shades among the pixels of the train pictures, a scalar.
        unit: mean standard deviation of the elements over the train pictures, a scalar.
    """

    ground: Tensor
    unit: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("ground", torch.zeros(()))
        self.register_buffer("unit", torch.ones(()))

    @torch.no_grad()
    def fit(self, pictures: Tensor) -> None:
        """Learn ground and unit from train pictures, `(n, colours, size, size)`."""
        self.ground.copy_(torch.histc(pictures, 256, 0, 1).argmax() / 255)
        self.unit.fill_(1)
        self.unit.copy_(self(pictures)[0].std(dim=0).mean().clamp_min(1e-6))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return elements `(n, d)` of pictures `(n, colours, size, size)`, and the divisor of each picture, `(n,)`."""
        deviation = pictures - self.ground
        ink = smooth(deviation.sign() * deviation.abs().sqrt(), _BLUR * self.size).flatten(1)
        strength = (ink.square().mean(dim=1) + _MIN_STRENGTH).sqrt() ** _EVENNESS * self.unit
        return ink / strength[:, None], strength

    def undo(self, elements: Tensor, strength: Tensor) -> Tensor:
        """Return the pixels, smoothed, that elements stand for, `(n, d)`."""
        ink = elements * strength[:, None]
        return (self.ground + ink.sign() * ink.square()).clamp(0, 1)


class PixelAutoencoder(PictureAutoencoder):
    """An autoencoder of the pixels of whole pictures.

    Args:
        elements: pixels to elements.
        autoencoder: reconstructs elements.
        weight: of each part's error on each element in the score, `(parts, d)`.
    """

    weight: Tensor

    def __init__(self, elements: PlainPixels | Ink, autoencoder: Autoencoder, weight: Tensor) -> None:
        super().__init__()
        self.elements = elements
        self.autoencoder = autoencoder
        self.register_buffer("weight", weight)

    def examine(self, pictures: Tensor) -> PictureExamination:
        """Reconstruct pictures `(n, colours, size, size)`; a map's mean is the sum of the weighted errors."""
        elements, divisor = self.elements(pictures)
        examined = self.autoencoder.examine(elements, 1)
        weighed = (examined.errors * self.weight[:, None]).sum(dim=0).view(pictures.shape)
        normal: Tensor = self.elements.undo(examined.normal, divisor)
        return PictureExamination(
            maps=weighed.sum(dim=1) * (elements.shape[1] / pictures.shape[1]),
            error=(examined.reconstruction - elements).square().mean(dim=1),
            reconstruction=normal.view(pictures.shape),
        )


def smooth(pictures: Tensor, sigma: float) -> Tensor:
    """Smooth pictures `(n, colours, h, w)` by a Gaussian of `sigma` pixels; the edge is mirrored."""
    reach = min(math.ceil(3 * sigma), *(side - 1 for side in pictures.shape[2:]))
    if reach < 1:
        return pictures
    steps = torch.arange(-reach, reach + 1, device=pictures.device)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(pictures.shape[1], 1, -1)
    colours = pictures.shape[1]
    rows = conv2d(pad(pictures, (reach, reach, 0, 0), mode="reflect"), kernel[:, :, None], groups=colours)
    return conv2d(pad(rows, (0, 0, reach, reach), mode="reflect"), kernel[..., None], groups=colours)
