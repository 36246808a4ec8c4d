"""Pictures from end to end: the same steps and commands as for tables, and maps that show where."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pytest
from inspection_support import SIDE, Inspection
from picture_support import PATCH, draw
from PIL import Image
from sklearn.metrics import roc_auc_score
from tests_support import run_cli, write_table

from anomaly_ae.errors import AnomalyAEError
from anomaly_ae.modalities.pictures.columns import SCORED_COLUMNS
from anomaly_ae.scoring.maps import bring_to
from anomaly_ae.scoring.schema import scored_schema
from anomaly_ae.spec.file import dump_spec
from anomaly_ae.stages.calibrate import calibrate
from anomaly_ae.stages.evaluate import evaluate
from anomaly_ae.stages.pipeline import require
from anomaly_ae.stages.score import score
from anomaly_ae.storage import read_manifest
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import ScoredTable
from anomaly_ae.workspace.workspace import Workspace


def rows_of(scored: Path) -> list[dict]:
    """Return the rows of a scored table."""
    return ds.dataset(sorted(scored.glob("part-*.parquet"))).to_table().to_pylist()


def test_schema_is_that_of_tables_and_three_columns_more(inspection: Inspection) -> None:
    """The columns of every scored table come first, with their descriptions; region, map and overlay are at the end."""
    schema = ds.dataset(sorted(inspection.scored.glob("part-*.parquet"))).schema

    assert schema.equals(scored_schema(extra=SCORED_COLUMNS), check_metadata=True)
    assert schema.names == [*scored_schema().names, "region", "anomaly_map", "overlay"]


def test_every_picture_has_a_row_a_map_and_a_region(inspection: Inspection) -> None:
    """Maps lie where the table says, regions inside the picture; overlays are there for alerts and only for these."""
    rows = rows_of(inspection.scored)

    assert len(rows) == inspection.dataset.manifest.rows_in
    for row in rows:
        stored, box = np.load(inspection.scored / row["anomaly_map"]), row["region"]
        assert stored.dtype == np.float16
        assert 0 <= box["left"] < box["right"] <= SIDE
        assert 0 <= box["top"] < box["bottom"] <= SIDE
        assert (row["overlay"] is not None) == row["is_anomaly"]
    assert all(Image.open(inspection.scored / row["overlay"]).size == (SIDE, SIDE) for row in rows if row["overlay"])


def test_pictures_the_model_was_made_from_are_told_apart(inspection: Inspection) -> None:
    """Every picture of the source has its split, also when it is scored again as new; only test pictures are judged."""
    again = inspection.score(inspection.spec.data.source, Workspace.open(inspection.spec.workspace))

    for table in (inspection.scored, again):
        assert {row["split"] for row in rows_of(table)} == {"train", "validation", "test"}
    metrics = require(inspection.made.judged).metrics
    assert metrics is not None
    assert metrics.split == "test"


def test_files_are_published_with_the_table(inspection: Inspection) -> None:
    """The manifest lists every map and overlay with its hash, and the scale of their colours."""
    manifest = read_manifest(inspection.scored, "scored")
    named = {name for row in rows_of(inspection.scored) for name in (row["anomaly_map"], row["overlay"]) if name}

    assert named <= manifest["files"].keys()
    assert 0 <= manifest["map_scale"]["low"] < manifest["map_scale"]["high"]


def test_hottest_region_is_where_the_patch_is(inspection: Inspection) -> None:
    """The centre of the region of each picture with a patch lies in the patch."""
    for row in rows_of(inspection.scored):
        if row["label"]:
            box = row["region"]
            for centre in ((box["left"] + box["right"]) / 2, (box["top"] + box["bottom"]) / 2):
                assert PATCH[0] * SIDE - 2 <= centre <= PATCH[1] * SIDE + 2


def test_pixel_metrics_are_those_of_the_files(inspection: Inspection) -> None:
    """Pixel ROC AUC in metrics.json is what scikit-learn makes of the published maps and the masks of the source."""
    found = json.loads((inspection.scored / "metrics.json").read_text())["pixels"]
    source, scores, truth = Path(inspection.spec.data.source), [], []
    for row in rows_of(inspection.scored):
        kind, name = Path(row["row_id"]).parts[-2:]
        mask = source / "ground_truth" / kind / name.replace(".png", "_mask.png")
        if row["split"] != "test" or (row["label"] and not mask.exists()):
            continue
        scores.append(bring_to(np.load(inspection.scored / row["anomaly_map"]), (SIDE, SIDE)).ravel())
        truth.append(np.asarray(Image.open(mask)).ravel() > 0 if mask.exists() else np.zeros(SIDE**2, bool))

    expected = roc_auc_score(np.concatenate(truth), np.concatenate(scores))
    assert found["pixel_roc_auc"] == pytest.approx(expected, abs=1e-3)
    assert (found["pictures"], found["masked_pictures"], found["unmasked_anomalies"]) == (11, 5, 1)
    assert found["aupro"] > 0.8


def test_scored_again_every_byte_is_the_same(inspection: Inspection, tmp_path: Path) -> None:
    """Scored into another workspace, table, maps and overlays have the same bytes."""
    again = score(inspection.dataset, inspection.model, Workspace.open(tmp_path))

    first, second = (read_manifest(scored, "scored")["files"] for scored in (inspection.scored, again.directory))
    assert first == second


def test_new_folder_is_scored_by_the_command(inspection: Inspection, tmp_path: Path) -> None:
    """`anomaly-ae score FOLDER` takes new pictures as it takes new rows; what they are is not known."""
    for number in range(3):
        Image.fromarray(draw(900 + number, 48, patch=number == 0)).save(tmp_path / f"camera{number}.png")
    (tmp_path / "spec.yaml").write_text(dump_spec(inspection.spec))
    made = json.loads(run_cli("score", str(tmp_path), "-s", str(tmp_path / "spec.yaml"), "--json", cwd=tmp_path).stdout)

    rows = rows_of(Path(made["scored"]["directory"]))
    assert [row["row_id"] for row in rows] == ["camera0.png", "camera1.png", "camera2.png"]
    assert {row["split"] for row in rows} == {row["label"] for row in rows} == {None}
    assert rows[0]["anomaly_score"] > max(row["anomaly_score"] for row in rows[1:])


def test_without_the_dataset_there_are_no_pixel_metrics(inspection: Inspection, tmp_path: Path) -> None:
    """Where the dataset was removed, its masks are gone: the other metrics stay, and nothing fails."""
    alone = tmp_path / "scored" / inspection.scored.name
    shutil.copytree(inspection.scored, alone)

    metrics = evaluate(ScoredTable.open(alone))

    assert metrics is not None
    assert metrics.roc_auc is not None
    assert metrics.pixels is None


def test_another_threshold_needs_no_training(inspection: Inspection, tmp_path: Path) -> None:
    """Calibrated anew the weights stay, and pictures that became alerts get an overlay."""
    copied = tmp_path / "models" / inspection.model.version
    shutil.copytree(inspection.model.directory, copied)
    weights, model = (copied / "weights.safetensors").read_bytes(), ModelVersion.open(copied)

    calibrate(model, inspection.spec.threshold.model_copy(update={"target_fpr": 0.6}))
    rows = rows_of(score(inspection.dataset, model, Workspace.open(tmp_path)).directory)

    assert (copied / "weights.safetensors").read_bytes() == weights
    assert sum(row["is_anomaly"] for row in rows) > require(inspection.made.scored).alerts
    assert all((row["overlay"] is not None) == row["is_anomaly"] for row in rows)


def test_model_of_pictures_refuses_a_table(inspection: Inspection, tmp_path: Path) -> None:
    """A table given to a model of pictures is an error that says what the model reads."""
    write_table(tmp_path / "parts.csv")

    with pytest.raises(AnomalyAEError, match="pictures"):
        inspection.score(tmp_path / "parts.csv", Workspace.open(tmp_path / "ws"))


def test_model_of_tables_refuses_pictures(inspection: Inspection, tmp_path: Path) -> None:
    """Pictures given to a model of a table are an error that says so, and the exit code is that of bad data."""
    write_table(tmp_path / "parts.csv")
    (tmp_path / "spec.yaml").write_text(
        "data: {source: parts.csv, id: part_id, label: {column: anomaly}}\ntraining: {steps: 5}\n"
    )
    run_cli("train", "-s", "spec.yaml", cwd=tmp_path)

    done = run_cli("score", inspection.spec.data.source, "-s", "spec.yaml", cwd=tmp_path, expect=3)

    assert "picture" in done.stderr


def test_settings_of_pictures_make_another_version(inspection: Inspection) -> None:
    """The size that pictures are brought to is part of what a model version is made from."""
    from anomaly_ae.stages.train import version_of  # noqa: PLC0415 - beside its only use

    spec = inspection.spec
    other = spec.model_copy(update={"pictures": spec.pictures.model_copy(update={"size": 16})})
    fingerprint = inspection.dataset.fingerprint

    assert version_of(fingerprint, other) != version_of(fingerprint, spec) == inspection.model.version


def test_sixteen_bit_and_colour_pictures_have_overlays(inspection: Inspection, tmp_path: Path) -> None:
    """Whatever a picture's file is, its overlay is drawn on what the network saw."""
    grey = draw(7, SIDE, patch=True)
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(np.stack([grey] * 3, axis=2)).save(tmp_path / "colour.webp", lossless=True)
    scored = inspection.score(tmp_path, Workspace.open(tmp_path / "ws"))

    one, other = rows_of(scored)
    assert one["anomaly_score"] == pytest.approx(other["anomaly_score"])
    drawn = [np.asarray(Image.open(io.BytesIO((scored / row["overlay"]).read_bytes()))) for row in (one, other)]
    assert np.array_equal(*drawn)
