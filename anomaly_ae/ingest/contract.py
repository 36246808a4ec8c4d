"""The data contract: the columns, the role of each, and the one Arrow schema of a dataset.

It is inferred once from the first rows of a source, saved beside the dataset as `contract.json`, and every later batch
is checked against it.
"""

from typing import Literal

import pyarrow as pa

from anomaly_ae.errors import ContractError
from anomaly_ae.spec import FEATURE_ROLES, Role, Scalar, Section

SHA256, ORIGIN = "sha256", "origin"
"""Columns of rows that are files: the hash of the file, and the split that the source itself puts it in."""

ROW_ID, SOURCE_FILE, SOURCE_ROW, LABEL = "_row_id", "_source_file", "_source_row", "_label"
META_FIELDS = (
    pa.field(ROW_ID, pa.string(), nullable=False),
    pa.field(SOURCE_FILE, pa.string(), nullable=False),
    pa.field(SOURCE_ROW, pa.int64(), nullable=False),
    pa.field(LABEL, pa.bool_()),
)
"""The first columns of every dataset; a source column must not have one of these names."""

Dtype = Literal["int64", "float64", "bool", "string", "timestamp", "timestamp_utc", "binary"]
ARROW_TYPES: dict[Dtype, pa.DataType] = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us"),
    "timestamp_utc": pa.timestamp("us", tz="UTC"),
    "binary": pa.binary(),
}


class ColumnContract(Section):
    """One source column: its name, its role, its type, and the reason for them."""

    name: str
    role: Role
    dtype: Dtype
    datetime_format: str | None = None
    note: str = ""


class LabelRule(Section):
    """The label column, and the values that mean anomaly and normal, as text."""

    column: str
    anomaly_values: tuple[str, ...] | None = None
    """None: every other value is an anomaly."""
    normal_values: tuple[str, ...] | None = None
    """None: every other value is normal."""


class Contract(Section):
    """What every batch of a dataset must look like."""

    modality: str = "table"
    """Name of what the rows are."""
    columns: tuple[ColumnContract, ...]
    label: LabelRule | None = None
    missing_values: tuple[Scalar, ...] = ()

    @property
    def features(self) -> tuple[ColumnContract, ...]:
        """The columns that the autoencoder reads, in source order."""
        return tuple(column for column in self.columns if column.role in FEATURE_ROLES)

    @property
    def content(self) -> tuple[str, ...]:
        """The columns in which two copies of one row agree: the features; for rows that are files, their hash."""
        return tuple(column.name for column in self.features) or (SHA256,)

    @property
    def stored(self) -> tuple[ColumnContract, ...]:
        """The columns that a dataset stores under their own name: all but ignored ones and the label."""
        return tuple(column for column in self.columns if column.role not in {Role.IGNORED, Role.LABEL})

    @property
    def groupings(self) -> tuple[ColumnContract, ...]:
        """The columns whose values group rows: entity, time, categories and booleans."""
        roles = {Role.ENTITY, Role.TIME, Role.CATEGORICAL, Role.BOOLEAN}
        return tuple(column for column in self.columns if column.role in roles)

    @property
    def origin(self) -> str | None:
        """The column that says which split the source itself puts a row in; None where the source does not say."""
        named = (column.name for column in self.columns if column.role is Role.INFO)
        return next((name for name in named if name == ORIGIN), None)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the dataset: row id, source, label, then the stored columns."""
        fields = [pa.field(column.name, ARROW_TYPES[column.dtype]) for column in self.stored]
        return pa.schema([*META_FIELDS, *fields])

    def named(self, role: Role) -> str | None:
        """Return the name of the one column with this role (id, time, entity), or None."""
        return next((column.name for column in self.columns if column.role is role), None)

    def __getitem__(self, name: str) -> ColumnContract:
        """Return the column called `name`.

        Raises:
            ContractError: there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        msg = f"the contract has no column {name!r}; it has {', '.join(column.name for column in self.columns)}"
        raise ContractError(msg)
