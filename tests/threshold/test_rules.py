"""Each rule keeps its promise on scores that chose nothing, and says by how much it falls short where it cannot."""

import numpy as np
import pyarrow as pa
import pytest
from known_scores import draw, false_alarm_rate, precision, recall
from scipy import stats
from sklearn.metrics import fbeta_score

from anomaly_ae.errors import CalibrationError
from anomaly_ae.spec import ThresholdSpec
from anomaly_ae.spec.threshold import RULES
from anomaly_ae.threshold import calibrate
from anomaly_ae.threshold.rules.budget import BudgetThreshold
from anomaly_ae.threshold.rules.cost import CostThreshold
from anomaly_ae.threshold.rules.f_beta import FBetaThreshold
from anomaly_ae.threshold.rules.fpr import FprThreshold
from anomaly_ae.threshold.rules.manual import ManualThreshold
from anomaly_ae.threshold.rules.precision import PrecisionThreshold
from anomaly_ae.threshold.rules.recall import RecallThreshold
from anomaly_ae.threshold.sample import Sample

DRAWS = 400
EVERY_RULE: list[ThresholdSpec] = [
    FprThreshold(),
    BudgetThreshold(),
    RecallThreshold(),
    PrecisionThreshold(target_precision=0.5),
    FBetaThreshold(),
    CostThreshold(),
    ManualThreshold(threshold=2.5),
]


def thresholds(rule: ThresholdSpec, normals: int, anomalies: int = 0) -> np.ndarray:
    """Return the thresholds that a rule takes from many draws of rows."""
    return np.array([calibrate(draw(seed, normals, anomalies), rule).threshold for seed in range(DRAWS)])


def least_coverage(confidence: float) -> float:
    """Return the share of draws that keep a promise held with this confidence, but for chance of one in a thousand."""
    return float(stats.binom.ppf(0.001, DRAWS, confidence)) / DRAWS


def test_every_rule_is_tested() -> None:
    """The rules of this file are all there are."""
    assert {rule.rule for rule in EVERY_RULE} == set(RULES)


@pytest.mark.parametrize("rule", EVERY_RULE, ids=lambda rule: rule.rule)
def test_a_calibration_says_what_it_rests_on(rule: ThresholdSpec) -> None:
    """Rule, settings, counts of rows and a sentence are in it; the same rows and rule give the same name."""
    made = calibrate(draw(0, 500, 100), rule)

    assert (made.rule, made.parameters) == (rule.rule, rule)
    assert (made.n_validation, made.n_anomalies) == (500, 100)
    assert made.promise.endswith(".")
    assert made == calibrate(draw(0, 500, 100), rule)
    assert made.calibration_id != calibrate(draw(1, 500, 100), rule).calibration_id


def test_fpr_with_confidence_holds_in_that_share_of_draws() -> None:
    """With a confidence the rate holds for nearly all draws; on average only, it is exceeded in many."""
    sure, average = (FprThreshold(target_fpr=0.05, confidence=confidence) for confidence in (0.9, None))

    kept = [np.mean([false_alarm_rate(cut) <= 0.05 for cut in thresholds(rule, 300)]) for rule in (sure, average)]

    assert kept[0] >= least_coverage(0.9)
    assert kept[1] < 0.7


@pytest.mark.parametrize(("per", "rows"), [("1000_rows", 1000), ("day", 400)])
def test_budget_is_kept_on_average(per: str, rows: int) -> None:
    """Over many draws the expected alerts on normal rows are at most those allowed, and hardly fewer."""
    rule = BudgetThreshold(alerts=rows / 20, per=per, rows_per_day=400)

    alerts = rows * np.array([false_alarm_rate(cut) for cut in thresholds(rule, 199)])

    assert alerts.mean() == pytest.approx(rule.alerts, abs=4 * alerts.std() / np.sqrt(DRAWS))


def test_recall_holds_with_its_confidence() -> None:
    """In at least 90 of 100 draws the true recall is at least the target; not in nearly all: it is no vain promise."""
    cuts = thresholds(RecallThreshold(target_recall=0.8, confidence=0.9), 50, 60)

    kept = np.mean([recall(cut) >= 0.8 for cut in cuts])

    assert least_coverage(0.9) <= kept < 0.99


def test_recall_holds_on_average() -> None:
    """Without a confidence the mean recall over draws is the target, or above it by no more than one anomaly."""
    found = np.array([recall(cut) for cut in thresholds(RecallThreshold(target_recall=0.8, confidence=None), 50, 39)])

    assert 0.8 - 4 * found.std() / np.sqrt(DRAWS) <= found.mean() <= 0.8 + 1 / 39


def test_an_anomaly_at_the_cut_is_flagged() -> None:
    """Where all anomalies have one score, recall flags them."""
    rows = pa.table({"anomaly_score": [1.0] * 20 + [3.0] * 20, "label": [False] * 20 + [True] * 20})

    made = calibrate(rows, RecallThreshold(target_recall=0.8))

    assert 1.0 < made.threshold < 3.0


@pytest.mark.parametrize(("base_rate", "target"), [(0.1, 0.5), (0.3, 0.8)])
def test_precision_holds_with_its_confidence(base_rate: float, target: float) -> None:
    """The true precision at the data's own base rate is kept in 90 of 100 draws; a plain estimate keeps less."""
    sure = PrecisionThreshold(target_precision=target, confidence=0.9, base_rate=base_rate)
    kept = [
        np.mean([precision(cut, base_rate) >= target for cut in thresholds(rule, 3000, 200)])
        for rule in (sure, sure.model_copy(update={"confidence": None}))
    ]

    assert kept[0] >= least_coverage(0.9)
    assert kept[1] < kept[0]


def test_f_beta_is_the_best_there_is() -> None:
    """No threshold has a larger F-beta on these rows, by scikit-learn's count."""
    rows = draw(0, 100, 20)
    label, score = rows["label"].to_numpy(), rows["anomaly_score"].to_numpy()

    for beta in (0.5, 1.0, 2.0):
        made = calibrate(rows, FBetaThreshold(beta=beta))
        best = max(fbeta_score(label, score > cut, beta=beta) for cut in [-10.0, *score[:-1]])
        assert fbeta_score(label, score > made.threshold, beta=beta) == pytest.approx(best)


def test_cost_is_the_smallest_there_is() -> None:
    """No threshold has a smaller cost on the rows that chose it."""
    sample = Sample.of(draw(0, 300, 40))
    rule = CostThreshold(miss_cost=7, base_rate=0.02)

    made = calibrate(draw(0, 300, 40), rule)

    everywhere = np.concatenate([[-10.0], sample.normal, sample.anomalous])
    chosen = rule.expected_cost(sample, np.array([made.threshold]))[0]
    assert chosen <= rule.expected_cost(sample, everywhere).min() + 1e-12


def test_cost_on_new_rows_is_below_that_of_neighbouring_thresholds() -> None:
    """Over many draws the true cost of the chosen threshold is below that of thresholds half a unit to either side."""
    rule = CostThreshold(miss_cost=20, base_rate=0.05)
    cuts = thresholds(rule, 500, 100)

    def cost(cut: float) -> float:
        return 0.95 * false_alarm_rate(cut) + 20 * 0.05 * (1 - recall(cut))

    chosen, lower, higher = (np.mean([cost(cut + step) for cut in cuts]) for step in (0, -0.5, 0.5))
    assert chosen < min(lower, higher)


def test_manual_counts_what_it_does_not_promise() -> None:
    """A threshold set by hand is taken as it is, with the normal rows above it counted."""
    rows = pa.table({"anomaly_score": np.arange(100.0)})

    made = calibrate(rows, ManualThreshold(threshold=89.5, warn_threshold=50.0))

    assert (made.threshold, made.warn_threshold, made.target_fpr, made.n_above) == (89.5, 50.0, None, 10)
    assert "10 are above it" in made.promise


@pytest.mark.parametrize(
    ("rule", "normals", "anomalies", "message"),
    [
        (FprThreshold(target_fpr=0.01), 50, 0, r"at least 99 normal .* there are 50, which can promise 0\.0196"),
        (FprThreshold(target_fpr=0.01, confidence=0.95), 200, 0, r"at least 299 normal .* can promise 0\.0149"),
        (BudgetThreshold(alerts=2), 50, 0, r"at least 499 normal .* there are 50, which can promise 19\.6 per 1,000"),
        (BudgetThreshold(per="day"), 50, 0, r"set threshold\.rows_per_day"),
        (RecallThreshold(), 50, 10, r"at least 29 labelled anomalies; there are 10, which can promise 0\.741"),
        (RecallThreshold(confidence=None), 50, 4, r"at least 9 labelled anomalies; there are 4, .* promise 0\.8"),
        (PrecisionThreshold(base_rate=0.001), 50, 10, r"make 0\.8 of the alerts real: the best, .* promises 0\.00"),
        (RecallThreshold(), 50, 0, r"needs labelled anomalies, .* split\.validation_anomalies"),
        (CostThreshold(), 50, 0, r"needs labelled anomalies"),
        (FBetaThreshold(), 50, 0, r"needs labelled anomalies"),
        (PrecisionThreshold(), 50, 0, r"needs labelled anomalies"),
    ],
)
def test_what_cannot_be_promised_is_refused_by_how_much(
    rule: ThresholdSpec, normals: int, anomalies: int, message: str
) -> None:
    """Each refusal names what is needed, what there is, and what that could promise."""
    with pytest.raises(CalibrationError, match=message):
        calibrate(draw(0, normals, anomalies), rule)


def test_what_a_refusal_names_as_needed_suffices() -> None:
    """With as many rows as the message asks for the promise is made, with one fewer it is not."""
    for rule, needed in [(FprThreshold(confidence=0.95), 299), (FprThreshold(), 99)]:
        calibrate(draw(0, needed), rule)
        with pytest.raises(CalibrationError):
            calibrate(draw(0, needed - 1), rule)
    calibrate(draw(0, 5, 29), RecallThreshold())
    with pytest.raises(CalibrationError):
        calibrate(draw(0, 5, 28), RecallThreshold())


@pytest.mark.parametrize("rule", [rule for rule in EVERY_RULE if rule.rule != "manual"], ids=lambda rule: rule.rule)
def test_constant_scores_and_ties_have_a_threshold(rule: ThresholdSpec) -> None:
    """Where normal rows all have one score and anomalies another, every rule parts them."""
    rows = pa.table({"anomaly_score": [1.0] * 200 + [2.0] * 60, "label": [False] * 200 + [True] * 60})

    made = calibrate(rows, rule)

    assert 1.0 <= made.threshold < 2.0


def test_five_rows() -> None:
    """Five rows promise a sixth, no less; the warn level is the milder one."""
    rows = pa.table({"anomaly_score": [3.0, 1.0, 2.0, 5.0, 4.0]})

    made = calibrate(rows, FprThreshold(target_fpr=0.2))

    assert (made.threshold, made.warn_threshold, made.smallest_fpr) == (5.0, 3.0, 1 / 6)
    with pytest.raises(CalibrationError, match=r"can promise 0\.167"):
        calibrate(rows, FprThreshold(target_fpr=0.1))


@pytest.mark.parametrize("rule", [FprThreshold(), BudgetThreshold(), ManualThreshold(threshold=1.0)])
def test_anomalies_do_not_move_rules_of_normal_rows(rule: ThresholdSpec) -> None:
    """Labelled anomalies among the rows leave the threshold of normal rows where it is; no label means normal."""
    rows = draw(0, 300, 100)
    unlabelled = pa.table({"anomaly_score": rows["anomaly_score"][:300], "label": pa.nulls(300, pa.bool_())})

    assert calibrate(rows, rule).threshold == calibrate(unlabelled, rule).threshold


@pytest.mark.parametrize(
    "rule",
    [
        RecallThreshold(target_recall=0.7, warn_recall=0.9),
        PrecisionThreshold(target_precision=0.6, warn_precision=0.3),
        FBetaThreshold(beta=0.5, warn_beta=2),
        CostThreshold(miss_cost=5, warn_miss_cost=50),
        BudgetThreshold(alerts=5, warn_alerts=50),
        FprThreshold(target_fpr=0.01, warn_fpr=0.05),
    ],
)
def test_the_warn_level_is_the_same_rule_milder(rule: ThresholdSpec) -> None:
    """The warn threshold is below the threshold, and is what the rule gives at the milder figure."""
    rows = draw(0, 600, 200)

    made = calibrate(rows, rule)

    assert made.warn_threshold is not None
    assert made.warn_threshold < made.threshold
    assert made.warn_threshold == calibrate(rows, rule.warn_rule).threshold


def test_reviewed_alerts_serve_rules_that_judge_alerts_only() -> None:
    """Precision and cost may be taken from reviewed alerts, never below them; recall may not, and says why."""
    validation = draw(0, 300)
    rows = draw(1, 4000, 400)
    alerts = rows.filter(pa.array(rows["anomaly_score"].to_numpy() > 1.5))

    made = calibrate(validation, PrecisionThreshold(target_precision=0.7), alerts)
    cost = calibrate(validation, CostThreshold(miss_cost=100), alerts)

    assert made.threshold > cost.threshold > 1.499
    assert made.reviewed_sha256 is not None
    assert made.promise.startswith(f"Rows here are the {alerts.num_rows} alerts with a verdict.")
    assert (made.n_validation, made.n_anomalies) == (300, alerts["label"].to_pylist().count(True))
    assert made.scores_sha256 == calibrate(validation, FprThreshold()).scores_sha256
    with pytest.raises(CalibrationError, match="nobody reviewed the rows that are not alerts"):
        calibrate(validation, RecallThreshold(), alerts)
