"""Background processes of an installation: each is started once and found again by its pid file."""

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
    """A `python -m prefect ...` that outlives the command which started it.

    Attributes:
        name: the stem of its files, `<name>.pid` and `<name>.log`.
        arguments: what follows `python -m prefect`.
        home: the directory of those files.
    """

    name: str
    arguments: tuple[str, ...]
    home: Path

    @property
    def log_file(self) -> Path:
        """The file that takes its output."""
        return self.home / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """The id of the running process, or None.

        The id alone may belong to another process by now: the command line must be the one that was started.
        """
        try:
            known = json.loads(self._pid_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return int(known["pid"]) if command_line(known["pid"]) == " ".join(known["command"]) else None

    def start(self, environment: Mapping[str, str]) -> None:
        """Start the process unless it runs; it outlives this one and the terminal."""
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
        """Terminate the process, kill it if it does not end in time; return whether it was running."""
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
    """Return the command line of a process; empty if the process has ended."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").rstrip("\0").replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    shown = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607 - a number
    return shown.stdout.strip()
