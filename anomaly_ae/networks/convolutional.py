"""The convolutional autoencoder on pixels: local layers, with a dense code between them.

Source:
    Masci et al., "Stacked convolutional auto-encoders for hierarchical feature extraction", ICANN 2011.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from anomaly_ae.networks.picture_network import (
    MAX_SIZE,
    FeatureExtractor,
    PictureAutoencoder,
    PictureBatches,
    PictureExamination,
    PictureFit,
    PictureFormat,
    PictureNetwork,
    TypicalPicture,
    load_pixels,
)
from anomaly_ae.networks.pixels import smooth
from anomaly_ae.spec import PictureSpec, Spec
from anomaly_ae.spec.sections import Widths
from anomaly_ae.training import UNATTENDED, Conduct, Trainable, assign_folds, initialise, train


class ConvolutionalNetwork(PictureNetwork):
    """The convolutional autoencoder: for pictures, trained on clean ones; it needs no pretrained weights."""

    kind: Literal["convolutional"] = "convolutional"
    hidden: Widths = Field((16, 32, 64), description="channels of the encoder's layers, each at half the size before")
    bottleneck: int = Field(64, ge=1, description="width of the code")

    def decide_format(self, asked: PictureSpec, typical: TypicalPicture) -> PictureFormat:
        """Read pictures at about their own size, one that can be halved as often as there are layers."""
        size = multiple_of(asked.size or min(typical.side, MAX_SIZE), len(self.hidden))
        return PictureFormat.decide(self, asked, typical, size=size, top_share=0.01)

    def fit_pictures(
        self,
        pictures: PictureBatches,
        picture_format: PictureFormat,
        extract: FeatureExtractor,
        spec: Spec,
        conduct: Conduct = UNATTENDED,
    ) -> PictureFit:
        """Train on the pixels of train pictures."""
        training = spec.training
        rows = extract(load_pixels(pictures)).flatten(1)
        network = initialise(lambda: self.empty_for_pictures(picture_format, {}), training.seed)
        fold = assign_folds(len(rows), network.members, training.early_stopping_share, training.seed)
        history = train(network, rows, fold, training, conduct=conduct)
        return PictureFit(network.eval(), tuple(history))

    def empty_for_pictures(
        self,
        picture_format: PictureFormat,
        tensors: Mapping[str, Tensor],  # noqa: ARG002 - the format gives all sizes
    ) -> "ConvolutionalAutoencoder":
        """Return the untrained autoencoder."""
        return ConvolutionalAutoencoder(picture_format.colours, picture_format.size, self.hidden, self.bottleneck)


class ConvolutionalAutoencoder(Trainable, PictureAutoencoder):
    """Convolutions that halve the picture down to a dense code, and their mirror image.

    Args:
        colours: channels of a picture.
        size: pixels on each side; a multiple of two to the number of layers.
        hidden: channels of the encoder's layers.
        bottleneck: width of the code.
    """

    members = 1

    def __init__(self, colours: int, size: int, hidden: Sequence[int], bottleneck: int) -> None:
        super().__init__()
        self.shape, self.width = (colours, size, size), colours * size * size
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
        """Reconstruct flattened pictures, `(n, d)` or `(1, n, d)`, to `(1, n, d)`, as training has them."""
        reconstruction: Tensor = self.decoder(self.encoder(rows.reshape(-1, *self.shape)))
        return reconstruction.flatten(1)[None]

    def loss(self, rows: Tensor, noise: Tensor) -> Tensor:  # noqa: ARG002 - it has no noise
        """Return the mean squared error of the reconstruction."""
        return mse_loss(self(rows), rows)

    def examine(self, pictures: Tensor) -> PictureExamination:
        """Reconstruct pictures; a map is their squared error, smoothed over an eightieth of the side."""
        reconstruction = self(pictures)[0].view(pictures.shape)
        error = (reconstruction - pictures).square()
        maps = smooth(error.mean(dim=1, keepdim=True), pictures.shape[-1] / 80)[:, 0]
        return PictureExamination(maps, error.mean(dim=(1, 2, 3)), reconstruction.clamp(0, 1))

    @staticmethod
    def _halve(before: int, after: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU())

    @staticmethod
    def _double(before: int, after: int) -> nn.Sequential:
        return nn.Sequential(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.ReLU())


def multiple_of(size: int, layers: int) -> int:
    """Return the nearest size, above 0, that can be halved as often as there are layers."""
    unit = 1 << layers
    return max(unit, round(size / unit) * unit)
