"""Last scored: the table of the spec's own rows by its champion, or why there is none."""

from collections.abc import Iterator
from typing import Any

from anomaly_ae.errors import ArtifactError
from anomaly_ae.modalities import find_source
from anomaly_ae.scoring.schema import SCHEMA_VERSION
from anomaly_ae.spec import Spec
from anomaly_ae.stages.ingest import ingest_source
from anomaly_ae.stages.publish_scored import scored_directory
from anomaly_ae.storage import read_manifest
from anomaly_ae.workspace.scored_table import ScoredManifest, ScoredTable
from anomaly_ae.workspace.workspace import Workspace


def last_scored(spec: Spec) -> ScoredTable:
    """Return the table in which the spec's rows are scored by its champion, at the threshold in force.

    Raises:
        ArtifactError: there is none; the message says whether there is one of an earlier release, or of another
            threshold.
    """
    workspace = Workspace.open(spec.workspace)
    model = workspace.aliased_model(spec.name)
    source = spec.score_source or spec.data.source
    contract = model.description.contract if spec.score_source else None
    data = spec.data.model_copy(update={"source": source})
    rows = ingest_source(find_source(data), workspace, contract).dataset
    table = ScoredTable.find(scored_directory(rows, model, workspace))
    if table is None:
        others = _others(workspace, source)
        msg = (
            f"{source} has not been scored by the champion {model.version} at its current threshold{others}; "
            "`anomaly-ae score` scores it"
        )
        raise ArtifactError(msg)
    return table


def _others(workspace: Workspace, source: str) -> str:
    """Say which tables of a source exist all the same, and why they do not count."""
    found = [
        f"{directory} ({_why_not(manifest)})"
        for directory, manifest in _manifests(workspace)
        if manifest.get("source") == source
    ]
    return f"; found only {', '.join(sorted(found))}" if found else ""


def _manifests(workspace: Workspace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what scored tables of any format say of themselves."""
    for directory in workspace.scored_directories():
        yield str(directory), read_manifest(directory, ScoredManifest.KIND)


def _why_not(manifest: dict[str, Any]) -> str:
    written = manifest.get("format_version"), manifest.get("schema_version")
    ours = ScoredManifest.FORMAT_VERSION, SCHEMA_VERSION
    if written != ours:
        return f"of format {written[0]}.{written[1]}, and this release reads {ours[0]}.{ours[1]}"
    return f"by {manifest['model_version']} at threshold {manifest['threshold']:.6g}"
