"""A PostgreSQL of its own for a test: in a temporary directory, on a free port of loopback, gone afterwards."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

OWNERS = ("postgres", "nobody")


@contextlib.contextmanager
def run_postgres() -> Iterator[str]:
    """Start a database server, yield its address as SQLAlchemy takes it; skip the test where none is installed."""
    programs = find_programs()
    # Not below pytest's own directory, which only its owner may enter.
    home = Path(tempfile.mkdtemp(prefix="anomaly-ae-postgres-"))
    port, user = free_port(), unprivileged()
    if user:
        shutil.chown(home, user["user"])

    def call(program: str, *arguments: str) -> None:
        command = [str(programs / program), "--pgdata", str(home / "data"), *arguments]
        subprocess.run(command, cwd=home, check=True, stdout=subprocess.DEVNULL, **user)  # noqa: S603 - PostgreSQL's own

    try:
        call("initdb", "--username", "prefect", "--auth", "trust", "--no-sync")
        options = f"-h 127.0.0.1 -p {port} -k {home} -c fsync=off"
        call("pg_ctl", "--wait", "--log", str(home / "log"), "--options", options, "start")
        try:
            yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "--wait", "--mode", "immediate", "stop")
    finally:
        shutil.rmtree(home)


def find_programs() -> Path:
    """Return where the server's programs are: on the path, or where Debian keeps them."""
    found = shutil.which("initdb")
    versions = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not versions:
        pytest.skip("no PostgreSQL here (apt-get install postgresql): two workers on one server are not tested")
    return versions[-1]


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def unprivileged() -> dict[str, Any]:
    """Return as whom the database runs: as ourselves, but never as root, which it refuses."""
    if os.getuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    owner = next(known[name] for name in OWNERS if name in known)
    return {"user": owner.pw_name, "group": owner.pw_gid, "extra_groups": []}
