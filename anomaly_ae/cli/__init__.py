"""The command line: calls stages, prints what they made, sets the exit code.

Exit codes: 0 done; 1 a mistake of ours; 2 wrong usage; 3 the spec, the data, an artifact or the place to write to is at
fault, and the message on stderr says where and what to do.

commands   one function a command; each imports its step itself, so that `--help` does not wait for torch
registry   the same for the commands that look after a model's versions
deploy     the files that schedule the flows with Prefect
lines      what is printed of each result
terminal   where it is printed: as lines or as JSON, with a progress bar or without
"""

import sys
from collections.abc import Sequence

import typer

import anomaly_ae.cli.deploy
import anomaly_ae.cli.registry  # noqa: F401 - importing these two registers their commands
from anomaly_ae.cli.commands import app
from anomaly_ae.errors import AnomalyAEError

__all__ = ["app", "main"]

DATA_ERROR = 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error raised on purpose becomes a message and exit code 3.

    Args:
        arguments: what was typed after the program's name; None takes it from the process.
    """
    try:
        app(arguments)
    except AnomalyAEError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(DATA_ERROR)
