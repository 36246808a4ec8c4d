"""Compare: simple methods beside the model, fitted on its train rows and judged on the same labelled rows."""

import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.evaluation.comparison import MODEL, Comparison
from anomaly_ae.evaluation.comparison import compare as rank
from anomaly_ae.ingest.contract import ROW_ID
from anomaly_ae.modalities import modality_of
from anomaly_ae.split import TEST, gather, hash_to_unit
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.description import ModelDescription
from anomaly_ae.workspace.scored_table import ScoredTable
from anomaly_ae.workspace.workspace import Workspace

MAX_TRAIN_ROWS = 20_000
MAX_ROWS = 20_000
"""Labelled rows that are ranked at most; of more, a sample by the hash of the row id, alike for every method."""
_KEY_OF_SAMPLE = "anomaly_ae_rank_"
COLUMNS = ("row_id", "anomaly_score", "label", "split")


def compare(table: ScoredTable, *, judged_rows: int, is_new: bool) -> Comparison:
    """Rank the judged rows of a scored table by the model and by simple methods.

    Args:
        table: the scored table.
        judged_rows: how many labelled rows there are to judge.
        is_new: whether the model was made from other rows; else only its test rows are judged.

    Returns:
        The comparison, or the reason why it could not be made.
    """
    workspace, version = Workspace.holding(table.directory), table.manifest.model_version
    model, dataset = workspace.find_model(version), table.dataset
    if model is None:
        missing = workspace.model_directory(version)
        return Comparison(not_made=f"the model version is not in this workspace ({missing})")
    about = model.description
    modality = modality_of(about.contract.modality)
    baselines = modality.baselines(about.model, about.spec, about.contract)
    if baselines is None:
        return Comparison(not_made=f"the simple methods read tables, not {modality.plural}")
    trained_on = workspace.find_dataset(about.data["dataset"])
    if dataset is None or trained_on is None:
        return Comparison(not_made="the dataset that was scored, or the one the model was trained on, was removed")
    rows, cells = _labelled(table, dataset, about, MAX_ROWS / max(judged_rows, 1), is_new=is_new)
    label = rows.column("label").to_numpy().astype(bool)
    if label.all() or not label.any():
        return Comparison(not_made="both labelled anomalies and labelled normal rows are needed")
    train = _train_rows(trained_on, about)
    scores = {MODEL: rows.column("anomaly_score").to_numpy(), **baselines(train, cells)}
    return rank(label, scores, train.num_rows)


def _train_rows(dataset: Dataset, about: ModelDescription) -> pa.Table:
    """Return the rows that the model learned from, or a sample of them."""
    train = gather(dataset, about.split_rule, MAX_TRAIN_ROWS).train
    return train.filter(pc.invert(pc.is_in(train.column(ROW_ID), pa.array(about.trimmed, pa.string()))))


def _labelled(
    table: ScoredTable, dataset: Dataset, about: ModelDescription, share: float, *, is_new: bool
) -> tuple[pa.Table, pa.Table]:
    """Return a share of the judged rows as they were scored, and their cells that the model reads."""
    features = [column.name for column in about.contract.features]
    batches = []
    for rows, cells in table.batches_beside(COLUMNS, dataset, features):
        is_drawn = pa.array(hash_to_unit(rows.column("row_id"), _KEY_OF_SAMPLE) < share)
        mask = pc.and_(is_drawn, may_be_judged(rows, is_new=is_new))
        batches.append((rows.filter(mask), cells.filter(mask)))
    scored_rows, their_cells = zip(*batches, strict=True)
    return pa.Table.from_batches(scored_rows), pa.Table.from_batches(their_cells)


def may_be_judged(rows: pa.RecordBatch, *, is_new: bool) -> pa.Array:
    """Return which scored rows may be judged: those with a label that are new or test rows."""
    split = rows.column("split")
    is_judged = pc.is_null(split) if is_new else pc.fill_null(pc.equal(split, TEST), False)
    return pc.and_(is_judged, rows.column("label").is_valid())
