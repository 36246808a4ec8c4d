"""The commands: each loads its spec, calls its step and prints what was made."""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated

import typer

from anomaly_ae.cli import lines
from anomaly_ae.cli.arguments import (
    DAY,
    DEFAULT_SPEC,
    LOCATED,
    AsJson,
    By,
    ModelPath,
    NoReport,
    Overrides,
    PathArgument,
    Scored,
    SpecFile,
    SpecIfThere,
    chosen_model,
    chosen_table,
    load,
    load_or_recall,
)
from anomaly_ae.cli.terminal import print_result, show_progress
from anomaly_ae.errors import SpecError
from anomaly_ae.storage.locations import Location

app = typer.Typer(
    help="Autoencoder anomaly detection: raw rows in, scored Parquet with a stated false-alarm rate out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.command()
def init(
    source: Annotated[str, typer.Argument(help="A file, a directory or a glob.")],
    spec: SpecFile = DEFAULT_SPEC,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing spec.")] = False,
) -> None:
    """Inspect the data and write a commented starter spec."""
    from anomaly_ae.stages.init import init as write_spec
    from anomaly_ae.storage import write_text

    if spec.exists() and not force:
        msg = f"{spec} already exists; use --force to replace it, or --spec to name another file"
        raise SpecError(msg)
    write_text(spec, write_spec(source, spec))
    typer.echo(f"wrote {spec}: read it, then `anomaly-ae run{'' if spec == DEFAULT_SPEC else f' --spec {spec}'}`")


@app.command()
def validate(spec: SpecFile = DEFAULT_SPEC, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Check the spec and show the inferred data contract."""
    from anomaly_ae.modalities import find_source, modality_of

    source = find_source(load(spec, overrides).data)
    contract = modality_of(source.modality).infer_contract(source)
    columns = [f"{column.name}: {column.role} ({column.note})" for column in contract.columns]
    print_result(as_json, contract.model_dump(mode="json"), columns)


@app.command()
def ingest(spec: SpecFile = DEFAULT_SPEC, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Read the source into a dataset: typed Parquet parts, rejects with reasons, a manifest."""
    from anomaly_ae.stages.ingest import ingest as stage
    from anomaly_ae.workspace.workspace import Workspace

    settings = load(spec, overrides)
    made = stage(settings.data, Workspace.open(settings.workspace))
    print_result(as_json, made.facts(), lines.ingest_lines(made))


@app.command()
def train(spec: SpecFile = DEFAULT_SPEC, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Train and calibrate a model version on the spec's data; under `torchrun`, in several processes together."""
    from anomaly_ae.stages.pipeline import TRAINING, Run, require, run_stages
    from anomaly_ae.training import join

    settings = load(spec, overrides)
    with join() as group, show_progress(settings, as_json or not group.is_main) as on_check:
        done = run_stages(replace(Run.of(settings), group=group, on_check=on_check), TRAINING)
    if group.is_main:
        made, dataset = require(done.trained), require(done.ingested)
        print_result(as_json, made.facts(), [*lines.ingest_lines(dataset), lines.train_line(made)])


@app.command()
def calibrate(
    spec: SpecIfThere = None,
    overrides: Overrides = None,
    model: ModelPath = None,
    *,
    target_fpr: Annotated[
        float | None, typer.Option(help="Short for --set threshold.rule=fpr --set threshold.target_fpr=...")
    ] = None,
    reviewed: Annotated[bool, typer.Option("--reviewed", help="Calibrate on the alerts that have a verdict.")] = False,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Change nothing; show what other thresholds would do.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Set a new threshold without training; --set threshold.rule=... chooses the rule."""
    from anomaly_ae.stages.calibrate import calibrate as stage
    from anomaly_ae.stages.calibrate import explore, reviewed_alerts
    from anomaly_ae.threshold.wording import calibration_lines, what_if_lines
    from anomaly_ae.workspace.workspace import Workspace

    short = [] if target_fpr is None else ["threshold.rule=fpr", f"threshold.target_fpr={target_fpr}"]
    settings = load_or_recall(spec, [*(overrides or []), *short], model)
    version = chosen_model(model, settings)
    if what_if:
        table = explore(version)
        print_result(as_json, [row.model_dump(mode="json") for row in table], what_if_lines(table))
        return
    alerts = reviewed_alerts(version, Workspace.open(settings.workspace)) if reviewed else None
    made = stage(version, settings.threshold, alerts)
    print_result(as_json, made.model_dump(mode="json"), calibration_lines(made))


@app.command()
def score(
    source: Annotated[str | None, typer.Argument(help="New rows; default: the spec's.")] = None,
    spec: SpecFile = DEFAULT_SPEC,
    overrides: Overrides = None,
    model: ModelPath = None,
    *,
    no_report: NoReport = False,
    as_json: AsJson = False,
) -> None:
    """Score rows with a trained model: one scored row per input row, judged, with a report."""
    from anomaly_ae.stages.pipeline import SCORING, Run, run_stages
    from anomaly_ae.workspace.workspace import Workspace

    settings = load(spec, overrides)
    version = chosen_model(model, settings)
    new_rows = source or settings.score_source
    if new_rows:
        run = Run.with_model(version, Workspace.open(settings.workspace), settings.data, new_rows)
    else:
        run = replace(Run.of(settings), model=version)
    done = run_stages(run, SCORING[:-1] if no_report else SCORING)
    print_result(as_json, done.facts(), lines.scoring_lines(done))


@app.command()
def score_new(
    source: Annotated[str | None, typer.Argument(help="A directory or a glob that grows; default: the spec's.")] = None,
    spec: SpecFile = DEFAULT_SPEC,
    overrides: Overrides = None,
    model: ModelPath = None,
    *,
    by: Annotated[
        By, typer.Option(help="What makes a partition: a file, the files of a day, or the rows of a day.")
    ] = "file",
    since: Annotated[datetime | None, typer.Option(formats=DAY, help="Only this day and later.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=DAY, help="Only this day and earlier.")] = None,
    rescore: Annotated[
        bool, typer.Option("--rescore", help="Also rescore what an earlier model or threshold scored.")
    ] = False,
    settle_days: Annotated[int, typer.Option(min=0, help="By time: wait this many days before a day is scored.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Score only what is new or changed in a source, by file or by day."""
    from anomaly_ae.stages.incremental import score_new as stage
    from anomaly_ae.stages.plan import plan
    from anomaly_ae.workspace.workspace import Workspace

    settings = load(spec, overrides)
    made = stage(
        plan(
            source or settings.score_source or settings.data.source,
            chosen_model(model, settings),
            Workspace.open(settings.workspace),
            by=by,
            since=since and since.date(),
            until=until and until.date(),
            rescore=rescore,
            settle_days=settle_days,
        )
    )
    print_result(as_json, made.facts(), lines.incremental_lines(made))
    made.raise_if_failed()


@app.command()
def evaluate(
    scored: Scored = None, spec: SpecFile = DEFAULT_SPEC, overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Judge a scored table again: the threshold, and where labels exist precision, recall and the rest."""
    from anomaly_ae.stages.judge import judge as stage

    judged = stage(chosen_table(scored, spec, overrides))
    metrics = judged.metrics.model_dump(mode="json") if judged.metrics else None
    verdict = [lines.validity_line(judged.validity)] if judged.validity else []
    print_result(as_json, metrics, [*verdict, *lines.metric_lines(judged.metrics)])


@app.command()
def report(
    scored: Scored = None,
    spec: SpecFile = DEFAULT_SPEC,
    overrides: Overrides = None,
    model: ModelPath = None,
    as_json: AsJson = False,
) -> None:
    """Write the HTML report of a scored table."""
    from anomaly_ae.stages.report import report as stage
    from anomaly_ae.workspace.model_version import ModelVersion

    page = stage(chosen_table(scored, spec, overrides), ModelVersion.open(model) if model else None)
    print_result(as_json, {"report": page}, [f"report     {page}"])


@app.command()
def feedback(
    verdicts: Annotated[
        PathArgument, typer.Argument(help="CSV or Parquet: row_id, verdict (real, false alarm, unsure).", **LOCATED)
    ],
    scored: Annotated[
        Location | None, typer.Option(help="The scored directory; default: the spec's last.", **LOCATED)
    ] = None,
    spec: SpecFile = DEFAULT_SPEC,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Store analysts' verdicts on scored rows: precision now, better thresholds and training later."""
    from anomaly_ae.stages.feedback import feedback as stage

    made = stage(verdicts, chosen_table(scored, spec, overrides))
    print_result(as_json, asdict(made), lines.feedback_lines(made))


@app.command()
def run(spec: SpecFile = DEFAULT_SPEC, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Run the whole pipeline: ingest, train, calibrate, score, judge, report."""
    from anomaly_ae.stages.pipeline import run as run_pipeline

    settings = load(spec, overrides)
    with show_progress(settings, as_json) as on_check:
        done = run_pipeline(settings, on_check=on_check)
    print_result(as_json, done.facts(), lines.run_lines(done))


@app.command()
def info(
    path: Annotated[
        PathArgument | None, typer.Argument(help="A dataset, a model version or a scored directory.", **LOCATED)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show library versions, or the manifest of a published directory."""
    from anomaly_ae.storage import MANIFEST, read_json
    from anomaly_ae.workspace.description import library_versions

    facts = read_json(path / MANIFEST) if path else library_versions()
    print_result(as_json, facts, [f"{name}: {value}" for name, value in facts.items() if name != "files"])
