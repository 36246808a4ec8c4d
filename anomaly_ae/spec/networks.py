"""The networks one may choose from, one section a kind."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from anomaly_ae.errors import SpecError
from anomaly_ae.spec.kinds import Kinds
from anomaly_ae.spec.sections import Section, Widths


class NetworkSection(Section):
    """What the section of every network has.

    Attributes:
        kind: the name under which the network is registered.
    """

    kind: str


class AutoNetwork(NetworkSection):
    """A network left open: which it is, the rows decide when a model is trained."""

    kind: Literal["auto"] = "auto"


class TextbookNetwork(NetworkSection):
    """The textbook autoencoder: an encoder to a bottleneck and its mirror image, fed with clean rows."""

    kind: Literal["textbook"] = "textbook"
    hidden: Widths = Field((256,), description="widths between input and bottleneck")
    bottleneck: int = Field(64, ge=1, description="width of the code; at most half of the elements")


class DenoisingNetwork(NetworkSection):
    """The multi-scale denoising autoencoder: fed with rows at many noise levels, taught to return the clean row."""

    kind: Literal["denoising"] = "denoising"
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


class MemoryNetwork(DenoisingNetwork):
    """The denoising autoencoder with a memory: rows are also reconstructed from the nearest stored train rows.

    There are two memories, one of the elements as they are and one of the whitened elements.
    """

    kind: Literal["memory"] = "memory"  # type: ignore[assignment] # another kind
    rows: int = Field(4096, ge=2, description="train rows stored; the model version holds them")
    neighbours: int = Field(3, ge=1, description="nearest stored rows that reconstruct a row")
    shrinkage: float = Field(0.1, gt=0, le=1, description="of the covariance before whitening")


class ConvolutionalNetwork(NetworkSection):
    """The convolutional autoencoder on pixels: for pictures, fed with clean ones, and needing no pretrained weights."""

    kind: Literal["convolutional"] = "convolutional"
    hidden: Widths = Field((16, 32, 64), description="channels of the encoder's layers, each at half the size before")
    bottleneck: int = Field(64, ge=1, description="width of the code")


class FeatureMapsNetwork(DenoisingNetwork):
    """The denoising autoencoder on whitened feature maps of a frozen pretrained backbone: for photographs."""

    kind: Literal["feature_maps"] = "feature_maps"  # type: ignore[assignment] # another kind
    hidden: Widths = Field((512, 512), description="widths between input and output")
    members: int = Field(1, ge=1, description="networks side by side, each trained without a share of the positions")
    noise_min: float = Field(
        0.3, gt=0, description="noise standard deviation, in units of a whitened channel; per position"
    )
    noise_max: float = Field(2.0, gt=0, description="drawn log-uniformly between noise_min and noise_max")
    backbone: str = Field(
        "efficientnet_lite0", description="with the extra `pictures`; or torchvision:NAME or timm:NAME, with `weights`"
    )
    weights: str | None = Field(None, description="file of the backbone's weights, where no package brings them")
    grid: int = Field(32, ge=4, le=64, description="positions on each side, to which all feature maps are brought")
    shrinkage: float = Field(
        0.1, ge=0, le=1, description="of each position's covariance towards the mean of all positions'"
    )


NETWORKS = Kinds(
    NetworkSection,
    "kind",
    {
        "auto": "anomaly_ae.spec.networks:AutoNetwork",
        "memory": "anomaly_ae.spec.networks:MemoryNetwork",
        "denoising": "anomaly_ae.spec.networks:DenoisingNetwork",
        "textbook": "anomaly_ae.spec.networks:TextbookNetwork",
        "feature_maps": "anomaly_ae.spec.networks:FeatureMapsNetwork",
        "convolutional": "anomaly_ae.spec.networks:ConvolutionalNetwork",
    },
)
"""A new network is one file in `networks/` and one line here."""

NetworkChoice = Annotated[NetworkSection, NETWORKS]
"""What a spec may say: a network, or that it is left open."""
AnyNetworkSpec = NetworkChoice
NetworkSpec = MemoryNetwork | DenoisingNetwork | TextbookNetwork
"""Dense networks: they read rows of elements, of tables and of pictures."""


def decided(network: NetworkSection) -> NetworkSection:
    """Return the network of a spec that is no longer left open.

    Raises:
        SpecError: it is.
    """
    if isinstance(network, AutoNetwork):
        msg = "network.kind is auto: name the kind, or let `anomaly_ae.modalities.decide` choose it by the dataset"
        raise SpecError(msg)
    return network


def dense_network(network: NetworkSection) -> NetworkSpec:
    """Return the network if it reads rows of elements.

    Raises:
        SpecError: it reads pictures, or is left open.
    """
    known = decided(network)
    if isinstance(known, MemoryNetwork | DenoisingNetwork | TextbookNetwork):
        return known
    msg = f"network.kind {known.kind} reads pictures; for tables choose memory, denoising or textbook"
    raise SpecError(msg)
