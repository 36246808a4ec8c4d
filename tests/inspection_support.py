"""A small run on pictures, made once: pictures with patches and masks, a model of them, their scores and report."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from picture_support import PATCH, write_pictures
from PIL import Image

from anomaly_ae.spec import Spec
from anomaly_ae.stages.pipeline import SCORING, Run, require, run, run_stages
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.workspace import Workspace

SIDE = 32


@dataclass(frozen=True)
class Inspection:
    """Where the run was, the spec it followed, and what it made."""

    root: Path
    spec: Spec
    made: Run

    @property
    def scored(self) -> Path:
        """Directory of the scored table."""
        return require(self.made.scored).directory

    @property
    def dataset(self) -> Dataset:
        """The pictures."""
        return require(self.made.ingested).dataset

    @property
    def model(self) -> ModelVersion:
        """The model of them."""
        return require(self.made.model)

    def score(self, source: str | Path, workspace: Workspace) -> Path:
        """Score other pictures by the model; return the directory of the scored table."""
        new = Run.with_model(self.model, workspace, self.spec.data, str(source))
        return require(run_stages(new, SCORING[:2]).scored).directory


def write_marked_pictures(root: Path) -> Path:
    """Write pictures in MVTec's layout; all but one of those with a patch have a mask of it."""
    write_pictures(root, SIDE)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    one, other = (int(share * SIDE) for share in PATCH)
    mask[one:other, one:other] = 255
    folder = root / "ground_truth" / "patch"
    folder.mkdir(parents=True)
    for path in sorted((root / "test" / "patch").glob("*.png"))[1:]:
        Image.fromarray(mask).save(folder / f"{path.stem}_mask.png")
    return root


def inspect(root: Path) -> Inspection:
    """Run the whole pipeline on pictures below `root`."""
    settings = {
        "name": "bars",
        "workspace": str(root / "ws"),
        "data": {"source": str(write_marked_pictures(root / "pictures"))},
        "split": {"by": "folder"},
        "network": {"kind": "convolutional", "hidden": (8, 16), "bottleneck": 8},
        "training": {"steps": 150, "learning_rate": 3e-3, "device": "cpu"},
        "threshold": {"target_fpr": 0.2},
    }
    spec = Spec.model_validate(settings)
    return Inspection(root, spec, run(spec))
