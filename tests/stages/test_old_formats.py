"""A workspace that an earlier release filled: its versions are listed, its tables are named, and what to do is said."""

import json
import shutil
from pathlib import Path

import pytest
from tests_support import run_cli

from anomaly_ae.errors import ArtifactError
from anomaly_ae.spec import Spec
from anomaly_ae.stages.calibrate import calibrate
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.stages.last_scored import last_scored
from anomaly_ae.stages.models import list_models
from anomaly_ae.stages.pipeline import TRAINING, Run, run_stages
from anomaly_ae.stages.score import score
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import ScoredTable
from anomaly_ae.workspace.workspace import Workspace


def train_version(spec: Spec, steps: int) -> ModelVersion:
    """Train a champion."""
    training = spec.training.model_copy(update={"steps": steps})
    return run_stages(Run.of(spec.model_copy(update={"training": training})), TRAINING).trained.model


def score_rows(spec: Spec, model: ModelVersion) -> ScoredTable:
    """Score the spec's rows."""
    workspace = Workspace.open(spec.workspace)
    return score(ingest(spec.data, workspace).dataset, model, workspace).table


def age(directory: Path, **format_of: int) -> None:
    """Make a published directory one of an earlier format."""
    path = directory / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | format_of), encoding="utf-8")


def test_versions_of_an_old_format_are_listed_with_the_others(spec: Spec, tmp_path: Path) -> None:
    """The line of the old one says its format and what to do; the new one has its promise."""
    old = train_version(spec, 3)
    new = train_version(spec, 4)
    age(old.directory, format_version=1)

    found = {one.version: one for one in list_models(Workspace.open(spec.workspace), "plant")}
    listed = run_cli("models", cwd=tmp_path).stdout

    assert {version: one.aliases for version, one in found.items()} == {
        old.version: ("before",),
        new.version: ("champion",),
    }
    assert found[new.version].unreadable is None
    assert f"{old.version}  before; trained {found[old.version].trained_at}\n" in listed
    assert "cannot be used: " in listed
    assert "has format version 1; this release reads 3: train again" in listed
    assert found[new.version].promise in listed
    assert json.loads(run_cli("models", "--json", cwd=tmp_path).stdout)[-1]["version"]


def test_an_altered_version_is_listed_as_such(spec: Spec) -> None:
    """One damaged file keeps no other version from being listed."""
    model = train_version(spec, 3)
    (model.directory / "weights.safetensors").write_bytes(b"torn")

    (found,) = list_models(Workspace.open(spec.workspace), "plant")

    assert "has changed since it was written" in str(found.unreadable)


def test_a_report_of_tables_of_an_old_format_says_what_to_do(spec: Spec, tmp_path: Path) -> None:
    """Not that a directory does not exist, but which table there is, why it does not count, and the command to run."""
    model = train_version(spec, 5)
    table = score_rows(spec, model)
    moved = table.directory.with_name("0123456789abcdef")
    table.directory.rename(moved)
    age(moved, format_version=1)

    refused = run_cli("report", cwd=tmp_path, expect=3).stderr

    assert f"plant.csv has not been scored by the champion {model.version}" in refused
    assert f"found only {moved} (of format 1.1, and this release reads 3.1)" in refused
    assert "`anomaly-ae score` scores it" in refused


def test_a_report_after_another_threshold_says_so(spec: Spec) -> None:
    """The table at the former threshold is named; scored anew, the rows are found."""
    model = train_version(spec, 5)
    table = score_rows(spec, model)
    assert last_scored(spec) == table
    calibrate(model, spec.threshold.model_copy(update={"target_fpr": 0.1}))

    with pytest.raises(ArtifactError, match=rf"found only .*{table.directory.name} \(by {model.version} at threshold "):
        last_scored(spec)
    again = score_rows(spec, model)
    assert last_scored(spec) == again
    shutil.rmtree(Path(spec.workspace) / "scored")
    with pytest.raises(
        ArtifactError,
        match=r"champion \w+ at its current threshold; `anomaly-ae score` scores it",
    ):
        last_scored(spec)
