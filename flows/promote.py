"""Flows `promote` and `rollback`: who scores from now on, if the gate lets it pass, and the way back."""

from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact

from anomaly_ae.spec import Section, Spec
from anomaly_ae.stages.promote import Promotion
from anomaly_ae.stages.promote import promote as gate
from anomaly_ae.workspace.workspace import Workspace

from .events import announce_promotion, log_stage
from .settings import COMPUTES, as_json


class ModelParameters(Section):
    """Which model.

    Attributes:
        name: the model's name.
        workspace: where it is.
    """

    name: str = Spec.model_fields["name"].default
    workspace: str = Spec.model_fields["workspace"].default


class PromoteParameters(ModelParameters):
    """Which version is to score.

    Attributes:
        version: default: the challenger.
        force: promote it despite any findings; they are kept on record.
    """

    version: str | None = None
    force: bool = False


@task(**COMPUTES)
def promote_version(asked: PromoteParameters) -> dict[str, Any]:
    """Compare a version with the champion, promote it or say why not, and announce the outcome."""
    made = gate(Workspace.open(asked.workspace), asked.name, asked.version, force=asked.force)
    announce_promotion(asked.name, made)
    create_markdown_artifact(
        summarise(made), key="anomaly-ae-promotion", description="Whether the challenger took over"
    )
    return as_json(made)


def promote_trained(version: str, spec: Spec) -> dict[str, Any]:
    """Let the gate decide on a version just trained; the first version of a model is always promoted."""
    is_first = Workspace.open(spec.workspace).registry(spec.name).aliases().champion is None
    return promote_version(PromoteParameters(name=spec.name, workspace=spec.workspace, version=version, force=is_first))


@flow(name="promote", result_serializer="json")
def promote(parameters: PromoteParameters) -> dict[str, Any]:
    """Make the challenger the champion; fail with the reasons if it ranks worse or breaks its false-alarm promise."""
    made = promote_version(parameters)
    Promotion(**made).raise_if_refused()
    return made


@flow(name="rollback", result_serializer="json")
def rollback(parameters: ModelParameters) -> dict[str, Any]:
    """Make the champion before this one the champion again; it scores to the same bytes as it did."""
    left, champion = Workspace.open(parameters.workspace).roll_back(parameters.name)
    log_stage("rollback", {"name": parameters.name, "left": left, "champion": champion})
    return {"left": left, "champion": champion}


def summarise(made: Promotion) -> str:
    """Return as Markdown who is champion, what was checked, and what spoke against it."""
    champion = made.version if made.promoted else made.before
    lines = [f"# Champion: `{champion}`", "", f"{made.outcome}: `{made.version}`, champion before: `{made.before}`", ""]
    lines += [f"- checked: {finding}" for finding in made.findings]
    return "\n".join([*lines, *(f"- against it: {refusal}" for refusal in made.refusals), ""])
