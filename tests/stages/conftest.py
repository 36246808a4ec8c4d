"""What tests of the stages share."""

from pathlib import Path

import pytest
from tests_support import write_table

from anomaly_ae.spec import Spec
from anomaly_ae.spec.file import dump_spec


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    """A spec in the directory where commands are run, and its table."""
    write_table(tmp_path / "plant.csv")
    made = Spec.model_validate(
        {
            "name": "plant",
            "workspace": str(tmp_path / "runs"),
            "data": {"source": str(tmp_path / "plant.csv"), "id": "part_id", "label": {"column": "anomaly"}},
            "network": {"kind": "denoising"},
            "threshold": {"target_fpr": 0.05},
            "training": {"steps": 5},
        }
    )
    (tmp_path / "anomaly_ae.yaml").write_text(dump_spec(made), encoding="utf-8")
    return made
