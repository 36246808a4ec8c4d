"""The variational autoencoder: a row is encoded as a distribution of codes, kept close to the standard normal.

A row's error is the one that is to be expected: the mean over draws of the code.

Sources:
    Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014.
    Higgins et al., "beta-VAE: learning basic visual concepts with a constrained variational framework", ICLR 2017, for
    the weight of the divergence.
    An and Cho, "Variational autoencoder based anomaly detection using reconstruction probability", 2015, for the
    expected error as the score.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import mse_loss

from anomaly_ae.networks.layers import DenseLayers, for_members
from anomaly_ae.networks.reconstructor import MemberExamination, Reconstructor
from anomaly_ae.networks.row_network import RowNetwork
from anomaly_ae.spec.sections import Widths

_MAX_LOG_VARIANCE = 10.0
"""Bound of a code's log variance in both directions, so that no score overflows."""


class VaeNetwork(RowNetwork):
    """The variational autoencoder: rows are scored by the reconstruction error expected over draws of their code."""

    kind: Literal["vae"] = "vae"
    hidden: Widths = Field((256,), description="widths between input and code; the decoder mirrors them")
    bottleneck: int = Field(64, ge=1, description="width of the code; at most half of the elements")
    kl_weight: float = Field(
        0.1, ge=0, description="weight of the KL divergence: the noise variance of the decoder, a column's own being 1"
    )
    samples: int = Field(8, ge=1, description="draws of the code that a row's expected error is the mean of")

    def build(self, width: int) -> "VariationalAutoencoder":
        """Return the untrained autoencoder."""
        bottleneck = min(self.bottleneck, max(1, width // 2))
        return VariationalAutoencoder(width, self.hidden, bottleneck, self.kl_weight, self.samples)


class VariationalAutoencoder(Reconstructor):
    """An encoder to the mean and the variance of a normal code, and a decoder.

    Args:
        width: number of elements of a row, d.
        hidden: widths of the layers between input and code; the decoder mirrors them.
        bottleneck: width of the code.
        kl_weight: weight of the KL divergence in the loss.
        samples: draws of the code when a row is examined.

    Attributes:
        draws: standard normal draws that every row's codes are made of, `(samples, 1, 1, bottleneck)`; saved with the
            weights, so that a row has the same error wherever it is scored.
    """

    draws: Tensor
    members = 1

    def __init__(self, width: int, hidden: Sequence[int], bottleneck: int, kl_weight: float, samples: int) -> None:
        super().__init__()
        self.width, self.bottleneck, self.kl_weight = width, bottleneck, kl_weight
        self.encoder = DenseLayers(1, [width, *hidden, 2 * bottleneck], "gelu")
        self.decoder = DenseLayers(1, [bottleneck, *reversed(hidden), width], "gelu")
        self.register_buffer("draws", torch.randn(samples, 1, 1, bottleneck))

    def encode(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the codes of rows, `(1, n, bottleneck)` each."""
        mean, log_variance = self.encoder(for_members(rows, 1)).chunk(2, dim=-1)
        return mean, log_variance.clamp(-_MAX_LOG_VARIANCE, _MAX_LOG_VARIANCE)

    def forward(self, rows: Tensor) -> Tensor:
        """Reconstruct rows from the mean of their code."""
        reconstruction: Tensor = self.decoder(self.encode(rows)[0])
        return reconstruction

    def draw_noise(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a standard normal number for each element of the codes, `(1, n, bottleneck)`."""
        return torch.randn(*rows.shape[:-1], self.bottleneck, generator=generator, device=rows.device)

    def loss(self, rows: Tensor, noise: Tensor) -> Tensor:
        """Return the mean squared error plus `kl_weight` times the divergence, both per element.

        Times d / (2 kl_weight), and up to a constant, this is the negative evidence lower bound of a decoder with
        normal noise of variance `kl_weight`.
        """
        mean, log_variance = self.encode(rows)
        error = mse_loss(self.decoder(mean + (log_variance / 2).exp() * noise), rows)
        return error + self.kl_weight * 2 * divergence(mean, log_variance).mean() / self.width

    def examine(self, rows: Tensor, targets: Tensor) -> MemberExamination:
        """Reconstruct rows from the mean of their code; the errors are the means over draws of the code."""
        mean, log_variance = self.encode(rows)
        deviation = (log_variance / 2).exp()
        errors = torch.zeros_like(targets.expand(1, *targets.shape))
        for draw in self.draws:
            errors = errors + (self.decoder(mean + deviation * draw) - targets).square()
        return MemberExamination(self.decoder(mean), errors / len(self.draws))


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the KL divergence of normal distributions from the standard normal, `(*, k)` to `(*,)`, in nats."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=-1) / 2
