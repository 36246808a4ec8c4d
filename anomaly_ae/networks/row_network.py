"""The base class of networks that read rows of elements: of tables, and of pictures as pixels."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anomaly_ae.errors import SpecError
from anomaly_ae.networks.autoencoder import Autoencoder
from anomaly_ae.networks.nearest import Memory
from anomaly_ae.networks.picture_network import (
    MAX_SIZE,
    FeatureExtractor,
    PictureBatches,
    PictureFit,
    PictureFormat,
    PictureNetwork,
    TypicalPicture,
    load_pixels,
)
from anomaly_ae.networks.pixels import Ink, PixelAutoencoder, PlainPixels
from anomaly_ae.networks.reconstructor import Reconstructor
from anomaly_ae.networks.threads import side_by_side
from anomaly_ae.scoring.scores import BATCH_ROWS, fit_weight
from anomaly_ae.spec import PictureSpec, ScoringSpec, Spec, TrainingSpec
from anomaly_ae.spec.networks import NETWORKS, NetworkSection, decided
from anomaly_ae.training import UNATTENDED, Check, Conduct, assign_folds, initialise, select_device, train

MAX_WEIGHED_ROWS = 32_768
"""Train rows that the parts' mean errors are taken from; more would take time and hardly change them."""


class Preparation(NamedTuple):
    """What a network learns from n train rows before its weights are trained.

    Attributes:
        frame: matrix `(d, d)` that takes rows to the frame in which the network works.
        memories: reconstruct rows beside the network.
        place: place of each train row in the memories, `(n,)`; -1 where it is not stored.
    """

    frame: Tensor
    memories: list[Memory]
    place: Tensor


class RowFit(NamedTuple):
    """What was learned from rows.

    Attributes:
        autoencoder: in evaluation mode.
        weight: of each part's error of each element in the score, `(parts, d)`.
        history: the checks of the training.
    """

    autoencoder: Autoencoder
    weight: NDArray[np.float64]
    history: tuple[Check, ...]


class RowNetwork(PictureNetwork):
    """A network that reads rows of elements; a new one has to define `build` alone.

    Attributes:
        reads_ink: whether it reads the pixels of a picture as deviations from the ground, see `Ink`, or as they are.
    """

    reads_ink: ClassVar[bool] = True

    @abstractmethod
    def build(self, width: int) -> Reconstructor:
        """Return the untrained module for rows of `width` elements; torch's generator draws its weights."""

    def prepare(self, elements: Tensor, seed: int) -> Preparation:  # noqa: ARG002 - for networks that draw rows
        """Learn from train rows `(n, d)` what the network is trained with: here nothing.

        Args:
            elements: train rows, `(n, d)`, on the device to train on.
            seed: of whatever is drawn.
        """
        rows, width = elements.shape
        return Preparation(torch.eye(width, device=elements.device), [], torch.full((rows,), -1))

    def empty(self, width: int, tensors: Mapping[str, Tensor]) -> Autoencoder:  # noqa: ARG002 - for networks with memories
        """Return an autoencoder whose tensors have the shapes of `tensors`, which are to be loaded into it."""
        return Autoencoder(self.build(width))

    def fit(
        self, elements: Tensor, training: TrainingSpec, scoring: ScoringSpec, conduct: Conduct = UNATTENDED
    ) -> RowFit:
        """Train on rows, and weigh the parts by their errors on rows they have not seen.

        Args:
            elements: train rows, `(n, d)`, on the device to train on.
            training: steps, optimizer, early stopping, seed.
            scoring: passes and whitening.
            conduct: reports, checkpoints and the processes that share the work.

        Raises:
            TrainingError: the training diverged.
        """
        network = initialise(lambda: self.build(elements.shape[1]), training.seed).to(elements.device)
        fold = assign_folds(len(elements), network.members, training.early_stopping_share, training.seed)
        frame, memories, place = self.prepare(elements, training.seed)
        history = train(network, elements @ frame, fold, training, conduct=conduct)
        autoencoder = Autoencoder.of(network, elements, frame, memories).eval()
        weighed = _draw_weighed(len(elements), training.seed)
        errors = _mean_unseen_errors(autoencoder, elements[weighed], fold[weighed], place[weighed], scoring.passes)
        return RowFit(autoencoder, fit_weight(errors, whiten=scoring.whiten), tuple(history))

    def decide_format(self, asked: PictureSpec, typical: TypicalPicture) -> PictureFormat:
        """Read pictures as large as they are, up to half of what a convolutional network reads."""
        size = asked.size or min(typical.side, MAX_SIZE // 2)
        return PictureFormat.decide(self, asked, typical, size=size, top_share=1.0)

    def fit_pictures(
        self,
        pictures: PictureBatches,
        picture_format: PictureFormat,
        extract: FeatureExtractor,
        spec: Spec,
        conduct: Conduct = UNATTENDED,
    ) -> PictureFit:
        """Fit on the pixels of train pictures."""
        return self.fit_pixels(extract(load_pixels(pictures)), picture_format, spec, conduct)

    def fit_pixels(
        self, pixels: Tensor, picture_format: PictureFormat, spec: Spec, conduct: Conduct = UNATTENDED
    ) -> PictureFit:
        """Fit on pictures in memory, `(n, colours, size, size)` from 0 to 1.

        Raises:
            TrainingError: the training diverged.
        """
        elements = self._elements(picture_format)
        elements.fit(pixels)
        rows = torch.cat([elements(some)[0] for some in torch.split(pixels, 1024)])
        fit = self.fit(rows.to(select_device(spec.training.device)), spec.training, spec.scoring, conduct)
        weight = torch.from_numpy(fit.weight).float()
        return PictureFit(PixelAutoencoder(elements, fit.autoencoder.cpu(), weight).eval(), fit.history)

    def empty_for_pictures(self, picture_format: PictureFormat, tensors: Mapping[str, Tensor]) -> PixelAutoencoder:
        """Return an autoencoder of pixels for tensors to be loaded into."""
        own = "autoencoder."
        of_rows = {name.removeprefix(own): tensor for name, tensor in tensors.items() if name.startswith(own)}
        autoencoder = self.empty(picture_format.colours * picture_format.size**2, of_rows)
        return PixelAutoencoder(self._elements(picture_format), autoencoder, torch.empty_like(tensors["weight"]))

    def _elements(self, picture_format: PictureFormat) -> PlainPixels | Ink:
        return Ink(picture_format.size) if self.reads_ink else PlainPixels()


def row_network(network: NetworkSection) -> RowNetwork:
    """Return the network of a spec as one that reads rows.

    Raises:
        SpecError: it reads pictures only, or is left open.
    """
    known = decided(network)
    if isinstance(known, RowNetwork):
        return known
    *others, last = [kind for kind in NETWORKS if issubclass(NETWORKS[kind], RowNetwork)]
    msg = f"network.kind {known.kind} reads pictures; for tables choose {', '.join(others)} or {last}"
    raise SpecError(msg)


def _draw_weighed(rows: int, seed: int) -> Tensor:
    """Draw the train rows that the parts are weighed by: their indices, ascending."""
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed + 2))
    return order[:MAX_WEIGHED_ROWS].sort().values


def _mean_unseen_errors(
    autoencoder: Autoencoder, elements: Tensor, fold: Tensor, place: Tensor, passes: int
) -> NDArray[np.float64]:
    """Return each part's mean error on each element of train rows it has not seen, `(parts, d)`."""
    rows = (elements, fold.to(elements.device), place.to(elements.device))
    sums = side_by_side(
        lambda batch: autoencoder.unseen_errors(batch[0], batch[1], batch[2], passes).double().sum(dim=1),
        zip(*(torch.split(column, BATCH_ROWS) for column in rows), strict=True),
    )
    mean: NDArray[np.float64] = (torch.stack(list(sums)).sum(dim=0) / len(elements)).cpu().numpy()
    return mean
