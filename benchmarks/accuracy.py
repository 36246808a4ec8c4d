"""Detection quality of our detector and of peers: runs the fits missing from the results file, then compares.

    python benchmarks/accuracy.py --adbench DIR --peers KNN,LOF --seeds 0,1,2 --results accuracy.csv

Each fit runs in a fresh process and appends a row to the results file when it ends, so an interrupted run can be
resumed.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from peers import METHODS, OURS, find_method

KEY = ("dataset", "method", "seed")
COLUMNS = (
    *KEY, "auroc", "auprc", "f1", "fit_cpu_s", "score_cpu_s", "peak_rss_mb", "n_train", "n_test", "d",
)  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """One fit to run.

    Attributes:
        dataset: name of the dataset.
        method: name that `find_method` accepts.
        seed: seed of the rows and of the method.
        target: arguments of `one_fit.py` that name the rows to read.
    """

    dataset: str
    method: str
    seed: int
    target: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """The key of the fit in the results file."""
        return (self.dataset, self.method.partition("=")[0], str(self.seed))


def plan(targets: dict[str, tuple[str, ...]], methods: Sequence[str], seeds: Iterable[int]) -> list[Fit]:
    """List all fits, ordered by seed, so that early results cover every dataset."""
    return [
        Fit(dataset, method, seed, target)
        for seed in seeds
        for dataset, target in targets.items()
        for method in methods
    ]


def find_targets(adbench: Path | None, tables: Path | None) -> dict[str, tuple[str, ...]]:
    """Return the datasets that can be read: the .npz files of one directory, the known tables of another."""
    targets: dict[str, tuple[str, ...]] = {}
    if adbench is not None:
        targets |= {path.stem: (str(path),) for path in sorted(adbench.glob("*.npz"))}
    if tables is not None:
        from mixed import TABLES  # noqa: PLC0415  imports pandas, which .npz files do not need

        targets |= {name: (name, str(tables)) for name, table in TABLES.items() if (tables / table.file).is_file()}
    return targets


def read_keys(path: Path) -> set[tuple[str, str, str]]:
    """Return the keys of the fits in a results file."""
    if not path.is_file():
        return set()
    with path.open(newline="", encoding="utf-8") as stream:
        return {(row["dataset"], row["method"], row["seed"]) for row in csv.DictReader(stream)}


def append_row(path: Path, row: dict[str, object]) -> None:
    """Append one row to a results file, after a header if the file is new.

    The line is smaller than the stream's buffer, so it is written at once, completely or not at all.
    """
    is_new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def run_fit(fit: Fit, threads: int, timeout: float) -> dict[str, object]:
    """Run one fit in a fresh process and return its row.

    Raises:
        RuntimeError: the fit failed; the message is its last line of output.
        subprocess.TimeoutExpired: the fit took too long.
    """
    command = [sys.executable, str(Path(__file__).with_name("one_fit.py")), fit.method, str(fit.seed), *fit.target]
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    done = subprocess.run(  # noqa: S603  our own script
        command, env={**os.environ, **limits}, capture_output=True, text=True, timeout=timeout, check=False
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or f"ended with {done.returncode}").splitlines()[-1])
    # Methods may print too; the result is the last line.
    return dict(zip(KEY, fit.key, strict=True)) | json.loads(done.stdout.splitlines()[-1])


def run_fits(fits: Sequence[Fit], results: Path, *, jobs: int = 1, threads: int = 1, timeout: float = 3600) -> int:
    """Run the fits missing from the results file; failures are printed and left out, to be retried next time.

    Returns:
        The number of failures.
    """
    done = read_keys(results)
    waiting = [fit for fit in fits if fit.key not in done]
    pool = ThreadPoolExecutor(jobs)
    futures = {pool.submit(run_fit, fit, threads, timeout): fit for fit in waiting}
    failures = 0
    try:
        for number, future in enumerate(as_completed(futures), 1):
            name = f"[{number}/{len(waiting)}] {' '.join(futures[future].key)}"
            failures += not _record(future, name, results)
    finally:
        pool.shutdown(cancel_futures=True)
    return failures


def _record(future: Future[dict[str, object]], name: str, results: Path) -> bool:
    """Append a fit's row to the results, or print why it failed; return whether it succeeded."""
    try:
        row = future.result()
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        print(f"{name} FAILED: {error}", flush=True)
        return False
    append_row(results, row)
    print(f"{name} AUROC {row['auroc']} AP {row['auprc']} {row['fit_cpu_s']} CPU s", flush=True)
    return True


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adbench", type=Path, help="directory of ADBench .npz files")
    parser.add_argument("--tables", type=Path, help="directory of the mixed-type tables")
    parser.add_argument("--sets", default="", help="only these sets, separated by commas")
    parser.add_argument("--ours", default=OURS, help="the method to compare: a name, or name=module:function")
    parser.add_argument("--peers", default="", help=f"methods to compare it with: {', '.join(METHODS)}")
    parser.add_argument("--peers-only", action="store_true", help="fit only the peers, without a comparison")
    parser.add_argument("--peers-csv", type=Path, action="append", default=[], help="results of peers to merge")
    parser.add_argument("--seeds", default="0", help="separated by commas")
    parser.add_argument(
        "--results", type=Path, default=Path("accuracy.csv"), help="file that a row per fit is appended to"
    )
    parser.add_argument("--table", type=Path, help="Markdown file to write; default: print it")
    parser.add_argument("--jobs", type=int, default=1, help="concurrent fits")
    parser.add_argument("--threads", type=int, default=1, help="threads per fit")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds allowed per fit")
    return parser.parse_args(arguments)


def compare(options: argparse.Namespace, targets: Iterable[str], ours: str) -> str:
    """Return the comparison of all results on these datasets and seeds as Markdown."""
    import pandas as pd  # noqa: PLC0415  only the comparison needs it
    from summary import summarise  # noqa: PLC0415  as above

    frames = [pd.read_csv(path) for path in (options.results, *options.peers_csv)]
    # Of two results of the same fit the first counts, so our own take precedence over merged ones.
    results = pd.concat(frames, ignore_index=True).drop_duplicates([*KEY])
    seeds = [int(seed) for seed in options.seeds.split(",")]
    return summarise(results[results.dataset.isin(list(targets)) & results.seed.isin(seeds)], ours)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, compare, and return the number of failed fits."""
    options = read_options(arguments)
    targets = find_targets(options.adbench, options.tables)
    if wanted := [name for name in options.sets.split(",") if name]:
        targets = {name: targets[name] for name in wanted}
    methods = [*([] if options.peers_only else [options.ours]), *(name for name in options.peers.split(",") if name)]
    for method in methods:
        if "=" not in method:  # the user's own methods are imported only in the process that fits them
            find_method(method)
    fits = plan(targets, methods, [int(seed) for seed in options.seeds.split(",")])
    failures = run_fits(fits, options.results, jobs=options.jobs, threads=options.threads, timeout=options.timeout)
    if not options.peers_only:
        text = compare(options, targets, options.ours.partition("=")[0])
        if options.table is None:
            print(text)
        else:
            options.table.write_text(text, encoding="utf-8")
    return failures


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
