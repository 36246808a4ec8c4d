"""The mixed-type tables: their files, their label columns, and their encoding for peers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from protocol import Rows, one_class_rows
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


@dataclass(frozen=True)
class Table:
    """A table in one file, or in a train and a test file.

    Attributes:
        file: the file; with a `test_file`, only its normal rows are used, for training.
        label: the column that is 1 for anomalies.
        drop: columns that are not features: ids, times, and copies of the label.
        test_file: a separate file to score, if origin or time separates train and test.
    """

    file: str
    label: str
    drop: tuple[str, ...] = ()
    test_file: str | None = None


TABLES = {
    "nsl_kdd": Table(
        "nsl_kdd_train20.csv.gz", "anomaly", ("attack_type", "difficulty"), test_file="nsl_kdd_test.csv.gz"
    ),
    "vehicle_fraud": Table("vehicle_fraud.csv.gz", "FraudFound_P", ("PolicyNumber",)),
    "thyroid_sick": Table("thyroid_sick.csv.gz", "anomaly", ("class",)),
    "ai4i2020": Table("ai4i2020.csv.gz", "Machine failure", ("UID", "Product ID", "TWF", "HDF", "PWF", "OSF", "RNF")),
    "skab_valve1": Table(
        "skab_anomaly_free.csv.gz",
        "anomaly",
        ("changepoint", "source_file", "datetime"),
        test_file="skab_valve1.csv.gz",
    ),
}


def table_rows(directory: Path, name: str, seed: int) -> Rows:
    """Read a table's raw columns and split its rows; a separate test file is scored completely, whatever the seed."""
    table = TABLES[name]
    X, y = _read(directory / table.file, table)
    if table.test_file is None:
        return one_class_rows(X, y, seed)
    X_test, y_test = _read(directory / table.test_file, table)
    return Rows(X[y == 0], X_test[X.columns], y_test)


def _read(path: Path, table: Table) -> tuple[pd.DataFrame, np.ndarray]:
    frame = pd.read_csv(path)
    y = frame[table.label].to_numpy().astype(int)
    return frame.drop(columns=[table.label, *table.drop]), y


def encode(rows: Rows) -> Rows:
    """Encode rows for peers: impute, one-hot encode text, and standardise everything, fitted on the train rows."""
    texts = make_column_selector(dtype_exclude="number")
    numbers = make_column_selector(dtype_include="number")
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer(
        (SimpleImputer(strategy="median", keep_empty_features=True), numbers),
        (one_hot, texts),
    )
    encoder = make_pipeline(columns, StandardScaler()).fit(rows.X_train)
    return Rows(encoder.transform(rows.X_train), encoder.transform(rows.X_test), rows.y_test)
