"""Flows take picture specs as they take those of tables."""

from pathlib import Path

from inspection_support import Inspection
from picture_support import write_pictures

from anomaly_ae.workspace.scored_table import ScoredTable
from flows.pipeline import PipelineParameters, pipeline
from flows.score import ScoreParameters, score


def test_flows_make_what_the_steps_make(inspection: Inspection, tmp_path: Path) -> None:
    """Table, maps and overlays have the bytes of those made without Prefect, and new pictures are scored too."""
    spec = inspection.spec.model_copy(update={"workspace": str(tmp_path / "ws")})

    done = pipeline(PipelineParameters(spec=spec))
    new = write_pictures(tmp_path / "new", train=2, test=2)
    later = score(ScoreParameters(source=str(new), name=spec.name, workspace=spec.workspace))

    directories = Path(done["scored"]["directory"]), inspection.scored
    made, plain = ({**ScoredTable.open(path).manifest.files, "spec.yaml": None} for path in directories)
    assert made == plain  # but for the spec, which names its workspace
    assert sum(name.startswith("maps/") for name in made) == 52
    assert done["metrics"]["pixels"]["masked_pictures"] == 5
    assert later["scored"]["rows_scored"] == 4
