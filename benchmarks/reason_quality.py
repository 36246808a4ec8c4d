"""How often the first reason is the column that was tampered with, for our detector and for column-wise z-scores.

    python benchmarks/reason_quality.py --seeds 0,1,2

Normal rows have pairs of correlated columns and some independent ones. In a `shift`, one column of a row moves by five
standard deviations. In a broken `link`, one column's values are reassigned to rows half of all ranks away: the column's
distribution is unchanged, but no value matches its partner.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Literal

import numpy as np

Kind = Literal["shift", "link"]
TRAIN_ROWS, TEST_ROWS = 1500, 400
PAIRS, SINGLES = 3, 4
NOISE = 0.3
"""Standard deviation of the noise that a column does not share with its partner."""
SHIFT = 5.0


def make_rows(count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw normal rows: columns 0 and 1 are correlated, 2 and 3, and so on; the last ones are independent."""
    first = rng.normal(size=(count, PAIRS))
    second = np.sqrt(1 - NOISE**2) * first + NOISE * rng.normal(size=(count, PAIRS))
    pairs = np.stack([first, second], axis=2).reshape(count, 2 * PAIRS)
    return np.hstack([pairs, rng.normal(size=(count, SINGLES))])


def tamper(X: np.ndarray, column: int, kind: Kind) -> np.ndarray:
    """Return rows in which one column has been tampered with."""
    X = X.copy()
    if kind == "shift":
        X[:, column] += SHIFT
    else:
        order = np.argsort(X[:, column])
        X[order, column] = X[np.roll(order, len(X) // 2), column]
    return X


def hit_rates(kind: Kind, seed: int) -> tuple[float, float]:
    """Return the share of tampered rows whose first reason is correct: by our detector, and by the largest z-score.

    With a broken link, either column of the pair counts as correct.
    """
    from anomaly_ae.estimators.tabular import TabularAutoencoder  # noqa: PLC0415  torch is imported only when needed

    rng = np.random.default_rng(seed)
    train, test = make_rows(TRAIN_ROWS, rng), make_rows(TEST_ROWS, rng)
    detector = TabularAutoencoder(random_state=seed).fit(train)
    ours, z_score = [], []
    for column in range(2 * PAIRS):
        rows = tamper(test, column, kind)
        right = [column] if kind == "shift" else [column, column ^ 1]
        ours.append(np.isin(detector.explain(rows).to_numpy().argmax(axis=1), right).mean())
        z = np.abs((rows - train.mean(axis=0)) / train.std(axis=0))
        z_score.append(np.isin(z.argmax(axis=1), right).mean())
    return float(np.mean(ours)), float(np.mean(z_score))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2", help="separated by commas")
    seeds = [int(seed) for seed in parser.parse_args(arguments).seeds.split(",")]
    print("| tampered | seed | first reason correct, ours | by z-score |\n|---|---|---|---|")
    for kind in ("shift", "link"):
        for seed in seeds:
            ours, z_score = hit_rates(kind, seed)
            print(f"| {kind} | {seed} | {ours:.1%} | {z_score:.1%} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
