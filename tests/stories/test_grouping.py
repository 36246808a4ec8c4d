"""Stories: alerts with similar reasons are grouped under a name composed of their features."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import adjusted_rand_score

from anomaly_ae.scoring.schema import REASON
from anomaly_ae.spec.file import load_spec
from anomaly_ae.stages.pipeline import run
from anomaly_ae.stories.alerts import recount, sample_alerts, story_names, tell_stories
from anomaly_ae.stories.grouping import NO_REASONS_IN_COMMON, NO_STORY, Story, assign, tell
from anomaly_ae.workspace.scored_table import ScoredTable

Reason = tuple[str, str, str, float]
MACHINES = Path(__file__).parents[2] / "data/machines"
HOT: list[Reason] = [("heat", "90", "50", 8.0), ("load", "41", "40", 1.0)]
COLD: list[Reason] = [("heat", "10", "50", 8.0), ("load", "39", "40", 1.0)]
GAP: list[Reason] = [("pressure", "missing where normally present", "6.1", 5.0), ("heat", "51", "50", 0.5)]
ICMP: list[Reason] = [("protocol", "icmp", "tcp (97 %)", 6.0)]


def reasons_of(rows: Sequence[Sequence[Reason]]) -> pa.ListArray:
    """Return reasons as a column of the scored table."""
    names = [field.name for field in REASON]
    return pa.array([[dict(zip(names, reason, strict=True)) for reason in row] for row in rows], pa.list_(REASON))


def told(rows: Sequence[Sequence[Reason]]) -> tuple[Story, ...]:
    """Return the stories of rows whose score is the sum of their contributions."""
    return tell(reasons_of(rows), np.array([sum(reason[3] for reason in row) for row in rows]))


def test_each_cause_is_a_story_of_its_own() -> None:
    """Four causes in a hundred alerts give four stories, largest first, each with its own rows and no others."""
    rows = [HOT] * 40 + [COLD] * 30 + [GAP] * 20 + [ICMP] * 10
    shuffled = np.random.default_rng(0).permutation(100)

    stories = told([rows[index] for index in shuffled])
    found = assign(stories, reasons_of([rows[index] for index in shuffled]))

    assert [(story.name, story.rows, story.share) for story in stories] == [
        ("heat above normal", 40, 0.4),
        ("heat below normal", 30, 0.3),
        ("pressure missing", 20, 0.2),
        ("protocol = icmp, unusual", 10, 0.1),
    ]
    assert adjusted_rand_score(np.repeat([0, 1, 2, 3], [40, 30, 20, 10])[shuffled], found) == 1


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ([("area", "9", "5", 4.0), ("rim", "9", "5", 3.0)], "area and rim above normal"),
        ([("area", "9", "5", 4.0), ("rim", "1", "5", 3.0)], "area above normal; rim below normal"),
        ([("area", "9", "5", 9.0), ("rim", "1", "5", 1.0)], "area above normal"),
        ([("note", "late", "missing (97 %)", 1.0)], "note present where normally missing"),
        ([("open", "true", "false (97 %)", 1.0)], "open = true, unusual"),
        ([("port", "443", "80 (97 %)", 1.0)], "port = 443, unusual"),
        ([("a", "2", "1", 4.0), ("b", "2", "1", 4.0), ("c", "2", "1", 4.0)], "a, b and c above normal"),
    ],
)
def test_a_name_says_which_features_and_which_way(row: list[Reason], name: str) -> None:
    """The heaviest features make up the name; categories and booleans are never above or below normal."""
    assert [story.name for story in told([row] * 3)] == [name]


def test_the_name_of_differing_categories_has_no_value() -> None:
    """If the rows of a story hold many categories, its name has the feature only."""
    (story,) = told([[("protocol", f"p{index}", "tcp (97 %)", 6.0)] for index in range(10)])

    assert story.name == "protocol unusual"


def test_a_story_says_what_its_rows_have_in_common() -> None:
    """A story holds medians of values, expected values and scores, its top rows, and its first and last time."""
    rows = [[("heat", str(90 + index), "50", 1.0 + index)] for index in range(9)]
    times = pa.array([datetime(2026, 1, 9 - index, 12) for index in range(9)])  # noqa: DTZ001 - as written
    scores = np.arange(9.0)

    (story,) = tell(reasons_of(rows), scores, [f"r{index}" for index in range(9)], times)

    assert (story.traits[0].value, story.traits[0].expected) == ("94", "50")
    assert story.median_score == 4
    assert story.examples == ("r8", "r7", "r6", "r5", "r4")
    assert (story.first, story.last) == ("2026-01-01 12:00:00", "2026-01-09 12:00:00")


def test_rows_that_fit_no_story_come_last() -> None:
    """Rows without reasons, or with reasons of their own, are counted but not forced into a story."""
    rows = [HOT] * 300 + [COLD] * 100 + [[]] * 500 + [[("odd", "1", "2", 3.0)]]

    *stories, rest = told(rows)

    assert [story.rows for story in stories] == [300, 100]
    assert (rest.name, rest.rows, rest.traits) == ("no reasons in common", 501, ())
    assert assign(stories, reasons_of([[], HOT])).tolist() == [NO_STORY, 0]


def test_few_stories_however_many_causes() -> None:
    """Of forty causes, the seven most frequent are stories; the rest is one."""
    rows = [[(f"x{cause}", "9", "5", 1.0)] for cause in range(40) for _ in range(40 - cause)]

    stories = told(rows)

    assert [story.rows for story in stories[:7]] == [40, 39, 38, 37, 36, 35, 34]
    assert len(stories) == 8
    assert sum(story.rows for story in stories) == len(rows)


@pytest.mark.parametrize("rows", [[], [[]], [HOT], [[("a", "1", "1", 0.0)]], [[("a", "1e200", "0", 1e200)]] * 2])
def test_hardly_any_alerts(rows: list[list[Reason]]) -> None:
    """With no alerts, one alert, no reasons, or contributions of 0 or 1e200, every row is in one story."""
    stories = told(rows)

    assert sum(story.rows for story in stories) == len(rows)
    assert (assign(stories, reasons_of(rows)) >= 0).all()


def test_scores_of_any_size_are_compared() -> None:
    """Contributions of 1e200 do not overflow."""
    huge = [("a", "1e200", "0", 1e200), ("b", "1", "2", 1e199)]

    assert [story.name for story in told([huge] * 3)] == ["a above normal"]


def test_a_hundred_thousand_alerts_are_grouped_from_a_sample() -> None:
    """Every alert has a story, though only a sample was clustered."""
    rows = reasons_of([HOT, COLD, GAP]).take(pa.array(np.arange(100_000) % 3))

    stories = tell(rows, np.ones(100_000))

    assert [story.rows for story in stories] == [33_334, 33_333, 33_333]


def test_negative_contributions_are_ignored() -> None:
    """A feature that lowers the score is not a reason for it."""
    (story,) = told([[("heat", "90", "50", 5.0), ("load", "1", "2", -5.0)]] * 3)

    assert [trait.feature for trait in story.traits] == ["heat"]


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> ScoredTable:
    """Return the scored table of the synthetic machines."""
    spec = load_spec(MACHINES / "spec.yaml", [f"workspace={tmp_path_factory.mktemp('machines')}"])
    data = spec.data.model_copy(update={"source": str(MACHINES / "machines.csv")})
    return run(spec.model_copy(update={"data": data})).scored.table


def test_planted_causes_come_out_as_stories(machines: ScoredTable) -> None:
    """The stories of the synthetic machines agree with the planted causes (adjusted Rand index)."""
    rows = pa.Table.from_batches(machines.batches(["row_id", "is_anomaly", "story"]))
    alerts, names = rows.filter(rows["is_anomaly"]), [story.name for story in machines.stories]
    cause = pd.read_csv(MACHINES / "truth.csv").set_index("job_id")["cause"]
    planted = alerts["row_id"].to_pandas().map(cause)
    story = alerts["story"].to_pandas().map(names.index)

    is_planted = planted.notna().to_numpy()
    assert is_planted.sum() > 150
    assert adjusted_rand_score(planted[is_planted], story[is_planted]) > 0.8
    assert {"pressure_bar missing", "material = titanium, unusual"} <= set(names)


def test_alerts_above_the_limit_are_thinned_evenly() -> None:
    """With three times too many alerts, every third is sampled, in order and across batches."""
    names = [f"r{number}" for number in range(100)]
    columns = {"row_id": names, "source_file": names, "source_row": range(100), "at": [datetime(2026, 1, 5)] * 100}  # noqa: DTZ001 - as read
    columns |= {"anomaly_score": np.ones(100), "is_anomaly": [True] * 100, "reasons": reasons_of([HOT] * 100)}
    table = pa.RecordBatch.from_pydict(columns)

    third = sample_alerts([table.slice(0, 7), table.slice(7, 40), table.slice(47)], alerts=100, most=34)

    assert third is not None
    assert third["row_id"].to_pylist() == names[::3]
    assert third.column_names[-1] == "time"


def test_each_alert_has_the_name_of_its_story() -> None:
    """The column `story` names one of the told stories for each alert, and is null for every other row."""
    hot, cold = _rows([HOT] * 6 + [COLD] * 4, alerts=True), _rows([HOT] * 3, alerts=False)

    stories = tell_stories([hot, cold], alerts=10)

    assert [(story.name, story.rows) for story in stories] == [("heat above normal", 6), ("heat below normal", 4)]
    assert story_names(stories, hot).to_pylist() == ["heat above normal"] * 6 + ["heat below normal"] * 4
    assert story_names(stories, cold).to_pylist() == [None] * 3


def test_a_story_told_from_a_sample_counts_all_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and share are those of the column `story`; alerts that no sampled one resembles are counted too."""
    monkeypatch.setattr("anomaly_ae.stories.alerts._MAX_ALERTS", 10)
    odd = [("gas", "9", "5", 1.0)]
    rows = _rows([HOT] * 29 + [odd], alerts=True)  # every third is sampled: the odd one is not

    sampled = tell_stories([rows], alerts=30)
    column = rows.append_column("story", story_names(sampled, rows))
    stories = recount(sampled, [column.slice(0, 12), column.slice(12)])

    assert [(story.name, story.rows) for story in sampled] == [("heat above normal", 10)]
    assert [(story.name, story.rows, story.share) for story in stories] == [
        ("heat above normal", 29, 29 / 30),
        (NO_REASONS_IN_COMMON, 1, 1 / 30),
    ]
    assert stories[1].median_score == rows["anomaly_score"][29].as_py()


def test_stories_that_would_share_a_name_are_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name identifies one story, so that the rows of a story can be selected by it."""
    rows = _rows([HOT] * 3, alerts=True)
    (story,) = tell_stories([rows], alerts=3)
    monkeypatch.setattr("anomaly_ae.stories.alerts.tell", lambda *_: (story, story, story))

    named = tell_stories([rows], alerts=3)

    assert [story.name for story in named] == [f"heat above normal{number}" for number in ("", " (2)", " (3)")]


def _rows(reasons: Sequence[Sequence[Reason]], *, alerts: bool) -> pa.RecordBatch:
    """Return rows of a scored table, all of them alerts or none."""
    names = [f"r{number}" for number in range(len(reasons))]
    columns = {"row_id": names, "source_row": range(len(names)), "anomaly_score": np.ones(len(names))}
    columns |= {"is_anomaly": [alerts] * len(names), "reasons": reasons_of(reasons)}
    return pa.RecordBatch.from_pydict(columns)
