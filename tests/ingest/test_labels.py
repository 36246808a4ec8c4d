"""A label means anomaly only where the user says so or the value speaks for itself."""

import pyarrow as pa
import pytest

from anomaly_ae.errors import ContractError
from anomaly_ae.ingest.labels import make_label_rule, read_labels
from anomaly_ae.spec import LabelSpec, Scalar

MISSING = ("", "NA")


@pytest.mark.parametrize(
    ("normal", "anomaly"),
    [
        ("0", "1"),
        ("0.0", "1.0"),
        ("False", "True"),
        ("no", "Yes"),
        ("N", "Y"),
        ("normal", "Anomaly"),
        ("NORMAL", "abnormal"),
        ("benign", "malignant"),
    ],
)
def test_values_that_speak_for_themselves(normal: str, anomaly: str) -> None:
    """Usual pairs need no word from the user; a missing label stays unknown."""
    rule = make_label_rule(LabelSpec(column="y"), [normal, anomaly])

    labels, unknown = read_labels(pa.array([normal, anomaly, "", None]), rule, MISSING)

    assert labels.to_pylist() == [False, True, None, None]
    assert not unknown.any()


def test_normal_value_alone_is_enough() -> None:
    """A label column that has seen no anomaly yet is understood, and so is the anomaly when it comes."""
    rule = make_label_rule(LabelSpec(column="y"), ["0"])

    assert read_labels(pa.array(["1.0"]), rule, ())[0].to_pylist() == [True]


@pytest.mark.parametrize("seen", [["-1", "1"], ["1", "2"], ["A", "B"], ["0", "1", "2"], ["1"], ["good", "bad"], []])
def test_ambiguous_values_are_refused(seen: list[str]) -> None:
    """Values that could be read either way are named in the error, with the setting that decides."""
    with pytest.raises(ContractError, match=r"data\.label\.anomaly_values") as caught:
        make_label_rule(LabelSpec(column="y"), seen)

    assert all(repr(value) in str(caught.value) for value in seen)


@pytest.mark.parametrize(
    ("values", "raw", "expected"),
    [
        (("dos", "probe"), pa.array(["dos", "normal", "probe ", None]), [True, False, True, None]),
        ((-1,), pa.array(["-1", "1", "-1.0"]), [True, False, True]),
        ((2,), pa.array([1.0, 2.0, float("nan")]), [False, True, None]),
        ((True,), pa.array([True, False, None]), [True, False, None]),
        (("true",), pa.array(["TRUE", "False"]), [True, False]),
        (("a",), pa.array(["A", "a"]), [False, True]),
        ((1,), pa.nulls(2), [None, None]),
    ],
)
def test_given_values_decide(values: tuple[Scalar, ...], raw: pa.Array, expected: list[bool | None]) -> None:
    """With anomaly values given every other value is normal; numbers and booleans match in any spelling."""
    rule = make_label_rule(LabelSpec(column="y", anomaly_values=values), [])

    labels, unknown = read_labels(raw, rule, MISSING)

    assert labels.to_pylist() == expected
    assert not unknown.any()


def test_value_outside_a_pair_is_unknown() -> None:
    """A value that a self-explaining pair does not have is neither normal nor an anomaly."""
    rule = make_label_rule(LabelSpec(column="y"), ["0", "1"])

    labels, unknown = read_labels(pa.array(["0", "2", None]), rule, MISSING)

    assert labels.to_pylist() == [False, None, None]
    assert unknown.tolist() == [False, True, False]


def test_normal_values_alone_make_all_others_anomalies() -> None:
    """Where the user says what is normal, whatever else comes is an anomaly; with both lists a third is unknown."""
    raw = pa.array(["good", "crack", "hole", None])
    one_sided = make_label_rule(LabelSpec(column="y", normal_values=("good",)), [])
    both = make_label_rule(LabelSpec(column="y", normal_values=("good",), anomaly_values=("crack",)), [])

    labels, unknown = read_labels(raw, one_sided, MISSING)
    assert (labels.to_pylist(), unknown.any()) == ([False, True, True, None], False)
    labels, unknown = read_labels(raw, both, MISSING)
    assert (labels.to_pylist(), unknown.tolist()) == ([False, True, None, None], [False, False, True, False])


def test_value_cannot_mean_both() -> None:
    """A value in both lists is refused when the spec is read."""
    with pytest.raises(ValueError, match="a is in anomaly_values and in normal_values"):
        LabelSpec(column="y", anomaly_values=("a",), normal_values=("a", "b"))
