"""The one list of stages, and what runs it: the command line, the flows, and each partition of a source that grows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from anomaly_ae.errors import SpecError
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.source import Source, SourcePart
from anomaly_ae.modalities import find_source
from anomaly_ae.spec import DataSpec, Spec
from anomaly_ae.stages.calibrate import register
from anomaly_ae.stages.ingest import IngestResult, ingest_source
from anomaly_ae.stages.judge import JudgeResult, judge
from anomaly_ae.stages.report import report
from anomaly_ae.stages.score import ScoreResult, score
from anomaly_ae.stages.train import TrainResult, train
from anomaly_ae.storage.locations import Location
from anomaly_ae.threshold import Calibration
from anomaly_ae.training import ALONE, OnCheck, ProcessGroup
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import ScoredTable, dump_stories
from anomaly_ae.workspace.workspace import Workspace

_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Run:
    """One run through stages: what it works on, and what its stages have made so far.

    Attributes:
        spec: how.
        workspace: receives everything.
        source: what the stage `ingest` reads; None where the rows were ingested already.
        contract: what those rows must look like; None infers it.
        model: the version that scores; None until one is trained.
        table: the scored table that is judged and reported.
        run_id: names the run in the manifests; None: a new name.
        on_check: called with the step and the early-stopping loss while a network is trained.
        group: the processes that train together.
        ingested: what the stage of that name made; likewise the others.
    """

    spec: Spec
    workspace: Workspace
    source: Source[SourcePart] | None = None
    contract: Contract | None = None
    model: ModelVersion | None = None
    table: ScoredTable | None = None
    run_id: str | None = None
    on_check: OnCheck | None = None
    group: ProcessGroup = ALONE
    ingested: IngestResult | None = None
    trained: TrainResult | None = None
    calibrated: Calibration | None = None
    scored: ScoreResult | None = None
    judged: JudgeResult | None = None
    report: Location | None = None

    @classmethod
    def of(cls, spec: Spec) -> Self:
        """Return a run over the source of a spec, in its workspace."""
        return cls(spec, Workspace.open(spec.workspace), find_source(spec.data))

    @classmethod
    def with_model(cls, model: ModelVersion, workspace: Workspace, data: DataSpec, source: str) -> Self:
        """Return a run that scores new rows, under the contract of the model.

        Args:
            model: the version that scores.
            workspace: receives what is made.
            data: how rows are read.
            source: which rows.
        """
        about = model.description
        new = find_source(data.model_copy(update={"source": source}))
        return cls(about.spec, workspace, new, about.contract, model)

    @classmethod
    def over(cls, table: ScoredTable) -> Self:
        """Return a run that judges a scored table again."""
        model = Workspace.holding(table.directory).model(table.manifest.model_version)
        return cls(model.description.spec, Workspace.holding(table.directory), model=model, table=table)

    def for_scoring(self) -> Self:
        """Return the run that scores what the spec asks for: `score_source`, else the rows that were trained on."""
        if self.spec.score_source is None or self.model is None:
            return replace(self, source=None)
        data = self.spec.data.model_copy(update={"source": self.spec.score_source})
        return replace(self, source=find_source(data), contract=self.model.description.contract)

    @property
    def scoring(self) -> tuple[str, ...]:
        """The stages that score: all of them, or those after `ingest` where the rows were ingested already."""
        return SCORING if self.source else SCORING[1:]

    def with_scored(self, made: ScoreResult) -> Self:
        """Return the run with a scored table, which is judged and reported next."""
        return replace(self, scored=made, table=made.table)

    def facts(self) -> dict[str, Any]:
        """Return what the stages made as JSON values."""
        made = {"ingested": self.ingested, "trained": self.trained, "scored": self.scored}
        facts: dict[str, Any] = {name: result.facts() for name, result in made.items() if result}
        if self.table:
            facts["stories"] = dump_stories(self.table.stories)
        if self.judged:
            facts |= self.judged.facts()
        return facts | ({"report": str(self.report)} if self.report else {})


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline.

    Attributes:
        name: what logs, tasks and progress call it.
        work: takes a run and returns it with what the stage made.
        moves_data: it mostly reads and writes, so that another try may help where a disk or a network failed.
    """

    name: str
    work: Callable[[Run], Run]
    moves_data: bool = False


def _ingest(run: Run) -> Run:
    with run.group.main_first():
        return replace(run, ingested=ingest_source(require(run.source), run.workspace, run.contract))


def _train(run: Run) -> Run:
    made = train(require(run.ingested).dataset, run.spec, run.workspace, run.on_check, run.group)
    return replace(run, trained=made, model=made.model)


def _calibrate(run: Run) -> Run:
    with run.group.main_first():
        model = require(run.model)
        return replace(
            run, calibrated=register(model, run.spec, run.workspace) if run.group.is_main else model.calibration
        )


def _score(run: Run) -> Run:
    return run.with_scored(score(require(run.ingested).dataset, require(run.model), run.workspace, run.run_id))


def _judge(run: Run) -> Run:
    return replace(run, judged=judge(require(run.table), run.model))


def _report(run: Run) -> Run:
    return replace(run, report=report(require(run.table), run.model))


STAGES = (
    Stage("ingest", _ingest, moves_data=True),
    Stage("train", _train),
    Stage("calibrate", _calibrate),
    Stage("score", _score),
    Stage("judge", _judge),
    Stage("report", _report, moves_data=True),
)
"""What a pipeline is, in order; everything that runs stages runs these."""

TRAINING = ("ingest", "train", "calibrate")
SCORING = ("ingest", "score", "judge", "report")
JUDGING = ("judge", "report")

Execute = Callable[[Stage, Run], Run]


def directly(stage: Stage, run: Run) -> Run:
    """Run a stage in this process, with nothing around it."""
    return stage.work(run)


def run_stages(run: Run, names: Sequence[str], execute: Execute = directly) -> Run:
    """Run some of the stages, in the order of the list; existing results are reused.

    Args:
        run: what to work on.
        names: of the stages.
        execute: runs one stage: here, as a task of a flow, with a progress bar around it.
    """
    for stage in STAGES:
        if stage.name in names:
            run = execute(stage, run)
    return run


def run(spec: Spec, execute: Execute = directly, on_check: OnCheck | None = None) -> Run:
    """Run the whole pipeline, as the spec says; existing results are reused.

    Args:
        spec: the pipeline.
        execute: runs one stage.
        on_check: called with the step and the early-stopping loss while a network is trained.
    """
    trained = run_stages(replace(Run.of(spec), on_check=on_check), TRAINING, execute)
    scoring = trained.for_scoring()
    return run_stages(scoring, scoring.scoring, execute)


def require(made: _Made | None) -> _Made:
    """Return what an earlier stage made.

    Raises:
        SpecError: that stage did not run.
    """
    if made is None:
        msg = "a stage was run without what the stages before it make; run them in the order of STAGES"
        raise SpecError(msg)
    return made
