"""A flow whose disk is full fails with the words of the step, and leaves nothing behind."""

from pathlib import Path

import pytest
from small_disk import mounted
from tests_support import write_table

from anomaly_ae.errors import StorageError
from anomaly_ae.spec.file import parse_spec
from anomaly_ae.stages.pipeline import TRAINING, Run, require, run_stages
from flows.score import ScoreParameters, score


def test_a_flow_on_a_full_disk(tmp_path: Path) -> None:
    """The state says where space is missing; no part of the table is there, and with space the same flow makes it."""
    write_table(tmp_path / "plant.csv")
    with mounted(tmp_path / "disk") as disk:
        source, workspace = str(tmp_path / "plant.csv"), disk.path / "runs"
        settings = {"data": {"source": source, "id": "part_id"}, "training": {"steps": 20}, "workspace": str(workspace)}
        spec = parse_spec({**settings, "network": {"kind": "denoising"}, "threshold": {"target_fpr": 0.1}})
        trained = run_stages(Run.of(spec), TRAINING)
        run_stages(Run.with_model(require(trained.model), trained.workspace, spec.data, source), ("ingest",))
        parameters = ScoreParameters(source=source, name=spec.name, workspace=str(workspace))

        with disk.filled(), pytest.raises(StorageError, match="no space is left"):
            score(parameters)
        assert list((workspace / "scored").iterdir()) == []

        assert Path(score(parameters)["report"]).is_file()
