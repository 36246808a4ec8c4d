"""Segments: a promise within each, a fallback that says why, and rows judged all at once as one by one."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_scores import draw

from anomaly_ae.errors import CalibrationError
from anomaly_ae.threshold import Calibration, Detector, calibrate, p_values, severity
from anomaly_ae.threshold.rules.budget import BudgetThreshold
from anomaly_ae.threshold.rules.fpr import FprThreshold
from anomaly_ae.threshold.rules.manual import ManualThreshold

SCALES = {"small": 1.0, "middle": 3.0, "large": 10.0}


def machines(seed: int, rows: int) -> pa.Table:
    """Return normal rows of three machines whose scores are of different scale."""
    parts = [
        draw(100 * seed + place, rows, scale=scale).append_column("machine", pa.array([name] * rows))
        for place, (name, scale) in enumerate(SCALES.items())
    ]
    return pa.concat_tables(parts)


def rates(made: Calibration, validation: pa.Table, fresh: pa.Table) -> dict[str, float]:
    """Return the share of fresh rows above the threshold, by machine."""
    decided = Detector.of(made, validation).decide(fresh["anomaly_score"].to_numpy(), fresh)
    flagged = fresh.append_column("flagged", pa.array(decided.is_anomaly.astype(float)))
    shares = flagged.group_by("machine").aggregate([("flagged", "mean")]).to_pylist()
    return {row["machine"]: row["flagged_mean"] for row in shares}


def spread(by_machine: dict[str, float]) -> float:
    """Return the difference between the highest and the lowest rate."""
    return max(by_machine.values()) - min(by_machine.values())


def test_the_spread_of_false_alarm_rates_shrinks() -> None:
    """One threshold flags the machine of large scores alone; a threshold each flags every machine as promised."""
    validation, fresh = machines(0, 2000), machines(1, 20_000)

    one = rates(calibrate(validation, FprThreshold(target_fpr=0.05)), validation, fresh)
    each = rates(calibrate(validation, FprThreshold(target_fpr=0.05, by="machine")), validation, fresh)

    assert spread(one) > 0.1
    assert spread(each) < 0.02
    assert all(rate == pytest.approx(0.05, abs=0.02) for rate in each.values())


def test_the_promise_holds_within_each_segment() -> None:
    """Over many draws each machine's false-alarm rate is the target on average."""
    rule = FprThreshold(target_fpr=0.1, by="machine")
    seen = []
    for seed in range(100):
        validation = machines(seed, 99)
        seen.append(rates(calibrate(validation, rule), validation, machines(seed + 500, 200)))

    for name in SCALES:
        of_one = np.array([by_machine[name] for by_machine in seen])
        assert of_one.mean() == pytest.approx(0.1, abs=4 * of_one.std() / 10)


def test_a_segment_that_fails_falls_back_and_says_why() -> None:
    """Too few rows, constant scores and NaN: rows are judged by the threshold of all, and the reason is kept."""
    rows = pa.concat_tables(
        [
            machines(0, 200),
            segment("few", np.arange(5.0)),
            segment("still", np.full(200, 2.0)),
            segment("broken", np.append(np.arange(199.0), np.nan)),
        ]
    )

    made = calibrate(rows, FprThreshold(target_fpr=0.05, by="machine"))

    reasons = {one.value: one.reason for one in made.segments}
    assert {name for name, reason in reasons.items() if reason is None} == set(SCALES)
    assert "there are 5, which can promise 0.167" in reasons["few"]
    assert reasons["still"] == "all 200 scores are 2: any other would be an alert"
    assert "1 of 200 validation scores are not finite" in reasons["broken"]
    decided = Detector.of(made, rows).decide(np.full(rows.num_rows, 1e9), rows)
    own = pa.compute.is_in(rows["machine"], pa.array(list(SCALES))).to_numpy()
    assert (decided.threshold[~own] == made.threshold).all()
    assert decided.segment.to_pylist() == [name if name in SCALES else None for name in rows["machine"].to_pylist()]


def test_not_finite_scores_without_segments_fail() -> None:
    """Where there is one threshold for all, a NaN is an error, also where all segments are bad."""
    bad = segment("broken", np.array([1.0, np.nan]))
    with pytest.raises(CalibrationError, match="1 of 2 validation scores are not finite"):
        calibrate(bad, FprThreshold(target_fpr=0.5))
    with pytest.raises(CalibrationError, match="no validation scores"):
        calibrate(segment("broken", np.array([np.nan])), FprThreshold(target_fpr=0.5, by="machine"))


def test_fewer_rows_than_asked_for_fall_back() -> None:
    """`min_rows` holds back segments that could promise the rate, but shall not."""
    made = calibrate(machines(0, 99), FprThreshold(target_fpr=0.05, by="machine", min_rows=100))

    assert {one.reason for one in made.segments} == {"99 normal rows are fewer than threshold.min_rows (100)"}


def test_a_column_that_is_not_kept_is_refused() -> None:
    """The message names the columns there are."""
    with pytest.raises(CalibrationError, match=r"'machines', which is no .* they have anomaly_score, label, machine"):
        calibrate(machines(0, 99), FprThreshold(target_fpr=0.05, by="machines"))


def test_a_column_called_like_ours_is_found() -> None:
    """The user's own column `label` is kept with an underscore, and makes segments by its own name."""
    kept = machines(0, 200).rename_columns(["anomaly_score", "label", "label_"])
    fresh = pa.table({"label": kept["label_"]})

    made = calibrate(kept, FprThreshold(target_fpr=0.05, by="label"))

    decided = Detector.of(made, kept).decide(kept["anomaly_score"].to_numpy(), fresh)
    assert {one.value for one in made.segments} == set(SCALES)
    assert set(decided.segment.to_pylist()) == set(SCALES)


@pytest.mark.parametrize(
    "rule", [FprThreshold(target_fpr=0.05), BudgetThreshold(alerts=50), ManualThreshold(threshold=2)]
)
def test_every_kind_of_value_makes_segments(rule: FprThreshold) -> None:
    """Truth values and numbers are segments by their text; a missing value takes the threshold of all rows."""
    rows = draw(0, 400).append_column("new", pa.array(np.arange(400) % 2 == 0))
    rows = rows.append_column("line", pa.array(np.arange(400) % 4))

    by_truth = calibrate(rows, rule.model_copy(update={"by": "new"}))
    by_number = calibrate(rows, rule.model_copy(update={"by": "line"}))

    missing = pa.table({"line": pa.array([None, 0, 17], pa.int64())})
    decided = Detector.of(by_number, rows).decide(np.zeros(3), missing)
    assert [one.value for one in by_truth.segments] == ["false", "true"]
    assert [one.value for one in by_number.segments] == ["0", "1", "2", "3"]
    assert decided.segment.to_pylist() == [None, "0", None]


VALUES = st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.0]), min_size=1, max_size=40)


@given(scores=VALUES, fresh=VALUES, seed=st.integers(0, 99))
def test_all_rows_at_once_are_judged_as_one_by_one(scores: list[float], fresh: list[float], seed: int) -> None:
    """p-values, thresholds and levels are those of the row's own segment, ties and unseen values included."""
    rng = np.random.default_rng(seed)
    names, labels = ["a", "b", None], [None, False, True]
    rows = pa.table(
        {
            "anomaly_score": [*scores, 1.0],
            "machine": pa.array([*rng.choice(names, len(scores)), "a"], pa.string()),
            "label": pa.array([*rng.choice(labels, len(scores)), False], pa.bool_()),
        }
    )
    made = calibrate(rows, FprThreshold(target_fpr=0.5, by="machine"))
    machine = pa.array(rng.choice([*names, "unseen"], len(fresh)), pa.string())

    decided = Detector.of(made, rows).decide(np.array(fresh), pa.table({"machine": machine}))

    own = {one.value: one for one in made.segments if one.threshold is not None}
    for place, (score, name) in enumerate(zip(fresh, machine.to_pylist(), strict=True)):
        one = own.get(name, made)
        held = [
            row["anomaly_score"]
            for row in rows.to_pylist()
            if row["label"] is not True and (one is made or row["machine"] == name)
        ]
        p_value = p_values(np.array([score]), np.sort(held))
        level = "alert" if score > one.threshold else "warn" if score > one.warn_threshold else "normal"
        assert decided.p_value[place] == p_value[0]
        assert decided.severity[place] == severity(p_value, len(held))[0]
        assert (decided.threshold[place], decided.is_anomaly[place]) == (one.threshold, score > one.threshold)
        assert decided.level[place].as_py() == level
        assert decided.segment[place].as_py() == (name if name in own else None)


def test_without_a_warn_level_rows_are_normal_or_alerts() -> None:
    """A rule that has no warn threshold gives two levels."""
    rows = draw(0, 100)
    made = calibrate(rows, ManualThreshold(threshold=1.0))

    decided = Detector.of(made, rows).decide(np.array([0.9, 1.0, 1.1]), pa.table({"x": [0, 0, 0]}))

    assert decided.level.to_pylist() == ["normal", "normal", "alert"]


def segment(name: str, scores: np.ndarray) -> pa.Table:
    """Return normal rows of one machine."""
    size = len(scores)
    return pa.table({"anomaly_score": scores, "label": [False] * size, "machine": [name] * size})
