"""The accuracy benchmark: the same rows for every method, honest figures, and runs that go on where they were."""

from pathlib import Path

import accuracy
import numpy as np
import pandas as pd
import pytest
from mixed import TABLES, encode, table_rows
from protocol import measure, npz_rows, one_class_rows, standardise
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors
from summary import fight, summarise

NEIGHBOURS = """
from pathlib import Path
from sklearn.neighbors import NearestNeighbors

def fit(X, seed):
    with Path(__file__).with_name("calls").open("a") as calls:
        calls.write("x")
    index = NearestNeighbors(n_neighbors=5).fit((X - X.mean(0)) / X.std(0))
    return lambda rows: index.kneighbors((rows - X.mean(0)) / X.std(0))[0].mean(axis=1)

def fail(X, seed):
    raise ValueError("these rows will not do")
"""


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Two small npz sets with planted anomalies."""
    directory = tmp_path / "sets"
    directory.mkdir()
    for number in (1, 2):
        rng = np.random.default_rng(number)
        X = np.concatenate([rng.normal(size=(180, 4)), rng.normal(1.5, 1.5, size=(20, 4))]) * [1, 10, 100, 1]
        np.savez(directory / f"{number}_made.npz", X=X, y=np.repeat([0, 1], [180, 20]))
    return directory


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module with methods of our own, which processes of the benchmark can import; returns its call counter."""
    (tmp_path / "neighbours.py").write_text(NEIGHBOURS, encoding="utf-8")
    (tmp_path / "calls").write_text("", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "calls"


def run(sets: Path, results: Path, *arguments: str) -> int:
    """Run the benchmark on the made sets with the neighbours as our method."""
    common = ["--adbench", str(sets), "--results", str(results), "--table", str(results.with_suffix(".md"))]
    return accuracy.main([*common, "--ours", "near=neighbours:fit", *arguments])


def test_rows_are_those_of_the_protocol() -> None:
    """Half of the permuted normal rows train; the other half and then all anomalies are the test."""
    X, y = np.arange(1001)[:, None], np.arange(1001) % 7 == 0

    rows = one_class_rows(X, y.astype(int), seed=3)

    normal = np.random.default_rng(3).permutation(np.flatnonzero(~y))
    assert rows.X_train.ravel().tolist() == normal[: round(len(normal) / 2)].tolist()
    assert rows.X_test.ravel().tolist() == [*normal[round(len(normal) / 2) :], *np.flatnonzero(y)]
    assert (rows.y_test == y[rows.X_test.ravel()]).all()


def test_large_sets_are_drawn_from() -> None:
    """Of more than 50,000 rows that many are drawn, without repetition."""
    y = (np.arange(60_000) % 10 == 0).astype(int)

    rows = one_class_rows(np.arange(60_000)[:, None], y, seed=0)

    seen = np.concatenate([rows.X_train, rows.X_test]).ravel()
    assert len(seen) == len(set(seen)) == 50_000
    assert (y[rows.X_train.ravel()] == 0).all()


def test_rows_depend_on_file_and_seed_alone(sets: Path) -> None:
    """The same file and seed give the same rows, whatever ran before; another seed gives others."""
    first = npz_rows(sets / "1_made.npz", 0)
    np.random.default_rng(0).normal(size=9)
    again, other = npz_rows(sets / "1_made.npz", 0), npz_rows(sets / "1_made.npz", 1)

    assert np.array_equal(first.X_train, again.X_train)
    assert np.array_equal(first.X_test, again.X_test)
    assert not np.array_equal(first.X_train, other.X_train)


def test_standardising_looks_at_train_rows_only(sets: Path) -> None:
    """Means and deviations are those of the train rows; the test keeps its own shift."""
    rows = standardise(npz_rows(sets / "1_made.npz", 0))

    assert np.allclose(rows.X_train.mean(axis=0), 0)
    assert np.allclose(rows.X_train.std(axis=0), 1)
    assert rows.X_test.mean() > 0.05


def test_f1_is_taken_at_the_true_count() -> None:
    """As many rows are flagged as there are anomalies; a perfect order gives one, a reversed order zero."""
    y = np.array([0, 0, 0, 1, 1])

    assert measure(np.array([1.0, 2, 3, 4, 5]), y) == {"auroc": 1.0, "auprc": 1.0, "f1": 1.0}
    assert measure(np.array([1.0, 2, 5, 3, 4]), y)["f1"] == 0.5
    assert measure(-np.arange(5.0), y)["f1"] == 0


def test_scores_that_are_no_numbers_are_refused() -> None:
    """A NaN score is an error, never a normal row."""
    with pytest.raises(ValueError, match="1 of 3 scores are not finite"):
        measure(np.array([1.0, np.nan, 2.0]), np.array([0, 0, 1]))


def test_figures_are_those_computed_by_hand(sets: Path, plugin: Path, tmp_path: Path) -> None:
    """A fit through the benchmark gives what scikit-learn gives on the same rows, here for nearest neighbours."""
    failures = run(sets, tmp_path / "results.csv", "--seeds", "0,1")

    results = pd.read_csv(tmp_path / "results.csv")
    assert failures == 0
    assert list(results.columns) == list(accuracy.COLUMNS)
    assert plugin.read_text() == "xxxx"
    for row in results.itertuples():
        rows = standardise(npz_rows(sets / f"{row.dataset}.npz", row.seed))
        scores = NearestNeighbors(n_neighbors=5).fit(rows.X_train).kneighbors(rows.X_test)[0].mean(axis=1)
        assert row.auroc == round(roc_auc_score(rows.y_test, scores), 4)
        assert row.auprc == round(average_precision_score(rows.y_test, scores), 4)
        assert (row.n_train, row.n_test, row.d) == (90, 110, 4)
        assert row.peak_rss_mb > 20


def test_a_stopped_run_goes_on(sets: Path, plugin: Path, tmp_path: Path) -> None:
    """What the results file holds is not fitted again; what it lacks is."""
    results = tmp_path / "results.csv"
    run(sets, results, "--sets", "1_made")
    run(sets, results)
    kept = results.read_bytes()
    run(sets, results)

    assert plugin.read_text() == "xx"
    assert results.read_bytes() == kept
    assert kept.count(b"\n") == 3


def test_a_failed_fit_is_told_and_left_out(
    sets: Path, plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failure costs its own row only, is counted, and is tried again next time."""
    results = tmp_path / "results.csv"
    arguments = ("--peers", "bad=neighbours:fail", "--sets", "1_made")

    assert run(sets, results, *arguments) == 1
    assert "1_made bad 0 FAILED: ValueError: these rows will not do" in capsys.readouterr().out
    assert pd.read_csv(results).method.tolist() == ["near"]
    assert run(sets, results, *arguments) == 1
    assert plugin.read_text() == "x"


def test_unknown_methods_are_refused_before_any_fit(sets: Path, plugin: Path, tmp_path: Path) -> None:
    """A misspelt method stops the run at once, and the message lists the known ones."""
    with pytest.raises(KeyError, match="KNN-mean5"):
        run(sets, tmp_path / "results.csv", "--peers", "KNM")
    assert plugin.read_text() == ""


def test_other_results_are_merged(sets: Path, plugin: Path, tmp_path: Path) -> None:
    """Results of peers from a file take part in the comparison; a method that lacks a set is named apart."""
    peers = tmp_path / "peers.csv"
    peers.write_text(
        "dataset,method,seed,auroc,auprc,f1\n1_made,worse,0,.5,.2,.1\n2_made,worse,0,.5,.2,.1\n1_made,part,0,.9,.9,.9\n"
    )

    run(sets, tmp_path / "results.csv", "--peers-csv", str(peers))

    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "| worse | 2 | 0.5000 | 0.2000 | 0.1000 | 2.00 | 2.00 | 2/0" in text
    assert "lack sets: part (1)." in text
    assert plugin.read_text() == "xx"


def test_duels_are_paired_by_set_over_common_seeds() -> None:
    """Seeds that only one of two methods has do not count; equal means are neither won nor lost."""
    fits = [(name, 0, "a", 0.5 + place / 100) for place, name in enumerate("pqrstu")]
    fits += [(name, 0, "b", 0.5) for name in "pqrstu"] + [("p", 1, "a", 0.0)]
    results = pd.DataFrame(fits, columns=["dataset", "seed", "method", "auroc"])

    duel = fight(results, "a", "b", "auroc")

    assert (duel.wins, duel.losses) == (5, 0)
    assert 0.05 < duel.p_value < 0.07


def test_the_summary_ranks_within_each_set() -> None:
    """A method that is second everywhere has rank 2, whatever the distances."""
    fits = [(name, method, 0, value, value, value, 1.0) for name in "xyz" for method, value in (("a", 0.8), ("b", 0.7))]
    results = pd.DataFrame(fits, columns=["dataset", "method", "seed", "auroc", "auprc", "f1", "fit_cpu_s"])

    text = summarise(results, "a")

    assert "| **a** | 3 | 0.8000 | 0.8000 | 0.8000 | 1.00 | 1.00 |  |  | 1.00 |" in text
    assert "| b | 3 | 0.7000 | 0.7000 | 0.7000 | 2.00 | 2.00 | 3/0" in text


def test_tables_keep_raw_columns_and_lose_what_is_no_feature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The label and the columns that give it away are no features; a test file of its own is scored whole."""
    train = pd.DataFrame(
        {"x": [1.0, None, 3, 9], "kind": ["a", "b", "a", "z"], "why": [0, 0, 0, 1], "anomaly": [0, 0, 0, 1]}
    )
    train.to_csv(tmp_path / "train.csv", index=False)
    train[["kind", "anomaly", "why", "x"]].to_csv(tmp_path / "test.csv", index=False)
    monkeypatch.setitem(TABLES, "made", type(TABLES["ai4i2020"])("train.csv", "anomaly", ("why",), "test.csv"))

    rows = table_rows(tmp_path, "made", seed=0)
    encoded = encode(rows)

    assert list(rows.X_train.columns) == list(rows.X_test.columns) == ["x", "kind"]
    assert (len(rows.X_train), len(rows.X_test), rows.y_test.tolist()) == (3, 4, [0, 0, 0, 1])
    assert encoded.X_train.shape == (3, 3)
    assert np.isfinite(encoded.X_test).all()
    assert np.allclose(encoded.X_train.mean(axis=0), 0)
