"""A run of the whole pipeline on a small table in three parts, made once; tests that change files work on a copy."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests_support import write_table
from workspace_counts import Counts

from anomaly_ae.ingest import writer
from anomaly_ae.spec import Spec
from anomaly_ae.stages.pipeline import Run, run
from anomaly_ae.storage import publishing
from anomaly_ae.workspace import manifest, model_version
from anomaly_ae.workspace.workspace import Workspace


@pytest.fixture(scope="session")
def counted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Counts]:
    """The run, and what was counted during it."""
    directory = tmp_path_factory.mktemp("plant")
    write_table(directory / "plant.csv")
    label = {"column": "anomaly", "anomaly_values": [1]}
    spec = Spec.model_validate(
        {
            "name": "plant",
            "workspace": str(directory / "runs"),
            "data": {"source": str(directory / "plant.csv"), "id": "part_id", "label": label},
            "network": {"kind": "denoising"},
            "threshold": {"target_fpr": 0.05},
            "training": {"steps": 20},
        }
    )
    counts = Counts(Counter(), Counter(), Counter())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "GROUP_ROWS", 40)  # a part holds seven groups: 280, 280 and 40 rows
        patch.setattr(publishing, "hash_file", _counting(publishing.hash_file, counts.hashed))
        patch.setattr(manifest, "read_manifest", _counting(manifest.read_manifest, counts.manifests))
        patch.setattr(model_version, "rebuild", _counting(model_version.rebuild, counts.rebuilt))
        made = run(spec)
    return made, counts


@pytest.fixture(scope="session")
def made(counted: tuple[Run, Counts]) -> Run:
    """The run; its files must not be changed."""
    return counted[0]


@pytest.fixture
def workspace(made: Run, tmp_path: Path) -> Workspace:
    """A copy of its workspace."""
    shutil.copytree(made.workspace.location, tmp_path / "runs")
    return Workspace(tmp_path / "runs")


def _counting(function: Callable[..., Any], calls: Counter[str]) -> Callable[..., Any]:
    """Return a function that counts its calls by their first argument, shortened."""

    def counting(first: Any, *arguments: Any) -> Any:
        calls[str(first)[:200]] += 1
        return function(first, *arguments)

    return counting
