"""The contract of a source of tables, inferred from its first rows and from what the spec says of its columns."""

import difflib
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.errors import ContractError, SpecError
from anomaly_ae.ingest.cells import to_text
from anomaly_ae.ingest.contract import ColumnContract, Contract
from anomaly_ae.ingest.guess import as_datetime, as_number, guess_column, ignored, is_id, present_cells
from anomaly_ae.ingest.labels import make_label_rule
from anomaly_ae.ingest.raw import RawBatch
from anomaly_ae.ingest.source import TablePart
from anomaly_ae.spec import DataSpec, LabelSpec, Role

_SAMPLE_BYTES = 256 << 20
"""The sample ends here even with fewer rows than asked for, as a table may be very wide."""

_SHOWN = 20
"""Column names that an error message lists."""

_SINGLE = (Role.ID, Role.TIME, Role.ENTITY, Role.LABEL)


def infer_contract(parts: Sequence[TablePart], data: DataSpec) -> Contract:
    """Infer the columns and the role of each.

    The columns are those of the first part that has any; types are judged by the first `data.infer_rows` rows of all
    parts.

    Raises:
        SpecError: the spec names a column that does not exist, or gives one role to two columns.
        ContractError: there are no rows or no feature columns, or the label or time column cannot be one.
    """
    sample = read_sample(parts, data)
    roles = _assigned_roles(data, list(sample))
    columns = [_column(name, raw, roles.get(name), data.missing_values) for name, raw in sample.items()]
    columns = _with_one_id(columns, sample, roles, data.missing_values)
    label = data.label or next((LabelSpec(column=name) for name, role in roles.items() if role is Role.LABEL), None)
    seen = present_cells(sample[label.column], data.missing_values) if label else None
    contract = Contract(
        columns=tuple(columns),
        label=label and make_label_rule(label, pc.unique(to_text(seen)).to_pylist()),
        missing_values=data.missing_values,
    )
    if not contract.features:
        reasons = "; ".join(f"{column.name!r}: {column.role} ({column.note})" for column in columns)
        msg = f"no column is left to learn from; set data.roles. {reasons}"
        raise ContractError(msg)
    return contract


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a hint: which of some names are nearest to one that is not among them."""
    names = list(names)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"nearest: {', '.join(map(repr, near))}"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"there are: {', '.join(map(repr, names[:_SHOWN]))}{more}"


def read_sample(parts: Sequence[TablePart], data: DataSpec) -> dict[str, pa.Array]:
    """Read the first rows of a source, column by column.

    Raises:
        ContractError: there are none.
    """
    chunks: dict[str, list[pa.Array]] = {}
    first = None
    rows = 0
    for part, batch in _first_batches(parts, data):
        names = batch.records.schema.names
        first = first or (part if names else None)
        for name in names if part is first else ():
            chunks.setdefault(name, [pa.nulls(rows)])
        some = batch.records[: data.infer_rows - rows]
        for name, pieces in chunks.items():
            pieces.append(some.column(name) if name in names else pa.nulls(some.num_rows))
        rows += some.num_rows
    if not rows:
        msg = f"{data.source} holds no rows that can be read, in {len(parts)} file(s)"
        raise ContractError(msg)
    return {name: _joined(parts) for name, parts in chunks.items()}


def _first_batches(parts: Sequence[TablePart], data: DataSpec) -> Iterator[tuple[TablePart, RawBatch]]:
    rows = size = 0
    for part in parts:
        for batch in part.read(data):
            yield part, batch
            rows += batch.records.num_rows
            size += batch.records.nbytes
            if rows >= data.infer_rows or size >= _SAMPLE_BYTES:
                return


def _joined(parts: list[pa.Array]) -> pa.Array:
    """Join the pieces of a column; where their types differ, as floats or else as text."""
    kinds = {part.type for part in parts if not pa.types.is_null(part.type)}
    if len(kinds) > 1:
        both_numeric = kinds == {pa.int64(), pa.float64()}
        parts = [part.cast(pa.float64(), safe=False) if both_numeric else to_text(part) for part in parts]
    kind = next((part.type for part in parts if not pa.types.is_null(part.type)), pa.null())
    return pa.concat_arrays([part.cast(kind) for part in parts])


def _assigned_roles(data: DataSpec, names: list[str]) -> dict[str, Role]:
    """Return the roles that the spec gives, by column.

    Raises:
        SpecError: a column does not exist, or two columns are given a role that only one can have.
    """
    settings = {"data.id": (data.id, Role.ID), "data.time": (data.time, Role.TIME)}
    settings |= {"data.entity": (data.entity, Role.ENTITY)}
    settings |= {"data.label.column": (data.label.column if data.label else None, Role.LABEL)}
    given = [(setting, name, role) for setting, (name, role) in settings.items() if name is not None]
    given += [("data.ignore", name, Role.IGNORED) for name in data.ignore]
    given += [("data.roles", name, role) for name, role in data.roles.items()]
    for setting, name, role in given:
        if name not in names:
            msg = f"{setting} names the column {name!r}, which the source does not have; {nearest(name, names)}"
            raise SpecError(msg)
        if role is Role.PICTURE:
            msg = f"{setting} gives the column {name!r} the role picture; set data.format to pictures to learn from it"
            raise SpecError(msg)
    for single in _SINGLE:
        claims = [repr(name) for _, name, role in given if role is single]
        if len(claims) > 1:
            msg = f"columns {', '.join(claims)} are all given the role {single}; only one can have it"
            raise SpecError(msg)
    return {name: role for _, name, role in given}


def _column(name: str, raw: pa.Array, role: Role | None, missing: tuple[str, ...]) -> ColumnContract:
    """Make the contract of a column: with the role that the spec gives it, else with the one that is guessed."""
    if role is None:
        return guess_column(name, raw, missing)
    if role is Role.IGNORED:
        return ignored(name, "set by the user")
    column = _typed(name, role, present_cells(raw, missing))
    return column.model_copy(update={"role": role, "note": f"{role} set by the user; {column.note}".rstrip("; ")})


def _typed(name: str, role: Role, cells: pa.Array) -> ColumnContract:
    """Find the type of a column whose role is given.

    Raises:
        ContractError: its values have no type that fits the role.
    """
    if role is Role.BOOLEAN:
        return ColumnContract(name=name, role=role, dtype="bool")
    if role is Role.NUMERIC:
        return as_number(name, cells) or ColumnContract(name=name, role=role, dtype="float64")
    if role in {Role.DATETIME, Role.TIME}:
        column = as_datetime(name, cells) or (as_number(name, cells) if role is Role.TIME else None)
        if column is None:
            kinds = "dates in a known format" + (" or numbers" if role is Role.TIME else "")
            msg = f"column {name!r} cannot be the {role} column: its values, such as {_example(cells)}, are not {kinds}"
            raise ContractError(msg)
        return column
    return ColumnContract(name=name, role=role, dtype="string")


def _example(cells: pa.Array) -> str:
    return repr(cells[0].as_py()) if len(cells) else "none"


def _with_one_id(
    columns: list[ColumnContract], sample: dict[str, pa.Array], roles: dict[str, Role], missing: tuple[str, ...]
) -> list[ColumnContract]:
    """Make the first column that identifies rows the id, unless the spec names one; others like it are left out."""
    chosen = next((column.name for column in columns if column.role is Role.ID), None)
    result = []
    for column in columns:
        if column.name in roles or not is_id(column, sample[column.name], missing):
            result.append(column)
        elif chosen:
            result.append(ignored(column.name, f"an id beside {chosen!r}: no two rows have the same value"))
        else:
            chosen = column.name
            note = "called like an id, and no two rows have the same value"
            result.append(column.model_copy(update={"role": Role.ID, "dtype": "string", "note": note}))
    return result
