"""Detection on photographs: our model, PaDiM and PatchCore on the same features; per picture, per pixel, and times.

    python benchmarks/pictures.py DIR [DIR ...] --seeds 0,1,2 --results benchmarks/results/pictures.csv

Each DIR has MVTec's layout. Our model is trained by the pipeline from the spec that `init` writes, which holds out some
of the train pictures for the threshold. Peers are fitted on the same pictures as our model and, marked "all", on all
train pictures. Every score is the mean of a map's hottest hundredth.
"""

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from picture_metrics import image_figures, pixel_figures
from picture_peers import PEERS, as_maps
from torch import Tensor

from anomaly_ae.features.pictures import read_pictures
from anomaly_ae.ingest.pictures.decode import decode
from anomaly_ae.modalities.pictures.model import fit_pictures
from anomaly_ae.modalities.pictures.scores import contribute
from anomaly_ae.networks.feature_maps import FeatureMapsNetwork
from anomaly_ae.networks.picture_network import PICTURES_AT_ONCE
from anomaly_ae.scoring.maps import bring_to
from anomaly_ae.spec import Spec
from anomaly_ae.spec.file import load_spec
from anomaly_ae.split import SplitRule
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.stages.init import init
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.workspace import Workspace

OURS = "anomaly_ae"
FIGURES = ("image_auroc", "image_ap", "pixel_auroc", "aupro", "train_s", "score_ms")
COLUMNS = ("set", "seed", "method", "pictures", *FIGURES)
ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class PictureSet:
    """A dataset of pictures with an official split.

    Attributes:
        dataset: the published dataset.
        train: its train pictures.
        test: its test pictures.
        source: the source folder.
    """

    dataset: Dataset
    train: pa.Table
    test: pa.Table
    source: Path

    @property
    def masks(self) -> list[NDArray[np.bool_]]:
        """Masks of the test pictures, True where anomalous; all False without a mask."""
        sizes = zip(self.test.column("height").to_pylist(), self.test.column("width").to_pylist(), strict=True)
        masks = self.test.column("mask").to_pylist()
        return [
            np.zeros(size, bool) if mask is None else decode(mask) > 127
            for mask, size in zip(masks, sizes, strict=True)
        ]


@dataclass(frozen=True)
class Fit:
    """The result of a method on a set: maps of the test pictures, and times."""

    maps: NDArray[np.float32]
    train_s: float
    score_ms: float


def open_set(source: Path, workspace: Path) -> PictureSet:
    """Ingest a folder of MVTec's layout."""
    spec = Spec.model_validate({"data": {"source": str(source)}})
    dataset = ingest(spec.data, Workspace.open(workspace)).dataset
    rows = pa.Table.from_batches(dataset.batches())
    train, test = (rows.filter(pa.compute.equal(rows.column("origin"), name)) for name in ("train", "test"))
    return PictureSet(dataset, train, test, source)


def spec_of(pictures: PictureSet, seed: int) -> Spec:
    """Return the spec that `anomaly-ae init` writes, with another seed."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "anomaly_ae.yaml"
        path.write_text(init(str(pictures.source.absolute()), path), encoding="utf-8")
        return load_spec(path, [f"split.seed={seed}", f"training.seed={seed}"])


def is_trained_on(pictures: PictureSet, seed: int) -> Tensor:
    """Return which train pictures our model is trained on; the others are its validation pictures."""
    names = SplitRule.fit(pictures.dataset, spec_of(pictures, seed).split).names(pictures.train)
    return torch.tensor([name == "train" for name in names.to_pylist()])


def fit_ours(pictures: PictureSet, seed: int) -> Fit:
    """Train as in the pipeline, and score the test pictures."""
    spec = spec_of(pictures, seed)
    start = time.perf_counter()
    model = fit_pictures(pictures.dataset, SplitRule.fit(pictures.dataset, spec.split), spec).model
    fitted = time.perf_counter()
    maps = [model.score(batch).maps for batch in pictures.test.to_batches(ROWS_AT_ONCE)]
    per_picture = (time.perf_counter() - fitted) / len(pictures.test)
    return Fit(np.concatenate(maps), fitted - start, 1000 * per_picture)


def features_of(rows: pa.Table) -> Tensor:
    """Return the features of pictures in half precision, `(n, positions, channels)`."""
    extract = FeatureMapsNetwork().feature_extractor()
    features = []
    with torch.inference_mode():
        for batch in rows.to_batches(PICTURES_AT_ONCE):
            values = torch.from_numpy(read_pictures(batch, 256, 3).values)
            features.append(extract(values).half())
    return torch.cat(features)


def fit_peer(name: str, train: Tensor, test: Tensor, seed: int) -> Fit:
    """Fit a peer on features and compute its maps; times exclude the backbone."""
    start = time.perf_counter()
    errors = PEERS[name](train, seed)
    fitted = time.perf_counter()
    grid = FeatureMapsNetwork().grid
    maps = torch.cat([as_maps(errors(batch), grid) for batch in torch.split(test, PICTURES_AT_ONCE)])
    per_picture = (time.perf_counter() - fitted) / len(test)
    return Fit(maps.numpy(), fitted - start, 1000 * per_picture)


def measure(pictures: PictureSet, fit: Fit) -> dict[str, float]:
    """Return the metrics and times of a fit."""
    scores = contribute(fit.maps, 0.01).sum(axis=1)
    is_anomaly = np.array(pictures.test.column("_label").to_pylist())
    masks = pictures.masks
    resized = [bring_to(error_map, mask.shape[::-1]) for error_map, mask in zip(fit.maps, masks, strict=True)]
    figures = image_figures(is_anomaly, scores) | pixel_figures(masks, resized)
    return figures | {"train_s": fit.train_s, "score_ms": fit.score_ms}


def run(sources: list[Path], seeds: list[int]) -> Iterator[dict[str, object]]:
    """Fit every method on every set with every seed, yielding one result at a time."""
    with tempfile.TemporaryDirectory() as workspace:
        for source in sources:
            pictures = open_set(source, Path(workspace))
            train, test = features_of(pictures.train), features_of(pictures.test)
            for seed in seeds:
                fits = {OURS: fit_ours(pictures, seed)}
                for name in PEERS:
                    fits[name] = fit_peer(name, train[is_trained_on(pictures, seed)], test, seed)
                    fits[f"{name}, all"] = fit_peer(name, train, test, seed)
                for method, fit in fits.items():
                    yield {
                        "set": source.name, "seed": seed, "method": method, "pictures": len(pictures.train),
                        **{name: round(value, 4) for name, value in measure(pictures, fit).items()},
                    }  # fmt: skip


def table(results: list[dict[str, object]]) -> str:
    """Return the means over seeds, and their means over sets, as Markdown."""
    import pandas as pd  # noqa: PLC0415  only the table needs it

    means = pd.DataFrame(results).groupby(["set", "method"], sort=False)[list(FIGURES)].mean().reset_index()
    over_sets = means.groupby("method", sort=False)[list(FIGURES)].mean().reset_index()
    whole = pd.concat([means, over_sets.assign(set="mean")], ignore_index=True)
    lines = [" | ".join(["set", "method", *FIGURES]), "|".join(["---"] * (2 + len(FIGURES)))]
    for row in whole.to_dict("records"):
        figures = [
            f"{row[name]:.4f}" if row[name] <= 1 and name not in FIGURES[4:] else f"{row[name]:.1f}" for name in FIGURES
        ]
        lines.append(" | ".join([str(row["set"]), str(row["method"]), *figures]))
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Run, append each result to the file at once, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=Path, help="folders in MVTec's layout")
    parser.add_argument("--seeds", default="0", help="separated by commas")
    parser.add_argument(
        "--results", type=Path, required=True, help="CSV to write; the table is written beside it, as .md"
    )
    options = parser.parse_args(arguments)
    results = []
    with options.results.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for result in run(options.sources, [int(seed) for seed in options.seeds.split(",")]):
            writer.writerow(result)
            stream.flush()
            results.append(result)
            print(result, file=sys.stderr, flush=True)
    options.results.with_suffix(".md").write_text(table(results), encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
