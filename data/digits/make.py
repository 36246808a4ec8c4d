"""Recreate digits.csv from the pictures in scikit-learn: `python data/digits/make.py`."""

import csv
import sys
from pathlib import Path

from sklearn.datasets import load_digits

HERE = Path(__file__).parent


def make(directory: Path) -> Path:
    """Write digits.csv into `directory`: the picture's id, its digit, then its 64 grey values row by row."""
    table = load_digits()
    path = directory / "digits.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", "digit", *(f"p{pixel:02d}" for pixel in range(64))])
        for number, (pixels, digit) in enumerate(zip(table.data, table.target, strict=True)):
            writer.writerow([f"picture-{number:04d}", digit, *(int(value) for value in pixels)])
    return path


if __name__ == "__main__":
    print(make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE))
