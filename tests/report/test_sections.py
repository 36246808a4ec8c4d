"""What the sections compute: scores over time, neighbours, other thresholds, details, and what is missing."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anomaly_ae.report.details import MAX_CELLS
from anomaly_ae.report.neighbours import EACH_SIDE, read_neighbours
from anomaly_ae.report.page import render_page
from anomaly_ae.report.tally import Group, Tally, count_scores
from anomaly_ae.report.timeline import BINS, Timeline, read_timeline
from anomaly_ae.report.view import gather
from anomaly_ae.report.what_if import try_thresholds
from anomaly_ae.report.wording import tidy
from anomaly_ae.workspace.places import RowPlace

START = datetime(2026, 1, 1)  # noqa: DTZ001 - a column without a zone


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a seeded source of chance."""
    return np.random.default_rng(8)


def sections_of(published: Any) -> dict[str, Any]:
    """Return the sections of a run by name."""
    return {section.name: section for section in gather(published.table).sections}


def timeline_of(published: Any) -> Timeline | None:
    """Read the timeline of a run whose time column is `at`."""
    parts = sorted(published.scored.glob("part-*.parquet"))
    return read_timeline(parts, "at", count_scores(parts).counts())


def test_bins_of_time_hold_every_row_with_its_score(publish_run: Callable[..., Any], rng: np.random.Generator) -> None:
    """Rows, alerts and highest scores agree with a grouping by hand; medians to 1 % of the rows' ranks."""
    scores, seconds = rng.lognormal(1, 1, 5000), rng.integers(0, 90 * 86_400, 5000)
    published = publish_run(scores=scores, times=[START + timedelta(seconds=int(one)) for one in seconds], parts=3)

    timeline = timeline_of(published)

    assert timeline is not None
    assert sum(one.rows for one in timeline.bins) == 5000
    assert sum(one.alerts for one in timeline.bins) == (scores > 10).sum()
    assert max(one.highest for one in timeline.bins) == scores.max()
    place = np.minimum((seconds - seconds.min()) * 1000 // timeline.length, BINS - 1)
    ranks = np.sort(scores)
    for number in (0, 50, 100):
        middle = np.median(scores[place == number])
        told = timeline.bins[number].median
        assert abs(np.searchsorted(ranks, told) - np.searchsorted(ranks, middle)) < 5000 * 0.05


def test_rows_without_a_time_are_counted_and_a_single_moment_is_one_bin(publish_run: Callable[..., Any]) -> None:
    """Missing times are said, not drawn; rows of one moment make one bin; no time at all makes no chart."""
    timeline = timeline_of(publish_run(scores=[1.0, 2.0, 30.0], times=[START, None, START]))

    assert timeline is not None
    assert [(one.rows, one.alerts, one.highest) for one in timeline.bins] == [(2, 1, 30.0)]
    assert timeline.untimed == 1
    assert "timeline" not in sections_of(publish_run(scores=[1.0, 20.0], times=[None, None]))
    assert "timeline" not in sections_of(publish_run(scores=[1.0, 20.0]))


def test_neighbours_are_the_nearest_rows_of_the_same_entity(publish_run: Callable[..., Any]) -> None:
    """Across parts and in any order, a row's neighbours are those a search of the whole table finds."""
    order = np.random.default_rng(1).permutation(400)
    times = [START + timedelta(minutes=int(minute)) for minute in order]
    machines = [f"press-{row % 3}" for row in range(400)]
    published = publish_run(scores=order + 1.0, times=times, machines=machines, parts=4)
    parts = sorted(published.scored.glob("part-*.parquet"))

    [near] = read_neighbours(parts, [RowPlace(1, 7)], "at", "machine")

    row = 107
    same = sorted(int(order[other]) for other in range(400) if other % 3 == row % 3)
    middle = same.index(int(order[row]))
    expected = same[max(0, middle - EACH_SIDE) : middle + EACH_SIDE + 1]
    assert [score - 1 for _, score in near.points] == expected
    assert near.time in [moment for moment, _ in near.points]


def labelled(scores: np.ndarray, label: np.ndarray, threshold: float) -> Tally:
    """Return a tally of labelled rows."""
    tally = Tally()
    for is_anomaly in (False, True):
        for kind in (False, True):
            chosen = (label == kind) & ((scores > threshold) == is_anomaly)
            tally.add(Group(kind, None, is_anomaly), scores[chosen])
    return tally


def test_other_thresholds_do_what_is_said(rng: np.random.Generator) -> None:
    """At every cut, alerts, recall, precision and false-alarm rate are those counted from the rows themselves."""
    scores, label = np.round(rng.lognormal(0, 1, 3000) * 64) / 64, rng.random(3000) < 0.1
    validation = np.sort(rng.lognormal(0, 1, 999))

    tried = try_thresholds(labelled(scores, label, 3.0), validation, 3.0)

    assert tried is not None
    assert sum(outcome.in_force for outcome in tried.outcomes) == 1
    cuts = [outcome.threshold for outcome in tried.outcomes]
    assert cuts == sorted(cuts)
    for outcome in tried.outcomes[::10]:
        assert outcome.alerts == (scores > outcome.threshold).sum()
        assert outcome.recall is not None
        assert outcome.recall.share == pytest.approx((scores[label] > outcome.threshold).mean())
        assert outcome.false_alarm_rate is not None
        assert outcome.false_alarm_rate.count == (validation > outcome.threshold).sum()
    rates = [one.false_alarm_rate.share for one in tried.named if one.false_alarm_rate and not one.in_force]
    np.testing.assert_allclose(sorted(rates), [0, 0.001, 0.004, 0.009, 0.019, 0.049, 0.099, 0.199], atol=1e-3)


def test_alerts_a_day_are_told_where_days_are_known(publish_run: Callable[..., Any]) -> None:
    """The share of this table's rows above each threshold, of the rows that a day brings."""
    data = {"dataset": "0c1d2e3f4a5b6c7d", "rows": 9213, "rows_per_day": 250.0}
    published = publish_run(scores=[1.0] * 90 + [20.0] * 10, model={"data": data})

    page = render_page(gather(published.table))

    assert "A day brings 250 rows" in page
    assert re.search(r"in force</small></th>\s*<td[^>]*>10</td>\s*<td[^>]*>100</td>\s*<td[^>]*>25.0</td>", page)


def test_what_is_in_force_is_counted_where_segments_have_thresholds(rng: np.random.Generator) -> None:
    """With segments, alerts and recall in force are what was flagged, and no single false-alarm rate is claimed."""
    tally = Tally()
    tally.add(Group(label=True, split=None, is_anomaly=True), np.array([1.0, 2.0]))
    tally.add(Group(label=False, split=None, is_anomaly=False), np.array([4.0, 0.5]))

    tried = try_thresholds(tally, np.sort(rng.random(99)), 3.0, has_segments=True)

    assert tried is not None
    in_force = next(outcome for outcome in tried.outcomes if outcome.in_force)
    assert (in_force.alerts, in_force.false_alarm_rate) == (2, None)
    assert in_force.recall is not None
    assert in_force.recall.share == 1.0


def test_a_detail_holds_the_cells_of_its_row(publish_run: Callable[..., Any]) -> None:
    """Values come from the same row of the dataset, across parts, reasons first; ranges from the train rows."""
    cells = [float(row) for row in range(100)]
    features = {"flow": cells, "site": ["north"] * 99 + ["south"], "pressure": cells[::-1]}
    published = publish_run(scores=np.linspace(0.2, 20, 100), features=features, parts=3)

    data = sections_of(published)["anomalies"].data["rows"]

    names = [column["name"] for column in data["columns"]]
    first = {names[number]: value for number, value in data["rows"][0]["values"]}
    assert list(first.items()) == [("pressure", 0.0), ("site", "south"), ("flow", 99.0)]
    assert data["columns"][names.index("flow")]["median"] == 49.5
    assert data["columns"][names.index("site")]["categories"][0][0] == "north"


def test_a_dataset_that_is_gone_leaves_the_reasons(publish_run: Callable[..., Any]) -> None:
    """Without the dataset the page is whole, and its details have no values."""
    section = sections_of(publish_run(scores=[1.0, 20.0]))["anomalies"]

    assert section.data["rows"]["rows"][0]["values"] == ()


def test_a_thousand_columns_make_a_page_that_opens(publish_run: Callable[..., Any]) -> None:
    """Details of a wide table are cut to a bounded number of cells, and say so."""
    features = {f"column {number}": [1.0] * 200 for number in range(1000)}
    published = publish_run(scores=np.linspace(11, 20, 200), features=features)

    data = sections_of(published)["anomalies"].data["rows"]

    assert sum(len(row["values"]) for row in data["rows"]) <= MAX_CELLS
    assert data["leftOut"] == 1000 - MAX_CELLS // 200


def test_rows_that_only_warn_follow_the_alerts(publish_run: Callable[..., Any]) -> None:
    """The table holds alerts, then rows of the level warn, and can be filtered by level; normal rows stay out."""
    levels = ["normal", "warn", "warn", "alert"]
    section = sections_of(publish_run(scores=[1.0, 7.0, 8.0, 20.0], levels=levels))["anomalies"]

    assert [row.level for row in section.content.top.rows] == ["alert", "warn", "warn"]
    assert section.content.filters["level"] == ("alert", "warn")
    assert section.content.warned == 2


def write_validity(scored: Path, **changes: Any) -> None:
    """Write what the check of the threshold found."""
    found = {"verdict": "fine", "meaning": "All is well. Nothing moved.", "rows": 900, "are_normal": True, **changes}
    (scored / "validity.json").write_text(json.dumps(found))


def test_the_check_of_the_threshold_is_told_or_its_absence(publish_run: Callable[..., Any]) -> None:
    """Without validity.json the page says that nothing was checked; with it, verdict, drifted columns and changes."""
    published = publish_run(scores=[1.0, 20.0], is_judged=False)
    assert "Not checked" in render_page(gather(published.table))

    change = {"group": "4 to 6", "before": 0.1, "after": 0.7}
    column = {"column": "pressure", "rows": 900, "shift": 0.6, "p_value": 0.0, "p_corrected": 0.0}
    columns = [{**column, "has_drifted": True, "changes": [change]}]
    alerts = {"alerts": 90, "rate": 0.1, "low": 0.08, "high": 0.12, "expected_rate": 0.01, "usual": [3, 19]}
    alerts |= {"p_fewer": 1.0, "p_more": 0.0}
    write_validity(published.scored, verdict="invalid", meaning="Far too many.", columns=columns, alerts=alerts)
    page = render_page(gather(published.table))

    assert ">No</dd>" in page
    assert "Far too many." in page
    assert '<span class="mark">drifted</span>' in page
    assert "10% → 70%" in page


def test_stories_are_told_with_their_rows(publish_run: Callable[..., Any]) -> None:
    """Two causes make two stories, and every row of the table knows its own."""
    hot, lost = (("pressure", "9", "4", 1.0),), (("flow", "missing where normally present", "12", 1.0),)
    sections = sections_of(publish_run(scores=[20.0] * 30, reasons_of=[hot] * 20 + [lost] * 10))

    stories = sections["stories"].content.stories
    assert [(story.name, story.rows) for story in stories] == [("pressure above normal", 20), ("flow missing", 10)]
    assert sections["anomalies"].content.story_of == (0,) * 20 + (1,) * 10
    assert "stories" not in sections_of(publish_run(scores=[1.0]))


@pytest.mark.parametrize(
    ("verdict", "figure"), [("fine", "0 to 3"), ("invalid", "Unknown")], ids=["promise holds", "promise is broken"]
)
def test_no_number_of_false_alerts_is_claimed_of_a_threshold_that_fails(
    publish_run: Callable[..., Any], verdict: str, figure: str
) -> None:
    """The promise bounds false alerts only as long as it holds; once invalid, any alert may be false."""
    published = publish_run(scores=np.linspace(0.1, 20, 100))
    judged = published.table.validity
    published.table.write_validity(judged.model_copy(update={"verdict": verdict}))

    assert sections_of(published)["verdict"].content.false_alarms.figure == figure


def test_labels_say_how_many_alerts_are_false(publish_run: Callable[..., Any]) -> None:
    """With labels, false alerts are counted, whatever the promise."""
    published = publish_run(scores=[1.0, 1.0, 20.0, 30.0, 40.0], labels=[False, True, False, True, True])

    false_alarms = sections_of(published)["verdict"].content.false_alarms

    assert false_alarms.figure == "1"
    assert false_alarms.meaning.startswith("of 3 alerts on labelled rows is false: 33.3%")


def test_alerts_that_labels_do_not_judge_are_counted_beside(publish_run: Callable[..., Any]) -> None:
    """Alerts on rows the model was made from are in the number of alerts, so the reader is told where they went."""
    splits = ["test"] * 4 + ["train", "validation"]
    published = publish_run(
        scores=[1, 20, 30, 40, 50, 60], labels=[False, False, *[True] * 2, False, None], splits=splits
    )

    false_alarms = sections_of(published)["verdict"].content.false_alarms

    assert false_alarms.meaning.startswith("of 3 alerts on test rows is false: 33.3%")
    assert false_alarms.meaning.endswith(". 2 others are on rows used to make the model or without a label")


def test_a_rule_without_a_rate_promises_none(publish_run: Callable[..., Any]) -> None:
    """A threshold that promises recall, say, is told in its own words, and its alerts are compared all the same."""
    changes = {"target_fpr": None, "rule": "recall", "promise": "at least 90 % of anomalies found"}
    published = publish_run(scores=np.linspace(0.1, 20, 100), manifest={"target_fpr": None}, calibration=changes)

    page = render_page(gather(published.table))

    assert "at least 90 % of anomalies found" in page
    assert "promised: at most" not in page
    assert "expected: 1%" in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("3.257199074716764", "3.2572"),
        ("-1.5e-07", "-1.5e-07"),
        ("20230101.123456", "20230101"),
        ("3.2572", "3.2572"),
        ("1.2.3.4.5.6.7.8", "1.2.3.4.5.6.7.8"),
        ("=1.00000000001", "=1.00000000001"),
        (None, None),
    ],
)
def test_long_decimals_are_rounded_and_other_text_is_not(text: str | None, shown: str | None) -> None:
    """A value seen reads beside the one expected; ids, versions and formulas stay as they are."""
    assert tidy(text) == shown
