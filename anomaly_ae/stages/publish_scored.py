"""Publish a scored table: tell the stories of its alerts, write its Parquet parts, and let it appear whole."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pyarrow as pa

from anomaly_ae.errors import ArtifactError
from anomaly_ae.ingest.ahead import map_ahead
from anomaly_ae.modalities import modality_of
from anomaly_ae.scoring.schema import ENCODING, SCHEMA_VERSION, STORY, scored_schema
from anomaly_ae.spec.file import dump_spec
from anomaly_ae.stages.score_part import identity_fields, staged_part
from anomaly_ae.storage import Staging, commit, copy_file, fingerprint, remove, write_json, write_text
from anomaly_ae.storage.arrow import read_arrow
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import count_rows, open_parquet, open_writer
from anomaly_ae.storage.unwritable import explain_unwritable
from anomaly_ae.stories.alerts import recount, story_names, tell_stories
from anomaly_ae.stories.grouping import Story
from anomaly_ae.threshold import Calibration
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import SPEC, STORIES, ScoredManifest, ScoredTable, dump_stories
from anomaly_ae.workspace.workspace import Workspace


def scored_directory(dataset: Dataset, model: ModelVersion, workspace: Workspace) -> Location:
    """Return where the scored table of these rows by this model and threshold is or will be."""
    return workspace.scored_directory(_name(dataset, model, model.calibration))


def publish_scored(
    staging: Staging, dataset: Dataset, model: ModelVersion, alerts: int, run_id: str | None = None
) -> ScoredTable:
    """Turn scored parts into a scored table.

    Args:
        staging: holds the parts as `score_part` wrote them.
        dataset: that was scored.
        model: that scored it.
        alerts: rows above the threshold.
        run_id: of the run; default: a new one.

    Raises:
        ArtifactError: another threshold was put in force meanwhile; parts may have been judged by either.
        StorageError: the disk is full, or the workspace is read-only or not ours to write to.
    """
    calibration = model.calibration
    if _name(dataset, model, calibration) != staging.target.name:
        msg = f"the threshold of {model.directory} was replaced while rows were scored with it; score them again"
        raise ArtifactError(msg)
    with explain_unwritable(staging.target):
        _write_parts(staging.path, dataset, alerts)
        copy_file(dataset.rejected, staging.path / dataset.rejected.name)
    spec = model.description.spec.model_copy(update={"threshold": calibration.parameters})
    write_text(staging.path / SPEC, dump_spec(spec))
    staging.facts.update(_facts(staging, dataset, model, calibration), alerts=alerts, run_id=run_id or uuid4().hex)
    return ScoredTable.open(commit(staging))


def _name(dataset: Dataset, model: ModelVersion, calibration: Calibration) -> str:
    versions = ScoredManifest.FORMAT_VERSION, SCHEMA_VERSION
    return fingerprint([*versions, dataset.fingerprint, model.version, calibration.calibration_id])


def _write_parts(directory: Location, dataset: Dataset, alerts: int) -> None:
    """Write the Parquet parts with the story of each alert; the Arrow files that they replace go."""
    staged = [staged_part(directory, part) for part in dataset.parts]
    modality = modality_of(dataset.contract.modality)
    stories = tell_stories(_rows(staged), alerts) if modality.tells_stories else ()
    schema = scored_schema(identity_fields(dataset.contract), modality.scored_columns)
    for part in map_ahead(lambda part: _write_part(part, schema, stories), staged):
        remove(part)
    written = (batch for part in staged for batch in _named_rows(_parquet_of(part)))
    write_json(directory / STORIES, dump_stories(recount(stories, written)))


def _rows(parts: list[Location]) -> Iterator[pa.RecordBatch]:
    for part in parts:
        yield from read_arrow(part)


def _write_part(staged: Location, schema: pa.Schema, stories: tuple[Story, ...]) -> Location:
    place = schema.get_field_index(STORY)
    with open_writer(_parquet_of(staged), schema, **ENCODING) as writer:
        for rows in read_arrow(staged):
            arrays = rows.columns
            arrays.insert(place, story_names(stories, rows))
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return staged


def _parquet_of(staged: Location) -> Location:
    return staged.with_suffix(".parquet")


def _named_rows(part: Location) -> Iterator[pa.RecordBatch]:
    with open_parquet(part) as parquet:
        yield from parquet.iter_batches(columns=[STORY, "anomaly_score"])


def _facts(staging: Staging, dataset: Dataset, model: ModelVersion, calibration: Calibration) -> dict[str, object]:
    about, rows = model.description, dataset.manifest
    parts = [staging.path / part.name for part in dataset.parts]
    return {
        "kind": ScoredManifest.KIND,
        "format_version": ScoredManifest.FORMAT_VERSION,
        "schema_version": SCHEMA_VERSION,
        "scored_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "model_name": about.name,
        "model_version": about.version,
        "calibration_id": calibration.calibration_id,
        "rule": calibration.rule,
        "promise": calibration.promise,
        "threshold": calibration.threshold,
        "warn_threshold": calibration.warn_threshold,
        "target_fpr": calibration.target_fpr,
        "threshold_by": calibration.by,
        "dataset": dataset.fingerprint,
        "source": rows.source,
        "rows_in": rows.rows_in,
        "rows_scored": sum(map(count_rows, parts)),
        "rows_rejected": rows.rows_rejected,
        "rejected_by_reason": rows.rejected_by_reason,
        **about.model.scored_facts,
    }
