"""The spec that `anomaly-ae init` writes for tables: guessed from names and values, with reasons in comments.

A guess becomes a setting only where being wrong is harmless or obvious; otherwise it is written as a question.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from anomaly_ae.modalities.tables.column_summary import (
    ANOMALY_WORD,
    ColumnSummary,
    anomaly_value,
    is_entity_like,
    is_key_like,
    label_rank,
)
from anomaly_ae.spec import Role, Spec, SplitSpec

_FALSE_ALARM_RATES = (0.01, 0.02, 0.05, 0.1, 0.2)


def starter_spec(summaries: Sequence[ColumnSummary], source: str, rows: int) -> str:
    """Return a commented YAML spec for a source.

    Args:
        summaries: the columns, as `summarise` finds them in a sample.
        source: the source as the file names it: relative to the file's directory, or absolute.
        rows: number of rows of the source, counted or estimated.
    """
    guess = _guess(summaries)
    lines = [
        "# A starter spec, inferred from the data. Edit any line; settings not listed keep their defaults.",
        f"name: {quoted(name_of(source))}",
        "data:",
        f"  source: {quoted(source)}",
        *_key_lines(guess, summaries),
        *_label_lines(guess, summaries),
        *_ignore_lines(guess),
        *_column_lines(guess, summaries),
        "split:",
        "  by: row # or group: each entity is in one split only; or time: the oldest rows train, the newest test",
        *_threshold_lines(guess, rows),
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class _Guess:
    """The settings of the starter spec; `ignored` maps a column to the reason."""

    keys: dict[Role, str]
    label: ColumnSummary | None
    anomaly_value: str | None
    ignored: dict[str, str]

    def role(self, seen: ColumnSummary) -> Role:
        """Return the role of a column under this guess."""
        if seen.name in self.ignored:
            return Role.IGNORED
        if self.label is not None and self.label.name == seen.name:
            return Role.LABEL
        return next((role for role, name in self.keys.items() if name == seen.name), seen.role)


def _guess(summaries: Sequence[ColumnSummary]) -> _Guess:
    candidates = sorted(
        (seen for seen in summaries if label_rank(seen) is not None),
        key=lambda seen: (label_rank(seen), anomaly_value(seen) is None),
    )
    label = candidates[0] if candidates else None
    ignored = {seen.name: _one_line(seen.note) or "no feature" for seen in summaries if seen.role is Role.IGNORED}
    if label is not None:
        twin = f"a copy of the label {quoted(label.name)} by its looks: its value always determines the label"
        ignored |= {seen.name: twin for seen in summaries if label.name in seen.determines}
    meaning = None if label is None else anomaly_value(label)
    if label is not None and meaning is None:
        ignored[label.name] = "perhaps the label, see above; if so, remove it from this list"
    free = [seen for seen in summaries if seen is not label and seen.name not in ignored]
    keys = _guess_keys(free)
    for seen in free:
        if seen.name not in keys.values() and is_key_like(seen):
            ignored[seen.name] = "identifies a row: every value differs"
    return _Guess(keys, label, meaning, ignored)


def _guess_keys(free: Sequence[ColumnSummary]) -> dict[Role, str]:
    """Guess id, time and entity: by the contract, else by a name like an id's and the only datetime."""
    keys: dict[Role, str] = {
        seen.role: seen.name for seen in reversed(free) if seen.role in {Role.ID, Role.TIME, Role.ENTITY}
    }
    ids = [seen.name for seen in free if is_key_like(seen)]
    times = [seen.name for seen in free if seen.role is Role.DATETIME]
    if ids:
        keys.setdefault(Role.ID, ids[0])
    if len(times) == 1:
        keys.setdefault(Role.TIME, times[0])
    return keys


def _key_lines(guess: _Guess, summaries: Sequence[ColumnSummary]) -> list[str]:
    id_name, time, entity = (guess.keys.get(role) for role in (Role.ID, Role.TIME, Role.ENTITY))
    times = [quoted(seen.name) for seen in summaries if seen.role is Role.DATETIME]
    lines = [
        f"  id: {quoted(id_name)} # identifies a row"
        if id_name
        else "  # id: the column that identifies a row, if any",
    ]
    if time:
        lines.append(f"  time: {quoted(time)} # orders the rows; without this line its hour and weekday are features")
    elif times:
        lines.append(f"  # time: the column that orders the rows, perhaps one of {', '.join(times)}")
    if entity:
        lines.append(f"  entity: {quoted(entity)} # the machine, customer or other entity of a row")
    else:
        named = [quoted(seen.name) for seen in summaries if is_entity_like(seen)]
        hint = f"perhaps {', '.join(named)}" if named else "a machine or a customer, if any"
        lines.append(f"  # entity: the column that names the entity of a row: {hint}")
    return lines


def _label_lines(guess: _Guess, summaries: Sequence[ColumnSummary]) -> list[str]:
    """Write the label as a setting, or as a question where its values are ambiguous."""
    label = guess.label
    others = [seen for seen in summaries if seen is not label and label_rank(seen) is not None]
    lines = [f"  # {quoted(seen.name)} could be the label too: {_shown(seen)}" for seen in others]
    if label is None:
        return [
            "  # label: # no column looks like one; without a label all rows count as normal",
            "  #   column: the column that marks anomalies",
            "  #   anomaly_values: [its values that mean anomaly]",
        ]
    if guess.anomaly_value is not None:
        value = _as_value(guess.anomaly_value, label.dtype)
        return [
            "  label:",
            f"    column: {quoted(label.name)} # {_shown(label)}",
            f"    anomaly_values: [{value}]",
            *lines,
        ]
    rarest = _as_value(label.values[-1][0], label.dtype) if label.values else "..."
    return [
        f"  # Is {quoted(label.name)} the label? It has {_shown(label)}. If so, list the values that mean anomaly:",
        "  # label:",
        f"  #   column: {quoted(label.name)}",
        f"  #   anomaly_values: [{rarest}]",
        *lines,
    ]


def _ignore_lines(guess: _Guess) -> list[str]:
    if not guess.ignored:
        return ["  # ignore: [columns that must not be features]"]
    return ["  ignore:", *(f"    - {quoted(name)} # {reason}" for name, reason in guess.ignored.items())]


def _column_lines(guess: _Guess, summaries: Sequence[ColumnSummary]) -> list[str]:
    """List every column as a comment, aligned."""
    names = [quoted(seen.name) for seen in summaries]
    width = min(max(map(len, names), default=0), 40)
    columns = [
        f"  #   {name:<{width}}  {guess.role(seen).value:<11}  {_remark(guess, seen)}".rstrip()
        for name, seen in zip(names, summaries, strict=True)
    ]
    return [
        "  # Columns found:",
        *columns,
        "  # roles: # where a role above is wrong: numeric, boolean, categorical, datetime or ignored",
        "  #   some column: categorical",
    ]


def _remark(guess: _Guess, seen: ColumnSummary) -> str:
    parts = [_shown(seen)]
    if seen.missing:
        parts.append(f"{seen.missing} missing")
    if seen.note:
        parts.append(_one_line(seen.note))
    if guess.label is not None and guess.label.name in seen.leaks:
        parts.append(
            f"{_cut(seen.values[-1][0])} is always an anomaly: if it is recorded afterwards, ignore it (label leakage)"
        )
    return "; ".join(parts)


def _shown(seen: ColumnSummary) -> str:
    """Show a column's values with their counts where they are few and short, else an example."""
    if seen.example is None:
        return "always missing"
    all_values = ", ".join(f"{_cut(value)} ({count})" for value, count in seen.values)
    if all_values and len(all_values) <= 60:
        return all_values
    return f"{seen.distinct} values, such as {_cut(seen.example)}"


def _cut(text: str) -> str:
    """Return text for a comment: one line, not too long."""
    text = text if len(text) <= 30 else f"{text[:30]}..."
    return text if text.isprintable() else quoted(text)


def _threshold_lines(guess: _Guess, rows: int) -> list[str]:
    label = guess.label
    share = 1.0
    if label is not None and guess.anomaly_value is not None:
        share = 1 - dict(label.values).get(guess.anomaly_value, 0) / max(label.filled, 1)
    return threshold_lines(rows * share, SplitSpec().validation)


def threshold_lines(normal_rows: float, part: float) -> list[str]:
    """Write the smallest false-alarm rate that the validation rows can be expected to support.

    Args:
        normal_rows: number of normal rows that are split.
        part: share of them that goes to validation.
    """
    expected = normal_rows * part
    supported = [rate for rate in _FALSE_ALARM_RATES if is_supported(rate, normal_rows, part)]
    rate = supported[0] if supported else _FALSE_ALARM_RATES[-1]
    why = f"needs {math.ceil(1 / rate - 1)} normal validation rows; about {expected:.0f} are expected"
    if not supported:
        why += ", which may be too few"
    return ["threshold:", f"  target_fpr: {rate} # share of normal rows that may be flagged; {why}"]


def is_supported(rate: float, normal_rows: float, part: float) -> bool:
    """Say whether the validation rows can be expected to suffice for a false-alarm rate."""
    expected = normal_rows * part
    # The split is random: three standard deviations fewer rows must still suffice.
    return expected - 3 * math.sqrt(expected * (1 - part)) >= 1 / rate - 1


def name_of(source: str) -> str:
    """Return a name for the pipeline: the name of the file, or of the directory of a glob."""
    path = PurePosixPath(source.replace("\\", "/"))
    stem = path.parent.name if any(mark in path.name for mark in "*?[") else path.name.split(".")[0]
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", stem).lstrip("._-")
    return name or str(Spec.model_fields["name"].default)


def _as_value(text: str, dtype: str) -> str:
    """Write a label value in YAML with the type that its column has."""
    if dtype == "bool":
        return "true" if ANOMALY_WORD.fullmatch(text) else "false"
    return text if dtype in {"int64", "float64"} else quoted(text)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def quoted(text: str) -> str:
    """Write text as a YAML scalar on one line; unquoted where no reader could take it for anything else."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*", text)
    if plain and not re.fullmatch(r"true|false|yes|no|on|off|null|y|n|t|f", text, re.IGNORECASE):
        return text
    escaped = (mark if mark.isprintable() and mark not in '"\\' else f"\\U{ord(mark):08x}" for mark in text)
    return '"' + "".join(escaped) + '"'
