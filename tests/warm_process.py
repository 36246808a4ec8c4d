"""Processes forked from one that has already imported what a command needs, so that they start at once."""

import contextlib
import io
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Self

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "torch._dynamo",
        "scipy.stats",
        "sklearn.ensemble",
        "s3fs",
        "anomaly_ae.cli",
        "anomaly_ae.report.page",
        "anomaly_ae.report.view",
        "anomaly_ae.stages.incremental",
        "anomaly_ae.stages.pipeline",
    ]
)


@dataclass(frozen=True)
class WarmProcess:
    """A script in a process of its own, as `python -c SCRIPT ARGUMENTS` would run it.

    Attributes:
        process: runs it.
        printed: receives what it wrote to stdout and stderr when it ends by itself.
    """

    process: ForkServerProcess
    printed: Connection

    @classmethod
    def start(
        cls, script: str, *arguments: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> Self:
        """Start a script.

        Args:
            script: Python source.
            arguments: `sys.argv[1:]` of the script.
            cwd: working directory; that of this process if None.
            environment: variables to set on top of those of this process.
        """
        ours, theirs = CONTEXT.Pipe(duplex=False)
        settings = (script, arguments, str(cwd or Path.cwd()), {**os.environ, **(environment or {})}, theirs)
        process = CONTEXT.Process(target=_run, args=settings, daemon=True)
        process.start()
        theirs.close()
        return cls(process, ours)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()

    def finish(self, timeout: float | None = None) -> tuple[int, str]:
        """Wait for its end; return its exit code, negative for a signal, and what it printed unless it was killed."""
        printed = ""
        with contextlib.suppress(EOFError):
            if self.printed.poll(timeout):
                printed = self.printed.recv_bytes().decode()
        self.process.join(timeout)
        assert self.process.exitcode is not None, f"the process did not end within {timeout} s"
        return self.process.exitcode, printed


def _run(
    script: str, arguments: tuple[str, ...], cwd: str, environment: Mapping[str, str], printed: Connection
) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["-c", *arguments]
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = _exit_code(script)
    printed.send_bytes(output.getvalue().encode())
    sys.exit(code)


def _exit_code(script: str) -> int:
    try:
        exec(compile(script, "<script>", "exec"), {"__name__": "__main__"})  # noqa: S102 - a test's own script
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(end.code)
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:  # noqa: BLE001 - reported as the interpreter would
        sys.excepthook(*sys.exc_info())
        return 1
    return 0
