"""The gate: what a challenger must show before it scores in the champion's place, and the way back."""

import re
import shutil
from pathlib import Path

import pytest
from tests_support import make_frame, run_cli, write_table

from anomaly_ae.errors import ArtifactError
from anomaly_ae.spec import Spec
from anomaly_ae.spec.file import dump_spec
from anomaly_ae.stages.evaluate import evaluate
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.stages.models import list_models
from anomaly_ae.stages.pipeline import TRAINING, Run, run_stages
from anomaly_ae.stages.promote import promote
from anomaly_ae.stages.score import score
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.registry import CHALLENGER
from anomaly_ae.workspace.workspace import Workspace


def spec_of(
    directory: Path, steps: int, register_as: str = "champion", split: str = "row", seed: int = 0, **data: object
) -> Spec:
    """Describe a training on `plant.csv` of a directory."""
    label = {"column": "anomaly", "anomaly_values": [1]}
    return Spec.model_validate(
        {
            "name": "plant",
            "workspace": str(directory / "runs"),
            "data": {"source": str(directory / "plant.csv"), "id": "part_id", "label": label, **data},
            "split": {"by": split, "seed": seed},
            "threshold": {"target_fpr": 0.05},
            "network": {"kind": "denoising"},
            "training": {"steps": steps},
            "register_as": register_as,
        }
    )


def train_as(
    directory: Path, steps: int, register_as: str = "champion", split: str = "row", seed: int = 0, **data: object
) -> ModelVersion:
    """Train a version; without a single step it ranks rows at random, or nearly."""
    spec = spec_of(directory, steps, register_as, split, seed, **data)
    return run_stages(Run.of(spec), TRAINING).trained.model


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with a table whose anomalies a trained network finds."""
    write_table(tmp_path / "plant.csv", rows=1500)
    return tmp_path


@pytest.fixture
def workspace(directory: Path) -> Workspace:
    """The workspace beside that table."""
    return Workspace(directory / "runs")


def test_a_better_challenger_takes_over(directory: Path, workspace: Workspace) -> None:
    """It is champion, the alias challenger is free, and the history says what was checked."""
    poor = train_as(directory, 0)
    good = train_as(directory, 300, "challenger")
    assert workspace.aliased_model("plant") == poor

    made = promote(workspace, "plant")

    assert (made.promoted, made.before, made.refusals, made.forced) == (True, poor.version, (), False)
    assert workspace.aliased_model("plant") == good
    known = workspace.registry("plant").aliases()
    assert known.challenger is None
    assert known.history[-1].notes == made.findings
    assert [finding.split()[0] for finding in made.findings[1:]] == ["ROC", "AP"]
    assert made.findings[0].startswith("false alarms: ")


def test_a_worse_challenger_is_refused_unless_forced(directory: Path, workspace: Workspace) -> None:
    """The refusal names the measure with its interval; forced, the version is champion and the refusal is kept."""
    good = train_as(directory, 300)
    poor = train_as(directory, 0, "challenger")

    refused = promote(workspace, "plant")

    assert not refused.promoted
    assert any(reason.startswith("ROC AUC") for reason in refused.refusals)
    with pytest.raises(ArtifactError, match=rf"{poor.version} is not promoted: .*--force"):
        refused.raise_if_refused()
    assert workspace.aliased_model("plant") == good
    assert workspace.aliased_model("plant", CHALLENGER) == poor

    forced = promote(workspace, "plant", force=True)

    assert (forced.promoted, forced.forced) == (True, True)
    last = workspace.registry("plant").aliases().history[-1]
    assert last.forced
    assert set(refused.refusals) <= set(last.notes)


def test_a_challenger_that_cries_too_often_is_refused(directory: Path, workspace: Workspace) -> None:
    """More false alarms among test rows than the validation rows led to expect break the gate, however it ranks."""
    frame = make_frame(1500)
    frame["hour"] = range(1500)
    frame.loc[frame["hour"] > 1200, "heat"] += 8.0
    frame.to_csv(directory / "plant.csv", index=False)
    champion = train_as(directory, 0, split="time", time="hour")
    train_as(directory, 300, "challenger", split="time", time="hour")

    made = promote(workspace, "plant")

    (refusal,) = made.refusals
    assert re.match(r"false alarms: \d+ of \d+ normal test rows; \d+ to \d+ are usual", refusal)
    assert len(made.findings) == 2
    assert workspace.aliased_model("plant") == champion


def test_only_rows_held_out_from_both_are_compared(directory: Path, workspace: Workspace) -> None:
    """With other splits, a test row of the one was mostly a train row of the other, and is left out."""
    train_as(directory, 20)
    train_as(directory, 300, "challenger", seed=1)

    made = promote(workspace, "plant")

    normal = int(re.findall(r"of (\d+) normal", " ".join(made.findings + made.refusals))[0])
    assert 0.02 < normal / 1425 < 0.06  # a fifth of a fifth


def test_without_labels_only_the_promise_is_checked(directory: Path, workspace: Workspace) -> None:
    """Nothing can be said of the ranking, so nothing is."""
    train_as(directory, 0, label=None, ignore=["anomaly"])
    train_as(directory, 100, "challenger", label=None, ignore=["anomaly"])

    made = promote(workspace, "plant")

    assert made.promoted
    (finding,) = made.findings
    assert "test rows without labels" in finding


def test_a_first_champion_has_nobody_to_beat(directory: Path, workspace: Workspace) -> None:
    """Where there is no champion only the challenger's own promise is checked."""
    challenger = train_as(directory, 20, "challenger")

    made = promote(workspace, "plant")

    assert (made.promoted, made.before, len(made.findings)) == (True, None, 1)
    assert workspace.aliased_model("plant") == challenger


def test_what_cannot_be_compared_is_refused(directory: Path, workspace: Workspace) -> None:
    """Other columns, or a dataset that is gone, leave nothing to judge by."""
    train_as(directory, 20)
    train_as(directory, 20, "challenger", ignore=["heat"])

    other_columns = promote(workspace, "plant")
    shutil.rmtree(workspace.location / "datasets")
    no_rows = promote(workspace, "plant")

    assert "cannot score" in other_columns.refusals[0]
    assert "'heat'" in other_columns.refusals[0]
    assert "was removed" in no_rows.refusals[0]


def test_rolling_back_gives_the_old_scores_bit_for_bit(directory: Path, workspace: Workspace) -> None:
    """After promotion and rollback the champion scores the same rows to the same bytes as before."""
    first = train_as(directory, 50)
    dataset = ingest(spec_of(directory, 0).data, workspace).dataset
    before = score(dataset, workspace.aliased_model("plant"), workspace).directory
    scores = (before / "part-00000.parquet").read_bytes()
    train_as(directory, 300, "challenger")
    promote(workspace, "plant", force=True)
    other = score(dataset, workspace.aliased_model("plant"), workspace).directory
    assert (other / "part-00000.parquet").read_bytes() != scores

    workspace.roll_back("plant")
    shutil.rmtree(before)
    after = score(dataset, workspace.aliased_model("plant"), workspace)

    assert workspace.aliased_model("plant") == first
    assert (after.directory, after.reused) == (before, False)
    assert (after.directory / "part-00000.parquet").read_bytes() == scores


def test_versions_are_listed_with_what_they_promise(directory: Path, workspace: Workspace) -> None:
    """Aliases, promise and the metrics on a version's own test rows; those of other versions are not mixed in."""
    old = train_as(directory, 50)
    dataset = ingest(spec_of(directory, 0).data, workspace).dataset
    metrics = evaluate(score(dataset, old, workspace).table)
    new = train_as(directory, 60, "challenger")

    listed = {one.version: one for one in list_models(workspace, "plant")}

    assert {version: one.aliases for version, one in listed.items()} == {
        old.version: ("champion",),
        new.version: ("challenger",),
    }
    assert listed[old.version].metrics == metrics
    assert listed[new.version].metrics is None
    assert "at most 5%" in listed[old.version].promise
    assert list_models(workspace, "another") == ()


def test_from_a_shell(directory: Path) -> None:
    """`models`, `promote` and `rollback` say what is champion; a refused promotion exits with 3."""
    good = train_as(directory, 300)
    poor = train_as(directory, 0, "challenger")
    (directory / "anomaly_ae.yaml").write_text(dump_spec(spec_of(directory, 300)), encoding="utf-8")

    listed = run_cli("models", cwd=directory).stdout
    refused = run_cli("promote", cwd=directory, expect=3)
    forced = run_cli("promote", "--force", cwd=directory).stdout
    back = run_cli("rollback", cwd=directory).stdout

    assert f"{good.version}  champion" in listed
    assert f"{poor.version}  challenger" in listed
    assert refused.stdout.startswith(f"champion   {good.version}\n")
    assert "is not promoted" in refused.stderr
    assert forced.startswith(f"champion   {poor.version}, in place of {good.version}\n")
    assert back == f"champion   {good.version}, in place of {poor.version}\n"
