"""The verdict on a threshold: how often it is wrong on undrifted rows, and how large a shift it detects.

    python benchmarks/validity.py --adbench DIR --seeds 0,1,2,3,4,5 --results benchmarks/results

Only normal rows are used: 60% train and calibrate a detector, the others are cut into batches that are judged as new,
unlabelled rows, first unchanged and then with columns shifted by a multiple of their standard deviation.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from protocol import npz_rows

if TYPE_CHECKING:
    from anomaly_ae.estimators.tabular import TabularAutoencoder
    from anomaly_ae.monitoring.profile import Profile
    from anomaly_ae.monitoring.validity import Validity

SETS = "22_magic.gamma,23_mammography,10_cover,27_PageBlocks"
SIZES = (100, 500, 2000)
SHIFTS = (0.1, 0.25, 0.5, 1.0, 2.0)
MOVED = ("one column", "all columns")
MAX_BATCHES = 20
"""Maximum number of undrifted batches per size, set and seed."""
DRAWS = 3
"""Number of shifted batches per size, set, seed and shift."""
TARGET_FPR = 0.01


@dataclass(frozen=True)
class Judged:
    """One batch and its verdict."""

    set: str
    seed: int
    rows: int
    moved: str
    shift: float
    verdict: str
    scores_moved: bool
    columns_drifted: int


def judge_set(path: Path, seed: int) -> list[Judged]:
    """Train on a set once and judge every batch."""
    import torch  # noqa: PLC0415  in the process that fits

    from anomaly_ae.estimators.frames import to_table  # noqa: PLC0415  as above
    from anomaly_ae.estimators.tabular import TabularAutoencoder  # noqa: PLC0415  as above
    from anomaly_ae.monitoring.profile import Profile  # noqa: PLC0415  as above

    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    rows = npz_rows(path, seed)
    normal = rng.permutation(np.vstack([rows.X_train, rows.X_test[rows.y_test == 0]]))
    known, new = np.split(normal, [round(0.6 * len(normal))])
    names = [f"x{column}" for column in range(normal.shape[1])]
    frame = pd.DataFrame(known, columns=names)
    detector = TabularAutoencoder(target_fpr=TARGET_FPR, validation_fraction=0.25, random_state=seed).fit(frame)
    profile = Profile.fit(to_table(frame, detector.contract_), detector.contract_.features)
    found = []
    for moved, shift, batch in batches(new, known.std(axis=0), rng):
        cells = pd.DataFrame(batch, columns=names)
        counts = profile.count(to_table(cells, detector.contract_))
        verdict = judge_batch(detector.anomaly_score(cells), detector, profile, counts)
        scores = bool(verdict.scores and verdict.scores.has_moved)
        found.append(Judged(path.stem, seed, len(batch), moved, shift, verdict.verdict, scores, len(verdict.drifted)))
    return found


def batches(new: np.ndarray, spread: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[str, float, np.ndarray]]:
    """Yield disjoint batches of every size, unchanged, and some of them shifted by each amount."""
    for size in SIZES:
        whole = [new[start : start + size] for start in range(0, len(new) - size + 1, size)][:MAX_BATCHES]
        for batch in whole:
            yield "none", 0.0, batch
        for moved in MOVED if whole else ():
            for shift in np.repeat(SHIFTS, DRAWS).tolist():
                chosen = rng.integers(len(spread)) if moved == "one column" else slice(None)
                batch = whole[rng.integers(len(whole))].copy()
                batch[:, chosen] += shift * spread[chosen]
                yield moved, shift, batch


def judge_batch(
    scores: np.ndarray, detector: "TabularAutoencoder", profile: "Profile", counts: list[np.ndarray]
) -> "Validity":
    """Return the verdict as the stage `judge` does."""
    from anomaly_ae.monitoring.alerts import AlertCounts  # noqa: PLC0415  as above
    from anomaly_ae.monitoring.drift import find_drift  # noqa: PLC0415  as above
    from anomaly_ae.monitoring.false_alarms import alarm_rates  # noqa: PLC0415  as above
    from anomaly_ae.monitoring.scores import ScoreRanks  # noqa: PLC0415  as above
    from anomaly_ae.monitoring.validity import judge  # noqa: PLC0415  as above

    reference, threshold = detector.validation_scores_, detector.threshold_
    everything, below = ScoreRanks(reference), ScoreRanks(reference[reference <= threshold])
    everything.add(scores)
    below.add(scores[scores <= threshold])
    rates = alarm_rates(int((reference > threshold).sum()), len(reference))
    return judge(
        AlertCounts.of(int((scores > threshold).sum()), len(scores)),
        rates,
        scores=everything.check(),
        below=below.check(),
        columns=find_drift(profile.columns, counts),
    )


def tables(judged: pd.DataFrame) -> str:
    """Return both tables as Markdown."""
    calm = judged[judged["moved"] == "none"].groupby("rows")["verdict"]
    lines = ["| rows | undrifted batches | false verdicts | drifting | invalid |", "|---|---|---|---|---|"]
    for rows, verdicts in calm:
        wrong = (verdicts != "fine").mean()
        parts = [f"{(verdicts == name).mean():.2%}" for name in ("drifting", "invalid")]
        lines.append(f"| {rows} | {len(verdicts)} | {wrong:.2%} | {' | '.join(parts)} |")
    titles = [f"{shift:g} sd" for shift in SHIFTS]
    lines += ["", f"| moved | rows | {' | '.join(titles)} |", f"|---|---|{'---|' * len(SHIFTS)}"]
    for (moved, rows), group in judged[judged["moved"] != "none"].groupby(["moved", "rows"], sort=False):
        seen = [group.loc[group["shift"] == shift, "verdict"] for shift in SHIFTS]
        cells = [f"{(verdict != 'fine').mean():.0%} ({(verdict == 'invalid').mean():.0%})" for verdict in seen]
        lines.append(f"| {moved} | {rows} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables: false verdicts, and power (in brackets the share of verdicts "invalid")."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adbench", type=Path, required=True, help="directory of ADBench .npz files")
    parser.add_argument("--sets", default=SETS, help="separated by commas")
    parser.add_argument("--seeds", default="0", help="separated by commas")
    parser.add_argument("--jobs", type=int, default=1, help="concurrent fits")
    parser.add_argument("--results", type=Path, help="directory for validity.csv and validity.md")
    options = parser.parse_args(arguments)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    paths = [options.adbench / f"{name}.npz" for name in options.sets.split(",")]
    with ProcessPoolExecutor(options.jobs) as pool:
        running = [pool.submit(judge_set, path, seed) for path in paths for seed in seeds]
        judged = pd.DataFrame([asdict(batch) for future in running for batch in future.result()])
    print(tables(judged))
    if options.results:
        judged.to_csv(options.results / "validity.csv", index=False)
        (options.results / "validity.md").write_text(tables(judged) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
