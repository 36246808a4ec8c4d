"""Networks of pictures by kind: what each is given, how each is built and fitted."""

from collections.abc import Mapping

import pyarrow as pa
import torch
from torch import Tensor

from anomaly_ae.errors import SpecError
from anomaly_ae.features.backbones import Backbone
from anomaly_ae.ingest.rows import RowStore
from anomaly_ae.modalities.pictures.feature_maps import fit_feature_maps
from anomaly_ae.modalities.pictures.rows import PictureRows, look_at, side_of
from anomaly_ae.networks import build, build_dense
from anomaly_ae.networks.convolutional import ConvolutionalAutoencoder, multiple_of
from anomaly_ae.networks.feature_maps import FeatureMapAutoencoder, PositionWhitening
from anomaly_ae.networks.pixels import Ink, PixelAutoencoder, PlainPixels
from anomaly_ae.spec import (
    AnyNetworkSpec,
    ConvolutionalNetwork,
    FeatureMapsNetwork,
    MemoryNetwork,
    NetworkSpec,
    Section,
    Spec,
    TextbookNetwork,
    decided,
    dense_network,
)
from anomaly_ae.training import UNATTENDED, Check, Conduct, assign_folds, select_device, train
from anomaly_ae.training.elements import fit_dense

PHOTOGRAPH = 64
"""Smaller side from which a picture is a photograph, with parts that a backbone knows; below, it is pixels."""
FEATURE_MAPS_SIZE = 256
STRIDE = 32
"""What the size must be a multiple of for the backbone's maps to lie exactly over each other."""
MAX_PIXELS = 128
"""Default side at most, of convolutional networks; dense ones halve it."""
TRAIN_BYTES = 1 << 30
"""Of memory that train pictures take at most, as pixels; of more, some are drawn."""

PictureNetwork = FeatureMapAutoencoder | PixelAutoencoder | ConvolutionalAutoencoder


class Plan(Section):
    """What pictures are brought to, and the network that reads them: the spec, with its defaults decided.

    Attributes:
        network: kind and sizes.
        size: pixels on each side.
        colours: 1 for grey, 3 for red, green and blue.
        top_share: share of a map, its hottest, whose mean is the score.
    """

    network: AnyNetworkSpec
    size: int
    colours: int
    top_share: float


def choose_network(dataset: RowStore) -> AnyNetworkSpec:
    """Choose the network of pictures where the spec leaves it open."""
    return FeatureMapsNetwork() if side_of(dataset) >= PHOTOGRAPH else MemoryNetwork()


def plan(dataset: RowStore, train_rows: pa.Table, spec: Spec) -> Plan:
    """Decide what the spec leaves open of a network that it names, by what the train pictures look like.

    Raises:
        SpecError: the size does not suit the network, or the spec names none.
    """
    look, asked, network = look_at(dataset, train_rows), spec.pictures, decided(spec.network)
    size, share = asked.size or min(look.side, MAX_PIXELS // 2), 1.0
    if isinstance(network, FeatureMapsNetwork):
        size, share = _backbone_size(asked.size or FEATURE_MAPS_SIZE), 0.01
    elif isinstance(network, ConvolutionalNetwork):
        size, share = multiple_of(asked.size or min(look.side, MAX_PIXELS), len(network.hidden)), 0.01
    is_grey = look.is_grey if asked.colours == "auto" else asked.colours == "grey"
    colours = 1 if is_grey and not isinstance(network, FeatureMapsNetwork) else 3
    return Plan(network=network, size=size, colours=colours, top_share=asked.top_share or share)


def build_network(how: Plan, tensors: Mapping[str, Tensor]) -> PictureNetwork:
    """Return an empty network of the right shape, for a model version's tensors to be loaded into."""
    if isinstance(how.network, FeatureMapsNetwork):
        positions, channels = tensors["whitening.centre"].shape
        return FeatureMapAutoencoder(PositionWhitening(positions, channels), build_dense(how.network, channels))
    if isinstance(how.network, ConvolutionalNetwork):
        return _convolutional(how, how.network)
    width = how.colours * how.size**2
    memory_rows = [len(tensors[name]) for name in sorted(tensors) if "stored" in name]
    network = dense_network(how.network)
    autoencoder = build(network, width, memory_rows)
    return PixelAutoencoder(_elements(how, network), autoencoder, torch.empty_like(tensors["weight"]))


def fit_network(
    dataset: RowStore, rows: pa.Table, how: Plan, spec: Spec, *, backbone: Backbone | None, conduct: Conduct
) -> tuple[PictureNetwork, tuple[Check, ...]]:
    """Fit the network on train rows of a dataset of pictures.

    Raises:
        TrainingError: the training diverged.
    """
    pictures = PictureRows.of(dataset, rows, how.size, how.colours)
    if isinstance(how.network, FeatureMapsNetwork) and backbone is not None:
        cache = spec.pictures.cache_bytes
        return fit_feature_maps(pictures, backbone, how.network, spec.training, cache_bytes=cache, conduct=conduct)
    values = _in_memory(pictures)
    if isinstance(how.network, ConvolutionalNetwork):
        return _fit_convolutional(values, how, how.network, spec, conduct)
    return fit_pixels(values, how, dense_network(how.network), spec, conduct)


def fit_pixels(
    values: Tensor, how: Plan, network: NetworkSpec, spec: Spec, conduct: Conduct = UNATTENDED
) -> tuple[PixelAutoencoder, tuple[Check, ...]]:
    """Fit a dense network on train pictures in memory, `(n, colours, size, size)` from 0 to 1.

    Raises:
        TrainingError: the training diverged.
    """
    elements = _elements(how, network)
    if isinstance(elements, Ink):
        elements.fit(values)
    rows = torch.cat([elements(some)[0] for some in torch.split(values, 1024)])
    fit = fit_dense(rows.to(select_device(spec.training.device)), network, spec.training, spec.scoring, conduct)
    weight = torch.from_numpy(fit.weight).float()
    return PixelAutoencoder(elements, fit.autoencoder.cpu(), weight).eval(), fit.history


def _fit_convolutional(
    values: Tensor, how: Plan, network: ConvolutionalNetwork, spec: Spec, conduct: Conduct
) -> tuple[ConvolutionalAutoencoder, tuple[Check, ...]]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.training.seed)
        convolutional = _convolutional(how, network)
    fold = assign_folds(len(values), 1, spec.training.early_stopping_share, spec.training.seed)
    history = train(convolutional, values.flatten(1), fold, spec.training, conduct=conduct)
    return convolutional.eval(), tuple(history)


def _convolutional(how: Plan, network: ConvolutionalNetwork) -> ConvolutionalAutoencoder:
    return ConvolutionalAutoencoder(how.colours, how.size, network.hidden, network.bottleneck)


def _elements(how: Plan, network: NetworkSpec) -> PlainPixels | Ink:
    """Return how pixels become elements: as they are for the textbook, as ink for the rest."""
    return PlainPixels() if isinstance(network, TextbookNetwork) else Ink(how.size)


def _in_memory(pictures: PictureRows) -> Tensor:
    """Read pictures whole, `(n, colours, size, size)`: every so manieth where all would take too much memory."""
    each = 4 * pictures.colours * pictures.size**2
    every = -(-len(pictures) * each // TRAIN_BYTES)
    return torch.cat([torch.from_numpy(one.values[::every].copy()) for one in pictures])


def _backbone_size(size: int) -> int:
    if size % STRIDE:
        msg = f"pictures.size is {size}; for network.kind feature_maps it must be a multiple of {STRIDE}"
        raise SpecError(msg)
    return size
