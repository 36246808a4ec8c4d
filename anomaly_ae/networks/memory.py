"""The denoising autoencoder with memories: rows are also reconstructed from the nearest stored train rows."""

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from anomaly_ae.networks.autoencoder import Autoencoder
from anomaly_ae.networks.denoising import DenoisingNetwork
from anomaly_ae.networks.nearest import Memory, whitening
from anomaly_ae.networks.row_network import Preparation


class MemoryNetwork(DenoisingNetwork):
    """The denoising autoencoder with a memory: rows are also reconstructed from the nearest stored train rows.

    There are two memories, one of the elements as they are and one of the whitened elements; with fewer train rows than
    elements, the latter alone.
    """

    kind: Literal["memory"] = "memory"  # type: ignore[assignment] # another kind
    rows: int = Field(4096, ge=2, description="train rows stored; the model version holds them")
    neighbours: int = Field(3, ge=1, description="nearest stored rows that reconstruct a row")
    shrinkage: float = Field(0.1, gt=0, le=1, description="of the covariance before whitening")

    def prepare(self, elements: Tensor, seed: int) -> Preparation:
        """Draw the rows to store, and store them in the frame of each memory.

        With fewer rows than elements the covariance is singular: the directions in which the rows hardly vary carry
        the signal, and the network and one memory work whitened. Otherwise the network and one memory read the
        elements as they are, and another memory reads them whitened.
        """
        rows, width = elements.shape
        white = whitening(elements, self.shrinkage)
        plain = torch.eye(width, device=elements.device)
        frame, *frames = [white, white] if rows < width else [plain, plain, white]
        order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed + 1))
        place = torch.where(order < self.rows, order, -1)
        drawn = torch.nonzero(place >= 0).ravel()
        stored = elements[drawn[place[drawn].argsort()]]
        return Preparation(frame, [Memory.of(stored, self.neighbours, own) for own in frames], place)

    def empty(self, width: int, tensors: Mapping[str, Tensor]) -> Autoencoder:
        """Return an autoencoder with memories of as many rows as the stored tensors have."""
        stored = [tensors[name] for name in sorted(tensors) if name.endswith(".stored")]
        return Autoencoder(self.build(width), [Memory(len(rows), width, self.neighbours) for rows in stored])
