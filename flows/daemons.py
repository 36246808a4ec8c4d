"""Background processes of one installation: started once, found again by a pid file, stopped and nothing else."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

GRACE_SECONDS = 30.0


@dataclass(frozen=True)
class Daemon:
    """One `python -m prefect ...` that runs on after the command that started it.

    Attributes:
        name: of its files `<name>.pid` and `<name>.log`.
        arguments: of `python -m prefect`.
        home: directory of those files.
    """

    name: str
    arguments: tuple[str, ...]
    home: Path

    @property
    def log_file(self) -> Path:
        """Where it writes what it prints."""
        return self.home / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """The running process, or None.

        A pid alone may be another process's by now: the command line must be the one that was started.
        """
        try:
            known = json.loads(self._pid_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return int(known["pid"]) if command_line(known["pid"]) == " ".join(known["command"]) else None

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it, unless it runs; it outlives this process and the terminal."""
        if self.pid is not None:
            return
        self.home.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "prefect", *self.arguments]
        # A file, not a pipe: Prefect's own --background dies with the first line it logs once its parent is gone.
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._pid_file.write_text(json.dumps({"pid": process.pid, "command": command}), encoding="utf-8")

    def stop(self) -> bool:
        """Ask it to end, insist after a while; say whether it ran."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            if not self._has_ended(GRACE_SECONDS):
                os.killpg(pid, signal.SIGKILL)
                self._has_ended(GRACE_SECONDS)
        self._pid_file.unlink(missing_ok=True)
        return pid is not None

    @property
    def _pid_file(self) -> Path:
        return self.home / f"{self.name}.pid"

    def _has_ended(self, within: float) -> bool:
        deadline = time.monotonic() + within
        while self.pid is not None and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.pid is None


def command_line(pid: int) -> str:
    """Return the command of a process as one text; empty if it has ended."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").rstrip("\0").replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    shown = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607 - a number
    return shown.stdout.strip()
