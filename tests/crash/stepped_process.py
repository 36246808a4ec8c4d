"""The command line in a process of its own that waits before each operation on a file, until it is let go on or killed.

So a kill hits a moment that can be named and met again, whatever the machine is busy with; and a reader can look at
every state that is ever there, rather than at those that it is quick enough to see.
"""

import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import pyarrow.parquet as pq
from warm_process import CONTEXT

CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
"""Audit events that may change what is on disk."""


class SteppedProcess:
    """A command of `anomaly-ae` that waits before each operation on a file below its directory; gone after `with`.

    Args:
        arguments: of the command.
        directory: where it is started.
    """

    def __init__(self, arguments: Sequence[str], directory: Path) -> None:
        self._connection, theirs = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=_run, args=(list(arguments), str(directory), theirs))
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()

    def operations(self) -> Iterator[str]:
        """Yield what the process is about to do, and let it do that when the next is asked for."""
        with contextlib.suppress(EOFError, ConnectionError):  # the process has ended
            while True:
                yield self._connection.recv_bytes().decode()
                self._connection.send_bytes(b"go on")

    def finish(self) -> int:
        """Let it go on to its end; return its exit code."""
        for _ in self.operations():
            pass
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode


def run_apart(arguments: Sequence[str], directory: Path, before: Callable[[], None] | None = None) -> tuple[int, str]:
    """Run a command in a process of its own that waits for nobody.

    Args:
        arguments: of the command.
        directory: where it is started.
        before: called in the process first; a function of a module, as it travels by name.

    Returns:
        Its exit code and what it printed on stderr.
    """
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=_run_plainly, args=(list(arguments), str(directory), theirs, before))
    process.start()
    theirs.close()
    try:
        printed = ours.recv_bytes().decode()
    except EOFError:
        printed = ""
    process.join()
    assert process.exitcode is not None
    return process.exitcode, printed


def start_apart(arguments: Sequence[str], directory: Path) -> Any:
    """Start a command in a process that waits for nobody, and return the process."""
    process = CONTEXT.Process(target=_run_plainly, args=(list(arguments), str(directory), None, None), daemon=True)
    process.start()
    return process


def _run(arguments: list[str], directory: str, connection: Connection) -> None:
    os.chdir(directory)
    turn = threading.Lock()

    def wait(operation: str) -> None:
        with turn:
            connection.send_bytes(operation.encode())
            connection.recv_bytes()

    _stop_at_parquet(wait)
    sys.addaudithook(_stop_at_changes(wait, Path(directory)))
    _start(arguments)


def _run_plainly(
    arguments: list[str], directory: str, connection: Connection | None, before: Callable[[], None] | None
) -> None:
    os.chdir(directory)
    printed = io.StringIO()
    try:
        if before:
            before()
        with contextlib.redirect_stderr(printed):
            _start(arguments)
    finally:
        if connection:
            connection.send_bytes(printed.getvalue().encode())


def _start(arguments: list[str]) -> None:
    from anomaly_ae.cli import main  # noqa: PLC0415 - only the process itself needs it

    with contextlib.redirect_stdout(io.StringIO()):
        main(arguments)


def _stop_at_changes(wait: Callable[[str], None], directory: Path) -> Callable[[str, tuple[Any, ...]], None]:
    """Return a hook that waits at each audit event that will change something below a directory."""
    own = threading.local()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in CHANGES or not isinstance(arguments[0], (str, os.PathLike)) or hasattr(own, "opens"):
            return
        path = Path(arguments[0])
        is_elsewhere = path.is_absolute() and not path.is_relative_to(directory)
        if is_elsewhere or not _changes(event, path, arguments):
            return
        wait(f"{event} {path}")
        if event == "open" and arguments[2] & os.O_TRUNC:
            # The event comes before the file is there; the moment after, when nothing is in it yet, is one too.
            own.opens = True
            os.close(os.open(path, arguments[2] & ~os.O_EXCL, 0o666))
            del own.opens
            wait(f"write {path}")

    return hook


def _changes(event: str, path: Path, arguments: tuple[Any, ...]) -> bool:
    """Say whether there is anything to do: two moments without a change between them are one."""
    if event == "open":
        return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    # A bare name is relative to a directory that is being removed.
    return not path.exists() if event == "os.mkdir" else path.exists() or len(path.parts) == 1


def _stop_at_parquet(wait: Callable[[str], None]) -> None:
    """Wait before each write of a Parquet file too: Arrow writes it without Python knowing."""
    for name in ("__init__", "write_table", "close"):
        setattr(pq.ParquetWriter, name, _waiting(getattr(pq.ParquetWriter, name), name, wait))


def _waiting(method: Callable[..., Any], name: str, wait: Callable[[str], None]) -> Callable[..., Any]:
    def first_wait(*arguments: Any, **settings: Any) -> Any:
        wait(f"parquet {name}")
        return method(*arguments, **settings)

    return first_wait
