"""The flows with a source and a workspace on an object store: tasks hand on s3:// paths as text."""

from pathlib import Path

from tests_support import make_frame

from anomaly_ae.spec import Spec
from anomaly_ae.spec.file import parse_spec
from anomaly_ae.stages.pipeline import run
from anomaly_ae.storage import files_below, locate
from anomaly_ae.workspace.workspace import Workspace
from flows.housekeeping import HousekeepingParameters, housekeeping
from flows.nightly import NightlyParameters, nightly
from flows.pipeline import PipelineParameters, pipeline


def spec_of(place: Path) -> Spec:
    """Write a table, and say what to do with it."""
    (place / "plant.csv").write_text(make_frame().to_csv(index=False))
    label = {"column": "anomaly", "anomaly_values": [1]}
    data = {"source": str(place / "plant.csv"), "id": "part_id", "label": label}
    return parse_spec({"workspace": str(place / "runs"), "data": data, "training": {"steps": 30}})


def test_pipeline_makes_what_the_steps_make_on_this_machine(bucket: Path, tmp_path: Path) -> None:
    """The flow's scored table has the same bytes as that of the steps without Prefect, on this machine."""
    done = pipeline(PipelineParameters(spec=spec_of(bucket)))
    plain = run(spec_of(tmp_path))

    part, scored = "part-00000.parquet", locate(done["scored"]["directory"])
    assert str(scored).startswith("s3://")
    assert (scored / part).read_bytes() == (plain.scored.directory / part).read_bytes()
    assert locate(done["report"]).is_file()


def test_nightly_scores_what_is_new(bucket: Path) -> None:
    """The nightly flow finds new objects by a glob, and scores each once; housekeeping leaves all of it."""
    spec = spec_of(bucket)
    run(spec)
    (bucket / "new" / "2026-11-01.csv").write_text(make_frame(60, seed=1).to_csv(index=False))
    asked = NightlyParameters(source=f"{bucket}new/*.csv", name=spec.name, workspace=spec.workspace)

    first, second = nightly(asked), nightly(asked)

    assert (first["new"], second["new"], second["done"]) == (["2026-11-01.csv"], [], ["2026-11-01.csv"])
    kept = files_below(bucket)
    housekeeping(HousekeepingParameters(workspace=spec.workspace, dry_run=False))
    assert files_below(bucket) == kept
    assert Workspace.open(spec.workspace).aliased_model(spec.name).directory.is_dir()
