"""How time and memory grow with rows and columns."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markdown_table import Cells, markdown
from prepare import Shape, prepare_dataset, prepare_model
from run import Runner

STEPS = ("ingest", "train", "score")
GIVEN_MB = 200
"""Memory of Python and its libraries, subtracted from peak memory."""


def growth(runner: Runner, directory: Path, options: Any) -> str:
    """Measure time and memory of ingest, train and score over rows and columns, and fit exponents."""
    shapes = [Shape(rows) for rows in options.sizes.growth] + [Shape(options.sizes.growth[0], 300)]
    lines = [line for shape in shapes for line in _lines(shape, _measure(runner, directory, shape))]
    head = ("rows", "columns", "step", "s", "CPU s", "peak MB")
    return f"## How cost grows\n\n{markdown(head, lines)}\n\n{_exponents(lines)}"


def memory(runner: Runner, directory: Path, options: Any) -> str:
    """Measure peak memory over rows."""
    sizes = options.sizes.growth
    found = [_measure(runner, directory, Shape(rows)) for rows in sizes]
    lines = []
    for step in STEPS:
        peaks = [figures[step]["peak_rss_mb"] for figures in found]
        counted = [max(peak - GIVEN_MB, 0.0) for peak in peaks]
        factors = [_times(counted[-1], smaller) for smaller in counted[:-1]]
        lines.append((step, *peaks, *factors))
    most = f"{sizes[-1]:,}"
    head = (*(f"MB at {rows:,} rows" for rows in sizes), *(f"{most} / {rows:,} rows" for rows in sizes[:-1]))
    explanation = (
        f"Peak memory; the factors exclude the first {GIVEN_MB} MB. Memory grows until the buffers are full: a row "
        "group in ingest, a batch per core in scoring, training.max_rows for train and validation rows in training."
    )
    return f"## Memory\n\n{explanation}\n\n{markdown(('step', *head), lines)}"


def _times(last: float, first: float) -> str:
    return f"{last / first:.2f}" if first else "-"


def _measure(runner: Runner, directory: Path, shape: Shape) -> dict[str, dict[str, Any]]:
    """Return the figures of each step on a table of 30 or more columns; existing measurements are reused."""
    titles = {step: f"{step} {shape.key}" for step in STEPS}
    if titles["score"] not in runner.measured:
        dataset, model = prepare_dataset(runner, directory, shape), prepare_model(runner, directory, shape)
        runner.run(titles["score"], "score", dataset, model)
    return {step: runner.measured[title] for step, title in titles.items()}


def _lines(shape: Shape, figures: dict[str, dict[str, Any]]) -> list[Cells]:
    return [
        (shape.rows, shape.numeric, step, measured["wall_s"], measured["cpu_s"], measured["peak_rss_mb"])
        for step, measured in figures.items()
    ]


def _exponents(lines: Sequence[Cells]) -> str:
    """Fit CPU seconds ~ rows^a and ~ columns^b between the smallest and the largest."""
    exponents = []
    for axis, name in ((0, "rows"), (1, "columns")):
        for step in STEPS:
            points = {line[axis]: line[4] for line in lines if line[2] == step and line[1 - axis] == lines[0][1 - axis]}
            (x0, first), *_, (x1, last) = points.items()
            exponent = math.log(float(str(last)) / float(str(first))) / math.log(float(str(x1)) / float(str(x0)))
            exponents.append((step, name, exponent))
    return markdown(("step", "CPU seconds grow with", "exponent"), exponents)
