"""Score: a dataset and a model version in, a scored table out, one part per dataset part, in bounded memory."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from anomaly_ae.errors import ArtifactError
from anomaly_ae.scoring.schema import SCHEMA_VERSION
from anomaly_ae.spec.file import dump_spec
from anomaly_ae.stages.score_part import score_part
from anomaly_ae.storage import (
    Staging,
    commit,
    copy_file,
    fingerprint,
    is_published,
    open_staging,
    read_manifest,
    removed_on_failure,
    write_text,
)
from anomaly_ae.storage.parquet import count_rows
from anomaly_ae.storage.unwritable import explain_unwritable
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import load_calibration, load_description

FORMAT_VERSION = 2
SCORED = "scored"


@dataclass(frozen=True)
class ScoreResult:
    """What scoring made.

    Attributes:
        directory: the scored table.
        rows_in: rows of the source.
        rows_scored: rows of the scored table.
        rows_rejected: rows of `rejected.parquet`; the two add up to `rows_in`.
        alerts: rows above the threshold.
        threshold: the cut.
        target_fpr: the share of normal rows that it promises to flag at most; None where its rule promises none.
        promise: what it promises, in a sentence.
        reused: it was there already, made from the same rows, model and threshold.
    """

    directory: Path
    rows_in: int
    rows_scored: int
    rows_rejected: int
    alerts: int
    threshold: float
    target_fpr: float | None
    promise: str
    reused: bool


def score(dataset: Path, model: Path, workspace: Path, run_id: str | None = None) -> ScoreResult:
    """Score every row of a dataset and publish the scored table.

    Args:
        dataset: directory that ingest published, under the model's contract.
        model: directory of the model version.
        workspace: receives the scored table.
        run_id: names this execution in the manifest; default: a new one.

    Raises:
        ArtifactError: dataset or model are incomplete or altered, or do not fit each other.
        StorageError: the disk is full, or the workspace is read-only or not ours to write to.
    """
    target = scored_directory(dataset, model, workspace)
    if is_published(target):
        return result_of(target, reused=True)
    with removed_on_failure(open_staging(target)) as staging:
        alerts = [score_part(part, dataset, model, staging.path) for part in Dataset.open(dataset).parts]
        return finish(staging, dataset, model, sum(alerts), run_id)


def scored_directory(dataset: Path, model: Path, workspace: Path) -> Path:
    """Return where the scored table of these rows by this model and threshold is or will be."""
    version, calibration = load_description(model).version, load_calibration(model).calibration_id
    made_from = [FORMAT_VERSION, SCHEMA_VERSION, Dataset.open(dataset).fingerprint, version, calibration]
    return workspace / SCORED / fingerprint(made_from)


def finish(staging: Staging, dataset: Path, model: Path, alerts: int, run_id: str | None = None) -> ScoreResult:
    """Put the rejected rows beside the scored ones, write the manifest, and let the table appear.

    Raises:
        ArtifactError: another threshold was put in force meanwhile; parts may have been judged by either.
    """
    if scored_directory(dataset, model, staging.target.parent.parent) != staging.target:
        msg = f"the threshold of {model} was replaced while rows were scored with it; score them again"
        raise ArtifactError(msg)
    with explain_unwritable(staging.target):
        copy_file(dataset / "rejected.parquet", staging.path / "rejected.parquet")
    rows, about, calibration = Dataset.open(dataset), load_description(model), load_calibration(model)
    spec = about.spec.model_copy(update={"threshold": calibration.parameters})
    write_text(staging.path / "spec.yaml", dump_spec(spec))
    staging.facts.update(
        kind="scored",
        format_version=FORMAT_VERSION,
        schema_version=SCHEMA_VERSION,
        run_id=run_id or uuid4().hex,
        scored_at=datetime.now(UTC).isoformat(timespec="seconds"),
        model_name=about.name,
        model_version=about.version,
        calibration_id=calibration.calibration_id,
        rule=calibration.rule,
        promise=calibration.promise,
        threshold=calibration.threshold,
        warn_threshold=calibration.warn_threshold,
        target_fpr=calibration.target_fpr,
        threshold_by=calibration.by,
        dataset=rows.fingerprint,
        rows_scored=sum(count_rows(part) for part in sorted(staging.path.glob("part-*.parquet"))),
        **{name: rows.manifest[name] for name in ("source", "rows_in", "rows_rejected", "rejected_by_reason")},
        alerts=alerts,
        **about.model.scored_facts,
    )
    return result_of(commit(staging), reused=False)


def result_of(scored: Path, *, reused: bool) -> ScoreResult:
    """Read what scoring made from the manifest it published."""
    manifest = read_manifest(scored, "scored")
    names = ("rows_in", "rows_scored", "rows_rejected", "alerts", "threshold", "target_fpr", "promise")
    return ScoreResult(directory=scored, reused=reused, **{name: manifest[name] for name in names})
