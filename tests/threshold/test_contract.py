"""What every registered rule keeps, whoever wrote it: `check_rule` asks it all, of a rule by its name."""

import re

import numpy as np
import pyarrow as pa
import pytest
from median_rule import LINE, MedianThreshold

from anomaly_ae.errors import CalibrationError
from anomaly_ae.spec.problems import setting_paths
from anomaly_ae.spec.threshold import RULES
from anomaly_ae.threshold import Calibration, calibrate, what_if
from anomaly_ae.threshold.rules import Cut, Rule, all_rules
from anomaly_ae.threshold.sample import Sample
from anomaly_ae.threshold.wording import calibration_lines


def rows(normals: int, anomalies: int, seed: int = 0) -> pa.Table:
    """Return rows whose anomalies every rule can tell from normal rows, in random order."""
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.gamma(2, size=normals), 50 + rng.gamma(2, size=anomalies)])
    table = pa.table({"anomaly_score": scores, "label": np.arange(normals + anomalies) >= normals})
    return table.take(pa.array(rng.permutation(len(scores))))


def default_rule(name: str) -> Rule:
    """Return a rule with its default settings; 1 where it has none."""
    required = {field: 1.0 for field, info in RULES[name].model_fields.items() if info.is_required()}
    return Rule.of(RULES.validate({"rule": name, **required}))


def check_rule(name: str) -> None:
    """Hold a registered rule to everything that the rest of the package relies on."""
    rule = default_rule(name)
    check_settings(rule)
    check_cut(rule)
    check_calibration(rule)
    for poor in (rows(1, 0), rows(1, 1), rows(40, 0), rows(40, 1)):
        check_refusal(rule, poor)


def check_settings(rule: Rule) -> None:
    """Its settings survive a round trip through JSON; its warn level is the same rule; what it has is described."""
    assert RULES.validate(rule.model_dump(mode="json")) == rule
    assert rule.warn_rule is None or type(rule.warn_rule) is type(rule)
    assert (rule.figure is None) == (rule.warn_figure is None)
    own = type(rule).model_fields.items()
    assert [name for name, info in own if not info.description and name not in ("rule", rule.warn_figure)] == []
    assert type(rule).__doc__


def check_cut(rule: Rule) -> None:
    """The cut is finite and depends on the scores alone, not on their order; its promise is a sentence."""
    cut = rule.cut(Sample.of(rows(2000, 200)))

    assert np.isfinite(cut.threshold)
    assert re.fullmatch(r"[A-Z][^\n]+\.", cut.promise)
    assert cut == rule.cut(Sample.of(rows(2000, 200)))


def check_calibration(rule: Rule) -> None:
    """What `calibrate` makes of it is reproducible, loads from JSON, keeps its rate, and shows on the command line."""
    table = rows(2000, 200)

    made = calibrate(table, rule)

    assert made == calibrate(table.take(pa.array(np.arange(table.num_rows)[::-1])), rule)
    assert Calibration.model_validate_json(made.model_dump_json()) == made
    assert (made.rule, made.parameters) == (rule.rule, rule)
    assert made.warn_threshold is None or made.warn_threshold <= made.threshold
    assert made.target_fpr is None or made.n_above + 1 <= made.target_fpr * (made.n_validation + 1)
    assert [row.threshold for row in what_if(table, made.threshold) if row.in_force] == [made.threshold]
    assert made.promise in "\n".join(calibration_lines(made))


def check_refusal(rule: Rule, poor: pa.Table) -> None:
    """Rows that are too few are either enough after all, or refused with numbers and a setting that exists."""
    why = refusal(rule, poor)
    if why is not None:
        named = re.findall(r"\b(?:threshold|split)\.\w+", why)
        assert re.search(r"\d", why)
        assert named
        assert {tuple(name.split(".")) for name in named} <= set(setting_paths())


def refusal(rule: Rule, table: pa.Table) -> str | None:
    """Return why a rule refuses these rows; None where it takes them."""
    try:
        calibrate(table, rule)
    except CalibrationError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", list(RULES))
def test_every_registered_rule_keeps_the_contract(name: str) -> None:
    """Whatever holds for one rule holds for all."""
    check_rule(name)


@pytest.mark.parametrize("name", list(RULES))
def test_reviewed_alerts_are_taken_or_refused_as_the_rule_says(name: str) -> None:
    """A rule that cannot be met from reviewed alerts names those that can."""
    rule = default_rule(name)

    if rule.takes_reviewed:
        assert calibrate(rows(2000, 0), rule, rows(2000, 200)).reviewed_sha256
        return
    with pytest.raises(CalibrationError, match=r"Set threshold\.rule to precision or cost"):
        calibrate(rows(2000, 0), rule, rows(2000, 200))


def test_a_rule_without_a_figure_is_one_class_and_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps the contract as it is, has no warn level, and is offered like any other."""
    monkeypatch.setitem(RULES.classes, *LINE)

    check_rule("median")

    assert all_rules()["median"] is MedianThreshold
    assert default_rule("median").warn_rule is None
    assert calibrate(rows(100, 0), MedianThreshold()).warn_threshold is None


@pytest.mark.parametrize("threshold", [np.nan, np.inf, -np.inf])
def test_a_rule_that_returns_no_number_is_stopped(threshold: float) -> None:
    """A threshold that is not finite never reaches a calibration."""
    with pytest.raises(ValueError, match="finite threshold"):
        Cut(threshold, "No promise.")


def test_a_class_that_is_no_rule_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registration line that names something else gives a clear error."""
    monkeypatch.setitem(RULES.classes, "bare", "anomaly_ae.spec.threshold:RuleSection")

    with pytest.raises(TypeError, match="registered as the rule 'bare', but does not derive from Rule"):
        calibrate(rows(100, 0), RULES.validate({"rule": "bare"}))
