"""Labels: which values of a label column mean anomaly, and a column of them as true, false or unknown."""

import math
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from anomaly_ae.errors import ContractError
from anomaly_ae.ingest.cells import blank_missing, to_text
from anomaly_ae.ingest.contract import LabelRule
from anomaly_ae.spec import LabelSpec, Scalar

_PAIRS = (
    ({"0"}, {"1"}),
    ({"false"}, {"true"}),
    ({"no"}, {"yes"}),
    ({"n"}, {"y"}),
    ({"f"}, {"t"}),
    ({"normal"}, {"anomaly", "anomalous", "abnormal"}),
    ({"benign"}, {"malicious", "malignant"}),
)
"""Unambiguous pairs of normal and anomaly values; others (-1/1, 1/2) mean either in practice."""

_SHOWN = 8


def make_label_rule(label: LabelSpec, seen: Iterable[str]) -> LabelRule:
    """Make the rule of a label column from the spec, else from the values seen in it.

    Raises:
        ContractError: the spec names no values, and those seen are ambiguous.
    """
    if label.anomaly_values is not None or label.normal_values is not None:
        return LabelRule(
            column=label.column,
            anomaly_values=_all_canonical(label.anomaly_values),
            normal_values=_all_canonical(label.normal_values),
        )
    values = sorted({canonical(value) for value in seen})
    lowered = {value.lower() for value in values}
    for normal, anomaly in _PAIRS:
        if lowered & normal and lowered <= normal | anomaly:
            return LabelRule(column=label.column, anomaly_values=_spellings(anomaly), normal_values=_spellings(normal))
    shown = ", ".join(map(repr, values[:_SHOWN])) + (", ..." if len(values) > _SHOWN else "")
    msg = (
        f"label column {label.column!r} holds {shown or 'no value'}: it is ambiguous which of them mean anomaly; "
        "set data.label.anomaly_values to the list of those that do, or data.label.normal_values to the others"
    )
    raise ContractError(msg)


def _all_canonical(values: tuple[Scalar, ...] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(map(canonical, values))


def canonical(value: Scalar) -> str:
    """Return the canonical text of a label value: 1.0, "1" and 1 are the same, and so are True and "true"."""
    text = str(value).strip()
    if text.lower() in {"true", "false"}:
        return text.lower()
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if math.isfinite(number) and number.is_integer() else text


def read_labels(raw: pa.Array, rule: LabelRule, missing: tuple[str, ...]) -> tuple[pa.Array, np.ndarray]:
    """Return whether each row is an anomaly (null: unlabelled), and the mask of values that the rule does not cover."""
    coded = blank_missing(to_text(raw), missing).dictionary_encode()
    values = [canonical(value) for value in coded.dictionary.to_pylist()]
    verdicts = pa.array([is_anomaly(value, rule) for value in values], pa.bool_())
    known = np.array([verdict.is_valid for verdict in verdicts], bool)
    codes = coded.indices.fill_null(-1).to_numpy()
    return verdicts.take(coded.indices), np.append(~known, np.False_)[codes]


def is_anomaly(value: str, rule: LabelRule) -> bool | None:
    """Say whether a canonical label value means anomaly; None where the rule does not cover it."""
    if value in (rule.anomaly_values or ()):
        return True
    if value in (rule.normal_values or ()):
        return False
    if rule.anomaly_values is None:
        return True
    return False if rule.normal_values is None else None


def _spellings(words: set[str]) -> tuple[str, ...]:
    """Return each word in lower case, capitalised and in upper case."""
    return tuple(dict.fromkeys(spelled for word in sorted(words) for spelled in (word, word.title(), word.upper())))
