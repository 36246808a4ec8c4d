"""The textbook autoencoder: an encoder to a bottleneck, and its mirror image.

Source:
    Rumelhart, Hinton and Williams, "Learning internal representations by error propagation", 1986.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor
from torch.nn.functional import mse_loss

from anomaly_ae.networks.layers import DenseLayers, for_members
from anomaly_ae.networks.reconstructor import Reconstructor
from anomaly_ae.networks.row_network import RowNetwork
from anomaly_ae.spec.sections import Widths


class TextbookNetwork(RowNetwork):
    """The textbook autoencoder: an encoder to a bottleneck and its mirror image, trained on clean rows."""

    kind: Literal["textbook"] = "textbook"
    hidden: Widths = Field((256,), description="widths between input and bottleneck")
    bottleneck: int = Field(64, ge=1, description="width of the code; at most half of the elements")

    reads_ink: ClassVar[bool] = False

    def build(self, width: int) -> "TextbookAutoencoder":
        """Return the untrained autoencoder."""
        return TextbookAutoencoder(width, self.hidden, min(self.bottleneck, max(1, width // 2)))


class TextbookAutoencoder(Reconstructor):
    """An encoder to a bottleneck, and its mirror image.

    Args:
        width: number of elements of a row, d.
        hidden: widths of the layers between input and bottleneck; the decoder mirrors them.
        bottleneck: width of the code.

    Example:
        >>> TextbookAutoencoder(784, (256,), 64).encoder
        DenseLayers(
          (0): ParallelLinear(members=1, inputs=784, outputs=256)
          (1): ReLU()
          (2): ParallelLinear(members=1, inputs=256, outputs=64)
        )
    """

    members = 1

    def __init__(self, width: int, hidden: Sequence[int], bottleneck: int) -> None:
        super().__init__()
        self.width = width
        self.encoder = DenseLayers(1, [width, *hidden, bottleneck], "relu")
        self.decoder = DenseLayers(1, [bottleneck, *reversed(hidden), width], "relu")

    def forward(self, rows: Tensor) -> Tensor:
        """Reconstruct rows from their code."""
        reconstruction: Tensor = self.decoder(self.encoder(for_members(rows, 1)))
        return reconstruction

    def loss(self, rows: Tensor, noise: Tensor) -> Tensor:  # noqa: ARG002 - it has no noise
        """Return the mean squared error of the reconstruction."""
        return mse_loss(self(rows), rows)
