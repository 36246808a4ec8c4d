"""A model version: the same bits in another process, no byte changed in secret, and no pickle."""

import ast
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open

from anomaly_ae.errors import ArtifactError, CalibrationError
from anomaly_ae.estimators.frames import to_table
from anomaly_ae.estimators.tabular import TabularAutoencoder
from anomaly_ae.modalities.tables.model import TableModel
from anomaly_ae.stages.calibrate import calibrate
from anomaly_ae.storage import MANIFEST, hash_file
from anomaly_ae.threshold.rules.fpr import FprThreshold
from anomaly_ae.workspace.model_version import ModelVersion

FILES = ("weights.safetensors", "model.json", "validation_scores.parquet", "card.md", "calibration.json", MANIFEST)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def saved(fitted: TabularAutoencoder, tmp_path: Path) -> Path:
    """Return the directory of a saved model version."""
    fitted.save(tmp_path / "model")
    return tmp_path / "model"


def hashes(directory: Path) -> dict[str, str]:
    """Return the hash of every file."""
    return {str(path.relative_to(directory)): hash_file(path) for path in directory.rglob("*") if path.is_file()}


def test_another_process_gives_the_same_bits(
    saved: Path, fitted: TabularAutoencoder, mixed: pd.DataFrame, tmp_path: Path
) -> None:
    """Loaded in a new process the model scores the same rows to the same last bit."""
    mixed.to_parquet(tmp_path / "rows.parquet")
    script = (
        "import hashlib, sys, pandas; from anomaly_ae.estimators.tabular import TabularAutoencoder;"
        "scores = TabularAutoencoder.load(sys.argv[1]).anomaly_score(pandas.read_parquet(sys.argv[2]));"
        "print(hashlib.sha256(scores.tobytes()).hexdigest())"
    )

    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-W", "ignore", "-c", script, str(saved), str(tmp_path / "rows.parquet")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == hashlib.sha256(fitted.anomaly_score(mixed).tobytes()).hexdigest()


def test_everything_a_model_is_comes_back(saved: Path, fitted: TabularAutoencoder, mixed: pd.DataFrame) -> None:
    """Encoder, scale, history, validation scores and reasons are those that were saved."""
    trained = ModelVersion.open(saved).load()
    rows = to_table(mixed, fitted.contract_)

    assert isinstance(trained.model, TableModel)
    assert trained.model.encoder == fitted.model_.encoder
    assert np.array_equal(trained.model.scale.weight, fitted.model_.scale.weight)
    assert trained.model.history == fitted.model_.history
    assert np.array_equal(trained.validation_scores, fitted.validation_scores_)
    assert trained.calibration == fitted.calibration_
    assert trained.model.reasons(rows, trained.model.score(rows)).equals(
        fitted.model_.reasons(rows, fitted.model_.score(rows))
    )


def test_saving_twice_gives_the_same_bytes(saved: Path, fitted: TabularAutoencoder, tmp_path: Path) -> None:
    """All files but the manifest, which says when, are the same however often a model is saved."""
    fitted.save(tmp_path / "again")

    once, again = hashes(saved), hashes(tmp_path / "again")
    assert {name for name in once if once[name] != again[name]} <= {MANIFEST}
    assert once.keys() == again.keys()


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json", "validation_scores.parquet", "card.md"])
@pytest.mark.parametrize("place", [0.0, 0.3, 0.7, 1.0])
def test_a_changed_byte_is_refused(saved: Path, name: str, place: float) -> None:
    """One other bit, at the start, in the middle or at the end of a file, and the model is not loaded."""
    content = bytearray((saved / name).read_bytes())
    content[round(place * (len(content) - 1))] ^= 1
    (saved / name).write_bytes(content)

    with pytest.raises(ArtifactError, match=name):
        ModelVersion.open(saved).load()


@pytest.mark.parametrize("name", ["calibration.json", MANIFEST])
def test_a_changed_byte_of_a_record_is_refused_or_harmless(saved: Path, name: str, fitted: TabularAutoencoder) -> None:
    """Each byte of the two files without a hash of their own: changed, it is refused, or what is loaded is the same."""
    content, version = (saved / name).read_bytes(), ModelVersion.open(saved).description.version
    refused = 0
    for place in range(0, len(content), 5):
        changed = bytearray(content)
        changed[place] ^= 1
        (saved / name).write_bytes(changed)
        try:
            assert ModelVersion.open(saved).calibration == fitted.calibration_
            assert ModelVersion.open(saved).description.version == version
        except ArtifactError:
            refused += 1

    assert refused > len(content) / 5 / 2


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(saved: Path, name: str) -> None:
    """A model version without one of its files is not loaded, and the message names the file."""
    (saved / name).unlink()

    with pytest.raises(ArtifactError, match=name):
        ModelVersion.open(saved).load()


def test_another_models_threshold_is_refused(saved: Path, mixed: pd.DataFrame, tmp_path: Path) -> None:
    """A calibration that is whole, but was taken from another model's scores, is not taken for this one's."""
    settings = {"hidden": (16,), "steps": 10, "target_fpr": 0.05, "device": "cpu", "random_state": 3}
    TabularAutoencoder(**settings).fit(mixed).save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "calibration.json", saved / "calibration.json")

    with pytest.raises(ArtifactError, match="calibrated on other scores"):
        ModelVersion.open(saved).load()


def test_altered_validation_scores_give_no_threshold(saved: Path) -> None:
    """A threshold is not taken anew from scores that have changed."""
    path = saved / "validation_scores.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(10), path)

    with pytest.raises(ArtifactError, match=r"validation_scores\.parquet has changed"):
        calibrate(ModelVersion.open(saved), FprThreshold(target_fpr=0.2))


def test_a_new_threshold_leaves_the_weights_alone(saved: Path, fitted: TabularAutoencoder, mixed: pd.DataFrame) -> None:
    """Calibrated anew, only the calibration changes; the earlier one stays on record; scores are the same."""
    before = hashes(saved)

    made = calibrate(ModelVersion.open(saved), FprThreshold(target_fpr=0.2))

    after = hashes(saved)
    new = f"calibrations/{made.calibration_id}.json"
    assert {name for name in after if before.get(name) != after[name]} == {"calibration.json", new}
    assert f"calibrations/{fitted.calibration_.calibration_id}.json" in after
    trained = ModelVersion.open(saved).load()
    assert (trained.calibration, trained.calibration.target_fpr) == (made, 0.2)
    assert made.threshold < fitted.threshold_
    assert np.array_equal(
        trained.model.score(to_table(mixed, fitted.contract_)).anomaly_score, fitted.anomaly_score(mixed)
    )


def test_a_threshold_that_cannot_be_promised_changes_nothing(saved: Path) -> None:
    """A refused calibration leaves the one in force."""
    before = hashes(saved)

    with pytest.raises(CalibrationError):
        calibrate(ModelVersion.open(saved), FprThreshold(target_fpr=1e-6))

    assert hashes(saved) == before


def test_every_file_is_of_an_open_format(saved: Path) -> None:
    """Weights are safetensors, records JSON, scores Parquet, the card Markdown; there is nothing else."""
    for path in saved.rglob("*"):
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".parquet":
            assert pq.read_schema(path).names == ["anomaly_score"]
        elif path.suffix == ".safetensors":
            with safe_open(path, framework="numpy") as tensors:
                assert len(list(tensors.keys())) > 0
        elif path.suffix == ".md":
            assert path.read_text(encoding="utf-8").startswith("# ")
        else:
            assert path.is_dir()


def sources() -> Iterator[Path]:
    """Yield every Python file of the package and its flows."""
    for folder in ("anomaly_ae", "flows"):
        yield from (ROOT / folder).rglob("*.py")


SAFE = {"torch.load": "weights_only=True", "np.load": "allow_pickle=False"}
"""Loaders that refuse a file with objects in it, when asked so."""


def test_no_source_file_pickles() -> None:
    """No module imports a pickler, and none calls a loader that runs what it reads."""
    picklers = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
    calls = {"torch.load", "torch.save", "torch.jit.load", "np.load", "pd.read_pickle", "yaml.load"}
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import | ast.ImportFrom) else set()
            module = {node.module} if isinstance(node, ast.ImportFrom) else set()
            called = {ast.unparse(node.func)} if isinstance(node, ast.Call) else set()
            asked = {ast.unparse(one) for one in node.keywords} if isinstance(node, ast.Call) else set()
            called = {name for name in called if SAFE.get(name) not in asked}
            if {str(name).split(".")[0] for name in names | module} & picklers or called & calls:
                found.append(f"{path}:{node.lineno}")

    assert found == []
