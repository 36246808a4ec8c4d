"""Scoring, Parquet to Parquet, compared with its lower bound and with peers."""

from pathlib import Path
from typing import Any

from markdown_table import Cells, markdown
from prepare import Shape, prepare_dataset, prepare_model, prepare_sample
from run import Runner

BRIEF = "training.steps=25"
"""The cost of scoring does not depend on the quality of the training."""
MEMORY = ("network.kind=memory", BRIEF)
DENOISING = ("network.kind=denoising", BRIEF)
SMALL = ("network.kind=denoising", "network.members=1", "network.hidden=[64, 64]", BRIEF)
NAMES = {MEMORY: "memory", DENOISING: "denoising", SMALL: "denoising, one of 64-64"}
"""The networks to score with; the small one detects anomalies better than PyOD's autoencoder, see `quality.py`."""
FLOORS = ("floor rows/s", "share of it", "floor by oneDNN", "share of it")
"""Reading, bare products and writing; the products by torch's own operator, and by the one that scoring uses."""
PEERS = ("AutoEncoder", "IForest", "KNN")


def scoring(runner: Runner, directory: Path, options: Any) -> str:
    """Compare scoring, Parquet to Parquet, with its lower bound and with peers that score arrays in memory."""
    sizes = options.sizes
    lines = [_beside_the_floor(runner, directory, Shape(sizes.rows), network) for network in NAMES]
    lines.append(_beside_the_floor(runner, directory, Shape(sizes.rows, 10, 10), MEMORY))
    if sizes.many_rows:
        once = Runner(1, runner.threads)
        lines += [_beside_the_floor(once, directory, Shape(sizes.many_rows), network) for network in (MEMORY, SMALL)]
        runner.measured |= once.measured
    head = ("rows", "columns", "network", "rows/s", *FLOORS, "CPU s", "peak MB")
    return f"## Scoring, Parquet to Parquet\n\n{markdown(head, lines)}\n\n{_peers(runner, directory, options)}"


def _beside_the_floor(runner: Runner, directory: Path, shape: Shape, network: tuple[str, ...]) -> Cells:
    dataset, model = prepare_dataset(runner, directory, shape), prepare_model(runner, directory, shape, network)
    sample, title = prepare_sample(runner, directory, shape, network), _title(shape, network)
    found = runner.side_by_side(
        {f"score {title}": ("score", dataset, model), f"floor {title}": ("floor", dataset, model, sample)}
    )
    ours, floor = found.values()
    pace = shape.rows / ours["wall_s"]
    floors = [
        shape.rows / (floor["read_s"] + floor[products] + floor["write_s"])
        for products in ("products_s", "onednn_products_s")
    ]
    shares = [cell for floor_pace in floors for cell in (floor_pace, f"{pace / floor_pace:.0%}")]
    return (f"{shape.rows:,}", shape.columns, NAMES[network], pace, *shares, ours["cpu_s"], ours["peak_rss_mb"])


def _title(shape: Shape, network: tuple[str, ...]) -> str:
    return f"{shape.rows:,} x {shape.columns}, {NAMES[network]}"


def _peers(runner: Runner, directory: Path, options: Any) -> str:
    """Measure peers that score rows in memory, and compare our networks, which score from file to file."""
    sizes = options.sizes
    shape = Shape(sizes.rows)
    dataset = prepare_dataset(runner, directory, shape)
    ours = [runner.measured[f"score {_title(shape, network)}"] for network in NAMES]
    lines: list[Cells] = []
    for name in PEERS:
        found = runner.run(f"peer {name}", "peer", name, sizes.train_rows, dataset, sizes.peer_rows)
        by_clock, by_cpu = (found["rows"] / found[unit] for unit in ("wall_s", "cpu_s"))
        times = [
            f"{sizes.rows / own['wall_s'] / by_clock:.1f} x, {sizes.rows / own['cpu_s'] / by_cpu:.1f} x" for own in ours
        ]
        lines.append((f"PyOD {name}", by_clock, by_cpu, found["peak_rss_mb"], *times))
    head = ("peer, from memory, no output", "rows/s", "rows/CPU s", "peak MB", *(f"{n} is" for n in NAMES.values()))
    return f"Speed-up of our networks, by wall-clock and by CPU seconds:\n\n{markdown(head, lines)}"
