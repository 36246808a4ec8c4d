"""The sections of the speed report: each function runs its jobs and returns Markdown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from growth import growth, memory
from markdown_table import markdown
from partition import partition
from picture_scoring import pictures
from prepare import Shape, prepare_model, prepare_source
from quality import training
from random_table import write_table
from run import Runner
from scoring import scoring
from stages import stages


def ingest(runner: Runner, directory: Path, options: Any) -> str:
    """Compare the ingest of CSV and Parquet with a bare read and write by pyarrow and DuckDB."""
    lines = []
    for suffix in ("csv", "parquet"):
        source = write_table(directory / f"ingest.{suffix}", options.sizes.rows, 30)
        jobs = ("ingest", "ingest_pyarrow", "ingest_duckdb")
        found = runner.side_by_side({f"{job} {suffix}": (job, source, directory / f"{job}-{suffix}") for job in jobs})
        ours, bare, duck = (found[f"{job} {suffix}"] for job in jobs)
        lines.append(
            (
                suffix,
                ours["wall_s"],
                bare["wall_s"],
                duck["wall_s"],
                bare["wall_s"] / ours["wall_s"],
                ours["peak_rss_mb"],
            )
        )
    head = ("source", "ours s", "pyarrow s", "DuckDB s", "pyarrow / ours", "peak MB")
    return f"## Ingest, {options.sizes.rows:,} x 30\n\n{markdown(head, lines)}"


def start_up(runner: Runner, directory: Path, _: Any) -> str:
    """Time the command line as a whole process, and the import."""
    small = Shape(1000)
    source, model = (
        prepare_source(directory, small),
        prepare_model(runner, directory, small, ("threshold.target_fpr=0.05",)),
    )
    found = {
        "anomaly-ae --help": runner.run("help", "command", "-m", "anomaly_ae", "--help"),
        "import anomaly_ae": runner.run("import", "command", "-c", "import anomaly_ae"),
        "anomaly-ae score, 1,000 rows": runner.run("score 1000", "score_command", source, model, directory / "w"),
    }
    lines = [(title, measured["wall_s"]) for title, measured in found.items()]
    return "## Start-up\n\n" + markdown(("command", "s"), lines)


SECTIONS: dict[str, Callable[[Runner, Path, Any], str]] = {
    "scoring": scoring,
    "stages": stages,
    "partition": partition,
    "training": training,
    "ingest": ingest,
    "growth": growth,
    "memory": memory,
    "pictures": pictures,
    "startup": start_up,
}
