"""Speed and memory of our stages, a lower bound, and peers, all in one run.

    python benchmarks/speed.py --small                      # a little over two minutes
    python benchmarks/speed.py --results DIR --adbench DIR  # everything; writes speed.json and speed.md

Every job runs in a separate process, jobs that are compared take turns, and figures are medians. Ratios matter more
than seconds, because they vary less from machine to machine.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "speed"))

from prepare import Sizes
from run import Runner
from sections import SECTIONS

FULL = Sizes(
    rows=1_000_000,
    many_rows=10_000_000,
    peer_rows=50_000,
    train_rows=20_000,
    growth=(50_000, 500_000, 5_000_000),
    sets=5,
    pictures=1000,
)
SMALL = Sizes(
    rows=30_000, many_rows=None, peer_rows=5_000, train_rows=5_000, growth=(10_000, 50_000), sets=1, pictures=48
)


@dataclass(frozen=True)
class Options:
    """The options of the command line."""

    sizes: Sizes
    only: tuple[str, ...]
    repeats: int
    threads: int
    results: Path | None
    adbench: Path | None
    pictures: Path | None


def read_options() -> Options:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", action="store_true", help="few rows, one round")
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"some of {', '.join(SECTIONS)}")
    parser.add_argument("--repeats", type=int, help="rounds; default 3, with --small 1")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="cores per job")
    parser.add_argument("--results", type=Path, help="directory for speed.json and speed.md")
    parser.add_argument("--adbench", type=Path, help="ADBench .npz files, for training to equal quality")
    parser.add_argument("--pictures", type=Path, help="a folder of pictures, MVTec layout")
    given = parser.parse_args()
    return Options(
        SMALL if given.small else FULL,
        tuple(given.only.split(",")),
        given.repeats or (1 if given.small else 3),
        given.threads,
        given.results,
        given.adbench,
        given.pictures,
    )


def main() -> None:
    """Measure section by section and print the Markdown."""
    options = read_options()
    runner = Runner(options.repeats, options.threads)
    pages = []
    with tempfile.TemporaryDirectory() as directory:
        for name in options.only:
            page = SECTIONS[name](runner, Path(directory), options)
            print(page, flush=True)
            pages.append(page)
    if options.results:
        options.results.mkdir(parents=True, exist_ok=True)
        (options.results / "speed.md").write_text("\n\n".join(pages) + "\n", encoding="utf-8")
        (options.results / "speed.json").write_text(json.dumps(runner.measured, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
