"""A folder for temporary files that belongs to this run of the tests, and has to be empty when they are done."""

import fcntl
import multiprocessing.process
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "anomaly-ae-test-run-"
MIN_AGE = 60
"""Seconds after which a folder that nobody has locked is taken to be abandoned: it is made before it is locked."""
PYTEST_ROOT = "PYTEST_DEBUG_TEMPROOT"
CACHE, SOCKETS = "torchinductor", "sockets"
"""Where torch puts caches, and multiprocessing its sockets: not removed before this process ends."""


@contextmanager
def private_temp_folder() -> Iterator[Path]:
    """Let this process and its children make temporary files in a new folder; remove it afterwards.

    pytest's own folders, of which it keeps the last ones, stay where they would be without.
    """
    outside = tempfile.gettempdir()
    remove_abandoned(Path(outside))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    folder.chmod(0o755)  # a test's PostgreSQL runs as another user, and has to pass
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    before = dict(os.environ)
    os.environ |= {
        PYTEST_ROOT: os.environ.get(PYTEST_ROOT, outside),
        "TMPDIR": str(folder),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / CACHE),
    }
    tempfile.tempdir = None  # asks the environment again
    (folder / SOCKETS).mkdir()
    # Otherwise it makes a folder that it removes at exit, when this one is gone.
    multiprocessing.process.current_process()._config["tempdir"] = str(folder / SOCKETS)  # type: ignore[attr-defined]
    try:
        yield folder
    finally:
        for name in (PYTEST_ROOT, "TMPDIR", "TORCHINDUCTOR_CACHE_DIR"):
            os.environ.pop(name)
            if name in before:
                os.environ[name] = before[name]
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def left_behind(folder: Path) -> list[str]:
    """Return what is in the folder, but for what stays until the end."""
    return sorted(path.name for path in folder.iterdir() if path.name not in {CACHE, SOCKETS})


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of runs that were killed: those that nobody holds the lock of."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # locked, gone meanwhile, or another user's
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - os.fstat(lock).st_ctime > MIN_AGE:
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
