"""Promote: a challenger takes the champion's place, if it is no worse on rows that neither was made from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anomaly_ae.errors import ArtifactError, ContractError
from anomaly_ae.evaluation.comparison import MEASURES, MODEL
from anomaly_ae.evaluation.comparison import compare as rank
from anomaly_ae.ingest.contract import LABEL, ROW_ID
from anomaly_ae.monitoring.false_alarms import expected_alarms
from anomaly_ae.monitoring.validity import check_alerts
from anomaly_ae.split import TEST, hash_to_unit
from anomaly_ae.stages.monitor import Reference
from anomaly_ae.stages.score_part import refuse_unfit
from anomaly_ae.threshold import Judge
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import ModelVersion, load_model
from anomaly_ae.workspace.registry import CHALLENGER, find_model, model_directory, promote_version, read_aliases
from anomaly_ae.workspace.scored_rows import find_dataset

MAX_ROWS = 200_000
"""Rows of the dataset that are looked at; of more, a sample by the hash of the row id."""
_KEY_OF_SAMPLE = "anomaly_ae_gate_"

Bools: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Promotion:
    """What became of a version that was to be champion.

    Attributes:
        version: that was to be.
        before: the champion until then; None where there was none.
        promoted: whether it is champion now.
        findings: what was checked, and what came out.
        refusals: what speaks against it; it was promoted all the same where `forced`.
        forced: whether that was asked for, and needed.
    """

    version: str
    before: str | None
    promoted: bool
    findings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    forced: bool = False

    @property
    def outcome(self) -> str:
        """What became of it, in a word or two."""
        if not self.promoted:
            return "refused"
        if self.version == self.before:
            return "champion already"
        return "forced" if self.forced else "promoted"

    def raise_if_refused(self) -> None:
        """Fail when the version was not promoted.

        Raises:
            ArtifactError: says what speaks against it.
        """
        if not self.promoted:
            msg = f"{self.version} is not promoted: {'; '.join(self.refusals)}. --force promotes it all the same"
            raise ArtifactError(msg)


def promote(workspace: Path, name: str, version: str | None = None, *, force: bool = False) -> Promotion:
    """Make a version the champion, if it passes the gate.

    On test rows of the data it was trained on, which the champion was not made from either, it must not rank worse than
    the champion beyond the interval of the difference, and must not raise more false alarms than its threshold gives.
    Without labels only the second is checked.

    Args:
        workspace: where models, aliases and datasets are.
        name: of the model.
        version: default: the challenger.
        force: promote it whatever speaks against it; that is kept for the record.

    Raises:
        ArtifactError: there is no such version.
    """
    challenger = find_model(workspace, name, CHALLENGER) if version is None else model_directory(workspace, version)
    one, before = load_model(challenger, "auto"), read_aliases(workspace, name).champion
    champion = load_model(model_directory(workspace, before), "auto") if before else None
    if one.description.name != name:
        msg = f"{challenger} is a version of {one.description.name!r}, not of {name!r}"
        raise ArtifactError(msg)
    if before == challenger.name:
        return Promotion(before, before, promoted=True)
    findings, refusals = check(one, champion, challenger, workspace)
    if refusals and not force:
        return Promotion(challenger.name, before, promoted=False, findings=findings, refusals=refusals)
    promote_version(workspace, name, challenger.name, findings + refusals, forced=bool(refusals))
    return Promotion(challenger.name, before, True, findings, refusals, forced=bool(refusals))


def check(
    one: ModelVersion, champion: ModelVersion | None, directory: Path, workspace: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hold a version against the champion.

    Args:
        one: the version that is to be champion.
        champion: None where there is none; then only the version's own promise is checked.
        directory: of `one`.
        workspace: where its dataset is.

    Returns:
        What was found, and what of it speaks against the version, a sentence each.
    """
    dataset = find_dataset(workspace, one.description.data["dataset"])
    if dataset is None:
        return (), ("the dataset that it was trained on was removed, so nothing can be checked",)
    try:
        rows = _examine(dataset, one, champion)
    except (ArtifactError, ContractError) as error:
        return (), (f"the champion cannot score the rows that it is to be compared on: {error}",)
    if rows is None:
        return (), ("no row of its dataset was held out from both models",)
    said = [_about_alarms(rows, directory, one.calibration.calibration_id), *_about_ranking(rows)]
    return tuple(what for what, is_bad in said if not is_bad), tuple(what for what, is_bad in said if is_bad)


@dataclass(frozen=True)
class _Rows:
    """Rows that neither model was made from, `(n,)` each; `champion` is None where there is none."""

    label: pa.ChunkedArray
    flagged: Bools
    challenger: Floats
    champion: Floats | None


def _examine(dataset: Dataset, one: ModelVersion, champion: ModelVersion | None) -> _Rows | None:
    models = [one, *([champion] if champion else [])]
    for model in models:
        refuse_unfit(dataset, model)
        _refuse_unsplittable(dataset, model)
    judge, labels, flagged = Judge.of(one.calibration, one.validation), [], []
    scores: list[list[Floats]] = [[] for _ in models]
    for batch in _held_out(dataset, models):
        for model, some in zip(models, scores, strict=True):
            some.append(model.model.score(batch).anomaly_score)
        labels.append(batch.column(LABEL))
        flagged.append(judge.judge(scores[0][-1], batch).is_anomaly)
    if not labels:
        return None
    whole = [np.concatenate(some) for some in scores]
    return _Rows(pa.chunked_array(labels), np.concatenate(flagged), whole[0], whole[1] if champion else None)


def _refuse_unsplittable(dataset: Dataset, one: ModelVersion) -> None:
    key = one.description.split_rule.key
    if key not in dataset.contract.schema.names:
        msg = f"its rows were split by {key!r}, and {dataset.directory} has no such column"
        raise ArtifactError(msg)


def _held_out(dataset: Dataset, models: list[ModelVersion]) -> Iterator[pa.RecordBatch]:
    """Yield the rows, or a sample of them, that are test rows to every model; those of a batch may be none."""
    share = MAX_ROWS / max(dataset.rows, 1)
    for batch in dataset.batches(batch_rows=min(model.model.batch_rows for model in models)):
        mask = pa.array(hash_to_unit(batch.column(ROW_ID), _KEY_OF_SAMPLE) < share)
        for model in models:
            split = model.description.split_rule.names(batch)
            mask = pc.and_(mask, pc.fill_null(pc.equal(split, TEST), False))
        if pc.any(mask).as_py():
            yield batch.filter(mask)


def _about_alarms(rows: _Rows, model: Path, calibration_id: str) -> tuple[str, bool]:
    """Say whether the threshold keeps its promise, and whether it is broken."""
    rates = Reference.of(model, calibration_id).rates
    normal = pc.fill_null(pc.invert(rows.label), False).to_numpy()
    if normal.any():
        alarms, normals = int(rows.flagged[normal].sum()), int(normal.sum())
        low, high = expected_alarms(normals, rates)
        usual = f"{low} to {high} are usual for its threshold"
        return f"false alarms: {alarms} of {normals} normal test rows; {usual}", alarms > high
    alerts = check_alerts(int(rows.flagged.sum()), len(rows.flagged), rates)
    found = f"alerts: {alerts.alerts} of {len(rows.flagged)} test rows without labels"
    return f"{found}; {alerts.expected_rate:.2%} is expected of normal rows", alerts.is_many_more


def _about_ranking(rows: _Rows) -> Iterator[tuple[str, bool]]:
    """Say by how much it ranks labelled rows better or worse than the champion, and whether it is worse."""
    known = pc.is_valid(rows.label).to_numpy()
    label = pc.fill_null(rows.label, False).to_numpy()[known]
    if rows.champion is None or label.all() or not label.any():
        return
    ranking = rank(label, {MODEL: rows.champion[known], CHALLENGER: rows.challenger[known]}, train_rows=0).rankings[1]
    for name, word in MEASURES.items():
        lead = (ranking.leads or {})[name]
        low, high = lead.interval
        found = f"{word} {getattr(ranking, name):.3f} on {len(label)} labelled test rows"
        yield f"{found}, {lead.value:+.3f} to the champion (95% interval {low:+.3f} to {high:+.3f})", high < 0
