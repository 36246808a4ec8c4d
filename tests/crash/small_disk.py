"""A disk of a few megabytes, to be filled up and closed for writing."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

MOUNT, UNMOUNT = shutil.which("mount"), shutil.which("umount")


@dataclass(frozen=True)
class SmallDisk:
    """A file system in memory, of limited size.

    Attributes:
        path: where it is mounted.
    """

    path: Path

    @contextmanager
    def filled(self, free: int = 0) -> Iterator[None]:
        """Let only so many bytes be free."""
        filler = self.path / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(self.path).free - free))
        try:
            yield
        finally:
            filler.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Let nothing be written."""
        _mount("-o", "remount,ro", self.path)
        try:
            yield
        finally:
            _mount("-o", "remount,rw", self.path)


@contextmanager
def mounted(path: Path, megabytes: int = 16) -> Iterator[SmallDisk]:
    """Mount a small disk; skip the test where that is not allowed."""
    path.mkdir()
    if not MOUNT or os.getuid() != 0 or _mount("-t", "tmpfs", "-o", f"size={megabytes}m", path):
        pytest.skip("mounting a small disk needs root")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run([str(UNMOUNT), "--lazy", str(path)], check=True)  # noqa: S603 - what was mounted here


def _mount(*settings: str | Path) -> int:
    """Mount in memory; return what the command returns."""
    *options, path = (str(setting) for setting in settings)
    return subprocess.run([str(MOUNT), *options, "none", path], check=False, capture_output=True).returncode  # noqa: S603 - our own
