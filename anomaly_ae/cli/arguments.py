"""What the commands take, and what is found by it: specs, models, tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from anomaly_ae.storage.locations import locate

if TYPE_CHECKING:
    from anomaly_ae.spec import Spec

LOCATED: Any = {"parser": locate, "metavar": "PATH"}
"""Of a path: on this machine, or s3://..."""

SpecFile = Annotated[Path, typer.Option("--spec", "-s", help="The YAML spec; `init` writes one.", **LOCATED)]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="Override a setting: training.steps=300")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
SpecIfThere = Annotated[
    Path | None,
    typer.Option("--spec", "-s", help="The YAML spec; where there is none, that of --model.", **LOCATED),
]
ModelPath = Annotated[
    Path | None, typer.Option("--model", help="A model version; default: the spec's champion.", **LOCATED)
]
Scored = Annotated[
    Path | None, typer.Argument(help="A scored directory; default: what the spec's last run scored.", **LOCATED)
]

DEFAULT_SPEC = Path("anomaly_ae.yaml")
DAY = ["%Y-%m-%d"]
By = Literal["file", "day", "time"]


def load(path: Path, overrides: list[str] | None) -> "Spec":
    """Load the spec of a command."""
    from anomaly_ae.spec.file import load_spec

    return load_spec(path, overrides or [])


def load_or_recall(path: Path | None, overrides: list[str], model: Path | None) -> "Spec":
    """Load the spec; where no file was named and none is there, take the one that the model version was made by."""
    if model is None or path is not None or DEFAULT_SPEC.exists():
        return load(path or DEFAULT_SPEC, overrides)
    from anomaly_ae.spec.file import change_spec
    from anomaly_ae.workspace.model_version import load_description

    return change_spec(load_description(model).spec, overrides)


def champion_of(settings: "Spec") -> Path:
    """Return the version that scores for a spec's name."""
    from anomaly_ae.workspace.registry import find_model

    return find_model(locate(settings.workspace), settings.name)


def dataset_of(settings: "Spec") -> Path:
    """Return the dataset of a spec's source, ingested if it is not there."""
    from anomaly_ae.stages.ingest import ingest as step

    return step(settings.data, locate(settings.workspace)).directory


def last_scored_of(path: Path, overrides: list[str] | None) -> Path:
    """Return the table that the spec's last run scored."""
    from anomaly_ae.stages.last_scored import last_scored

    return last_scored(load(path, overrides))
