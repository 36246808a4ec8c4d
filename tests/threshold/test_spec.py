"""The threshold section of a spec: a rule may be left out, and what belongs to another rule is refused by name."""

from pathlib import Path

import pytest

from anomaly_ae.errors import SpecError
from anomaly_ae.spec import Spec, ThresholdSpec
from anomaly_ae.spec.file import dump_spec, load_spec, parse_spec
from anomaly_ae.threshold.rules.budget import BudgetThreshold
from anomaly_ae.threshold.rules.fpr import FprThreshold
from anomaly_ae.threshold.rules.manual import ManualThreshold
from anomaly_ae.threshold.rules.precision import PrecisionThreshold


def section(**settings: object) -> ThresholdSpec:
    """Return the threshold section of a spec with these settings."""
    return parse_spec({"data": {"source": "rows.csv"}, "threshold": settings}).threshold


def test_without_a_rule_it_is_fpr() -> None:
    """A rate alone, or nothing at all, means the conformal rule, read from a file as from JSON."""
    assert section(target_fpr=0.02) == FprThreshold(target_fpr=0.02)
    assert section() == FprThreshold()
    assert Spec.model_validate({"data": {"source": "a"}, "threshold": {"target_fpr": 0.02}}).threshold.rule == "fpr"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"target_frp": 0.1}, "unknown setting 'threshold.target_frp'; did you mean 'threshold.target_fpr'?"),
        ({"rule": "budget", "alarts": 3}, "unknown setting 'threshold.alarts'; did you mean 'threshold.alerts'?"),
        ({"alerts": 3}, "unknown setting 'threshold.alerts' for threshold of rule 'fpr'; another rule has it"),
        ({"rule": "quantile"}, "'threshold.rule' is 'quantile'; must be one of 'fpr', 'budget', 'recall'"),
        ({"target_fpr": 1}, "'threshold.target_fpr' is 1; must be less than 1"),
        ({"target_fpr": 0.1, "warn_fpr": 0.05}, "threshold: warn_fpr must be higher than target_fpr (0.1)"),
        ({"rule": "precision", "warn_precision": 0.9}, "warn_precision must be lower than target_precision (0.8)"),
        ({"rule": "manual"}, "'threshold.threshold' is missing; it is cut on the anomaly score"),
        ({"rule": "manual", "threshold": float("inf")}, "'threshold.threshold' is inf; must be a finite number"),
    ],
)
def test_mistakes_are_named(settings: dict[str, object], sentence: str) -> None:
    """Each mistake is told by its full name and what was meant or allowed."""
    with pytest.raises(SpecError) as refused:
        section(**settings)

    assert sentence in str(refused.value)


def test_an_override_may_name_another_rule(tmp_path: Path) -> None:
    """What only the old rule had is dropped, what all have is kept; a typo in the file is still refused."""
    path = tmp_path / "spec.yaml"
    path.write_text("data: {source: rows.csv}\nthreshold: {target_fpr: 0.02, by: machine}\n", encoding="utf-8")

    budget = load_spec(path, ["threshold.rule=budget", "threshold.alerts=3"]).threshold
    manual = load_spec(path, ["threshold.rule=manual", "threshold.threshold=4.5"]).threshold

    assert budget == BudgetThreshold(alerts=3, by="machine")
    assert manual == ManualThreshold(threshold=4.5, by="machine")
    path.write_text("data: {source: rows.csv}\nthreshold: {target_frp: 0.02}\n", encoding="utf-8")
    with pytest.raises(SpecError, match="target_frp"):
        load_spec(path, ["threshold.rule=budget"])


@pytest.mark.parametrize("rule", [FprThreshold(), BudgetThreshold(per="day"), PrecisionThreshold(confidence=None)])
def test_what_is_dumped_loads_equal(tmp_path: Path, rule: ThresholdSpec) -> None:
    """Every rule comes back from YAML as it was."""
    spec = parse_spec({"data": {"source": "/rows.csv"}, "workspace": "/w"}).model_copy(update={"threshold": rule})
    (tmp_path / "spec.yaml").write_text(dump_spec(spec), encoding="utf-8")

    assert load_spec(tmp_path / "spec.yaml") == spec


def test_the_default_warn_level_is_milder_but_never_more_than_half_of_the_rows() -> None:
    """Five times the figure, for the rate up to a half, or the rate itself where that is more."""
    assert [FprThreshold(target_fpr=rate).warn_rule.target_fpr for rate in (0.01, 0.2, 0.7)] == [0.05, 0.5, 0.7]
    assert BudgetThreshold(alerts=4).warn_rule.alerts == 20
    assert PrecisionThreshold().warn_rule is None


def test_an_unknown_setting_is_answered_with_those_of_its_own_rule() -> None:
    """Nobody who sets a budget is told of recalls and costs."""
    with pytest.raises(SpecError) as caught:
        parse_spec({"data": {"source": "a.csv"}, "threshold": {"rule": "budget", "a_thousand": 5}})

    assert str(caught.value).endswith("known here: rule, by, min_rows, alerts, warn_alerts, per, rows_per_day")
