"""How a trained model of any modality is rebuilt from what its model version holds."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny
from torch import Tensor

from anomaly_ae.modalities import modality_of
from anomaly_ae.modalities.model import Model, ModelParts
from anomaly_ae.spec import Spec
from anomaly_ae.training import Check, select_device


def _parse_parts(content: Any) -> Any:
    """Parse the parts of a model by the modality that they name."""
    if isinstance(content, ModelParts):
        return content
    return modality_of(content["kind"]).parts_type().model_validate(content)


AnyModelParts = Annotated[SerializeAsAny[ModelParts], BeforeValidator(_parse_parts)]
"""Parts of a model of whichever modality, as a field of a pydantic model."""


def rebuild(
    parts: ModelParts, tensors: Mapping[str, Tensor], spec: Spec, history: tuple[Check, ...], device: str
) -> Model:
    """Rebuild a model from what a model version holds, to compute on `device`."""
    model = modality_of(parts.kind).rebuild(parts, tensors, spec, history)
    model.network.to(select_device(device))
    return model
