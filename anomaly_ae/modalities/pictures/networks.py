"""Which network reads pictures, and in which format it is given them."""

import pyarrow as pa

from anomaly_ae.ingest.rows import RowStore
from anomaly_ae.modalities.pictures.rows import side_of, typical_picture
from anomaly_ae.networks.feature_maps import FeatureMapsNetwork
from anomaly_ae.networks.memory import MemoryNetwork
from anomaly_ae.networks.picture_network import PictureFormat, picture_network
from anomaly_ae.spec import NetworkSection, Spec

_PHOTOGRAPH = 64
"""Shorter side, in pixels, from which pictures are taken for photographs, whose parts a backbone knows."""


def choose_network(dataset: RowStore) -> NetworkSection:
    """Choose the network of pictures where the spec leaves it open."""
    return FeatureMapsNetwork() if side_of(dataset) >= _PHOTOGRAPH else MemoryNetwork()


def decide_format(dataset: RowStore, train_rows: pa.Table, spec: Spec) -> PictureFormat:
    """Decide the format of the pictures, by what the train pictures are like and what the network needs.

    Raises:
        SpecError: the size does not suit the network, or the spec leaves the network open.
    """
    return picture_network(spec.network).decide_format(spec.pictures, typical_picture(dataset, train_rows))
