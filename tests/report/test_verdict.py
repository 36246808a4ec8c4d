"""The verdict: what the page says first of the alerts, which is what the stage judge found, in words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_ae.evaluation.proportions import Rate
from anomaly_ae.monitoring.alerts import AlertCounts
from anomaly_ae.monitoring.drift import ColumnDrift
from anomaly_ae.monitoring.false_alarms import alarm_rates
from anomaly_ae.monitoring.scores import ScoreCheck
from anomaly_ae.monitoring.validity import Validity, judge
from anomaly_ae.report.sections.verdict import estimate_false_alarms, promise_chart
from anomaly_ae.report.verdict import Verdict, describe
from anomaly_ae.threshold import Calibration, calibrate_fpr

N_VALIDATION, TARGET = 999, 0.01
CALIBRATION = calibrate_fpr(np.arange(float(N_VALIDATION)), TARGET)
RATES = alarm_rates(9, N_VALIDATION)
MOVED = ScoreCheck(rows=900, distance=0.3, p_value=1e-9, above=0.7, has_moved=True)
DRIFTED = ColumnDrift(column="a", rows=900, shift=0.4, p_value=0.0, p_corrected=0.0, has_drifted=True, changes=())


def labelled(false_alarms: int, normals: int, found: int = 0, anomalies: int = 0) -> AlertCounts:
    """Return the counts of a table of unseen rows that are all labelled."""
    return AlertCounts(
        scored=Rate.of(false_alarms + found, normals + anomalies),
        unseen=Rate.of(false_alarms + found, normals + anomalies),
        normal=Rate.of(false_alarms, normals),
        anomalous=Rate.of(found, anomalies),
    )


def said(validity: Validity | None, scored: Rate | None = None, calibration: Calibration = CALIBRATION) -> Verdict:
    """Return the verdict on a table of which no row was rejected."""
    counted = scored or (validity and validity.counts and validity.counts.scored)
    assert counted
    return describe(counted, 0, calibration, validity)


def test_a_rate_carries_the_wilson_interval_of_scipy() -> None:
    """5 of 100 rows have the Wilson interval that textbooks print, 2.15 % to 11.18 %."""
    rate = Rate.of(5, 100)

    assert rate.share == 0.05
    assert (round(rate.low or 0, 4), round(rate.high or 0, 4)) == (0.0215, 0.1118)


def test_a_rate_of_no_rows_is_undefined() -> None:
    """Nothing out of nothing is neither 0 nor 100 %."""
    rate = Rate.of(0, 0)

    assert (rate.share, rate.low, rate.high) == (None, None, None)


def test_labels_decide_when_rows_are_labelled() -> None:
    """With labels the verdict rests on the false alarms among normal rows, however many alerts there are."""
    verdict = said(judge(labelled(8, 1000, found=392, anomalies=400), RATES))

    assert verdict.headline == "False alarms are as promised"
    assert verdict.tone == "calm"
    assert "8 raised a false alarm: 0.8%" in verdict.meaning
    assert "Of 400 labelled anomalies, 392 were found." in verdict.meaning


def test_too_many_false_alarms_break_the_promise() -> None:
    """60 false alarms among 1,000 normal rows is no luck where 10 are promised."""
    verdict = said(judge(labelled(60, 1000), RATES))

    assert (verdict.tone, verdict.headline) == ("attention", "More false alarms than promised")


def test_a_model_that_finds_nothing_is_not_called_fine() -> None:
    """No false alarm and no anomaly found is a threshold out of reach, however well the promise is kept."""
    verdict = said(judge(labelled(0, 332, found=0, anomalies=178), RATES))

    assert (verdict.tone, verdict.headline) == ("attention", "Anomalies pass unseen")
    assert "Of 178 labelled anomalies, 0 were found." in verdict.meaning


@pytest.mark.parametrize(
    ("alerts", "tone", "headline"),
    [
        (12, "calm", "No more alerts than false alarms explain"),
        (28, "calm", "More alerts than usual, but within chance"),
        (50, "attention", "Real anomalies are likely among the alerts"),
        (90, "attention", "More alerts than false alarms explain"),
        (2, "calm", "Fewer alerts than usual, but within chance"),
    ],
)
def test_without_labels_alerts_are_compared_with_what_normal_rows_give(alerts: int, tone: str, headline: str) -> None:
    """Of 1,000 new rows some ten false alarms are usual, a few more or less are chance, and many more are not."""
    verdict = said(judge(AlertCounts.of(alerts, 1000), RATES))

    assert (verdict.tone, verdict.headline) == (tone, headline)


def test_no_alert_among_many_rows_is_too_good_to_be_true() -> None:
    """Where twenty false alarms are usual, none at all says that something changed."""
    verdict = said(judge(AlertCounts.of(0, 2000), RATES))

    assert (verdict.tone, verdict.headline) == ("attention", "Fewer alerts than normal rows give")


def test_few_rows_without_an_alert_are_no_cause_for_alarm() -> None:
    """No alert among 50 rows is what a promise of 1 % leads one to expect."""
    verdict = said(judge(AlertCounts.of(0, 50), RATES))

    assert (verdict.tone, verdict.headline) == ("calm", "No alerts")


def test_drift_is_said_beside_alerts_that_are_as_promised() -> None:
    """A calm headline over a card that says "drifting" would contradict it."""
    verdict = said(judge(AlertCounts.of(10, 1000), RATES, columns=(DRIFTED,)))

    assert verdict.tone == "caution"
    assert verdict.headline == "No more alerts than false alarms explain; the data have drifted"


def test_rows_the_model_was_made_from_judge_nothing() -> None:
    """Alerts among train rows say nothing about the promise, and the verdict says that."""
    none = Rate.of(0, 0)
    counts = AlertCounts(scored=Rate.of(10, 1000), unseen=none, normal=none, anomalous=none)

    verdict = said(judge(counts, RATES))

    assert (verdict.tone, verdict.headline) == ("silent", "Only rows the model was made from")
    assert verdict.judged is None


def test_labelled_anomalies_alone_judge_nothing() -> None:
    """How many of them were found is said; the promise is about normal rows."""
    verdict = said(judge(labelled(0, 0, found=3, anomalies=5), RATES))

    assert (verdict.tone, verdict.headline) == ("silent", "Only labelled anomalies are new to the model")
    assert verdict.meaning.startswith("Of 5 labelled anomalies, 3 were found.")


def test_a_wholly_rejected_source_asks_for_attention() -> None:
    """No scored row and many rejected ones is not a calm day without alerts."""
    verdict = describe(Rate.of(0, 0), 1234, CALIBRATION, None)

    assert (verdict.tone, verdict.headline) == ("attention", "No row could be scored")
    assert verdict.alerts.share is None


@pytest.mark.parametrize(("alerts", "headline"), [(0, "No alerts"), (1, "1 alert"), (47, "47 alerts")])
def test_what_was_not_judged_is_counted_and_no_more(alerts: int, headline: str) -> None:
    """Without a verdict of the stage judge the page states the plain count, and that nobody judged it."""
    verdict = said(None, Rate.of(alerts, 300))

    assert (verdict.tone, verdict.headline) == ("silent", headline)
    assert "was not judged" in verdict.meaning
    assert (verdict.judged, verdict.allowed) == (None, None)
    assert estimate_false_alarms(verdict, None, None).figure == ("0" if alerts == 0 else "?")


def test_the_page_has_one_judge() -> None:
    """47 alerts in 300 rows, with 4 of 99 validation rows above: headline, card and figures say the same.

    The headline used to say "More alerts than false alarms explain", and the card "fine".
    """
    validity = judge(AlertCounts.of(47, 300), alarm_rates(4, 99))
    verdict = said(validity, calibration=calibrate_fpr(np.arange(99.0), 0.05))

    assert validity.verdict == "fine"
    assert (verdict.tone, verdict.headline) == ("calm", "More alerts than usual, but within chance")
    assert "no evidence against the threshold" in verdict.meaning
    assert "no evidence against the threshold" in validity.meaning
    assert validity.alerts is not None
    assert verdict.allowed == validity.alerts.usual
    assert f"{validity.alerts.usual[0]} to {validity.alerts.usual[1]}" in verdict.meaning


@st.composite
def validities(draw: st.DrawFn) -> Validity:
    """Return what the stage judge says of any table: any calibration, any labels, any evidence of drift."""
    n_validation = draw(st.integers(1, 5000))
    above = draw(st.integers(0, n_validation) | st.integers(0, max(1, n_validation // 20)))
    rows = draw(st.integers(0, 60) | st.integers(0, 5000))
    alerts = draw(st.integers(0, rows) | st.integers(0, max(0, min(rows, 3 * rows * (above + 1) // n_validation))))
    anomalies = draw(st.integers(0, 50))
    found = draw(st.integers(0, anomalies))
    normals = draw(st.sampled_from([0, rows // 2, rows]))
    false_alarms = min(draw(st.integers(0, normals)), alerts) if normals < rows else alerts
    counts = AlertCounts(
        scored=Rate.of(alerts + found, rows + anomalies + draw(st.integers(0, 100))),
        unseen=Rate.of(alerts + found, rows + anomalies),
        normal=Rate.of(false_alarms, normals),
        anomalous=Rate.of(found, anomalies),
    )
    checks = st.none() | st.just(MOVED) | st.just(MOVED.model_copy(update={"has_moved": False}))
    columns = draw(st.sampled_from([(), (DRIFTED,)]))
    return judge(counts, alarm_rates(above, n_validation), scores=draw(checks), below=draw(checks), columns=columns)


@given(validities())
def test_headline_and_validity_never_contradict_each_other(validity: Validity) -> None:
    """Whatever the validation size, the alerts, the rows and the labels."""
    verdict = said(validity)
    is_within = "within chance" in verdict.headline
    blames = ("More ", "Fewer ", "Anomalies pass") if not is_within else ()
    praises = is_within or verdict.headline.startswith(("False alarms are as", "No alerts", "No more alerts"))

    match validity.verdict:
        case "fine":
            assert not verdict.headline.startswith(("More ", "Fewer ")) or is_within
            assert "no longer holds" not in verdict.meaning
        case "drifting":
            assert verdict.tone in ("caution", "attention")
            assert verdict.headline.startswith(blames) or verdict.headline.endswith("; the data have drifted")
        case "invalid":
            assert verdict.tone == "attention"
            assert verdict.headline.startswith("More ")
            assert "the threshold no longer holds" in verdict.meaning
        case "unknown":
            assert not praises
            assert verdict.tone != "calm"
    assert not praises or validity.verdict in ("fine", "drifting")


@given(validities())
def test_the_figures_of_the_page_are_those_of_the_judge(validity: Validity) -> None:
    """Counts, range and chart of the verdict are read off, not computed again."""
    verdict = said(validity)

    assert (verdict.allowed, verdict.are_normal) == (validity.alerts and validity.alerts.usual, validity.are_normal)
    if validity.alerts:
        assert verdict.judged == validity.counts.judged
        assert verdict.judged.count == validity.alerts.alerts
        assert str(promise_chart(verdict)).count("would be usual") == 1
    elif verdict.alerts.rows:
        assert "would be usual" not in str(promise_chart(verdict))
