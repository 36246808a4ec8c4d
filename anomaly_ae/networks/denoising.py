"""The denoising autoencoder: dense layers that return the clean row for a noisy one; no bottleneck is needed.

Source:
    Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn.functional import mse_loss

from anomaly_ae.networks.layers import DenseLayers, for_members
from anomaly_ae.networks.reconstructor import Reconstructor
from anomaly_ae.networks.row_network import RowNetwork
from anomaly_ae.spec.networks import NetworkSection
from anomaly_ae.spec.sections import Widths


@dataclass(frozen=True)
class NoiseRange:
    """Noise with a standard deviation per row, log-uniform between two bounds.

    A network trained at many noise levels pulls a row towards the data from near and from far.

    Attributes:
        low: smallest standard deviation, in units of the elements.
        high: largest.
    """

    low: float
    high: float

    def draw(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Draw noise for rows `(*, n, d)`, of the same shape."""
        share = torch.rand(*rows.shape[:-1], 1, generator=generator, device=rows.device)
        sigma = self.low * (self.high / self.low) ** share
        return sigma * torch.randn(rows.shape, generator=generator, device=rows.device)


class DenoisingSection(NetworkSection):
    """The settings of every network that contains a denoising autoencoder."""

    hidden: Widths = Field((256, 256), description="widths between input and output")
    members: int = Field(2, ge=1, description="networks side by side, each trained without a share of the rows")
    noise_min: float = Field(0.05, gt=0, description="noise standard deviation, in units of a column's own; per row")
    noise_max: float = Field(0.5, gt=0, description="drawn log-uniformly between noise_min and noise_max")

    @model_validator(mode="after")
    def _noise_is_a_range(self) -> Self:
        if self.noise_min > self.noise_max:
            msg = f"noise_min {self.noise_min:g} is above noise_max {self.noise_max:g}"
            raise ValueError(msg)
        return self

    def build(self, width: int) -> "DenoisingAutoencoder":
        """Return the untrained autoencoder, for rows of `width` elements."""
        return DenoisingAutoencoder(width, self.hidden, self.members, NoiseRange(self.noise_min, self.noise_max))


class DenoisingNetwork(DenoisingSection, RowNetwork):
    """The multi-scale denoising autoencoder: trained to return the clean row for rows at many noise levels."""

    kind: Literal["denoising"] = "denoising"


class DenoisingAutoencoder(Reconstructor):
    """Dense layers that return the clean row for a noisy one.

    Args:
        width: number of elements of a row, d.
        hidden: widths of the layers in between.
        members: networks trained side by side.
        noise: added to the rows in training.
    """

    def __init__(self, width: int, hidden: Sequence[int], members: int, noise: NoiseRange) -> None:
        super().__init__()
        self.width, self.members, self.noise = width, members, noise
        self.layers = DenseLayers(members, [width, *hidden, width], "gelu")

    def forward(self, rows: Tensor) -> Tensor:
        """Reconstruct rows as if they were noisy."""
        reconstruction: Tensor = self.layers(for_members(rows, self.members))
        return reconstruction

    def draw_noise(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Draw what is added to the rows, `(members, n, d)`."""
        return self.noise.draw(rows, generator)

    def loss(self, rows: Tensor, noise: Tensor) -> Tensor:
        """Return the mean squared error with which noisy rows are reconstructed."""
        return mse_loss(self(rows + noise), rows)
