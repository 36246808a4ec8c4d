"""What every network that reads rows of elements is: a trainable module that reconstructs them."""

from abc import abstractmethod
from typing import NamedTuple

from torch import Tensor

from anomaly_ae.training.trainable import Trainable


class MemberExamination(NamedTuple):
    """What each member of a network makes of n rows.

    Attributes:
        reconstruction: `(members, n, d)`.
        errors: the squared error of each element that is to be expected, never negative, `(members, n, d)`.
    """

    reconstruction: Tensor
    errors: Tensor


class Reconstructor(Trainable):
    """A module that reconstructs rows of elements."""

    @abstractmethod
    def forward(self, rows: Tensor) -> Tensor:
        """Reconstruct rows, `(members, n, d)` to the same shape; rows `(n, d)` are given to every member."""

    def examine(self, rows: Tensor, targets: Tensor) -> MemberExamination:
        """Reconstruct rows, and compare the reconstruction with targets.

        Args:
            rows: `(n, d)` or `(members, n, d)`.
            targets: what they should be, `(n, d)`.
        """
        reconstruction = self(rows)
        return MemberExamination(reconstruction, (reconstruction - targets).square())
