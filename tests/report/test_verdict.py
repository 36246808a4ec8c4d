"""The verdict: what is said first, and whether chance alone could make it say so."""

import numpy as np
import pytest
from anomaly_ae.report.inputs import Calibration

from anomaly_ae.evaluation.metrics import Confusion, Metrics
from anomaly_ae.report.tally import Group, Tally
from anomaly_ae.report.verdict import judge, measure_rate


def calibration(n_validation: int = 999, target_fpr: float = 0.01) -> Calibration:
    """Return a calibration of the default rule."""
    return Calibration(
        calibration_id="c",
        rule="fpr",
        threshold=1.0,
        target_fpr=target_fpr,
        promise="at most so many",
        n_above=int(target_fpr * (n_validation + 1)) - 1,
        n_validation=n_validation,
        smallest_fpr=0.001,
    )


def metrics(fp: int, tn: int, tp: int = 0, fn: int = 0) -> Metrics:
    """Return the metrics of a test set, as far as the verdict reads them."""
    return Metrics(
        rows=fp + tn + tp + fn, anomalies=tp + fn, normals=fp + tn, split="test", threshold=1.0,
        confusion=Confusion(tp=tp, fp=fp, fn=fn, tn=tn), precision=0.0, recall=None, f1=None,
        average_precision=None, roc_auc=None, false_alarm_rate=None, undefined={},
    )  # fmt: skip


def tally(rows: int, alerts: int, split: str | None = None) -> Tally:
    """Return a tally of unlabelled rows of one split."""
    result = Tally()
    result.add(Group(None, split, is_anomaly=False), np.full(rows - alerts, 0.5))
    result.add(Group(None, split, is_anomaly=True), np.full(alerts, 2.0))
    return result


def test_a_rate_carries_the_wilson_interval_of_scipy() -> None:
    """5 of 100 rows have the Wilson interval that textbooks print, 2.15 % to 11.18 %."""
    rate = measure_rate(5, 100)

    assert rate.share == 0.05
    assert (round(rate.low or 0, 4), round(rate.high or 0, 4)) == (0.0215, 0.1118)


def test_a_rate_of_no_rows_is_undefined() -> None:
    """Nothing out of nothing is neither 0 nor 100 %."""
    rate = measure_rate(0, 0)

    assert (rate.share, rate.low, rate.high) == (None, None, None)


def test_labels_decide_when_there_are_labelled_normal_rows() -> None:
    """With labelled normal rows the verdict rests on their false alarms, however many alerts there are."""
    verdict = judge(tally(1000, 400), calibration(), metrics(fp=8, tn=992), rows_rejected=0)

    assert verdict.headline == "False alarms are as promised"
    assert verdict.tone == "calm"
    assert "8 raised a false alarm: 0.8%" in verdict.meaning


def test_too_many_false_alarms_break_the_promise() -> None:
    """60 false alarms among 1,000 normal rows is no luck where 10 are promised."""
    verdict = judge(tally(1000, 60), calibration(), metrics(fp=60, tn=940), rows_rejected=0)

    assert (verdict.tone, verdict.headline) == ("attention", "More false alarms than promised")


def test_a_model_that_finds_nothing_is_not_called_fine() -> None:
    """No false alarm and no anomaly found is a threshold out of reach, however well the promise is kept."""
    verdict = judge(tally(510, 0), calibration(), metrics(fp=0, tn=332, tp=0, fn=178), rows_rejected=0)

    assert (verdict.tone, verdict.headline) == ("attention", "Anomalies pass unseen")
    assert "Of 178 labelled anomalies, 0 were found." in verdict.meaning


@pytest.mark.parametrize(
    ("alerts", "tone", "headline"),
    [
        (12, "calm", "No more alerts than false alarms explain"),
        (90, "attention", "More alerts than false alarms explain"),
        (0, "attention", "Fewer alerts than normal rows give"),
    ],
)
def test_without_labels_alerts_are_compared_with_what_normal_rows_give(alerts: int, tone: str, headline: str) -> None:
    """Of 1,000 new rows some ten false alarms are usual; many more and none at all are not."""
    verdict = judge(tally(1000, alerts), calibration(), None, rows_rejected=0)

    assert (verdict.tone, verdict.headline) == (tone, headline)


def test_few_rows_without_an_alert_are_no_cause_for_alarm() -> None:
    """No alert among 50 rows is what a promise of 1 % leads one to expect."""
    verdict = judge(tally(50, 0), calibration(), None, rows_rejected=0)

    assert (verdict.tone, verdict.headline) == ("calm", "No alerts")


def test_rows_the_model_was_made_from_judge_nothing() -> None:
    """Alerts among train rows say nothing about the promise, and the verdict says that."""
    verdict = judge(tally(1000, 10, split="train"), calibration(), None, rows_rejected=0)

    assert (verdict.tone, verdict.headline) == ("silent", "Only rows the model was made from")


def test_a_wholly_rejected_source_asks_for_attention() -> None:
    """No scored row and many rejected ones is not a calm day without alerts."""
    verdict = judge(Tally(), calibration(), None, rows_rejected=1234)

    assert (verdict.tone, verdict.headline) == ("attention", "No row could be scored")
    assert verdict.alerts.share is None
