"""A folder for temporary files that belongs to this run of the tests, and has to be empty when they are done."""

import multiprocessing.process
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PYTEST_ROOT = "PYTEST_DEBUG_TEMPROOT"
CACHE, SOCKETS = "torchinductor", "sockets"
"""Where torch puts caches, and multiprocessing its sockets: not removed before this process ends."""


@contextmanager
def private_temp_folder() -> Iterator[Path]:
    """Let this process and its children make temporary files in a new folder; remove it afterwards.

    pytest's own folders, of which it keeps the last ones, stay where they would be without.
    """
    outside = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="anomaly-ae-tests-"))
    folder.chmod(0o755)  # a test's PostgreSQL runs as another user, and has to pass
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


def left_behind(folder: Path) -> list[str]:
    """Return what is in the folder, but for what stays until the end."""
    return sorted(path.name for path in folder.iterdir() if path.name not in {CACHE, SOCKETS})
