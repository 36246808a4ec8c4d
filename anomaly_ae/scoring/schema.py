"""The scored table: its pinned Arrow schema, with field descriptions as metadata.

One row per input row, in input order. Run id and scoring time are in the `manifest.json` beside the parts, not in the
rows, so that the same rows and the same model always give the same bytes.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

SCHEMA_VERSION = 1
"""Incremented when a column is removed or changes meaning, not when one is added at the end."""

STORY = "story"

REASON = pa.struct(
    [
        pa.field("feature", pa.string()),
        pa.field("value", pa.string()),
        pa.field("expected", pa.string()),
        pa.field("contribution", pa.float64()),
    ]
)

BOX = pa.struct([pa.field(side, pa.int32()) for side in ("left", "top", "right", "bottom")])

_IDENTITY = (
    ("row_id", pa.string(), "stable name of the row: the id column, or source file and row number"),
    ("source_file", pa.string(), "file the row came from, relative to the source"),
    ("source_row", pa.int64(), "record number within that file, from 1, header not counted"),
)
_JUDGEMENT = (
    ("anomaly_score", pa.float64(), "compared with the threshold; higher is more anomalous; never clipped"),
    ("reconstruction_error", pa.float64(), "plain mean squared error of the row's reconstruction"),
    ("p_value", pa.float64(), "(1 + validation scores >= this score) / (validation rows + 1)"),
    ("severity", pa.float64(), "0 to 100: the p-value on a log scale; 100 at the smallest possible p-value"),
    ("is_anomaly", pa.bool_(), "anomaly_score > threshold"),
    ("threshold", pa.float64(), "cut on the anomaly score, frozen at calibration"),
    (
        "reasons",
        pa.list_(pa.field("element", REASON)),
        "features that contribute most to the score, largest first; all contributions sum to the score",
    ),
    ("label", pa.bool_(), "true for a labelled anomaly, false for a labelled normal row, null if there is no label"),
    ("split", pa.string(), "train, validation or test for rows of the model's dataset; null for new rows"),
)
_LINEAGE = (
    ("model_name", pa.string(), "name in the spec the model was trained from"),
    ("model_version", pa.string(), "fingerprint of everything the weights were computed from"),
    ("calibration_id", pa.string(), "fingerprint of the threshold's rule and the scores it was computed from"),
    ("level", pa.string(), "alert: above the threshold; warn: above the warn threshold only; else normal"),
    (
        "segment",
        pa.string(),
        "the row's value of the segment column, if that value has its own threshold; else null",
    ),
    (STORY, pa.string(), "what the alert has in common with others, as in stories.json; null where there is no alert"),
)


def scored_schema(identity: tuple[pa.Field, ...] = (), extra: tuple[pa.Field, ...] = ()) -> pa.Schema:
    """Return the schema of a scored table.

    Args:
        identity: the id, time and entity columns the user named; a name that is already taken gets an underscore at
            its end.
        extra: columns that the modality adds at the end; their file names are relative to the table.
    """
    ours = [*(described(*column) for column in (*_IDENTITY, *_JUDGEMENT, *_LINEAGE)), *extra]
    taken = {field.name for field in ours}
    named = [field.with_name(f"{field.name}_") if field.name in taken else field for field in identity]
    fields = [*ours[: len(_IDENTITY)], *named, *ours[len(_IDENTITY) :]]
    return pa.schema(fields, metadata={"anomaly_ae.schema_version": str(SCHEMA_VERSION)})


def own_columns(names: Sequence[str]) -> list[str]:
    """Return the user's own columns, which identify a row, among those of a scored table: they stand between ours."""
    return list(names[names.index("source_row") + 1 : names.index("anomaly_score")])


ENCODING: dict[str, Any] = {
    "use_dictionary": [
        *("source_file", "split", "model_name", "model_version", "calibration_id", "level", "segment", "story"),
        *("threshold", "p_value", "severity", "reasons.list.element.feature"),
    ],
    "use_byte_stream_split": ["anomaly_score", "reconstruction_error", "reasons.list.element.contribution"],
}
"""Column encodings for pyarrow: a dictionary only where values repeat, because trying it elsewhere takes a third of the
time; byte-stream split for other numbers, which saves a tenth of the size."""


def described(name: str, dtype: pa.DataType, description: str) -> pa.Field:
    """Return a field with its description as metadata."""
    return pa.field(name, dtype, metadata={"description": description})
