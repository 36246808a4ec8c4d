"""Models of pictures: what is chosen for them, what they find and where, and that their scores are a matter of fact."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from picture_support import PATCH, draw, picture_dataset, tiny_backbone
from sklearn.metrics import roc_auc_score

from anomaly_ae.errors import SpecError
from anomaly_ae.features.backbones import LOADERS, Backbone
from anomaly_ae.ingest.pictures.decode import encode_png
from anomaly_ae.modalities import decide
from anomaly_ae.modalities.model import Fitted
from anomaly_ae.modalities.pictures.modality import Pictures
from anomaly_ae.modalities.pictures.model import PictureModel, PictureParts, fit_pictures
from anomaly_ae.modalities.pictures.networks import decide_format
from anomaly_ae.modalities.pictures.rows import PictureRows
from anomaly_ae.networks.feature_maps import BackboneFeatures
from anomaly_ae.networks.feature_store import FeatureStore
from anomaly_ae.networks.memory import MemoryNetwork
from anomaly_ae.spec import AutoNetwork, Spec
from anomaly_ae.split import SplitRule, gather
from anomaly_ae.stages.train import train
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.workspace import Workspace

KINDS: dict[str, dict[str, Any]] = {
    "feature_maps": {"backbone": "tiny", "grid": 8, "hidden": (32, 32)},
    "memory": {},
    "denoising": {},
    "textbook": {"bottleneck": 8},
    "vae": {"bottleneck": 8},
    "convolutional": {"hidden": (8, 16), "bottleneck": 8},
}


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register a backbone of the tests' own."""
    monkeypatch.setitem(LOADERS, "tiny", tiny_backbone)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Forty pictures to train on and twelve to test, six of them with a patch."""
    return picture_dataset(tmp_path_factory.mktemp("pictures"))


def spec_of(kind: str, **others: Any) -> Spec:
    """Return a small spec of a network of one kind."""
    settings = {
        "data": {"source": "unused"},
        "split": {"by": "folder"},
        "network": {"kind": kind, **KINDS[kind]},
        "training": {"steps": 150, "learning_rate": 3e-3, "device": "cpu"},
        "threshold": {"target_fpr": 0.2},
    }
    return Spec.model_validate(settings | others)


def fit(dataset: Dataset, spec: Spec) -> Fitted:
    """Fit the model of a spec."""
    return fit_pictures(dataset, SplitRule.fit(dataset, spec.split), spec)


@cache
def fitted(directory: Path, kind: str) -> PictureModel:
    """Fit each kind once."""
    model = fit(Dataset.open(directory), spec_of(kind)).model
    assert isinstance(model, PictureModel)
    return model


def rows_of(dataset: Dataset, split: str) -> pa.Table:
    """Return the rows of one folder."""
    rows = pa.Table.from_batches(dataset.batches())
    return rows.filter(pa.compute.equal(rows.column("origin"), split))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_finds_the_patch(dataset: Dataset, kind: str) -> None:
    """Pictures with a patch score higher, and the reasons point to where it is."""
    model, rows = fitted(dataset.directory, kind), rows_of(dataset, "test")

    scores = model.score(rows)

    is_patch = np.array(rows.column("_label").to_pylist())
    assert roc_auc_score(is_patch, scores.anomaly_score) > 0.9
    hottest = scores.contributions[is_patch].sum(axis=0).argmax()
    assert all(PATCH[0] - 1 / 8 <= place / 8 <= PATCH[1] for place in divmod(int(hottest), 8))


@pytest.mark.parametrize("kind", KINDS)
def test_a_score_does_not_depend_on_its_neighbours(dataset: Dataset, kind: str) -> None:
    """A picture scores the same to the last bit alone, in a batch, and at any place in it."""
    model, rows = fitted(dataset.directory, kind), rows_of(dataset, "test")
    together = model.score(rows)

    turned = model.score(rows.take(np.arange(len(rows))[::-1]))
    alone = [model.score(rows.slice(place, 1)) for place in range(3)]

    assert np.array_equal(turned.anomaly_score[::-1], together.anomaly_score)
    assert np.array_equal(turned.maps[::-1], together.maps)
    assert [one.anomaly_score[0] for one in alone] == together.anomaly_score[:3].tolist()


@pytest.mark.parametrize("kind", ["feature_maps", "memory", "convolutional"])
def test_a_score_does_not_depend_on_the_number_of_threads(dataset: Dataset, kind: str) -> None:
    """However many threads torch may use, the score is the same to the last bit."""
    model, rows = fitted(dataset.directory, kind), rows_of(dataset, "test")
    before = torch.get_num_threads()
    scores = []
    for threads in (1, 4):
        torch.set_num_threads(threads)
        scores.append(model.score(rows).anomaly_score)
    torch.set_num_threads(before)

    assert np.array_equal(*scores)


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_scores_the_same(dataset: Dataset, tmp_path: Path, kind: str) -> None:
    """A model version holds all that the score depends on."""
    spec, rows = spec_of(kind), rows_of(dataset, "test")

    loaded = train(dataset, spec, Workspace.open(tmp_path)).model.load()

    assert np.array_equal(
        loaded.model.score(rows).anomaly_score, fitted(dataset.directory, kind).score(rows).anomaly_score
    )
    assert loaded.description.spec.network.kind == kind


def test_a_model_is_not_loaded_with_another_backbone(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash of the backbone's weights is part of the model version."""
    version = train(dataset, spec_of("feature_maps"), Workspace.open(tmp_path)).directory

    def other(name: str, weights: Path | None) -> Backbone:
        backbone = tiny_backbone(name, weights)
        backbone.weights_sha256 = "0" * 64
        return backbone

    monkeypatch.setitem(LOADERS, "tiny", other)

    with pytest.raises(SpecError, match="or retrain"):
        ModelVersion.open(version).load()


def test_the_backbone_is_no_part_of_the_model_version(dataset: Dataset) -> None:
    """Weights that a package holds are not copied into every model."""
    assert not [name for name in fitted(dataset.directory, "feature_maps").network.state_dict() if "backbone" in name]


@pytest.mark.parametrize(("share", "expected"), [(None, 0.01), (0.5, 0.5)])
def test_the_score_is_the_mean_of_the_hottest_share(dataset: Dataset, share: float | None, expected: float) -> None:
    """The score can be taken from the map, and the share is the user's to set."""
    model = fit(dataset, spec_of("feature_maps", pictures={"top_share": share})).model
    assert isinstance(model, PictureModel)

    scores = model.score(rows_of(dataset, "test"))

    hottest = np.sort(scores.maps.reshape(len(scores.maps), -1))[:, ::-1][:, : round(expected * scores.maps[0].size)]
    np.testing.assert_allclose(scores.anomaly_score, hottest.mean(axis=1), rtol=1e-6)


def test_the_colour_scale_is_taken_from_validation_pictures(dataset: Dataset) -> None:
    """One position in a thousand of unseen normal pictures lies above the scale, and half below it."""
    spec = spec_of("feature_maps")
    model = fitted(dataset.directory, "feature_maps")
    validation = gather(dataset, SplitRule.fit(dataset, spec.split), 10**6).validation
    pictures = PictureRows.of(dataset, validation, model.parts.format.size, 3)

    maps = np.concatenate([one.maps for one in model.score_all(pictures)])

    assert np.mean(maps > model.map_scale.high) == pytest.approx(0.001, abs=0.0005)
    assert np.mean(maps > model.map_scale.low) == pytest.approx(0.5, abs=0.01)


def test_features_are_the_same_with_and_without_a_cache(dataset: Dataset, tmp_path: Path) -> None:
    """Where the disk budget is too small, features are computed again, to the same bits."""
    pictures = PictureRows.of(dataset, rows_of(dataset, "train"), 32, 3)
    cached, computed = (
        FeatureStore(pictures, BackboneFeatures(tiny_backbone("", None), 8), 64, cache)
        for cache in (tmp_path / "features", None)
    )

    passes = [torch.cat(list(store)) for store in (cached, cached, computed, computed)]

    assert (tmp_path / "features").stat().st_size == passes[0].numel() * 2
    assert all(torch.equal(one, passes[0]) for one in passes)


def test_the_cache_keeps_to_its_budget(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no budget nothing is written, and the model is the same."""
    written = []
    monkeypatch.setattr(FeatureStore, "_append", lambda self, _: written.append(self.cache))

    model = fit(dataset, spec_of("feature_maps", pictures={"cache_bytes": 0})).model

    assert set(written) == {None}
    rows = rows_of(dataset, "test")
    same = fitted(dataset.directory, "feature_maps").score(rows).anomaly_score
    assert np.array_equal(model.score(rows.combine_chunks().to_batches()[0]).anomaly_score, same)


@pytest.mark.parametrize(
    ("side", "pictures", "chosen"),
    [
        (32, {}, ("memory", 32, 1)),
        (32, {"colours": "rgb", "size": 16}, ("memory", 16, 3)),
        (80, {}, ("feature_maps", 256, 3)),
        (80, {"size": 128}, ("feature_maps", 128, 3)),
    ],
)
def test_what_the_spec_leaves_open_is_decided_by_the_pictures(
    tmp_path: Path, side: int, pictures: dict[str, Any], chosen: tuple[str, int, int]
) -> None:
    """Photographs go through the backbone, small pictures are read as pixels, grey ones as grey."""
    spec = Spec.model_validate({"data": {"source": "unused"}, "pictures": pictures})
    dataset = picture_dataset(tmp_path, side, train=4, test=2)

    how = decide_format(dataset, rows_of(dataset, "train"), decide(spec, dataset))

    assert (how.network.kind, how.size, how.colours) == chosen


@pytest.mark.parametrize("kind", ["memory", "feature_maps"])
def test_a_network_that_the_spec_names_is_kept(tmp_path: Path, kind: str) -> None:
    """A spec that names a kind and leaves its settings alone gets that kind, also where another is the default."""
    spec = Spec.model_validate({"data": {"source": "unused"}, "network": {"kind": kind}})
    dataset = picture_dataset(tmp_path, 80 if kind == "memory" else 32, train=4, test=2)

    decided = decide(spec, dataset)

    assert decided == spec
    assert decide_format(dataset, rows_of(dataset, "train"), decided).network == spec.network


def test_the_network_that_was_decided_is_in_the_version(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left open or named, the same network is the same version; should another release choose otherwise, it is not."""
    named = spec_of("memory", training={"steps": 5, "device": "cpu"})
    open_ = named.model_copy(update={"network": AutoNetwork()})
    kept = [train(dataset, spec, Workspace.open(tmp_path)) for spec in (open_, named)]

    monkeypatch.setattr(Pictures, "choose_network", lambda *_: MemoryNetwork(hidden=(8,)))
    other = train(dataset, open_, Workspace.open(tmp_path))

    assert kept[0].version == kept[1].version != other.version
    assert kept[1].reused
    assert not other.reused
    assert other.model.description.spec.network == MemoryNetwork(hidden=(8,))


def test_a_size_that_breaks_the_backbone_s_grid_is_refused(dataset: Dataset) -> None:
    """Maps of strides up to 32 lie over each other only at multiples of it."""
    with pytest.raises(SpecError, match="multiple of 32"):
        decide_format(dataset, rows_of(dataset, "train"), spec_of("feature_maps", pictures={"size": 100}))


def test_pictures_are_read_some_at_a_time(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither training nor scoring asks for all pictures at once."""
    monkeypatch.setattr("anomaly_ae.modalities.pictures.rows.ROWS_AT_ONCE", 7)
    pictures = PictureRows.of(dataset, rows_of(dataset, "train"), 16, 1)

    batches = list(pictures)

    assert max(len(one.values) for one in batches) <= 7
    assert sum(len(one.values) for one in batches) == len(pictures) == 40


def test_pixels_that_would_not_fit_memory_are_drawn(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dense networks hold their train pictures in memory: of too many, some, evenly."""
    monkeypatch.setattr("anomaly_ae.networks.picture_network.TRAIN_BYTES", 10 * 4 * 32 * 32)

    model = fit(dataset, spec_of("memory", training={"steps": 5, "device": "cpu"})).model

    assert len(model.network.state_dict()["autoencoder.memories.0.stored"]) <= 10


def test_a_picture_of_any_size_is_brought_to_the_network_s(dataset: Dataset) -> None:
    """A larger picture with the patch is still found, and its reasons are in its own pixels."""
    model = fitted(dataset.directory, "feature_maps")
    rows = pa.table({"picture": [encode_png(draw(999, 64, patch=True))]})

    reasons = model.reasons(rows, model.score(rows)).to_pylist()[0]

    assert reasons[0]["feature"].startswith(("x 32-40", "x 40-48", "x 48-56"))


def test_parts_of_earlier_releases_are_read(dataset: Dataset) -> None:
    """What was called `plan` in `model.json` is the format of the pictures."""
    parts = fitted(dataset.directory, "textbook").parts
    content = parts.model_dump(mode="json")
    content["plan"] = content.pop("format")

    assert PictureParts.model_validate(content) == parts
