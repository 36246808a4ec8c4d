"""Score one part of a dataset: its rows in batches, each with everything that the scored table holds of them.

A part is written as an Arrow file, in the staging directory of the table. What the alerts have in common is known only
once all parts are scored; `publish_scored.py` then adds the column `story` and writes the Parquet files.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.errors import ArtifactError
from anomaly_ae.ingest.contract import LABEL, ROW_ID, SOURCE_FILE, SOURCE_ROW, Contract
from anomaly_ae.modalities import modality_of
from anomaly_ae.modalities.modality import RowFiles
from anomaly_ae.networks.threads import side_by_side
from anomaly_ae.scoring.schema import STORY, scored_schema
from anomaly_ae.scoring.scores import Scores
from anomaly_ae.spec import Role
from anomaly_ae.storage.arrow import open_arrow_writer
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.unwritable import explain_unwritable
from anomaly_ae.threshold import Decisions, Detector
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.description import ModelDescription
from anomaly_ae.workspace.model_version import ModelVersion, TrainedModel

_IDENTITY_ROLES = (Role.ID, Role.TIME, Role.ENTITY)


def score_part(part: Location, dataset: Dataset, model: ModelVersion, staging: Location) -> int:
    """Score one part of a dataset into an Arrow file of the same name.

    Returns:
        How many of its rows are above the threshold.
    """
    trained = model.load("auto")
    refuse_unfit(dataset, trained.description)
    about, modality = trained.description, modality_of(dataset.contract.modality)
    files = modality.open_files(about.model, about.spec, staging, part.stem)
    schema = scored_schema(identity_fields(dataset.contract), modality.scored_columns)
    schema = schema.remove(schema.get_field_index(STORY))
    detector = Detector.of(trained.calibration, trained.validation)
    seen = _files_seen(dataset, about)
    alerts = 0
    batches = dataset.batches(part=part, batch_rows=trained.model.batch_rows)
    with explain_unwritable(staging), open_arrow_writer(staged_part(staging, part), schema) as writer:
        # While one batch is written the next ones are computed.
        every = side_by_side(lambda batch: _examine(batch, trained, detector), batches)
        scored = (_as_rows(dict(_columns(each, dataset, trained, seen)), each, schema, files) for each in every)
        for batch in files.finish(scored):
            alerts += batch.column("is_anomaly").true_count
            writer.write_batch(batch)
    return alerts


def staged_part(staging: Location, part: Location) -> Location:
    """Return where a scored part waits for its stories."""
    return staging / f"{part.stem}.arrow"


def identity_fields(contract: Contract) -> tuple[pa.Field, ...]:
    """Return the columns that identify a row: id, time and entity, where the user named them."""
    names = [contract.named(role) for role in _IDENTITY_ROLES]
    return tuple(contract.schema.field(name) for name in names if name)


def _files_seen(dataset: Dataset, about: ModelDescription) -> tuple[str, ...] | None:
    """Return the source files of a dataset that the model was made from, however they were named as a source.

    A file counts as the same where its bytes are the same and its rows have the same ids: those of an id column, or
    those made from the same file name.

    Returns:
        Their names; None where it was made from all of them (a folder of pictures is one source, its pictures are not).
    """
    sources = dataset.manifest.sources
    if dataset.fingerprint == about.data["dataset"]:
        return None
    if dataset.contract != about.contract:
        return ()
    identity = ("sha256",) if dataset.contract.named(Role.ID) else ("name", "sha256")
    known = {tuple(file[key] for key in identity) for file in about.data.get("sources", ())}
    seen = tuple(file["name"] for file in sources if tuple(file[key] for key in identity) in known)
    return None if len(seen) == len(sources) else seen


def refuse_unfit(dataset: Dataset, about: ModelDescription) -> None:
    """Refuse a dataset that a model cannot score.

    Raises:
        ArtifactError: it holds another modality, or a feature is missing or of another type.
    """
    made_for = about.contract.modality
    if dataset.contract.modality != made_for:
        msg = (
            f"{dataset.directory} holds a dataset of modality {dataset.contract.modality!r}, the model reads "
            f"{made_for!r}"
        )
        raise ArtifactError(msg)
    for column in about.contract.features:
        held = dataset.contract[column.name]
        if (held.role, held.dtype) != (column.role, column.dtype):
            msg = (
                f"column {column.name!r} is {held.role} {held.dtype} in {dataset.directory}, but the model was trained "
                f"on {column.role} {column.dtype}; ingest the source under the model's contract"
            )
            raise ArtifactError(msg)


@dataclass(frozen=True)
class _Examined:
    """A batch of rows with everything that is computed of them."""

    rows: pa.RecordBatch
    scores: Scores
    decided: Decisions
    reasons: pa.ListArray


def _examine(batch: pa.RecordBatch, trained: TrainedModel, detector: Detector) -> _Examined:
    scores = trained.model.score(batch)
    decided = detector.decide(scores.anomaly_score, batch)
    return _Examined(batch, scores, decided, trained.model.reasons(batch, scores))


def _columns(
    examined: _Examined, dataset: Dataset, trained: TrainedModel, seen: tuple[str, ...] | None
) -> Iterator[tuple[str, Any]]:
    """Yield the columns that every scored table has; a single value stands for all its rows."""
    batch, scores, decided, about = examined.rows, examined.scores, examined.decided, trained.description
    yield "row_id", batch.column(ROW_ID)
    yield "source_file", batch.column(SOURCE_FILE)
    yield "source_row", batch.column(SOURCE_ROW)
    ours = set(scored_schema().names)
    for field in identity_fields(dataset.contract):
        yield f"{field.name}_" if field.name in ours else field.name, batch.column(field.name)
    yield "anomaly_score", scores.anomaly_score
    yield "reconstruction_error", scores.reconstruction_error
    yield "p_value", decided.p_value
    yield "severity", decided.severity
    yield "is_anomaly", decided.is_anomaly
    yield "threshold", decided.threshold
    yield "reasons", examined.reasons
    yield "label", batch.column(LABEL)
    yield "split", _split(batch, about, seen)
    yield "model_name", pa.repeat(about.name, len(batch))
    yield "model_version", pa.repeat(about.version, len(batch))
    yield "calibration_id", pa.repeat(trained.calibration.calibration_id, len(batch))
    yield "level", decided.level
    yield "segment", decided.segment


def _as_rows(columns: dict[str, Any], examined: _Examined, schema: pa.Schema, files: RowFiles) -> pa.RecordBatch:
    """Return rows of the scored table, with the files beside them written."""
    columns |= files.write(examined.rows, examined.scores, examined.decided.is_anomaly)
    return pa.RecordBatch.from_arrays([_array(columns[f.name], f.type) for f in schema], schema=schema)


def _split(batch: pa.RecordBatch, about: ModelDescription, seen: tuple[str, ...] | None) -> pa.Array:
    """Return the split of each row of the files seen, None meaning all of them; null for the others, which are new."""
    if seen == ():
        return pa.nulls(len(batch), pa.string())
    names = about.split_rule.names(batch)
    if seen is None:
        return names
    return pc.if_else(pc.is_in(batch.column(SOURCE_FILE), pa.array(seen)), names, None)


def _array(values: Any, dtype: pa.DataType) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, dtype)
