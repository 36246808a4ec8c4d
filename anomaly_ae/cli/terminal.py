"""Where results are printed: as lines or as JSON, with a progress bar or without."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from anomaly_ae.spec import Spec


def print_result(as_json: bool, result: Any, lines: Sequence[str]) -> None:
    """Print a result as one JSON object, or else as lines for people."""
    typer.echo(json.dumps(result, default=str) if as_json else "\n".join(lines))


@contextmanager
def show_progress(settings: "Spec", as_json: bool) -> Iterator[Callable[[int, float], None] | None]:
    """Show a progress bar of the training on a terminal; stay silent elsewhere."""
    if as_json or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("training", total=settings.training.steps)
        yield lambda step, loss: progress.update(task, completed=step, description=f"training, loss {loss:.4g}")
