"""The convolutional autoencoder on pixels: local layers, a dense code between them."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from anomaly_ae.networks.pixels import Seen, smooth


class ConvolutionalAutoencoder(nn.Module):
    """Convolutions that halve the picture down to a dense code, and their mirror image.

    Args:
        colours: channels of a picture.
        size: pixels on each side; a multiple of two to the number of layers.
        hidden: channels of the encoder's layers.
        bottleneck: width of the code.

    Source:
        Masci et al., "Stacked convolutional auto-encoders for hierarchical feature extraction", ICANN 2011.
    """

    members = 1

    def __init__(self, colours: int, size: int, hidden: Sequence[int], bottleneck: int) -> None:
        super().__init__()
        self.shape = (colours, size, size)
        least = size >> len(hidden)
        channels = [colours, *hidden]
        down = [self._halve(before, after) for before, after in pairwise(channels)]
        up = [layer for before, after in pairwise(reversed(channels)) for layer in self._double(before, after)]
        code = hidden[-1] * least * least
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(code, bottleneck))
        self.decoder = nn.Sequential(
            nn.Linear(bottleneck, code), nn.ReLU(), nn.Unflatten(1, (-1, least, least)), *up[:-1]
        )

    def forward(self, rows: Tensor) -> Tensor:
        """Reconstruct flattened pictures, `(n, d)` or `(1, n, d)`, to `(1, n, d)`: what training takes."""
        reconstruction: Tensor = self.decoder(self.encoder(rows.reshape(-1, *self.shape)))
        return reconstruction.flatten(1)[None]

    def examine(self, pictures: Tensor) -> Seen:
        """Reconstruct pictures; a map is their squared error, smoothed over an eightieth of the side."""
        reconstruction = self(pictures)[0].view(pictures.shape)
        error = (reconstruction - pictures).square()
        maps = smooth(error.mean(dim=1, keepdim=True), pictures.shape[-1] / 80)[:, 0]
        return Seen(maps, error.mean(dim=(1, 2, 3)), reconstruction.clamp(0, 1))

    @staticmethod
    def _halve(before: int, after: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU())

    @staticmethod
    def _double(before: int, after: int) -> nn.Sequential:
        return nn.Sequential(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.ReLU())


def multiple_of(size: int, layers: int) -> int:
    """Return the nearest size that can be halved as often as there are layers, at least once that."""
    unit = 1 << layers
    return max(unit, round(size / unit) * unit)
