"""Promote: a challenger takes the champion's place, if it is no worse on rows that neither was made from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anomaly_ae.errors import ArtifactError, ContractError
from anomaly_ae.evaluation.comparison import MEASURES, MODEL
from anomaly_ae.evaluation.comparison import compare as rank
from anomaly_ae.evaluation.proportions import Rate
from anomaly_ae.ingest.contract import LABEL, ROW_ID
from anomaly_ae.monitoring.alerts import AlertCheck
from anomaly_ae.split import TEST, hash_to_unit
from anomaly_ae.stages.monitor import Reference
from anomaly_ae.stages.score_part import refuse_unfit
from anomaly_ae.threshold import Detector
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import ModelVersion, TrainedModel
from anomaly_ae.workspace.registry import CHALLENGER
from anomaly_ae.workspace.workspace import Workspace

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
        refusals: reasons not to promote it; with `forced` it was promoted despite them.
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
            ArtifactError: names the reasons.
        """
        if not self.promoted:
            msg = f"{self.version} is not promoted: {'; '.join(self.refusals)}. --force promotes it all the same"
            raise ArtifactError(msg)


def promote(workspace: Workspace, name: str, version: str | None = None, *, force: bool = False) -> Promotion:
    """Make a version the champion, if it passes the gate.

    On test rows of the data it was trained on, which the champion was not made from either, it must not rank worse than
    the champion beyond the interval of the difference, and must not raise more false alarms than its threshold gives.
    Without labels only the second is checked.

    Args:
        workspace: where models, aliases and datasets are.
        name: of the model.
        version: default: the challenger.
        force: promote it despite any findings; they are kept on record.

    Raises:
        ArtifactError: there is no such version.
    """
    registry = workspace.registry(name)
    challenger = workspace.model(version or registry.version_of(CHALLENGER))
    before = registry.aliases().champion
    if challenger.name != name:
        msg = f"{challenger.directory} is a version of {challenger.name!r}, not of {name!r}"
        raise ArtifactError(msg)
    if before == challenger.version:
        return Promotion(before, before, promoted=True)
    champion = workspace.model(before).load("auto") if before else None
    findings, refusals = check(challenger, champion, workspace)
    if refusals and not force:
        return Promotion(challenger.version, before, promoted=False, findings=findings, refusals=refusals)
    registry.promote(challenger.version, findings + refusals, forced=bool(refusals))
    return Promotion(challenger.version, before, True, findings, refusals, forced=bool(refusals))


def check(
    challenger: ModelVersion, champion: TrainedModel | None, workspace: Workspace
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Compare a version with the champion.

    Args:
        challenger: the version that is to be champion.
        champion: None where there is none; then only the version's own promise is checked.
        workspace: where its dataset is.

    Returns:
        The findings, and the reasons not to promote the version, one sentence each.
    """
    dataset = workspace.find_dataset(challenger.description.data["dataset"])
    if dataset is None:
        return (), ("the dataset that it was trained on was removed, so nothing can be checked",)
    try:
        rows = _examine(dataset, challenger.load("auto"), champion)
    except (ArtifactError, ContractError) as error:
        return (), (f"the champion cannot score the rows that it is to be compared on: {error}",)
    if rows is None:
        return (), ("no row of its dataset was held out from both models",)
    found = [_about_alarms(rows, challenger), *_about_ranking(rows)]
    return (
        tuple(sentence for sentence, is_bad in found if not is_bad),
        tuple(sentence for sentence, is_bad in found if is_bad),
    )


@dataclass(frozen=True)
class _ExaminedRows:
    """Rows that neither model was made from, `(n,)` each; `champion` is None where there is none."""

    label: pa.ChunkedArray
    flagged: Bools
    challenger: Floats
    champion: Floats | None


def _examine(dataset: Dataset, challenger: TrainedModel, champion: TrainedModel | None) -> _ExaminedRows | None:
    models = [challenger, *([champion] if champion else [])]
    for model in models:
        refuse_unfit(dataset, model.description)
        _refuse_unsplittable(dataset, model)
    detector, labels, flagged = Detector.of(challenger.calibration, challenger.validation), [], []
    scores: list[list[Floats]] = [[] for _ in models]
    for batch in _held_out(dataset, models):
        for model, batches in zip(models, scores, strict=True):
            batches.append(model.model.score(batch).anomaly_score)
        labels.append(batch.column(LABEL))
        flagged.append(detector.decide(scores[0][-1], batch).is_anomaly)
    if not labels:
        return None
    whole = [np.concatenate(batches) for batches in scores]
    return _ExaminedRows(pa.chunked_array(labels), np.concatenate(flagged), whole[0], whole[1] if champion else None)


def _refuse_unsplittable(dataset: Dataset, model: TrainedModel) -> None:
    key = model.description.split_rule.key
    if key not in dataset.contract.schema.names:
        msg = f"its rows were split by {key!r}, and {dataset.directory} has no such column"
        raise ArtifactError(msg)


def _held_out(dataset: Dataset, models: list[TrainedModel]) -> Iterator[pa.RecordBatch]:
    """Yield the rows, or a sample of them, that are test rows to every model; a batch without any is left out."""
    share = MAX_ROWS / max(dataset.rows, 1)
    for batch in dataset.batches(batch_rows=min(model.model.batch_rows for model in models)):
        mask = pa.array(hash_to_unit(batch.column(ROW_ID), _KEY_OF_SAMPLE) < share)
        for model in models:
            split = model.description.split_rule.names(batch)
            mask = pc.and_(mask, pc.fill_null(pc.equal(split, TEST), False))
        if pc.any(mask).as_py():
            yield batch.filter(mask)


def _about_alarms(rows: _ExaminedRows, challenger: ModelVersion) -> tuple[str, bool]:
    """Say whether the threshold keeps its promise, and whether it is broken."""
    rates = Reference.of(challenger, challenger.calibration.calibration_id).rates
    normal = pc.fill_null(pc.invert(rows.label), False).to_numpy()
    is_judged = normal if normal.any() else np.ones(len(normal), np.bool_)
    check = AlertCheck.of(Rate.of(int(rows.flagged[is_judged].sum()), int(is_judged.sum())), rates)
    if check is None:
        return "alerts: no test row was judged", False
    if normal.any():
        low, high = check.usual
        usual = f"{low} to {high} are usual for its threshold"
        return f"false alarms: {check.alerts} of {normal.sum()} normal test rows; {usual}", check.alerts > high
    found = f"alerts: {check.alerts} of {len(normal)} test rows without labels"
    return f"{found}; {check.expected_rate:.2%} is expected of normal rows", check.is_many_more


def _about_ranking(rows: _ExaminedRows) -> Iterator[tuple[str, bool]]:
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
