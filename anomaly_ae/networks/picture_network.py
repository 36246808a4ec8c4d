"""The base class of networks that read pictures: what they are given, how they are fitted, what they make of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn

from anomaly_ae.errors import SpecError
from anomaly_ae.features.pictures import PictureBatch
from anomaly_ae.spec import PictureSpec, Section, Spec
from anomaly_ae.spec.networks import NetworkChoice, NetworkSection, decided
from anomaly_ae.training import UNATTENDED, Check, Conduct

PICTURES_AT_ONCE = 16
"""Pictures that a network reads at once, always, so that a score does not depend on how many pictures come with it."""
MAX_SIZE = 128
"""Default size at most, of networks that read pixels."""
TRAIN_BYTES = 1 << 30
"""Memory that train pictures take at most, as pixels; of more pictures, every k-th is taken."""


class TypicalPicture(NamedTuple):
    """What the train pictures are like.

    Attributes:
        side: median of their shorter sides, in pixels.
        is_grey: whether all of them are grey.
    """

    side: int
    is_grey: bool


class PictureFormat(Section):
    """The format to which pictures are brought for a network, with every default decided.

    Attributes:
        network: reads the pictures.
        size: pixels on each side.
        colours: 1 for grey, 3 for red, green and blue.
        top_share: share of a map, its hottest, whose mean is the score.
    """

    network: NetworkChoice
    size: int
    colours: int
    top_share: float

    @classmethod
    def decide(
        cls, network: NetworkSection, asked: PictureSpec, typical: TypicalPicture, *, size: int, top_share: float
    ) -> Self:
        """Return the format with a network's own size and top share; colours are those of the pictures."""
        is_grey = typical.is_grey if asked.colours == "auto" else asked.colours == "grey"
        top_share = asked.top_share or top_share
        return cls(network=network, size=size, colours=1 if is_grey else 3, top_share=top_share)


class PictureBatches(Protocol):
    """Pictures of one format, read again at every pass."""

    @property
    def size(self) -> int:
        """Pixels on each side."""

    @property
    def colours(self) -> int:
        """1 for grey, 3 for red, green and blue."""

    def __len__(self) -> int:
        """Return the number of pictures."""

    def __iter__(self) -> Iterator[PictureBatch]:
        """Yield the pictures in order, some at a time."""


class FeatureExtractor(Protocol):
    """Turns pictures into what a network reads."""

    @property
    def weights_sha256(self) -> str | None:
        """Hash of the pretrained weights; None without any."""

    def __call__(self, pictures: Tensor) -> Tensor:
        """Return what the network reads of pictures `(n, colours, size, size)`, on their device."""


@dataclass(frozen=True)
class RawPixels:
    """Leaves pictures as they are."""

    weights_sha256: ClassVar[None] = None

    def __call__(self, pictures: Tensor) -> Tensor:
        """Return the pictures."""
        return pictures


class PictureExamination(NamedTuple):
    """What a network makes of n pictures.

    Attributes:
        maps: anomaly by place, never negative, `(n, height, width)`.
        error: plain mean squared error of the reconstruction, `(n,)`.
        reconstruction: the pictures as they would be if they were normal, from 0 to 1, `(n, colours, height, width)`;
            None where the network reconstructs something other than pictures.
    """

    maps: Tensor
    error: Tensor
    reconstruction: Tensor | None


class PictureAutoencoder(nn.Module, ABC):
    """A module that makes anomaly maps of pictures."""

    @abstractmethod
    def examine(self, features: Tensor) -> PictureExamination:
        """Reconstruct n pictures, as the network's feature extractor returns them."""


class PictureFit(NamedTuple):
    """What was learned from pictures.

    Attributes:
        autoencoder: in evaluation mode.
        history: the checks of the training.
    """

    autoencoder: PictureAutoencoder
    history: tuple[Check, ...]


class PictureNetwork(NetworkSection, ABC):
    """A network that reads pictures."""

    @property
    def summary(self) -> str | None:
        """What the network reads of the pictures, in a few words; None where it reads the pixels."""
        return None

    @abstractmethod
    def decide_format(self, asked: PictureSpec, typical: TypicalPicture) -> PictureFormat:
        """Return the format to which pictures are brought.

        Args:
            asked: what the user has set.
            typical: what the train pictures are like.

        Raises:
            SpecError: the size asked for does not suit the network.
        """

    def feature_extractor(self, weights_sha256: str | None = None) -> FeatureExtractor:  # noqa: ARG002 - see below
        """Load what turns pictures into what the network reads: by default nothing is needed.

        Args:
            weights_sha256: hash that pretrained weights must have, as a model version recorded it.

        Raises:
            SpecError: pretrained weights are missing, or are not those recorded.
        """
        return RawPixels()

    @abstractmethod
    def fit_pictures(
        self,
        pictures: PictureBatches,
        picture_format: PictureFormat,
        extract: FeatureExtractor,
        spec: Spec,
        conduct: Conduct = UNATTENDED,
    ) -> PictureFit:
        """Fit on train pictures.

        Args:
            pictures: normal ones, in that format.
            picture_format: what `decide_format` returned.
            extract: what `feature_extractor` returned.
            spec: training, scoring, and the disk that features may take.
            conduct: reports, checkpoints and the processes that share the work.

        Raises:
            TrainingError: the training diverged.
        """

    @abstractmethod
    def empty_for_pictures(self, picture_format: PictureFormat, tensors: Mapping[str, Tensor]) -> PictureAutoencoder:
        """Return a module whose tensors have the shapes of `tensors`, which are to be loaded into it."""


def picture_network(network: NetworkSection) -> PictureNetwork:
    """Return the network of a spec as one that reads pictures.

    Raises:
        SpecError: it does not, or is left open.
    """
    known = decided(network)
    if isinstance(known, PictureNetwork):
        return known
    msg = f"network.kind {known.kind} does not read pictures"
    raise SpecError(msg)


def load_pixels(pictures: PictureBatches) -> Tensor:
    """Load pictures into memory, `(n, colours, size, size)`; every k-th where all would take too much of it."""
    picture_bytes = 4 * pictures.colours * pictures.size**2
    every = -(-len(pictures) * picture_bytes // TRAIN_BYTES)
    return torch.cat([torch.from_numpy(batch.values[::every].copy()) for batch in pictures])
