"""Train, validation and test share no row, no entity and no time range, and rows never change splits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_ae.errors import SplitError
from anomaly_ae.ingest.contract import ROW_ID
from anomaly_ae.spec import DataSpec, Spec, SplitSpec
from anomaly_ae.split import TEST, TRAIN, VALIDATION, SplitRule, gather, hash_to_unit
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.stages.train import train
from anomaly_ae.storage import hash_file
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.workspace import Workspace

Ingest = Callable[..., Dataset]
PINNED = [
    0.2747883228778,
    0.3485919936670193,
    0.38407331246469,
    0.2844251533419211,
    0.38407331246469,
    0.23458930336875694,
]
PINNED_WHOLE = [0.6912406278596576, 0.30152998002681863]
ROLES = {
    "id": "part",
    "entity": "machine",
    "time": "at",
    "label": {"column": "anomaly", "anomaly_values": [1]},
}


def frame(rows: int) -> pd.DataFrame:
    """Return rows of 40 machines; one in ten is an anomaly."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "part": [f"p{number}" for number in range(rows)],
            "machine": rng.integers(0, 40, rows),
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.permutation(rows) // 2, unit="h"),
            "x": rng.normal(size=rows).round(6),
            "y": rng.choice(["a", "b"], rows),
            "anomaly": (rng.random(rows) < 0.1).astype(int),
        }
    )


@pytest.fixture
def make(tmp_path: Path) -> Ingest:
    """Return a function that turns a DataFrame into a dataset."""

    def make(rows: pd.DataFrame, **data: Any) -> Dataset:
        source = tmp_path / f"{len(list(tmp_path.iterdir()))}.csv"
        rows.to_csv(source, index=False)
        return ingest(DataSpec(source=str(source), **(data or ROLES)), Workspace(tmp_path / "ws")).dataset

    return make


def assigned(dataset: Dataset, rule: SplitRule) -> pd.DataFrame:
    """Return every row with the name of its split."""
    table = pa.Table.from_batches(dataset.batches())
    return table.to_pandas().assign(split=rule.names(table).to_pylist()).set_index(ROW_ID)


@pytest.mark.parametrize("by", ["row", "group", "time"])
def test_no_row_is_in_two_splits_and_all_are_accounted_for(make: Ingest, by: str) -> None:
    """Train and validation rows are those assigned to them, each once, and the counts add up to all rows."""
    dataset = make(frame(1500))
    rule = SplitRule.fit(dataset, SplitSpec(by=by))
    rows, split = assigned(dataset, rule), gather(dataset, rule, 10_000)

    for name, table in ((TRAIN, split.train), (VALIDATION, split.validation)):
        assert table.column(ROW_ID).to_pylist() == rows.index[rows["split"] == name].tolist()
    assert sum(split.facts[f"{name}_rows"] for name in (TRAIN, VALIDATION, TEST, "unused")) == 1500
    assert split.facts["unused_rows"] == rows["split"].isna().sum()


@pytest.mark.parametrize("by", ["row", "group", "time"])
def test_excluded_rows_are_in_test_only_and_move_no_other(make: Ingest, by: str) -> None:
    """An excluded row is in no split but test; every other row keeps its split."""
    dataset = make(frame(1500))
    before = assigned(dataset, SplitRule.fit(dataset, SplitSpec(by=by)))["split"]
    left_out = tuple(before.index[::10])

    after = assigned(dataset, SplitRule.fit(dataset, SplitSpec(by=by), left_out))["split"]

    among = before.index.isin(left_out)
    assert after[~among].equals(before[~among])
    assert after[among].equals(before[among].where(before[among] == TEST))


def test_no_entity_is_in_two_splits(make: Ingest) -> None:
    """All rows of a machine are in one split, and every split has machines."""
    dataset = make(frame(2000))

    rows = assigned(dataset, SplitRule.fit(dataset, SplitSpec(by="group")))

    assert rows.groupby("machine")["split"].nunique().max() == 1
    assert set(rows["split"].dropna()) == {TRAIN, VALIDATION, TEST}


def test_no_time_range_is_in_two_splits(make: Ingest) -> None:
    """Train rows are older than validation rows, and those than test rows; equal times stay together."""
    dataset = make(frame(1500))

    rows = assigned(dataset, SplitRule.fit(dataset, SplitSpec(by="time")))

    at = {name: rows.loc[rows["split"] == name, "at"] for name in (TRAIN, VALIDATION, TEST)}
    assert at[TRAIN].max() < at[VALIDATION].min()
    assert at[VALIDATION].max() < at[TEST].min()


@pytest.mark.parametrize("by", ["row", "group", "time"])
def test_labelled_anomalies_are_in_test_or_nowhere(make: Ingest, by: str) -> None:
    """No anomaly affects weights or threshold: by row all are in test, else those outside test are unused."""
    dataset = make(frame(1500))
    rule = SplitRule.fit(dataset, SplitSpec(by=by))

    rows, facts = assigned(dataset, rule), gather(dataset, rule, 10_000).facts

    anomalies = rows.loc[rows["_label"].astype(bool), "split"]
    assert set(anomalies.dropna()) == {TEST}
    assert anomalies.isna().any() == (by != "row")
    assert facts["test_anomalies"] == (anomalies == TEST).sum()
    assert facts["unused_anomalies"] == anomalies.isna().sum()


@pytest.mark.parametrize("by", ["row", "group"])
def test_adding_rows_moves_none(make: Ingest, by: str) -> None:
    """The rows of a smaller dataset are in the same splits of a larger one, in whatever order they come."""
    more = frame(1500)
    small, large = make(more.head(600)), make(more.sample(frac=1, random_state=1))

    before = assigned(small, SplitRule.fit(small, SplitSpec(by=by)))["split"]
    after = assigned(large, SplitRule.fit(large, SplitSpec(by=by)))["split"]

    pd.testing.assert_series_equal(after.loc[before.index], before)


def test_a_saved_rule_splits_the_same(make: Ingest) -> None:
    """A rule read back from JSON assigns every row as before."""
    dataset = make(frame(600))
    rule = SplitRule.fit(dataset, SplitSpec(by="time"))

    again = SplitRule.model_validate_json(rule.model_dump_json())

    pd.testing.assert_frame_equal(assigned(dataset, again), assigned(dataset, rule))


@given(seed=st.integers(0, 999_999), train=st.sampled_from([0.2, 0.5, 0.8]))
def test_shares_are_about_right(seed: int, train: float) -> None:
    """Given many rows, each split gets its share, whatever the seed."""
    rule = SplitRule(spec=SplitSpec(train=train, validation=0.1, test=1 - train - 0.1, seed=seed), key=ROW_ID)
    rows = pa.table({ROW_ID: [f"r{number}" for number in range(4000)], "_label": pa.nulls(4000, pa.bool_())})

    counts = np.bincount(rule.assign(rows), minlength=3) / 4000

    assert counts == pytest.approx([train, 0.1, 1 - train - 0.1], abs=0.05)


def test_seeds_are_independent() -> None:
    """Two seeds agree on a row no more often than chance."""
    rows = pa.table({ROW_ID: [f"r{number}" for number in range(4000)], "_label": pa.nulls(4000, pa.bool_())})

    first, second = (SplitRule(spec=SplitSpec(seed=seed), key=ROW_ID).assign(rows) for seed in (0, 1))

    assert np.mean(first == second) == pytest.approx(0.6**2 + 0.2**2 + 0.2**2, abs=0.05)


def test_duplicates_across_splits_are_counted(make: Ingest) -> None:
    """Validation and test rows whose features equal a train row's are counted, whatever the batch boundaries."""
    rows = frame(900).assign(anomaly=0, whole=lambda table: np.arange(len(table)) % 300)
    rows["gap"] = np.random.default_rng(0).choice(["5", "6", ""], 900)
    rows.loc[300:599, ["x", "y", "gap"]] = rows.loc[0:299, ["x", "y", "gap"]].to_numpy()
    dataset = make(rows)
    rule = SplitRule.fit(dataset, SplitSpec())

    facts = gather(_InSmallBatches(dataset.directory, dataset.manifest), rule, 10_000).facts

    split = assigned(dataset, rule)["split"].to_numpy()
    for name in (VALIDATION, TEST):
        twins = [(row + 300) % 600 for row in range(600) if split[row] == name]
        assert facts[f"{name}_duplicates_of_train"] == sum(split[twin] == TRAIN for twin in twins) > 0
    assert facts["duplicates_followed_one_in"] == 1
    assert dataset.contract["gap"].dtype == "int64"


class _InSmallBatches(Dataset):
    """A dataset with batches so small that some have no missing cells and some only missing cells."""

    def batches(self, *args: Any, **kwargs: Any) -> Any:
        return super().batches(*args, **{**kwargs, "batch_rows": 7})


def test_sampling_is_bounded_and_repeatable(make: Ingest) -> None:
    """At most about `max_rows` train rows are read, always the same ones, and the counts still cover all rows."""
    dataset = make(frame(3000))
    rule = SplitRule.fit(dataset, SplitSpec())

    split, again = gather(dataset, rule, 300), gather(dataset, rule, 300)

    assert split.train.equals(again.train)
    assert split.facts["train_rows_used"] == split.train.num_rows == pytest.approx(270, abs=60)
    assert split.validation.num_rows == pytest.approx(270, abs=60)
    assert split.facts["train_rows"] > 1400
    names = assigned(dataset, rule)["split"]
    assert set(names.loc[split.train.column(ROW_ID).to_pylist()]) == {TRAIN}


def test_hash_is_pinned() -> None:
    """The hash that assigns rows to splits never changes: a library that changes it fails here."""
    values = pa.array(["p0", "p1", "", "é", None, "x" * 100])

    assert hash_to_unit(values, "anomaly_ae000000").tolist() == PINNED
    assert hash_to_unit(pa.array([12, -1]), "anomaly_ae000000").tolist() == PINNED_WHOLE


@given(st.lists(st.text(), min_size=1, max_size=20))
def test_hash_looks_at_the_value_alone(values: list[str]) -> None:
    """A value hashes to the same number in [0, 1), whatever other values are hashed with it."""
    together = hash_to_unit(pa.array(values), "anomaly_ae000000")
    alone = [hash_to_unit(pa.array([value]), "anomaly_ae000000")[0] for value in values]

    assert together.tolist() == alone
    assert ((together >= 0) & (together < 1)).all()


@pytest.mark.parametrize(("by", "setting"), [("group", "data.entity"), ("time", "data.time")])
def test_a_missing_key_names_the_setting(make: Ingest, by: str, setting: str) -> None:
    """A split without its key column is refused, and the message names the setting that declares one."""
    dataset = make(frame(50).drop(columns="at"), id="part", ignore=["machine"])

    with pytest.raises(SplitError, match=rf"split\.by is '{by}'.*{setting}"):
        SplitRule.fit(dataset, SplitSpec(by=by))


def test_a_split_left_empty_names_the_settings(make: Ingest) -> None:
    """One machine cannot be in three splits; the message says which settings would help."""
    dataset = make(frame(100).assign(machine=7))
    rule = SplitRule.fit(dataset, SplitSpec(by="group"))

    with pytest.raises(SplitError, match=r"leaves no normal row for .*split\.(train|validation).*split\.by"):
        gather(dataset, rule, 1000)


def test_no_normal_row_with_a_time_is_refused(make: Ingest) -> None:
    """A split by time of a dataset without normal rows is refused, and the message names the setting."""
    dataset = make(frame(100).assign(anomaly=1))

    with pytest.raises(SplitError, match=r"no normal row has a time.*data\.time"):
        SplitRule.fit(dataset, SplitSpec(by="time"))


def test_rows_without_a_time_are_unused(make: Ingest) -> None:
    """A row without a time is in no split of a split by time."""
    dataset = make(frame(400).assign(at=lambda rows: rows["at"].where(rows.index % 10 > 0)))

    rows = assigned(dataset, SplitRule.fit(dataset, SplitSpec(by="time")))

    assert rows.loc[rows["at"].isna(), "split"].isna().all()
    assert rows["at"].isna().any()


def test_rows_outside_train_do_not_affect_the_weights(tmp_path: Path) -> None:
    """Changed test rows change neither weights nor threshold; changed validation rows change only the threshold."""
    rows = frame(1200).drop(columns=["machine", "at"])
    data = {"id": "part", "label": ROLES["label"]}
    spec = {
        "network": {"kind": "denoising", "hidden": (8,)},
        "training": {"steps": 20},
        "threshold": {"target_fpr": 0.1},
    }

    def trained(name: str, table: pd.DataFrame) -> tuple[str, float, pd.DataFrame]:
        source = tmp_path / f"{name}.csv"
        table.to_csv(source, index=False)
        dataset = ingest(DataSpec(source=str(source), **data), Workspace(tmp_path)).dataset
        made = train(dataset, Spec(data={"source": str(source), **data}, **spec), Workspace(tmp_path))
        names = assigned(dataset, SplitRule.fit(dataset, SplitSpec()))
        return hash_file(made.directory / "weights.safetensors"), made.threshold, names

    weights, threshold, split = trained("as_it_was", rows)
    of_test, of_validation = (split["split"].to_numpy() == name for name in (TEST, VALIDATION))
    without_test = trained("test", rows.assign(x=rows["x"].where(~of_test, 1e6), y=rows["y"].where(~of_test, "new")))
    without_validation = trained("validation", rows.assign(x=rows["x"].where(~of_validation, 9.0)))

    assert without_test[:2] == (weights, threshold)
    assert without_validation[0] == weights
    assert without_validation[1] != threshold
