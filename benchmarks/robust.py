"""Anomalies among the train rows: our detector with and without `robust`, at several contaminations.

    python benchmarks/robust.py --adbench DIR --seeds 0

At most half of a set's anomalies are planted among the train rows; the other half is tested, the same at every
contamination. A set with few anomalies may therefore not reach the requested contamination.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from protocol import Rows, npz_rows
from sklearn.metrics import average_precision_score, roc_auc_score

CONTAMINATIONS = (0.0, 0.01, 0.05, 0.1, 0.2)
"""Share of anomalies among the train rows."""
Result = tuple[float, float, float]
"""AUROC, AP, share of train rows trimmed."""


def contaminate(rows: Rows, contamination: float, seed: int) -> Rows:
    """Plant anomalies among the train rows; only the other half of them is tested."""
    anomalies = np.random.default_rng(seed).permutation(np.flatnonzero(rows.y_test))
    half = len(anomalies) // 2
    wanted = round(contamination / (1 - contamination) * len(rows.X_train))
    tested = np.setdiff1d(np.arange(len(rows.y_test)), anomalies[:half])
    train = np.vstack([rows.X_train, rows.X_test[anomalies[: min(wanted, half)]]])
    return Rows(train, rows.X_test[tested], rows.y_test[tested])


def fit(path: Path, contamination: float, seed: int, robust: bool) -> Result:
    """Fit one detector and evaluate it."""
    import torch  # noqa: PLC0415  in the process that fits

    from anomaly_ae.estimators.tabular import TabularAutoencoder  # noqa: PLC0415  as above

    torch.set_num_threads(1)
    rows = contaminate(npz_rows(path, seed), contamination, seed)
    detector = TabularAutoencoder(robust=robust, random_state=seed).fit(rows.X_train)
    scores = detector.anomaly_score(rows.X_test)
    auroc, ap = roc_auc_score(rows.y_test, scores), average_precision_score(rows.y_test, scores)
    return float(auroc), float(ap), len(detector.trimmed_) / len(rows.X_train)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a Markdown table of means over sets and seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adbench", type=Path, required=True, help="directory of ADBench .npz files")
    parser.add_argument("--sets", default="", help="only these sets, separated by commas")
    parser.add_argument("--seeds", default="0", help="separated by commas")
    parser.add_argument("--jobs", type=int, default=1, help="concurrent fits")
    options = parser.parse_args(arguments)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    wanted = [name for name in options.sets.split(",") if name]
    paths = [path for path in sorted(options.adbench.glob("*.npz")) if not wanted or path.stem in wanted]
    with ProcessPoolExecutor(options.jobs) as pool:
        running = {
            (share, robust): [pool.submit(fit, path, share, seed, robust) for path in paths for seed in seeds]
            for share in CONTAMINATIONS
            for robust in (False, True)
        }
        results = {key: [future.result() for future in futures] for key, futures in running.items()}
    print("| planted | AUROC plain | robust | AP plain | robust | trimmed |\n|---|---|---|---|---|---|")
    for share in CONTAMINATIONS:
        (auroc, ap, _), (robust_auroc, robust_ap, trimmed) = (
            np.mean(results[share, robust], axis=0) for robust in (False, True)
        )
        print(f"| {share:.0%} | {auroc:.4f} | {robust_auroc:.4f} | {ap:.4f} | {robust_ap:.4f} | {trimmed:.1%} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
