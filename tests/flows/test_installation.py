"""What `up` and `down` refuse and leave alone; that they work is seen in tests/e2e."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, Settings, temporary_settings

from flows.daemons import Daemon, command_line
from flows.installation import child_environment, refuse_open_door, refuse_taken_port, start_worker


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is none of ours."""
    command = [sys.executable, "-c", "print(flush=True); input()"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - ours
    assert process.stdout is not None
    process.stdout.readline()  # until it is itself, its command line is empty
    yield process
    process.kill()
    process.wait()


def write_pid_file(home: Path, pid: int, command: list[str]) -> Daemon:
    """Return a daemon whose pid file says this."""
    (home / "worker.pid").write_text(json.dumps({"pid": pid, "command": command}))
    return Daemon("worker", ("worker", "start"), home)


def test_a_pid_that_is_another_process_now_is_left_alone(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    """A pid file outlives its process; whoever has that number now is not stopped."""
    daemon = write_pid_file(tmp_path, stranger.pid, [sys.executable, "-m", "prefect", "worker", "start"])

    assert daemon.pid is None
    assert daemon.stop() is False
    assert stranger.poll() is None


def test_the_process_that_was_started_is_stopped(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    """With its own command line in the pid file it is ours."""
    daemon = write_pid_file(tmp_path, stranger.pid, command_line(stranger.pid).split(" "))

    assert daemon.pid == stranger.pid
    assert daemon.stop() is True
    assert stranger.wait(timeout=30) != 0


def test_nothing_was_started(tmp_path: Path) -> None:
    """Without a pid file nothing runs, and nothing is stopped."""
    assert Daemon("worker", ("worker", "start"), tmp_path).stop() is False


@pytest.mark.parametrize(("host", "auth", "refused"), [("0.0.0.0", None, True), ("0.0.0.0", "a:b", False)])  # noqa: S104 - the point
def test_an_open_door_is_refused(monkeypatch: pytest.MonkeyPatch, host: str, auth: str | None, refused: bool) -> None:
    """A server that other machines reach asks for a password, or does not start."""
    monkeypatch.setenv("PREFECT_SERVER_API_HOST", host)
    if auth:
        monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", auth)

    if refused:
        with pytest.raises(SystemExit, match="PREFECT_SERVER_API_AUTH_STRING"):
            refuse_open_door(Settings())
    else:
        refuse_open_door(Settings())


def test_a_taken_port_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something else that answers there would be taken for our server."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("PREFECT_SERVER_API_PORT", str(other.getsockname()[1]))

        with pytest.raises(SystemExit, match="PREFECT_SERVER_API_PORT"):
            refuse_taken_port(Settings())


def test_a_worker_without_a_server_is_refused() -> None:
    """A worker that nobody told where to ask would ask a server of its own, which has no runs."""
    with temporary_settings(restore_defaults={PREFECT_API_URL}), pytest.raises(SystemExit, match="PREFECT_API_URL"):
        start_worker()


def test_what_is_started_knows_its_home_wherever_it_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Server, worker and runs get the home as an absolute path, and the password of their own server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", "./home")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "a:b")

    environment = child_environment(Settings(), "http://127.0.0.1:4242/api")

    assert environment["PREFECT_HOME"] == str(tmp_path / "home")
    assert environment["PREFECT_API_AUTH_STRING"] == "a:b"
