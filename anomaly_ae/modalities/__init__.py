"""Models: one file a modality, one registration line each."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from anomaly_ae.ingest.rows import RowStore
from anomaly_ae.modalities.model import Fitted, Model
from anomaly_ae.modalities.pictures.model import PictureModel, PictureParts, fit_pictures
from anomaly_ae.modalities.pictures.networks import choose_network
from anomaly_ae.modalities.tables.model import TableModel, TableParts, fit_table
from anomaly_ae.spec import AnyNetworkSpec, AutoNetwork, MemoryNetwork, Spec
from anomaly_ae.split import SplitRule
from anomaly_ae.training import Check, Conduct, select_device

__all__ = ["CHOICES", "FITS", "Fitted", "Model", "ModelParts", "decide", "rebuild"]

ModelParts = Annotated[TableParts | PictureParts, Field(discriminator="kind")]
"""What `model.json` may say of a model: the parts of every kind, told apart by `kind`."""

FITS: dict[str, Callable[[RowStore, SplitRule, Spec, Conduct], Fitted]] = {
    "table": fit_table,
    "pictures": fit_pictures,
}
"""How a dataset of each modality is learned."""

CHOICES: dict[str, Callable[[RowStore], AnyNetworkSpec]] = {
    "table": lambda _: MemoryNetwork(),
    "pictures": choose_network,
}
"""Which network a dataset of each modality gets where the spec leaves it open."""

_REBUILDS: dict[str, Callable[[Any, Mapping[str, Tensor], Spec, tuple[Check, ...]], Model]] = {
    "table": TableModel.rebuild,
    "pictures": PictureModel.rebuild,
}
"""How a model of each kind is made again from its parts and its tensors."""


def decide(spec: Spec, dataset: RowStore) -> Spec:
    """Return the spec with its network chosen by the dataset, where it was left open.

    A model version is made from what this returns: a release that chooses otherwise makes another version.
    """
    if not isinstance(spec.network, AutoNetwork):
        return spec
    return spec.model_copy(update={"network": CHOICES[dataset.contract.modality](dataset)})


def rebuild(
    parts: ModelParts, tensors: Mapping[str, Tensor], spec: Spec, history: tuple[Check, ...], device: str
) -> Model:
    """Make a model again from what a model version holds, to compute on `device`."""
    model = _REBUILDS[parts.kind](parts, tensors, spec, history)
    model.network.to(select_device(device))
    return model
