"""Calibration: scores of held-out normal rows become a threshold with a stated false-alarm rate.

The rule is split-conformal: among n validation scores and one new score of a normal row, every rank of the new one is
equally likely, whatever the distribution, as long as the rows are exchangeable. Source: Vovk, Gammerman and Shafer,
"Algorithmic learning in a random world", 2005; Laxhammar and Falkman, "Conformal prediction for distribution-
independent anomaly detection", 2010.
"""

import hashlib
import math
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from anomaly_ae.errors import CalibrationError
from anomaly_ae.spec import Section
from anomaly_ae.storage import fingerprint

Floats = NDArray[np.float64]


class Promise(Section):
    """What a calibration rests on and promises; `Calibration` adds the fingerprint of it.

    Attributes:
        rule: how the threshold was found.
        threshold: cut on the anomaly score; `is_anomaly = anomaly_score > threshold`.
        target_fpr: share of normal rows that may lie above it.
        n_validation: validation scores it was taken from.
        smallest_fpr: smallest rate that so many scores can promise.
        scores_sha256: hash of those scores.
    """

    rule: Literal["fpr"]
    threshold: float
    target_fpr: float
    n_validation: int
    smallest_fpr: float
    scores_sha256: str


class Calibration(Promise):
    """A frozen threshold.

    Attributes:
        calibration_id: fingerprint of everything else in it, so that an altered one is noticed.
    """

    calibration_id: str

    @model_validator(mode="after")
    def _content_has_this_id(self) -> Self:
        if self.calibration_id != fingerprint(self.model_dump(exclude={"calibration_id"})):
            msg = f"calibration {self.calibration_id} has been altered: its content has another fingerprint"
            raise ValueError(msg)
        return self


def calibrate(scores: Floats, target_fpr: float) -> Calibration:
    """Return the smallest threshold whose false-alarm rate on new normal rows is at most `target_fpr`.

    Args:
        scores: anomaly scores of validation rows, `(n,)`; normal rows that training never saw.
        target_fpr: tolerated share of normal rows above the threshold.

    Raises:
        CalibrationError: too few scores to promise the rate, scores that are not finite, or a rate that is no share.

    Example:
        >>> import numpy as np
        >>> calibrate(np.arange(1.0, 100.0), target_fpr=0.05).threshold
        95.0
    """
    if not 0 < target_fpr < 1:
        msg = f"target_fpr must lie between 0 and 1, not {target_fpr:g}"
        raise CalibrationError(msg)
    ranked = validated(scores)
    rank = max(1, math.ceil(round((len(ranked) + 1) * (1 - target_fpr), 9)))
    if rank > len(ranked):
        needed = math.ceil(round(1 / target_fpr, 9)) - 1
        msg = (
            f"a false-alarm rate of {target_fpr:g} needs at least {needed} normal validation rows; there are "
            f"{len(ranked)}, which can promise {1 / (len(ranked) + 1):.3g}. Give more rows, a larger split.validation, "
            "or a higher threshold.target_fpr."
        )
        raise CalibrationError(msg)
    promise = Promise(
        rule="fpr",
        threshold=float(ranked[rank - 1]),
        target_fpr=target_fpr,
        n_validation=len(ranked),
        smallest_fpr=1 / (len(ranked) + 1),
        scores_sha256=hash_scores(ranked),
    )
    return Calibration(**promise.model_dump(), calibration_id=fingerprint(promise.model_dump()))


def p_values(scores: Floats, validation_scores: Floats) -> Floats:
    """Return `(1 + #{validation scores >= score}) / (n_validation + 1)` for each score.

    Args:
        scores: `(n,)`.
        validation_scores: `(n_validation,)`, ascending.
    """
    at_least = len(validation_scores) - np.searchsorted(validation_scores, scores, side="left")
    return (1 + at_least) / (len(validation_scores) + 1)


def severity(p_value: Floats, n_validation: int) -> Floats:
    """Return 0 for a p-value of 1 and 100 for the smallest there can be, evenly on a log scale."""
    return np.clip(-100 * np.log(p_value) / math.log(n_validation + 1), 0.0, 100.0)


def hash_scores(ranked: Floats) -> str:
    """Return the SHA-256 of ascending scores, in hex."""
    return hashlib.sha256(ranked.tobytes()).hexdigest()


def validated(scores: Floats) -> Floats:
    """Return scores in ascending order.

    Raises:
        CalibrationError: there is none, or one is not finite.
    """
    if len(scores) == 0:
        msg = "there are no validation scores to calibrate on"
        raise CalibrationError(msg)
    if not np.isfinite(scores).all():
        msg = f"{np.sum(~np.isfinite(scores))} of {len(scores)} validation scores are not finite; train the model anew"
        raise CalibrationError(msg)
    return np.sort(scores)
