"""What a model version says of itself in `model.json`."""

import platform
from collections.abc import Sequence
from importlib.metadata import version as version_of_package
from typing import Any

from anomaly_ae.ingest.contract import Contract
from anomaly_ae.modalities.model import Model
from anomaly_ae.modalities.saved_model import AnyModelParts
from anomaly_ae.spec import Section, Spec
from anomaly_ae.split import SplitRule
from anomaly_ae.training import Check

MODEL_FORMAT = 3
_LIBRARIES = ("anomaly_ae", "torch", "numpy", "pyarrow", "pandas", "scipy", "safetensors")


class ModelDescription(Section):
    """What `model.json` holds: a model version without its tensors and its threshold."""

    format_version: int
    name: str
    version: str
    spec: Spec
    contract: Contract
    split_rule: SplitRule
    split: dict[str, int | float | str]
    data: dict[str, Any]
    model: AnyModelParts
    history: tuple[Check, ...]
    trimmed: tuple[str, ...] = ()
    libraries: dict[str, str]


def describe(
    model: Model,
    *,
    version: str,
    spec: Spec,
    contract: Contract,
    split_rule: SplitRule,
    split: dict[str, Any],
    data: dict[str, Any],
    trimmed: Sequence[str] = (),
) -> ModelDescription:
    """Return everything that `model.json` holds of a model; `trimmed` are the ids of its trimmed rows."""
    return ModelDescription(
        format_version=MODEL_FORMAT,
        name=spec.name,
        version=version,
        spec=spec,
        contract=contract,
        split_rule=split_rule,
        split=split | ({"train_rows_trimmed": len(trimmed)} if spec.training.robust else {}),
        data=data,
        model=model.parts,
        history=model.history,
        trimmed=tuple(trimmed),
        libraries=library_versions(),
    )


def library_versions() -> dict[str, str]:
    """Return the versions that the bits of a score may depend on."""
    return {"python": platform.python_version(), **{name: version_of_package(name) for name in _LIBRARIES}}
