"""Last scored: the table of the spec's own rows by its champion, or why there is none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anomaly_ae.errors import ArtifactError
from anomaly_ae.scoring.schema import SCHEMA_VERSION
from anomaly_ae.spec import Spec
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.stages.pipeline import ingest_for
from anomaly_ae.stages.score import FORMAT_VERSION, SCORED, scored_directory
from anomaly_ae.storage import is_published, locate, read_manifest
from anomaly_ae.workspace.registry import find_model


def last_scored(spec: Spec) -> Path:
    """Return where the spec's rows are scored by its champion, at the threshold in force.

    Raises:
        ArtifactError: they are not; the message says whether they were by an earlier release, or at another threshold.
    """
    workspace = locate(spec.workspace)
    model = find_model(workspace, spec.name)
    rows = ingest_for(model, spec, spec.score_source) if spec.score_source else ingest(spec.data, workspace)
    directory = scored_directory(rows.directory, model, workspace)
    if not is_published(directory):
        source = spec.score_source or spec.data.source
        there = _tables_of(workspace, source)
        msg = f"{source} is not scored by the champion {model.name}{there}; `anomaly-ae run` scores it"
        raise ArtifactError(msg)
    return directory


def _tables_of(workspace: Path, source: str) -> str:
    """Say which tables of a source there are all the same, and why they do not count."""
    found = [f"{path} ({_why_not(manifest)})" for path, manifest in _scored(workspace) if manifest["source"] == source]
    return f"; there is {', '.join(sorted(found))}" if found else ""


def _scored(workspace: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in (workspace / SCORED).glob("[!.]*"):
        if is_published(path):
            yield path, {"source": None} | read_manifest(path, "scored")


def _why_not(manifest: dict[str, Any]) -> str:
    written = manifest.get("format_version"), manifest.get("schema_version")
    if written != (FORMAT_VERSION, SCHEMA_VERSION):
        return f"of format {written[0]}.{written[1]}, and this release reads {FORMAT_VERSION}.{SCHEMA_VERSION}"
    return f"by {manifest['model_version']} at threshold {manifest['threshold']:.6g}"
