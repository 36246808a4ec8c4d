"""When does training in several processes pay off? Seconds of the updates with one and with several processes.

    python benchmarks/together.py --processes 2

Each process uses one thread, so one core. For each size of network and batch, runs take turns, and the minimum of their
seconds counts. On a busy machine, CPU seconds are more reliable than wall-clock seconds, but exclude the time processes
wait for each other.
"""

import argparse
import subprocess
import sys
import time
from itertools import product

import torch

from anomaly_ae.networks.denoising import DenoisingNetwork
from anomaly_ae.spec import TrainingSpec
from anomaly_ae.training import Conduct, assign_folds, join, train

WIDTHS = {"256, 256": (256, 256), "1024, 1024": (1024, 1024)}
BATCHES = (256, 2048)
ROWS, COLUMNS, STEPS = 50_000, 30, 40


def train_here(hidden: tuple[int, ...], batch: int) -> None:
    """Train in one of the processes that torchrun started; the main process prints the seconds."""
    rows = torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(0))
    network = DenoisingNetwork(hidden=hidden).build(COLUMNS)
    fold = assign_folds(ROWS, network.members, 0.1, 0)
    spec = TrainingSpec(steps=STEPS, batch_size=batch, check_every=STEPS)
    with join() as group:
        group.wait()
        start = time.perf_counter(), time.process_time()
        train(network, rows, fold, spec, conduct=Conduct(group=group))
        if group.is_main:
            print(time.perf_counter() - start[0], time.process_time() - start[1])


def seconds(processes: int, hidden: str, batch: int) -> tuple[float, float]:
    """Start processes that train together; return wall-clock seconds of the updates, and CPU seconds of one process."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *launcher, __file__, "--hidden", hidden, "--batch", str(batch)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own command
    clock, cpu = map(float, done.stdout.split())
    return clock, cpu


def compare(processes: int, repeats: int) -> None:
    """Print a table of the seconds of one and of several processes, by size of network and batch."""
    print(f"{STEPS} updates on {COLUMNS} columns, torch {torch.__version__}; wall seconds (CPU seconds of one process)")
    print(f"| widths | batch | 1 process | {processes} processes | times faster |")
    print("|---|---|---|---|---|")
    for hidden, batch in product(WIDTHS, BATCHES):
        taken = [[seconds(count, hidden, batch) for count in (1, processes)] for _ in range(repeats)]
        single, several = ([min(column) for column in zip(*runs, strict=True)] for runs in zip(*taken, strict=True))
        faster = " ".join(f"{alone / shared:.2f}" for alone, shared in zip(single, several, strict=True))
        cells = [f"{clock:.2f} ({cpu:.2f})" for clock, cpu in (single, several)]
        print(f"| {hidden} | {batch} | {' | '.join(cells)} | {faster.replace(' ', ' (')}) |")


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--hidden", choices=WIDTHS, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.hidden:
        train_here(WIDTHS[given.hidden], given.batch)
    else:
        compare(given.processes, given.repeats)


if __name__ == "__main__":
    main()
