"""An installation in its own directory, as `make up` makes it, with the settings of production.env."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

PROJECT = Path(__file__).parents[2]
PASSWORD = "e2e:not-a-secret"  # noqa: S105 - of a server that lives for a minute
ZOMBIE_AFTER = "60"
"""Two heartbeats instead of three, to wait less."""
Found = TypeVar("Found")


@dataclass
class Pages:
    """A webhook's receiver on loopback, and the pages it received."""

    received: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def about(self, what: str) -> list[dict[str, Any]]:
        """Return the pages of one kind."""
        return [page for page in self.received if page["what"].endswith(what)]


@contextlib.contextmanager
def receive_pages() -> Iterator[Pages]:
    """Listen for pages."""
    pages = Pages()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            pages.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        pages.url = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield pages
        server.shutdown()


@dataclass(frozen=True)
class Installation:
    """A server and a worker.

    Attributes:
        root: its directory.
        url: of its API.
        environment: of its commands.
        pages: the messages to a person.
    """

    root: Path
    url: str
    environment: dict[str, str]
    pages: Pages

    @classmethod
    def prepare(cls, root: Path, pages: Pages, more: Mapping[str, str] | None = None) -> "Installation":
        """Make the directory: the deployments and settings of the project, more of them, and a free port."""
        for name in ("prefect.toml", "prefect.yaml", "data"):
            (root / name).symlink_to(PROJECT / name)
        # A worker that is killed leaves the folders of its runs behind.
        (root / "tmp").mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        production = (PROJECT / "production.env").read_text(encoding="utf-8").splitlines()
        settings = dict(line.split("=", 1) for line in production if line and not line.startswith("#"))
        own = {
            "PREFECT_SERVER_API_PORT": str(port),
            "PREFECT_SERVER_API_AUTH_STRING": PASSWORD,
            "PREFECT_API_AUTH_STRING": PASSWORD,
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "ANOMALY_AE_WEBHOOK": pages.url,
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(root / "tmp"),
            **(more or {}),
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return cls(root, own["PREFECT_API_URL"], {**inherited, **settings, **own}, pages)

    def up(self) -> str:
        """Start what is not running, apply everything."""
        return self.run("-m", "flows.installation", "up", "--zombie-after", ZOMBIE_AFTER)

    def down(self) -> str:
        """Stop server and worker."""
        return self.run("-m", "flows.installation", "down")

    def deployment_run(self, *arguments: str, expect: int = 0) -> str:
        """Run a deployment from a shell."""
        return self.run("-m", "prefect", "--no-prompt", "deployment", "run", *arguments, expect=expect)

    def run(self, *arguments: str, expect: int = 0) -> str:
        """Run Python in this directory, check its exit code, return what it prints."""
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        assert done.returncode == expect, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextlib.contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        """Open a client with the password."""
        with (
            temporary_settings({PREFECT_API_URL: self.url, PREFECT_API_AUTH_STRING: PASSWORD}),
            get_client(sync_client=True) as one,
        ):
            yield one

    def pid(self, name: str) -> int:
        """Return the process id of the server or the worker."""
        return int(json.loads((self.root / ".prefect" / f"{name}.pid").read_text(encoding="utf-8"))["pid"])

    def kill_worker(self) -> None:
        """Kill worker and flow process at once, as a power failure does."""
        for process in (self.pid("worker"), *descendants(self.pid("worker"))):
            os.kill(process, signal.SIGKILL)

    def forget(self, scored: Path) -> None:
        """Remove a scored table and the dataset it was made of, so that a run must make both anew."""
        manifest = json.loads((scored / "manifest.json").read_text(encoding="utf-8"))
        shutil.rmtree(scored.parent.parent / "datasets" / manifest["dataset"])
        shutil.rmtree(scored)


def published(scored: Path) -> dict[str, bytes]:
    """Return the bytes of everything in a scored table that does not say when and by which run it was made."""
    says_when = {"manifest.json", "report.html"}
    return {path.name: path.read_bytes() for path in sorted(scored.iterdir()) if path.name not in says_when}


def descendants(pid: int) -> list[int]:
    """Return the children of a process, their children, and so on."""
    told = [path.read_text(encoding="utf-8") for path in Path(f"/proc/{pid}/task").glob("*/children")]
    children = [int(child) for line in told for child in line.split()]
    return children + [one for child in children for one in descendants(child)]


def wait_for(look: Callable[[], Found | None], what: str, pause: float = 1.0, seconds: float = 600) -> Found:
    """Poll until `look` finds something; the deadline is far beyond what a busy machine takes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(pause)
    msg = f"{what}: not seen within {seconds:.0f} s"
    raise AssertionError(msg)
