"""The nightly flow: one task a partition, what is new only, and a run that fails in the end when a partition did."""

from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from tests_support import write_table

from anomaly_ae.errors import SourceError
from anomaly_ae.spec import DataSpec, Spec
from anomaly_ae.stages.pipeline import TRAINING, Run, run_stages
from anomaly_ae.stages.score import ScoreResult
from anomaly_ae.workspace.scored_table import ScoredTable
from flows import nightly as flow
from flows.nightly import NightlyParameters, nightly


@pytest.fixture
def parameters(tmp_path: Path) -> NightlyParameters:
    """A champion, and a folder of two days."""
    write_table(tmp_path / "plant.csv")
    (tmp_path / "in").mkdir()
    for day in (1, 2):
        write_table(tmp_path / "in" / f"2026-10-0{day}.csv", rows=60 + day)
    data = DataSpec.model_validate(
        {"source": str(tmp_path / "plant.csv"), "label": {"column": "anomaly", "anomaly_values": [1]}}
    )
    spec = Spec.model_validate(
        {"workspace": str(tmp_path / "runs"), "data": data, "training": {"steps": 5}, "threshold": {"target_fpr": 0.05}}
    )
    run_stages(Run.of(spec), TRAINING)
    return NightlyParameters(source=str(tmp_path / "in"), workspace=str(tmp_path / "runs"))


def test_a_night_scores_what_is_new(parameters: NightlyParameters) -> None:
    """Each file has its table and its report after the first night; the second has nothing to do."""
    first, second = nightly(parameters), nightly(parameters)

    assert first["new"] == ["2026-10-01.csv", "2026-10-02.csv"]
    assert [made["rows_scored"] for made in first["scored"].values()] == [61, 62]
    assert all((Path(made["directory"]) / "report.html").is_file() for made in first["scored"].values())
    assert (second["new"], second["done"], second["scored"]) == ([], first["new"], {})


def test_a_night_with_a_bad_file_scores_the_others(
    parameters: NightlyParameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends well, the bad file is announced once, and the table of the other one is there and announced."""
    scored: list[ScoreResult] = []
    refused: list[tuple[str, ...]] = []
    monkeypatch.setattr(flow, "announce_scored", scored.append)
    monkeypatch.setattr(flow, "announce_refused", lambda *about: refused.append(about))
    (Path(parameters.source) / "2026-10-01.csv").write_text("load\n1\n", encoding="utf-8")

    first, second = nightly(parameters), nightly(parameters)

    assert [made.rows_scored for made in scored] == [62]
    assert [about[:2] for about in refused] == [("anomaly_ae", "2026-10-01.csv")]
    assert first["refused"] == second["refused_before"] == {"2026-10-01.csv": refused[0][2]}


def test_a_night_of_bad_files_only_fails(parameters: NightlyParameters) -> None:
    """Where nothing could be scored the run fails with the names of the files."""
    for path in Path(parameters.source).iterdir():
        path.write_text("load\n1\n", encoding="utf-8")

    with pytest.raises(SourceError, match=r"nothing could be scored: 2026-10-01\.csv.*2026-10-02\.csv"):
        nightly(parameters)

    failed = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.FAILED])))
    with get_client(sync_client=True) as client:
        assert client.read_flow_runs(flow_run_filter=failed)


def test_the_summary_names_every_partition(parameters: NightlyParameters) -> None:
    """Counts, the tables that were made, what failed and why, and what is late or gone."""
    (directory, *_) = (made["directory"] for made in nightly(parameters)["scored"].values())
    made = ScoreResult(ScoredTable.open(Path(directory)), reused=False)
    result = flow.IncrementalResult(
        new=("b",),
        changed=(),
        rescored=(),
        done=("a",),
        refused={"c": "it is torn"},
        refused_before={"d": "it is empty"},
        failed={"e": "the disk is gone"},
        late=("b",),
        waiting=("today",),
        vanished=("z",),
        scored={"b": made},
    )

    text = flow.summarise(result)

    assert "| new | 1 |" in text
    assert f"| `b` | {made.rows_scored} | {made.alerts} | `{directory}` |" in text
    assert {"- `c`: it is torn", "- `d`: it is empty", "- `e`: the disk is gone"} <= set(text.splitlines())
    assert "- late: b\n- waiting: today\n- vanished: z" in text
