"""The networks that a spec can name, one line each; their sections are in `anomaly_ae/networks/`."""

from typing import Annotated, ClassVar, Literal

from anomaly_ae.errors import SpecError
from anomaly_ae.spec.kinds import Kinds
from anomaly_ae.spec.sections import Section


class NetworkSection(Section):
    """What the sections of all networks have in common.

    Attributes:
        is_open: whether the rows are to choose the network, as this names none.
        kind: the name under which the network is registered.
    """

    is_open: ClassVar[bool] = False

    kind: str


class AutoNetwork(NetworkSection):
    """The network is left open: it is chosen by the rows when a model is trained."""

    is_open: ClassVar[bool] = True

    kind: Literal["auto"] = "auto"


NETWORKS = Kinds(
    NetworkSection,
    "kind",
    {
        "auto": "anomaly_ae.spec.networks:AutoNetwork",
        "memory": "anomaly_ae.networks.memory:MemoryNetwork",
        "denoising": "anomaly_ae.networks.denoising:DenoisingNetwork",
        "textbook": "anomaly_ae.networks.textbook:TextbookNetwork",
        "vae": "anomaly_ae.networks.vae:VaeNetwork",
        "feature_maps": "anomaly_ae.networks.feature_maps:FeatureMapsNetwork",
        "convolutional": "anomaly_ae.networks.convolutional:ConvolutionalNetwork",
    },
)
"""A new network is one file in `networks/` and one line here."""

NetworkChoice = Annotated[NetworkSection, NETWORKS]
"""What a spec may name: a network, or that the choice is left open."""


def decided(network: NetworkSection) -> NetworkSection:
    """Return the network of a spec that does not leave it open.

    Raises:
        SpecError: the spec leaves it open.
    """
    if network.is_open:
        msg = "network.kind is auto: name the kind, or let `anomaly_ae.modalities.decide` choose it by the dataset"
        raise SpecError(msg)
    return network
