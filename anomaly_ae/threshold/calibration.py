"""Calibration: scores of held-out rows become a frozen threshold, and what it promises.

Without segments there is one threshold. With segments each has its own threshold, found by the same rule from its own
rows (Mondrian conformal; Vovk, Gammerman and Shafer, 2005, chapter 4.5), so that the promise holds within each. A
segment whose rows do not allow one uses the threshold of all rows, and the calibration gives the reason.
"""

from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import model_validator

from anomaly_ae.errors import CalibrationError
from anomaly_ae.spec import Section, ThresholdSpec
from anomaly_ae.storage import fingerprint
from anomaly_ae.threshold.conformal import smallest_rate
from anomaly_ae.threshold.rows import kept_name
from anomaly_ae.threshold.rules import Cut, Rule, all_rules
from anomaly_ae.threshold.rules.fpr import FprThreshold
from anomaly_ae.threshold.sample import SCORE, Floats, Sample, hash_scores, normal_scores, scores_of
from anomaly_ae.threshold.segments import rows_by_segment

_OF_REVIEWED = "Rows here are the {} alerts with a verdict."


class Segment(Section):
    """One segment: the rows with one value of the column `by`.

    Attributes:
        value: as text.
        threshold: None where the segment uses the threshold of all rows.
        warn_threshold: likewise.
        n_validation: its normal validation rows.
        smallest_fpr: smallest false-alarm rate that this many rows can promise.
        reason: why it uses the threshold of all rows; None where it has its own.
    """

    value: str
    threshold: float | None = None
    warn_threshold: float | None = None
    n_validation: int
    smallest_fpr: float
    reason: str | None = None


class Promise(Section):
    """What a calibration rests on and promises; `Calibration` adds the fingerprint of it.

    Attributes:
        rule: how the threshold was found.
        parameters: settings of the rule, given or measured.
        threshold: cut on the anomaly score; `is_anomaly = anomaly_score > threshold`.
        warn_threshold: cut of the milder level; None: there is no such level.
        target_fpr: share of normal rows that may lie above the threshold; None where the rule promises none.
        promise: what the rule promises, in plain sentences.
        n_validation: normal validation rows.
        n_above: how many of these lie above the threshold.
        n_anomalies: labelled anomalies that the rule saw.
        smallest_fpr: smallest false-alarm rate that this many normal rows can promise.
        by: column whose values get a threshold each.
        segments: those values.
        scores_sha256: hash of the validation scores of the model version.
        reviewed_sha256: hash of the scores of reviewed alerts, where the threshold was taken from these.
    """

    rule: str
    parameters: ThresholdSpec
    threshold: float
    warn_threshold: float | None
    target_fpr: float | None
    promise: str
    n_validation: int
    n_above: int
    n_anomalies: int
    smallest_fpr: float
    by: str | None = None
    segments: tuple[Segment, ...] = ()
    scores_sha256: str
    reviewed_sha256: str | None = None


class Calibration(Promise):
    """A frozen threshold.

    Attributes:
        calibration_id: fingerprint of all other fields; a calibration that was altered does not load.
    """

    calibration_id: str

    @property
    def expected_fpr(self) -> float:
        """The share of normal rows that is promised, or else the one that the validation rows lead one to expect."""
        return self.target_fpr if self.target_fpr is not None else (self.n_above + 1) / (self.n_validation + 1)

    @model_validator(mode="after")
    def _content_has_this_id(self) -> Self:
        if self.calibration_id != fingerprint(self.model_dump(mode="json", exclude={"calibration_id"})):
            msg = f"calibration {self.calibration_id} has been altered: its content has another fingerprint"
            raise ValueError(msg)
        return self


def calibrate(rows: pa.Table, rule: ThresholdSpec, reviewed: pa.Table | None = None) -> Calibration:
    """Find a threshold on rows that training never saw.

    Args:
        rows: the validation rows, with a column `anomaly_score` (float64), perhaps `label` (bool; true: an anomaly;
            false, null or no such column: taken for normal), and the column that `rule.by` names.
        rule: how to find the threshold, and what it is to promise.
        reviewed: alerts with an analyst's verdict as `label`, to find the threshold on instead; for rules that need
            no other rows (`precision`, `cost`). No threshold below these alerts is considered.

    Raises:
        CalibrationError: the promise cannot be made from these rows, or a score is not finite.

    Example:
        >>> import numpy as np
        >>> import pyarrow as pa
        >>> calibrate(pa.table({"anomaly_score": np.arange(1.0, 100.0)}), FprThreshold(target_fpr=0.05)).threshold
        95.0
    """
    how = Rule.of(rule)
    _refuse_unfit(how, reviewed)
    judged = rows if reviewed is None else reviewed
    segments = _segments(judged, how) if how.by else ()
    # With segments, a score that is not finite costs its own segment the threshold; without, it is an error.
    kept = [_finite(table) if how.by else table for table in (rows, judged)]
    validation, sample = Sample.of(kept[0]), Sample.of(kept[1])
    cut, warn = _cuts(sample, how)
    promise = Promise(
        rule=how.rule,
        parameters=how,
        threshold=cut.threshold,
        warn_threshold=warn,
        target_fpr=cut.target_fpr,
        promise=cut.promise if reviewed is None else f"{_OF_REVIEWED.format(reviewed.num_rows)} {cut.promise}",
        n_validation=len(validation.normal),
        n_above=int(validation.normals_above(cut.threshold)),
        n_anomalies=len(sample.anomalous),
        smallest_fpr=smallest_rate(len(validation.normal)),
        by=how.by,
        segments=segments,
        scores_sha256=hash_scores(scores_of(rows)),
        reviewed_sha256=None if reviewed is None else hash_scores(scores_of(reviewed)),
    )
    content = promise.model_dump(mode="json")
    return Calibration.model_validate({**content, "calibration_id": fingerprint(content)})


def calibrate_fpr(scores: Floats, target_fpr: float) -> Calibration:
    """Find a threshold by the rule `fpr` on the scores of normal rows, `(n,)`.

    Raises:
        CalibrationError: as `calibrate`, or the rate is no share.
    """
    if not 0 < target_fpr < 1:
        msg = f"target_fpr must lie between 0 and 1, not {target_fpr:g}"
        raise CalibrationError(msg)
    return calibrate(pa.table({SCORE: scores}), FprThreshold(target_fpr=target_fpr))


def _refuse_unfit(rule: Rule, reviewed: pa.Table | None) -> None:
    if reviewed is not None and not rule.takes_reviewed:
        fit = " or ".join(name for name, cls in all_rules().items() if cls.takes_reviewed)
        msg = (
            f"the rule {rule.rule} cannot be met from reviewed alerts: nobody reviewed the rows that are not alerts. "
            f"Set threshold.rule to {fit}, or calibrate on rows that were all labelled."
        )
        raise CalibrationError(msg)


def _cuts(sample: Sample, rule: Rule) -> tuple[Cut, float | None]:
    """Return the cut of a rule and the threshold of its warn level, which is never above it."""
    if rule.needs_anomalies and len(sample.anomalous) == 0:
        fit = " or ".join(name for name, cls in all_rules().items() if not cls.needs_anomalies)
        msg = (
            f"the rule {rule.rule} needs labelled anomalies, and there is none among the {len(sample.normal)} "
            "validation rows. Set split.validation_anomalies and train, give reviewed alerts, or set threshold.rule "
            f"to {fit}."
        )
        raise CalibrationError(msg)
    cut, milder = rule.cut(sample), rule.warn_rule
    return cut, None if milder is None else min(cut.threshold, milder.cut(sample).threshold)


def _finite(rows: pa.Table) -> pa.Table:
    """Drop the rows whose score is not finite; the segment of such a row reports them."""
    return rows.filter(pc.is_finite(rows.column(SCORE)))


def _segments(rows: pa.Table, rule: Rule) -> tuple[Segment, ...]:
    """Calibrate each segment on its own rows; one that fails says why, and the others are unaffected."""
    return tuple(_segment(value, part, rule) for value, part in rows_by_segment(rows, kept_name(str(rule.by))))


def _segment(value: str, rows: pa.Table, rule: Rule) -> Segment:
    try:
        sample = Sample.of(rows)
        _refuse_poor(sample.normal, rule.min_rows)
        cut, warn = _cuts(sample, rule)
    except CalibrationError as error:
        n = len(normal_scores(rows))
        why = str(error).partition(". ")[0]  # without the advice
        return Segment(value=value, n_validation=n, smallest_fpr=smallest_rate(n), reason=why)
    n = len(sample.normal)
    return Segment(
        value=value, threshold=cut.threshold, warn_threshold=warn, n_validation=n, smallest_fpr=smallest_rate(n)
    )


def _refuse_poor(scores: Floats, min_rows: int | None) -> None:
    """Refuse a segment with too few or constant scores, even if the rule could find a threshold."""
    if min_rows is not None and len(scores) < min_rows:
        msg = f"{len(scores)} normal rows are fewer than threshold.min_rows ({min_rows})"
        raise CalibrationError(msg)
    if np.ptp(scores) == 0:
        msg = f"all {len(scores)} scores are {scores[0]:g}: any other would be an alert"
        raise CalibrationError(msg)
