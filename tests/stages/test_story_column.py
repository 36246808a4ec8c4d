"""The column `story`: every alert of a scored table belongs to one story of `stories.json`, whichever part it is in."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests_support import make_frame

from anomaly_ae.errors import ArtifactError
from anomaly_ae.ingest import writer
from anomaly_ae.scoring.schema import REASON
from anomaly_ae.spec import Spec
from anomaly_ae.stages.pipeline import Run, run
from anomaly_ae.stories.alerts import story_names, tell_stories
from anomaly_ae.workspace.scored_table import ScoredTable

ROWS = 2000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A table in several parts, whose anomalies have three causes; the last part has no anomaly."""
    directory = tmp_path_factory.mktemp("plant")
    frame = make_frame(ROWS)
    number = np.arange(ROWS)
    is_last = number >= ROWS - 250
    frame.loc[is_last & (frame["anomaly"] == 1), "heat"] -= 40
    frame.loc[is_last, "anomaly"] = 0
    frame.loc[(number % 20 == 7) & ~is_last, ["load", "anomaly"]] = [300.0, 1]
    frame.loc[(number % 40 == 13) & ~is_last, ["line", "anomaly"]] = ["attic", 1]
    frame.to_csv(directory / "plant.csv", index=False)
    label = {"column": "anomaly", "anomaly_values": [1]}
    spec = Spec.model_validate(
        {
            "workspace": str(directory / "runs"),
            "data": {"source": str(directory / "plant.csv"), "id": "part_id", "label": label},
            "network": {"kind": "denoising"},
            "threshold": {"target_fpr": 0.01},
            "training": {"steps": 200},
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "GROUP_ROWS", 50)  # a part holds seven groups
        yield run(spec)


@pytest.fixture(scope="module")
def table(made: Run) -> ScoredTable:
    """The scored table."""
    return made.scored.table


@pytest.fixture(scope="module")
def rows(table: ScoredTable) -> pd.DataFrame:
    """Its rows, with the part that each is in."""
    parts = [pq.read_table(part).to_pandas().assign(part=part.name) for part in table.parts]
    return pd.concat(parts, ignore_index=True)


def test_alerts_have_a_story_and_other_rows_have_none(table: ScoredTable, rows: pd.DataFrame) -> None:
    """Null for a row below the threshold; for an alert, the name of a story in `stories.json`."""
    names = {story.name for story in table.stories}

    assert rows["part"].nunique() == 6
    assert rows["is_anomaly"].sum() > 100
    assert rows["story"].notna().equals(rows["is_anomaly"])
    assert set(rows["story"].dropna()) == names
    assert {"load above normal", "line = attic, unusual"} <= names


def test_the_rows_of_a_story_are_counted_in_it(table: ScoredTable, rows: pd.DataFrame) -> None:
    """Counting the column gives the stories' rows, over all parts, and names are unique."""
    names = [story.name for story in table.stories]

    assert rows["story"].value_counts().to_dict() == {story.name: story.rows for story in table.stories}
    assert len(set(names)) == len(names)
    assert sum(story.rows for story in table.stories) == table.manifest.alerts
    assert table.stories == tuple(sorted(table.stories, key=lambda story: (not story.traits, -story.rows)))


def test_every_part_uses_the_stories_of_the_table(table: ScoredTable, rows: pd.DataFrame) -> None:
    """A story runs through the parts; alerts with the same reasons have the same story in each of them."""
    whole = pa.concat_tables([pq.read_table(part) for part in table.parts]).combine_chunks()
    (batch,) = whole.to_batches()
    largest = rows.loc[rows["story"] == table.stories[0].name]

    assert largest["part"].nunique() >= 4
    assert not rows.loc[rows["part"] == rows["part"].max(), "is_anomaly"].all()
    assert batch.column("story").to_pylist() == story_names(table.stories, batch).to_pylist()


def test_examples_and_top_rows_name_the_same_story(table: ScoredTable, rows: pd.DataFrame) -> None:
    """The examples of a story are rows of it, and a top row has the story of its row."""
    story = rows.set_index("row_id")["story"]

    for told in table.stories:
        assert set(story.loc[list(told.examples)]) == {told.name}
    for top in table.top_rows.rows:
        assert top.story == (story[top.row_id] if top.is_anomaly else None)


def test_scored_again_stories_are_the_same_bytes(made: Run, tmp_path: Path) -> None:
    """Grouping is deterministic: another workspace has the same stories and the same column."""
    spec = made.spec.model_copy(update={"workspace": str(tmp_path)})
    again = run(spec).scored.table

    for name in ("stories.json", *(part.name for part in again.parts)):
        assert (again.directory / name).read_bytes() == (made.scored.directory / name).read_bytes(), name


def test_stories_are_published_with_the_table(table: ScoredTable) -> None:
    """`stories.json` is listed with its hash; what `judge` writes may be replaced, and is not."""
    listed = set(table.manifest.files)

    assert "stories.json" in listed
    assert not listed & {"validity.json", "metrics.json", "top_rows.json", "report.html"}
    assert not list(table.directory.glob("*.arrow"))


def test_altered_stories_are_refused(table: ScoredTable, tmp_path: Path) -> None:
    """Unlike what `judge` writes, stories are part of what was published: they are read as such or not at all."""
    copy = ScoredTable.open(Path(shutil.copytree(table.directory, tmp_path / "scored")))
    (copy.directory / "stories.json").write_text("[]", encoding="utf-8")

    with pytest.raises(ArtifactError, match=r"stories\.json has changed"):
        _ = copy.stories
    (copy.directory / "stories.json").unlink()
    with pytest.raises(ArtifactError, match=r"stories\.json"):
        _ = copy.stories


def reasons_of(feature: str) -> list[dict[str, object]]:
    """Return reasons that are mostly `a`, beside nine lesser features of one kind."""
    lesser = [(f"{feature}{number}", 0.27) for number in range(9)]
    weights = [("a", 0.6), *lesser]
    return [{"feature": name, "value": "9", "expected": "5", "contribution": weight} for name, weight in weights]


def alerts(kinds: list[str]) -> pa.RecordBatch:
    """Return alerts with such reasons, in the columns that stories read."""
    return pa.RecordBatch.from_pydict(
        {
            "row_id": [f"r{number}" for number in range(len(kinds))],
            "source_row": np.arange(len(kinds)),
            "anomaly_score": np.ones(len(kinds)),
            "is_anomaly": [True] * len(kinds),
            "reasons": pa.array([reasons_of(kind) for kind in kinds], pa.list_(REASON)),
        }
    )


def test_names_are_unique_where_two_groups_would_share_one() -> None:
    """Two groups whose heaviest feature is the same are told apart by a number, in the column too."""
    batch = alerts(["b"] * 30 + ["c"] * 20)

    stories = tell_stories([batch], 50)

    assert [story.name for story in stories] == ["a above normal", "a above normal (2)"]
    assert story_names(stories, batch).to_pylist() == ["a above normal"] * 30 + ["a above normal (2)"] * 20


def test_without_alerts_there_is_no_story() -> None:
    """No alert: no story, and a column of nulls."""
    batch = alerts(["b"] * 5).set_column(3, "is_anomaly", pa.array([False] * 5))

    assert tell_stories([batch], 0) == ()
    assert story_names((), batch).to_pylist() == [None] * 5
