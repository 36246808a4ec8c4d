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
from anomaly_ae.stages.promote import promote
from anomaly_ae.stages.score import score
from anomaly_ae.stages.train import train
from anomaly_ae.workspace.registry import CHALLENGER, find_model, read_aliases, roll_back


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
) -> Path:
    """Train a version; without a single step it ranks rows at random, or nearly."""
    spec = spec_of(directory, steps, register_as, split, seed, **data)
    workspace = Path(spec.workspace)
    return train(ingest(spec.data, workspace).directory, spec, workspace).directory


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A table whose anomalies a trained network finds."""
    write_table(tmp_path / "plant.csv", rows=1500)
    return tmp_path / "runs"


def test_a_better_challenger_takes_over(workspace: Path) -> None:
    """It is champion, the alias challenger is free, and the history says what was checked."""
    poor = train_as(workspace.parent, 0)
    good = train_as(workspace.parent, 300, "challenger")
    assert find_model(workspace, "plant") == poor

    made = promote(workspace, "plant")

    assert (made.promoted, made.before, made.refusals, made.forced) == (True, poor.name, (), False)
    assert find_model(workspace, "plant") == good
    known = read_aliases(workspace, "plant")
    assert known.challenger is None
    assert known.history[-1].notes == made.findings
    assert [finding.split()[0] for finding in made.findings[1:]] == ["ROC", "AP"]
    assert made.findings[0].startswith("false alarms: ")


def test_a_worse_challenger_is_refused_unless_forced(workspace: Path) -> None:
    """The refusal names the measure with its interval; forced, the version is champion and the refusal is kept."""
    good = train_as(workspace.parent, 300)
    poor = train_as(workspace.parent, 0, "challenger")

    refused = promote(workspace, "plant")

    assert not refused.promoted
    assert any(reason.startswith("ROC AUC") for reason in refused.refusals)
    with pytest.raises(ArtifactError, match=rf"{poor.name} is not promoted: .*--force"):
        refused.raise_if_refused()
    assert find_model(workspace, "plant") == good
    assert find_model(workspace, "plant", CHALLENGER) == poor

    forced = promote(workspace, "plant", force=True)

    assert (forced.promoted, forced.forced) == (True, True)
    last = read_aliases(workspace, "plant").history[-1]
    assert last.forced
    assert set(refused.refusals) <= set(last.notes)


def test_a_challenger_that_cries_too_often_is_refused(workspace: Path) -> None:
    """More false alarms among test rows than the validation rows led to expect break the gate, however it ranks."""
    frame = make_frame(1500)
    frame["hour"] = range(1500)
    frame.loc[frame["hour"] > 1200, "heat"] += 8.0
    frame.to_csv(workspace.parent / "plant.csv", index=False)
    champion = train_as(workspace.parent, 0, split="time", time="hour")
    train_as(workspace.parent, 300, "challenger", split="time", time="hour")

    made = promote(workspace, "plant")

    (refusal,) = made.refusals
    assert re.match(r"false alarms: \d+ of \d+ normal test rows; \d+ to \d+ are usual", refusal)
    assert len(made.findings) == 2
    assert find_model(workspace, "plant") == champion


def test_only_rows_held_out_from_both_are_compared(workspace: Path) -> None:
    """With other splits, a test row of the one was mostly a train row of the other, and is left out."""
    train_as(workspace.parent, 20)
    train_as(workspace.parent, 300, "challenger", seed=1)

    made = promote(workspace, "plant")

    normal = int(re.findall(r"of (\d+) normal", " ".join(made.findings + made.refusals))[0])
    assert 0.02 < normal / 1425 < 0.06  # a fifth of a fifth


def test_without_labels_only_the_promise_is_checked(workspace: Path) -> None:
    """Nothing can be said of the ranking, so nothing is."""
    train_as(workspace.parent, 0, label=None, ignore=["anomaly"])
    train_as(workspace.parent, 100, "challenger", label=None, ignore=["anomaly"])

    made = promote(workspace, "plant")

    assert made.promoted
    (finding,) = made.findings
    assert "test rows without labels" in finding


def test_a_first_champion_has_nobody_to_beat(workspace: Path) -> None:
    """Where there is no champion only the challenger's own promise is checked."""
    challenger = train_as(workspace.parent, 20, "challenger")

    made = promote(workspace, "plant")

    assert (made.promoted, made.before, len(made.findings)) == (True, None, 1)
    assert find_model(workspace, "plant") == challenger


def test_what_cannot_be_compared_is_refused(workspace: Path) -> None:
    """Other columns, or a dataset that is gone, leave nothing to judge by."""
    train_as(workspace.parent, 20)
    train_as(workspace.parent, 20, "challenger", ignore=["heat"])

    other_columns = promote(workspace, "plant")
    shutil.rmtree(workspace / "datasets")
    no_rows = promote(workspace, "plant")

    assert "cannot score" in other_columns.refusals[0]
    assert "'heat'" in other_columns.refusals[0]
    assert "was removed" in no_rows.refusals[0]


def test_rolling_back_gives_the_old_scores_bit_for_bit(workspace: Path) -> None:
    """After promotion and rollback the champion scores the same rows to the same bytes as before."""
    first = train_as(workspace.parent, 50)
    dataset = ingest(spec_of(workspace.parent, 0).data, workspace).directory
    before = score(dataset, find_model(workspace, "plant"), workspace).directory
    scores = (before / "part-00000.parquet").read_bytes()
    train_as(workspace.parent, 300, "challenger")
    promote(workspace, "plant", force=True)
    other = score(dataset, find_model(workspace, "plant"), workspace).directory
    assert (other / "part-00000.parquet").read_bytes() != scores

    roll_back(workspace, "plant")
    shutil.rmtree(before)
    after = score(dataset, find_model(workspace, "plant"), workspace)

    assert find_model(workspace, "plant") == first
    assert (after.directory, after.reused) == (before, False)
    assert (after.directory / "part-00000.parquet").read_bytes() == scores


def test_versions_are_listed_with_what_they_promise(workspace: Path) -> None:
    """Aliases, promise and the metrics on a version's own test rows; those of other versions are not mixed in."""
    old = train_as(workspace.parent, 50)
    dataset = ingest(spec_of(workspace.parent, 0).data, workspace).directory
    metrics = evaluate(score(dataset, old, workspace).directory)
    new = train_as(workspace.parent, 60, "challenger")

    listed = {one.version: one for one in list_models(workspace, "plant")}

    assert {version: one.aliases for version, one in listed.items()} == {
        old.name: ("champion",),
        new.name: ("challenger",),
    }
    assert listed[old.name].metrics == metrics
    assert listed[new.name].metrics is None
    assert "at most 0.05" in listed[old.name].promise
    assert list_models(workspace, "another") == ()


def test_from_a_shell(workspace: Path) -> None:
    """`models`, `promote` and `rollback` say what is champion; a refused promotion exits with 3."""
    good = train_as(workspace.parent, 300)
    poor = train_as(workspace.parent, 0, "challenger")
    (workspace.parent / "anomaly_ae.yaml").write_text(dump_spec(spec_of(workspace.parent, 300)), encoding="utf-8")

    listed = run_cli("models", cwd=workspace.parent).stdout
    refused = run_cli("promote", cwd=workspace.parent, expect=3)
    forced = run_cli("promote", "--force", cwd=workspace.parent).stdout
    back = run_cli("rollback", cwd=workspace.parent).stdout

    assert f"{good.name}  champion" in listed
    assert f"{poor.name}  challenger" in listed
    assert refused.stdout.startswith(f"champion   {good.name}\n")
    assert "is not promoted" in refused.stderr
    assert forced.startswith(f"champion   {poor.name}, after {good.name}\n")
    assert back == f"champion   {good.name}, as before {poor.name}\n"
