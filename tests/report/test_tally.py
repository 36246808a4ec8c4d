"""The pass over the parts, and the pictures drawn from its counts, against plain numpy and scikit-learn."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import auc, average_precision_score, roc_auc_score

from anomaly_ae.errors import ArtifactError
from anomaly_ae.report.curves import POINTS, draw_curves
from anomaly_ae.report.distribution import draw_distribution
from anomaly_ae.report.tally import Group, Tally, count_scores
from anomaly_ae.workspace.places import RowPlace
from anomaly_ae.workspace.top_rows import TopRows, find_places


@pytest.fixture
def rng() -> np.random.Generator:
    """Return seeded random numbers."""
    return np.random.default_rng(11)


def parts_of(published: Any) -> list[Path]:
    """List the parts of a published run."""
    return sorted(published.scored.glob("part-*.parquet"))


def test_every_row_is_counted_in_its_group(publish_run: Callable[..., Any], rng: np.random.Generator) -> None:
    """Counts by label, split and decision add up to what the columns say, over several parts."""
    scores = rng.lognormal(2, 1, 1000)
    labels = [None if row % 3 == 0 else row % 3 == 1 for row in range(1000)]
    splits = ["train" if row % 2 else "test" for row in range(1000)]

    tally = count_scores(parts_of(publish_run(scores=scores, labels=labels, splits=splits, parts=3)))

    assert tally.total() == 1000
    assert tally.total(lambda group: group.is_anomaly) == (scores > 10).sum()
    assert tally.total(lambda group: group.label is True and group.split == "test") == sum(
        label is True and split == "test" for label, split in zip(labels, splits, strict=True)
    )


def test_rounding_keeps_scores_to_a_hundredth_of_a_percent(rng: np.random.Generator) -> None:
    """Counted scores differ from the true ones by less than 1 in 10,000, over 12 orders of magnitude."""
    scores = 10 ** rng.uniform(-6, 6, 2000)
    tally = Tally()

    tally.add(Group(None, None, is_anomaly=False), scores)
    counts = tally.counts()

    np.testing.assert_allclose(np.repeat(counts.scores, counts.rows), np.sort(scores), rtol=1e-4)


def test_memory_is_bounded_by_the_spread_of_scores_not_by_rows(rng: np.random.Generator) -> None:
    """A million rows over two orders of magnitude come down to fewer than 70,000 counted scores."""
    tally = Tally()

    for _ in range(10):
        tally.add(Group(None, None, is_anomaly=False), 10 ** rng.uniform(0, 2, 100_000))

    assert tally.total() == 1_000_000
    assert len(tally.counts().scores) < 70_000


def test_top_rows_are_the_highest_scores_of_all_parts(
    publish_run: Callable[..., Any], rng: np.random.Generator
) -> None:
    """The places remembered are those of the highest scores, in order, whichever part they lie in."""
    scores = rng.permutation(np.arange(60_000, dtype=float))
    published = publish_run(scores=scores, parts=2)

    top = TopRows.find(parts_of(published), 5)

    expected = np.argsort(-scores)[:5]
    assert [row.row_id for row in top.rows] == [f"day.csv:{row + 1}" for row in expected]
    assert [row.score for row in top.rows] == scores[expected].tolist()


def test_equal_scores_stay_in_the_order_of_the_table(publish_run: Callable[..., Any]) -> None:
    """With constant scores the first rows are shown, so the page is the same each time."""
    parts = parts_of(publish_run(scores=[3.0] * 50))

    assert find_places(parts, 5) == tuple(RowPlace(0, row) for row in range(5))


def test_an_identity_column_that_repeats_the_row_id_is_left_out(publish_run: Callable[..., Any]) -> None:
    """The id column is the row id already and is not shown twice."""
    names = ["a", "b", "c"]
    published = publish_run(scores=[1, 2, 3], row_ids=names, machines=names, machine_column="id")

    assert TopRows.find(parts_of(published)).identity_columns == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf, None])
def test_a_score_that_is_no_number_is_refused(publish_run: Callable[..., Any], bad: float | None) -> None:
    """A row without a finite score is an error, never a silent 0."""
    published = publish_run(scores=[1.0, 2.0])
    part = parts_of(published)[0]
    table = pq.read_table(part)
    column = table.schema.get_field_index("anomaly_score")
    pq.write_table(table.set_column(column, "anomaly_score", pa.array([1.0, bad], pa.float64())), part)

    with pytest.raises(ArtifactError, match="without a finite anomaly_score"):
        count_scores(parts_of(published))


def test_a_part_of_another_kind_is_refused(publish_run: Callable[..., Any]) -> None:
    """A Parquet file that lacks our columns, and one that is no Parquet, are named in the error."""
    published = publish_run(scores=[1.0])
    part = parts_of(published)[0]

    pq.write_table(pa.table({"x": [1]}), part)
    with pytest.raises(ArtifactError, match="part-00000"):
        count_scores(parts_of(published))

    part.write_bytes(b"no parquet")
    with pytest.raises(ArtifactError, match="cannot be read"):
        count_scores(parts_of(published))


def labelled(normals: np.ndarray, anomalies: np.ndarray, threshold: float = 5.0) -> Tally:
    """Return a tally of labelled rows without splits."""
    tally = Tally()
    for label, scores in ((False, normals), (True, anomalies)):
        for is_anomaly in (False, True):
            tally.add(Group(label, None, is_anomaly), scores[(scores > threshold) == is_anomaly])
    return tally


def test_curves_enclose_the_areas_that_scikit_learn_computes(rng: np.random.Generator) -> None:
    """Thinned to 500 points, both curves still have the area of all 22,000 rows to three decimals."""
    normals, anomalies = rng.lognormal(0, 1, 20_000), rng.lognormal(1.5, 1, 2000)
    truth = np.repeat([0, 1], [20_000, 2000])
    scores = np.concatenate([normals, anomalies])

    curves = draw_curves(labelled(normals, anomalies))

    assert curves is not None
    assert max(len(curves.roc), len(curves.precision_recall)) <= POINTS
    false_rate, recall = np.array(curves.roc).T
    assert auc(false_rate, recall) == pytest.approx(roc_auc_score(truth, scores), abs=2e-3)
    recall, precision = np.array(curves.precision_recall).T
    area = np.sum(np.diff(recall, prepend=0) * precision)
    assert area == pytest.approx(average_precision_score(truth, scores), abs=5e-3)


def test_curves_of_one_class_are_undefined(rng: np.random.Generator) -> None:
    """Without an anomaly, or without a normal row, there is no curve."""
    scores, none = rng.random(10), np.empty(0)

    assert draw_curves(labelled(scores, none)) is None
    assert draw_curves(labelled(none, scores)) is None


def test_only_test_rows_are_judged_where_the_table_knows_splits() -> None:
    """Labelled rows of the train split do not enter the curves."""
    tally = Tally()
    tally.add(Group(label=True, split="test", is_anomaly=True), np.array([9.0]))
    tally.add(Group(label=False, split="test", is_anomaly=False), np.array([1.0]))
    tally.add(Group(label=False, split="train", is_anomaly=True), np.full(100, 10.0))

    curves = draw_curves(tally)

    assert curves is not None
    assert (curves.anomalies, curves.normals) == (1, 1)
    assert curves.roc == ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0))


@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
def test_bars_hold_every_row_and_split_at_the_threshold(rng: np.random.Generator, spread: float) -> None:
    """Bars add up to the rows, those above the threshold to the alerts, and the threshold is an edge."""
    normals, anomalies = rng.lognormal(1, spread, 5000), rng.lognormal(2, spread, 100)

    distribution = draw_distribution(labelled(normals, anomalies), 5.0)

    assert distribution is not None
    assert 5.0 in distribution.edges
    assert np.all(np.diff(distribution.edges) > 0)
    assert [panel.label for panel in distribution.panels] == [False, True]
    for panel, scores in zip(distribution.panels, (normals, anomalies), strict=True):
        assert sum(panel.above) == (scores > 5).sum()
        assert sum(panel.below) == (scores <= 5).sum()


@pytest.mark.parametrize("score", [0.0, 5.0, np.nextafter(5.0, 6.0), 1e-300, 1e300])
def test_constant_scores_make_one_bar(score: float) -> None:
    """A table in which all scores are equal fills one bar, however near to the threshold or far from it."""
    distribution = draw_distribution(labelled(np.full(500, score), np.empty(0)), 5.0)

    assert distribution is not None
    assert sum(1 for rows in distribution.panels[0].below + distribution.panels[0].above if rows) == 1
    assert distribution.panels[0].total == 500


def test_zeros_that_a_logarithmic_axis_cannot_show_are_counted(rng: np.random.Generator) -> None:
    """Rows that score 0 are said to be missing from a logarithmic picture."""
    scores = np.concatenate([np.zeros(7), rng.lognormal(0, 2, 1000)])

    distribution = draw_distribution(labelled(scores, np.empty(0)), 5.0)

    assert distribution is not None
    assert distribution.is_log
    assert distribution.not_drawn == 7
