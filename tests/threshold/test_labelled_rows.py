"""Labelled anomalies that thresholds may be taken from: never test rows, never among the normal scores."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from anomaly_ae.ingest.contract import LABEL, ROW_ID
from anomaly_ae.spec import DataSpec, SplitSpec
from anomaly_ae.split import TEST, TRAIN, VALIDATION, SplitRule, gather
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.workspace import Workspace


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Rows of 40 machines over time; one in ten is an anomaly."""
    rng, directory, rows = np.random.default_rng(0), tmp_path_factory.mktemp("labelled"), 2000
    frame = pd.DataFrame(
        {
            "part": [f"p{number}" for number in range(rows)],
            "machine": rng.integers(0, 40, rows),
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows), unit="h"),
            "x": rng.normal(size=rows).round(6),
            "anomaly": (rng.random(rows) < 0.1).astype(int),
        }
    )
    frame.to_csv(directory / "rows.csv", index=False)
    roles = {"id": "part", "entity": "machine", "time": "at", "label": {"column": "anomaly", "anomaly_values": [1]}}
    return ingest(DataSpec(source=str(directory / "rows.csv"), **roles), Workspace(directory)).dataset


def places(dataset: Dataset, **split: object) -> pd.DataFrame:
    """Return the rows with their split."""
    table = pa.Table.from_batches(dataset.batches())
    rule = SplitRule.fit(dataset, SplitSpec(**split))
    return table.to_pandas().assign(split=rule.names(table).to_pylist()).set_index(ROW_ID)


@pytest.mark.parametrize("by", ["row", "group", "time"])
def test_only_anomalies_move_and_only_to_validation(dataset: Dataset, by: str) -> None:
    """A share of the anomalies goes to validation; every normal row stays, and no anomaly is ever a train row."""
    without, with_some = places(dataset, by=by), places(dataset, by=by, validation_anomalies=0.5)

    moved = without["split"].fillna("") != with_some["split"].fillna("")
    assert with_some.loc[moved, LABEL].all()
    assert set(with_some.loc[moved, "split"]) == {VALIDATION}
    assert not with_some.loc[with_some["split"] == TRAIN, LABEL].any()


def test_the_share_is_that_of_the_spec(dataset: Dataset) -> None:
    """By row about the given share of all anomalies goes to validation, and the others are test rows."""
    rows = places(dataset, validation_anomalies=0.25)

    counts = rows.loc[rows[LABEL], "split"].value_counts()
    assert set(counts.index) == {TEST, VALIDATION}
    assert counts[VALIDATION] / counts.sum() == pytest.approx(0.25, abs=0.08)


@pytest.mark.parametrize("by", ["group", "time"])
def test_entity_and_time_are_still_in_one_split(dataset: Dataset, by: str) -> None:
    """By group and by time only those anomalies serve whose entity or time belongs to validation."""
    rows = places(dataset, by=by, validation_anomalies=0.9)

    if by == "group":
        assert rows.groupby("machine")["split"].nunique().max() == 1
    else:
        at = {name: rows.loc[rows["split"] == name, "at"] for name in (TRAIN, VALIDATION, TEST)}
        assert at[TRAIN].max() < at[VALIDATION].min() <= at[VALIDATION].max() < at[TEST].min()


def test_they_are_counted(dataset: Dataset) -> None:
    """The facts of the split say how many there are, and they are among the validation rows."""
    split = gather(dataset, SplitRule.fit(dataset, SplitSpec(validation_anomalies=0.5)), 10_000)

    assert split.facts["validation_anomalies"] == split.validation.column(LABEL).to_pylist().count(True) > 0
    assert not any(split.train.column(LABEL).to_pylist())
