"""When training in several processes pays: seconds of the updates alone, one process beside several on this machine.

    python benchmarks/together.py --processes 2

Each process is a core: one process trains on one thread. Per size of network and batch, runs are taken in turn, and
the least of their seconds counts. Where other programs run, the CPU seconds of a process tell more than those of the
clock; they leave out what a process waits for the others.
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
    """Train as one of the processes that torchrun started; the first prints the seconds."""
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
    """Start processes that train together; return the seconds of their updates, by the clock and of one's CPU."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *launcher, __file__, "--hidden", hidden, "--batch", str(batch)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own command
    clock, cpu = map(float, done.stdout.split())
    return clock, cpu


def compare(processes: int, repeats: int) -> None:
    """Print a table: per size of network and batch, the seconds of one process and of several."""
    print(f"{STEPS} updates on {COLUMNS} columns, torch {torch.__version__}; seconds of the clock (CPU seconds of one)")
    print(f"| widths | batch | 1 process | {processes} processes | times faster |")
    print("|---|---|---|---|---|")
    for hidden, batch in product(WIDTHS, BATCHES):
        taken = [[seconds(count, hidden, batch) for count in (1, processes)] for _ in range(repeats)]
        one, several = ([min(column) for column in zip(*runs, strict=True)] for runs in zip(*taken, strict=True))
        faster = " ".join(f"{alone / shared:.2f}" for alone, shared in zip(one, several, strict=True))
        cells = [f"{clock:.2f} ({cpu:.2f})" for clock, cpu in (one, several)]
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
