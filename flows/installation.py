"""An installation on one machine: a server, a worker and everything in prefect.yaml; or one more worker elsewhere.

`python -m flows.installation up`, `worker` and `down`. Prefect's own settings (`prefect.toml`, a profile, PREFECT_...
variables) name the home that holds database, logs and pid files, the server's address and its protection. A second `up`
starts nothing twice; `down` stops what was started here and nothing else.
"""

import os
import socket
import sys
import time
from typing import Annotated

import httpx
import typer
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    Settings,
    get_current_settings,
    temporary_settings,
)

from .apply import POOL, WebhookUrl, ZombieAfter, apply
from .daemons import Daemon

STARTUP_SECONDS = 180
"""The first start creates the database, which takes a while on a small busy machine."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")

Runs = Annotated[int, typer.Option(min=1, help="Flow runs at a time on this machine.")]

app = typer.Typer(add_completion=False, no_args_is_help=True, help="A server and a worker on this machine.")


@app.command()
def up(webhook: WebhookUrl = None, zombie_after: ZombieAfter = None, runs: Runs = 2) -> None:
    """Start the server and the worker unless they run, apply prefect.yaml, and print where the UI is."""
    settings = get_current_settings()
    server, worker = daemons(settings, runs)
    if server.pid is None:
        refuse_open_door(settings)
        refuse_taken_port(settings)
    server.start(child_environment(settings, api_url(settings)))
    wait_until_healthy(server, api_url(settings))
    with temporary_settings(
        {PREFECT_API_URL: api_url(settings), PREFECT_API_AUTH_STRING: settings.server.api.auth_string}
    ):
        apply(webhook, zombie_after)
    worker.start(child_environment(settings, api_url(settings)))
    typer.echo(
        f"UI      {api_url(settings).removesuffix('/api')}\nlogs    {server.log_file}\n        {worker.log_file}"
    )
    typer.echo(f"shell   export PREFECT_API_URL={api_url(settings)}")


@app.command("worker")
def start_worker(runs: Runs = 2) -> None:
    """Start a worker on this machine for the server at PREFECT_API_URL, wherever that runs."""
    settings = get_current_settings()
    if settings.api.url is None:
        sys.exit("set PREFECT_API_URL to the address of the server from which the worker takes its runs")
    _, worker = daemons(settings, runs)
    worker.start(child_environment(settings, settings.api.url))
    typer.echo(f"logs    {worker.log_file}")


@app.command()
def down() -> None:
    """Stop the worker and the server that were started here, and nothing else."""
    for daemon in reversed(daemons(get_current_settings())):
        typer.echo(f"{daemon.name:7} {'stopped' if daemon.stop() else 'was not running'}")


def daemons(settings: Settings, runs: int = 1) -> tuple[Daemon, Daemon]:
    """Return server and worker of the installation whose home the settings name; the worker takes `runs` at a time."""
    home = settings.home.absolute()
    limits = ("--limit", str(runs), "--install-policy", "never")
    return (
        Daemon("server", ("server", "start"), home),
        Daemon("worker", ("worker", "start", "--pool", POOL, "--type", "process", *limits), home),
    )


def api_url(settings: Settings) -> str:
    """Return the address of the installation's API."""
    return f"http://{settings.server.api.host}:{settings.server.api.port}/api"


def child_environment(settings: Settings, url: str) -> dict[str, str]:
    """Return the environment of server, worker and their runs; its paths are absolute, as they change directory."""
    environment = {
        **os.environ,
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(settings.home.absolute()),
        "PREFECT_API_URL": url,
    }
    if settings.server.api.auth_string:
        environment["PREFECT_API_AUTH_STRING"] = settings.server.api.auth_string.get_secret_value()
    return environment


def refuse_open_door(settings: Settings) -> None:
    """Refuse to start a server that other machines can reach and that asks for no password.

    Raises:
        SystemExit: the server would be open; whoever reaches its API runs code on the workers.
    """
    host = settings.server.api.host
    if host not in LOOPBACK and not settings.server.api.auth_string:
        sys.exit(f"{host} can be reached by other machines: set PREFECT_SERVER_API_AUTH_STRING=user:password first")


def refuse_taken_port(settings: Settings) -> None:
    """Refuse to start a server at an address on which another process listens.

    Raises:
        SystemExit: the address is taken.
    """
    address = (settings.server.api.host, settings.server.api.port)
    with socket.socket() as probe:
        if probe.connect_ex(address) == 0:
            sys.exit(f"another process listens on {address[0]}:{address[1]}; stop it, or set PREFECT_SERVER_API_PORT")


def wait_until_healthy(server: Daemon, url: str) -> None:
    """Wait until the server answers.

    Raises:
        SystemExit: the server ended, or did not answer in time.
    """
    deadline = time.monotonic() + STARTUP_SECONDS
    while not _is_healthy(url):
        if server.pid is None or time.monotonic() > deadline:
            sys.exit(f"the server did not start; see {server.log_file}")
        time.sleep(0.5)


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5).is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    app()
