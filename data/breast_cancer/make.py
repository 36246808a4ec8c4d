"""Recreate breast_cancer.csv from the table in scikit-learn: `python data/breast_cancer/make.py`."""

import csv
import sys
from pathlib import Path

from sklearn.datasets import load_breast_cancer

HERE = Path(__file__).parent


def make(directory: Path) -> Path:
    """Write breast_cancer.csv into `directory`: id, diagnosis, then the thirty measurements by name."""
    table = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in table.feature_names]
    order = sorted(range(len(names)), key=names.__getitem__)
    path = directory / "breast_cancer.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", "diagnosis", *(names[column] for column in order)])
        for number, (values, target) in enumerate(zip(table.data, table.target, strict=True)):
            # Ten digits represent every published value, and print identically on every machine.
            cells = [f"{values[column]:.10g}" for column in order]
            writer.writerow([f"sample-{number:03d}", table.target_names[target], *cells])
    return path


if __name__ == "__main__":
    print(make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE))
