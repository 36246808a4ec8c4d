"""Validity: no false verdict on rows like those of the calibration, and a true one when they are not."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from anomaly_ae.monitoring.alerts import AlertCounts, AlertTally
from anomaly_ae.monitoring.drift import BinShift, ColumnDrift
from anomaly_ae.monitoring.false_alarms import alarm_rates
from anomaly_ae.monitoring.scores import ScoreRanks
from anomaly_ae.monitoring.validity import Validity, judge

TARGET = 0.02


def verdict_on(
    validation: np.ndarray, scores: np.ndarray, *, are_normal: bool = False, columns: tuple[ColumnDrift, ...] = ()
) -> Validity:
    """Judge new scores against the threshold that validation scores give at 2 %."""
    reference = np.sort(validation)
    above = int(TARGET * (len(reference) + 1)) - 1
    threshold = reference[-above - 1]
    everything, below = ScoreRanks(reference), ScoreRanks(reference[reference <= threshold])
    everything.add(scores)
    below.add(scores[scores <= threshold])
    return judge(
        AlertCounts.of(int((scores > threshold).sum()), len(scores), are_normal=are_normal),
        alarm_rates(above, len(reference)),
        scores=everything.check(),
        below=below.check(),
        columns=columns,
    )


@pytest.mark.parametrize(
    ("n_validation", "rows", "decimals"), [(100, 60, 9), (100, 2000, 1), (1000, 500, 1), (2000, 4000, 9)]
)
def test_undrifted_rows_are_fine(n_validation: int, rows: int, decimals: int) -> None:
    """In 100 replays, whatever the sizes and with tied scores too, at least 99 verdicts are fine."""
    rng = np.random.default_rng(3)
    draws = (rng.gamma(2, size=n_validation + rows).round(decimals) for _ in range(100))

    verdicts = [verdict_on(draw[:n_validation], draw[n_validation:], are_normal=True).verdict for draw in draws]

    assert verdicts.count("fine") >= 99


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "fine"), (1.1, "drifting"), (2.0, "invalid")])
def test_scores_that_grow_drift_and_then_break_the_threshold(factor: float, verdict: str) -> None:
    """Scores a tenth higher drift; twice as high, alerts are many, and the threshold is invalid."""
    rng = np.random.default_rng(0)

    assert verdict_on(rng.gamma(9, size=2000), factor * rng.gamma(9, size=2000)).verdict == verdict


def test_a_few_anomalies_do_not_break_the_threshold() -> None:
    """Three rows in a hundred far above the rest raise alerts, and are taken for what they look like."""
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.gamma(2, size=1940), rng.gamma(2, size=60) + 50])

    found = verdict_on(rng.gamma(2, size=2000), scores)

    assert found.verdict == "fine"
    assert found.alerts is not None
    assert found.alerts.is_many_more
    assert "looks like real anomalies" in found.meaning


def test_as_many_alerts_do_where_all_scores_have_moved() -> None:
    """Alerts on one row in twenty could be anomalies, but not when the scores of all other rows lie higher too."""
    rng = np.random.default_rng(0)

    found = verdict_on(rng.gamma(9, size=2000), 1.15 * rng.gamma(9, size=2000))

    assert found.verdict == "invalid"
    assert found.alerts is not None
    assert found.alerts.low < found.alerts.expected_rate + 0.05


def test_the_same_alerts_on_normal_rows_do() -> None:
    """Where labels say that all rows are normal, no anomaly explains a surplus."""
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.gamma(2, size=1940), rng.gamma(2, size=60) + 50])

    assert verdict_on(rng.gamma(2, size=2000), scores, are_normal=True).verdict == "invalid"


def test_a_fifth_of_the_rows_is_too_many_for_anomalies() -> None:
    """Even with the rest as before: anomalies are rare by definition, and so many alerts help nobody."""
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.gamma(2, size=800), rng.gamma(2, size=200) + 50])

    assert verdict_on(rng.gamma(2, size=2000), scores).verdict == "invalid"


def test_scores_that_shrink_drift() -> None:
    """No alert where twenty are expected keeps the promise, and still says that something changed."""
    rng = np.random.default_rng(0)

    found = verdict_on(rng.gamma(2, size=2000), 0.3 * rng.gamma(2, size=2000))

    assert found.verdict == "drifting"
    assert "lower than at calibration" in found.meaning
    assert "less than half as common" in found.meaning


def test_a_drifted_column_is_named() -> None:
    """Inputs that moved under steady scores are drift too."""
    rng = np.random.default_rng(0)
    change = BinShift(group="above 5", before=0.05, after=0.5)
    column = ColumnDrift(
        column="heat", rows=500, shift=0.4, p_value=0.0, p_corrected=0.0, has_drifted=True, changes=(change,)
    )

    found = verdict_on(rng.gamma(2, size=2000), rng.gamma(2, size=500), columns=(column,))

    assert found.verdict == "drifting"
    assert "1 of 1 input columns drifted (heat)" in found.meaning


@pytest.mark.parametrize(("alerts", "rows"), [(0, 0), (0, 1), (1, 1), (0, 49), (3, 49)])
def test_few_rows_are_unknown(alerts: int, rows: int) -> None:
    """Below fifty rows nothing is said of a threshold that may well hold; the counts are there all the same."""
    found = judge(AlertCounts.of(alerts, rows), alarm_rates(9, 999))

    assert found.verdict == "unknown"
    assert (found.alerts.alerts if found.alerts else 0) == alerts
    assert (found.alerts is None) == (rows == 0)


@pytest.mark.parametrize(
    ("alerts", "rows", "above", "n_validation", "are_normal"),
    [(14, 14, 19, 99, False), (49, 49, 9, 999, False), (6, 6, 9, 999, False), (4, 20, 9, 999, True)],
)
def test_few_rows_suffice_for_overwhelming_evidence(
    alerts: int, rows: int, above: int, n_validation: int, are_normal: bool
) -> None:
    """Fourteen alerts of fourteen where a fifth is promised refute the promise; nobody waits for fifty rows."""
    found = judge(AlertCounts.of(alerts, rows, are_normal=are_normal), alarm_rates(above, n_validation))

    assert found.verdict == "invalid"
    assert f"{alerts} of {rows}" in found.meaning


@pytest.mark.parametrize(("alerts", "rows"), [(1, 1), (3, 3), (4, 20)])
def test_a_few_rows_that_somebody_picked_refute_nothing(alerts: int, rows: int) -> None:
    """Without labels, a handful of alerts in a small batch may be the anomalies that it was scored for."""
    found = judge(AlertCounts.of(alerts, rows), alarm_rates(9, 999))

    assert found.verdict == "unknown"


@pytest.mark.parametrize("are_normal", [False, True])
def test_small_undrifted_batches_are_hardly_ever_invalid(are_normal: bool) -> None:
    """Over all small batches and calibrations, a false "invalid" is as rare as among larger ones: at most .0005."""
    for above, n_validation in [(0, 19), (0, 99), (9, 99), (9, 999), (19, 99)]:
        rates = alarm_rates(above, n_validation)
        for rows in (1, 2, 5, 14, 49):
            verdicts = [judge(AlertCounts.of(k, rows, are_normal=are_normal), rates).verdict for k in range(rows + 1)]
            chances = stats.binom.pmf(np.arange(rows + 1), rows, rates[:, None]).mean(axis=0)
            assert chances[[verdict == "invalid" for verdict in verdicts]].sum() <= 0.0005


def test_alerts_are_counted_by_kind_of_row() -> None:
    """Train and validation rows are not judged, labelled anomalies are counted apart, batches add up."""
    rows = pa.record_batch(
        {
            "is_anomaly": [True, True, False, True, True, False, True],
            "label": [None, None, False, False, True, True, True],
            "split": ["train", None, "test", "test", "test", "test", "validation"],
        }
    )
    tally = AlertTally()
    tally.add(rows)
    tally.add(rows.slice(0, 3))

    counts = tally.counts()

    kinds = [counts.scored, counts.unseen, counts.normal, counts.anomalous, counts.judged]
    assert [(kind.count, kind.rows) for kind in kinds] == [(7, 10), (4, 7), (1, 3), (1, 2), (3, 5)]
    assert not counts.are_normal


def test_a_file_of_an_earlier_version_is_read() -> None:
    """It lacks the counts, and names a group of values otherwise; what it says is taken over."""
    column = {"column": "a", "rows": 9, "shift": 0.5, "p_value": 0.0, "p_corrected": 0.0, "has_drifted": True}
    columns = [{**column, "changes": [{"what": "4 to 6", "before": 0.1, "after": 0.6}]}]
    old = {"verdict": "drifting", "meaning": "m", "rows": 900, "are_normal": False, "columns": columns}

    found = Validity.model_validate(old)

    assert found.columns[0].changes[0].group == "4 to 6"
    assert Validity.model_validate(found.model_dump(mode="json")) == found
    assert found.finding == "nothing_judged"


@pytest.mark.parametrize("decimals", [9, 0])
@pytest.mark.parametrize("shift", [0.2, -0.2])
def test_scores_are_compared_as_scipy_does(decimals: int, shift: float) -> None:
    """In batches, from counts alone, tied or not: distance and p-value are those of scipy on all scores at once."""
    rng = np.random.default_rng(0)
    reference, scores = np.sort(rng.normal(size=300).round(decimals)), rng.normal(shift, size=500).round(decimals)
    ranks = ScoreRanks(reference)
    for batch in np.array_split(scores, 7):
        ranks.add(batch)

    found, expected = ranks.check(), stats.ks_2samp(reference, scores, method="asymp")

    assert found is not None
    assert found.distance == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)
    above = (scores[:, None] > reference).mean() + (scores[:, None] == reference).mean() / 2
    assert found.above == pytest.approx(above)
