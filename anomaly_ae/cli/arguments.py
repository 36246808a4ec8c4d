"""What the commands take, and what is found by it: specs, models, tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from anomaly_ae.storage.locations import Location, locate

if TYPE_CHECKING:
    from anomaly_ae.spec import Spec
    from anomaly_ae.workspace.model_version import ModelVersion
    from anomaly_ae.workspace.scored_table import ScoredTable

    PathArgument = Location
else:
    PathArgument = Path  # `--help` prints the name of an argument's type

LOCATED: Any = {"parser": locate, "metavar": "PATH"}
"""Of a path: on this machine, or s3://..."""

SpecFile = Annotated[Location, typer.Option("--spec", "-s", help="The YAML spec; `init` writes one.", **LOCATED)]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="Override a setting: training.steps=300")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
SpecIfThere = Annotated[
    Location | None,
    typer.Option("--spec", "-s", help="The YAML spec; where there is none, that of --model.", **LOCATED),
]
ModelPath = Annotated[
    Location | None, typer.Option("--model", help="A model version; default: the spec's champion.", **LOCATED)
]
Scored = Annotated[
    PathArgument | None, typer.Argument(help="A scored directory; default: what the spec's last run scored.", **LOCATED)
]

DEFAULT_SPEC = Path("anomaly_ae.yaml")
DAY = ["%Y-%m-%d"]
By = Literal["file", "day", "time"]
NoReport = Annotated[bool, typer.Option("--no-report", help="Leave out the HTML report.")]


def load(path: Location, overrides: list[str] | None) -> "Spec":
    """Load the spec of a command."""
    from anomaly_ae.spec.file import load_spec

    return load_spec(path, overrides or [])


def load_or_recall(path: Location | None, overrides: list[str], model: Location | None) -> "Spec":
    """Load the spec; where no file was named and none exists, take the one that the model version was made by."""
    if model is None or path is not None or DEFAULT_SPEC.exists():
        return load(path or DEFAULT_SPEC, overrides)
    from anomaly_ae.spec.file import change_spec
    from anomaly_ae.workspace.model_version import ModelVersion

    return change_spec(ModelVersion.open(model).description.spec, overrides)


def chosen_model(model: Location | None, settings: "Spec") -> "ModelVersion":
    """Open the model version that was named; without one, the champion of the spec's name."""
    from anomaly_ae.workspace.model_version import ModelVersion
    from anomaly_ae.workspace.workspace import Workspace

    if model is not None:
        return ModelVersion.open(model)
    return Workspace.open(settings.workspace).aliased_model(settings.name)


def chosen_table(scored: Location | None, spec: Location, overrides: list[str] | None) -> "ScoredTable":
    """Open the scored table that was named; without one, the table that the spec's last run scored."""
    from anomaly_ae.stages.last_scored import last_scored
    from anomaly_ae.workspace.scored_table import ScoredTable

    return last_scored(load(spec, overrides)) if scored is None else ScoredTable.open(scored)
