"""The commands for a model's versions: list them, promote one, roll back."""

from dataclasses import asdict
from typing import Annotated

import typer

from anomaly_ae.cli import lines
from anomaly_ae.cli.arguments import DEFAULT_SPEC, AsJson, Overrides, SpecFile, load
from anomaly_ae.cli.commands import app
from anomaly_ae.cli.terminal import print_result


@app.command()
def models(spec: SpecFile = DEFAULT_SPEC, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """List the versions of the spec's model: aliases, promise, metrics; the latest first."""
    from anomaly_ae.stages.models import list_models
    from anomaly_ae.workspace.workspace import Workspace

    settings = load(spec, overrides)
    found = list_models(Workspace.open(settings.workspace), settings.name)
    as_dicts = [
        asdict(version) | {"metrics": version.metrics and version.metrics.model_dump(mode="json")} for version in found
    ]
    print_result(as_json, as_dicts, lines.model_lines(found))


@app.command()
def promote(
    version: Annotated[str | None, typer.Argument(help="A version; default: the challenger.")] = None,
    spec: SpecFile = DEFAULT_SPEC,
    overrides: Overrides = None,
    force: Annotated[
        bool, typer.Option("--force", help="Promote it despite any findings; they are kept on record.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the challenger the champion, unless it ranks worse or breaks its false-alarm promise."""
    from anomaly_ae.stages.promote import promote as gate
    from anomaly_ae.workspace.workspace import Workspace

    settings = load(spec, overrides)
    made = gate(Workspace.open(settings.workspace), settings.name, version, force=force)
    print_result(as_json, asdict(made), lines.promotion_lines(made))
    made.raise_if_refused()


@app.command()
def rollback(spec: SpecFile = DEFAULT_SPEC, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Make the previous champion the champion again."""
    from anomaly_ae.workspace.workspace import Workspace

    settings = load(spec, overrides)
    left, back = Workspace.open(settings.workspace).roll_back(settings.name)
    print_result(as_json, {"left": left, "champion": back}, [f"champion   {back}, in place of {left}"])
