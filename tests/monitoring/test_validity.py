"""Validity: no false verdict on rows like those of the calibration, and a true one when they are not."""

import numpy as np
import pytest
from scipy import stats

from anomaly_ae.monitoring.drift import Change, ColumnDrift
from anomaly_ae.monitoring.false_alarms import alarm_rates
from anomaly_ae.monitoring.validity import ScoreRanks, Validity, check_alerts, judge

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
    alerts = check_alerts(int((scores > threshold).sum()), len(scores), alarm_rates(above, len(reference)))
    return judge(
        rows=len(scores),
        are_normal=are_normal,
        alerts=alerts,
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
    change = Change(what="above 5", before=0.05, after=0.5)
    column = ColumnDrift(
        column="heat", rows=500, shift=0.4, p_value=0.0, p_corrected=0.0, has_drifted=True, changes=(change,)
    )

    found = verdict_on(rng.gamma(2, size=2000), rng.gamma(2, size=500), columns=(column,))

    assert found.verdict == "drifting"
    assert "1 of 1 input columns drifted (heat)" in found.meaning


@pytest.mark.parametrize("rows", [0, 1, 49])
def test_few_rows_are_unknown(rows: int) -> None:
    """Below fifty rows nothing is said, whatever they look like."""
    alerts = check_alerts(rows, rows, alarm_rates(9, 999)) if rows else None

    found = judge(rows=rows, are_normal=False, alerts=alerts, scores=None, below=None, columns=())

    assert found.verdict == "unknown"
    assert found.alerts is None


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
