"""The one list of stages: whatever runs the pipeline runs it, in its order, and each stage leaves what it promises."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests_support import run_cli, write_table

from anomaly_ae.errors import ArtifactError, SpecError
from anomaly_ae.spec import Spec
from anomaly_ae.stages import pipeline
from anomaly_ae.stages.calibrate import register
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.stages.pipeline import JUDGING, SCORING, STAGES, TRAINING, Run, Stage, require, run, run_stages
from anomaly_ae.stages.train import train
from anomaly_ae.workspace.workspace import Workspace

NAMES = [stage.name for stage in STAGES]
JUDGED = {"validity.json", "metrics.json", "top_rows.json"}


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the stages that were run, in order."""
    names: list[str] = []

    def noted(stage: Stage) -> Stage:
        def work(run: Run) -> Run:
            names.append(stage.name)
            return stage.work(run)

        return replace(stage, work=work)

    monkeypatch.setattr(pipeline, "STAGES", tuple(map(noted, STAGES)))
    return names


def command(name: str, *more: str, cwd: Path) -> Any:
    """Run a command; return what it printed as JSON."""
    return json.loads(run_cli(name, "--json", *more, cwd=cwd).stdout)


def files_beside(scored: str) -> set[str]:
    """Return the names of the files of a scored table."""
    return {path.name for path in Path(scored).iterdir()}


def test_the_list_of_stages_is_pinned() -> None:
    """Six stages in this order; training, scoring and judging are parts of the list, in its order."""
    assert NAMES == ["ingest", "train", "calibrate", "score", "judge", "report"]
    assert (TRAINING, SCORING, JUDGING) == (
        ("ingest", "train", "calibrate"),
        ("ingest", "score", "judge", "report"),
        ("judge", "report"),
    )


def test_all_that_runs_the_pipeline_runs_the_list(spec: Spec, tmp_path: Path, begun: list[str]) -> None:
    """`run` from Python and from a shell, `train`, `score` and `score-new` run these stages and no others."""
    run(spec)
    from_python = begun.copy()
    begun.clear()
    runs = {}
    for name in ("run", "train", "score"):
        command(name, cwd=tmp_path)
        runs[name] = begun.copy()
        begun.clear()
    write_table(tmp_path / "new.csv", rows=60)
    command("score-new", str(tmp_path / "new.csv"), cwd=tmp_path)

    assert from_python == NAMES
    assert runs == {"run": NAMES, "train": list(TRAINING), "score": list(SCORING)}
    assert begun == list(SCORING)


def test_stages_are_run_in_the_order_of_the_list(spec: Spec, begun: list[str]) -> None:
    """However they are named; what a stage needs is there when it begins."""
    run_stages(Run.of(spec), TRAINING[::-1])

    assert begun == list(TRAINING)


def test_new_rows_are_ingested_before_they_are_scored(spec: Spec, tmp_path: Path, begun: list[str]) -> None:
    """With `score_source` the rows to score are another source, under the model's contract."""
    write_table(tmp_path / "new.csv", rows=70)

    made = run(spec.model_copy(update={"score_source": str(tmp_path / "new.csv")}))

    assert begun == [*TRAINING, *SCORING]
    assert (made.scored.rows_scored, made.trained.model.description.data["rows"]) == (70, 600)
    assert made.ingested.dataset.contract == made.trained.model.description.contract


def test_a_caller_may_execute_each_stage(spec: Spec) -> None:
    """`execute` is given every stage and the run so far; what it returns is what the next stage gets."""
    seen: list[tuple[str, bool]] = []

    def execute(stage: Stage, so_far: Run) -> Run:
        seen.append((stage.name, so_far.model is not None))
        return stage.work(so_far)

    made = run(spec, execute)

    assert seen == [(name, place > 1) for place, name in enumerate(NAMES)]
    assert made.report == made.table.report
    assert made.report.is_file()


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_stage_alone_says_that_it_needs_those_before_it(spec: Spec, name: str) -> None:
    """A stage without what the ones before it make is a clear error, and nothing is written."""
    with pytest.raises(SpecError, match="run them in the order of STAGES"):
        run_stages(Run.of(spec), (name,))

    assert not Path(spec.workspace).exists()


def test_rows_that_were_ingested_already_have_no_source(spec: Spec) -> None:
    """A run over a scored table cannot ingest: it has no source."""
    made = run_stages(Run.of(spec), (*TRAINING, "score"))

    with pytest.raises(SpecError, match="run them in the order of STAGES"):
        run_stages(Run.over(made.table), ("ingest",))
    assert run_stages(Run.over(made.table), JUDGING).report.is_file()


def test_what_an_earlier_stage_made_is_handed_on() -> None:
    """`require` returns what there is, also where it counts as false."""
    assert require(0) == 0
    with pytest.raises(SpecError, match="a stage was run without what the stages before it make"):
        require(None)


@pytest.mark.usefixtures("spec")
def test_scoring_leaves_table_judgement_and_page(tmp_path: Path) -> None:
    """`score` judges what it scored and writes the page; its JSON has the keys of `run`, but for training."""
    whole = command("run", cwd=tmp_path)

    done = command("score", str(tmp_path / "plant.csv"), cwd=tmp_path)

    assert list(whole) == ["ingested", "trained", "scored", "stories", "validity", "metrics", "report"]
    assert list(done) == ["ingested", "scored", "stories", "validity", "metrics", "report"]
    scored = done["scored"]["directory"]
    assert scored != whole["scored"]["directory"]
    assert files_beside(scored) >= JUDGED | {"report.html", "stories.json", "spec.yaml", "rejected.parquet"}
    assert done["report"] == f"{scored}/report.html"
    for name in ("validity", "metrics", "stories"):
        assert json.loads((Path(scored) / f"{name}.json").read_text()) == done[name]
    assert done["metrics"]["rows"] == whole["metrics"]["rows"]


@pytest.mark.usefixtures("spec")
def test_the_page_may_be_left_out(tmp_path: Path) -> None:
    """`--no-report` judges and writes no page; `report` writes it later, from what was judged."""
    command("train", cwd=tmp_path)

    done = command("score", "--no-report", cwd=tmp_path)

    directory = done["scored"]["directory"]
    assert "report" not in done
    assert files_beside(directory) >= JUDGED
    assert "report.html" not in files_beside(directory)
    assert command("report", directory, cwd=tmp_path) == {"report": f"{directory}/report.html"}
    assert "report.html" in files_beside(directory)


def test_a_table_is_judged_again(spec: Spec, tmp_path: Path) -> None:
    """`evaluate` stores anew what `judge` stores; the rows stay as they are."""
    directory = Path(run(spec).scored.directory)
    before = {name: (directory / name).read_bytes() for name in JUDGED}
    for name in JUDGED:
        (directory / name).unlink()

    metrics = command("evaluate", cwd=tmp_path)

    assert {name: (directory / name).read_bytes() for name in JUDGED} == before
    assert metrics == json.loads(before["metrics.json"])


@pytest.mark.usefixtures("spec")
def test_a_model_of_another_workspace_scores(tmp_path: Path) -> None:
    """With `--model` a version from elsewhere scores, judges and is reported; `report` must be told it again."""
    model, other = command("train", cwd=tmp_path)["directory"], ("--set", f"workspace={tmp_path / 'other'}")
    unlike = command("train", "--set", "training.steps=6", cwd=tmp_path)["directory"]

    done = command("score", "--model", model, *other, cwd=tmp_path)

    directory = done["scored"]["directory"]
    assert Path(directory).parents[1] == tmp_path / "other"
    assert done["validity"]["verdict"] != "unknown"
    assert files_beside(directory) >= JUDGED | {"report.html"}
    assert command("report", directory, "--model", model, cwd=tmp_path) == {"report": done["report"]}
    assert "does not exist" in run_cli("report", directory, cwd=tmp_path, expect=3).stderr
    refused = run_cli("report", directory, "--model", unlike, cwd=tmp_path, expect=3).stderr
    assert f"{unlike} is {Path(unlike).name}; name the one that scored it" in refused


def test_training_alone_puts_nothing_in_force(spec: Spec) -> None:
    """`train` publishes a version; the stage `calibrate` gives it the spec's threshold and the alias."""
    workspace = Workspace.open(spec.workspace)
    dataset = ingest(spec.data, workspace).dataset
    strict = spec.model_copy(update={"threshold": spec.threshold.model_copy(update={"target_fpr": 0.2})})

    made = train(dataset, spec, workspace)
    again = train(dataset, strict, workspace)

    with pytest.raises(ArtifactError, match="the model 'plant' has no champion"):
        workspace.aliased_model("plant")
    assert (again.version, again.reused, again.model.calibration.target_fpr) == (made.version, True, 0.05)
    taken = register(again.model, strict, workspace)
    assert workspace.aliased_model("plant").calibration == taken
    assert (taken.target_fpr, made.threshold) == (0.2, taken.threshold)


@pytest.mark.parametrize("alias", ["champion", "challenger"])
def test_calibrating_registers_as_the_spec_says(spec: Spec, alias: str) -> None:
    """The stage `calibrate` sets the alias that the spec names, and says so in the history."""
    done = run_stages(Run.of(spec.model_copy(update={"register_as": alias})), TRAINING)

    (change,) = done.workspace.registry("plant").aliases().history
    assert (change.alias, change.version, change.reason) == (alias, done.trained.version, "trained")
    assert done.calibrated == done.trained.model.calibration


def test_a_repeated_run_reuses_all_of_it(spec: Spec) -> None:
    """Dataset, version and table are found; nothing is trained or scored again, and the threshold stays."""
    first, second = run(spec), run(spec)

    assert [made.reused for made in (first.ingested, first.trained, first.scored)] == [False] * 3
    assert [made.reused for made in (second.ingested, second.trained, second.scored)] == [True] * 3
    assert second.table == first.table
    assert second.calibrated == first.calibrated
    assert second.facts() | {"ingested": 0, "trained": 0, "scored": 0} == first.facts() | {
        "ingested": 0,
        "trained": 0,
        "scored": 0,
    }
