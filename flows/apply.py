"""Bring a Prefect server in line with this directory: work pool, deployments of `prefect.yaml`, automations.

`python -m flows.apply`, with PREFECT_API_URL set, applies it to any server; `flows.installation` applies it to its own.
Applying it twice changes nothing.
"""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.workers.process import ProcessWorker

from .automations import apply_automations, page, watch_runs

POOL = "local"
RECOVER = "recover/crashed"
WEBHOOK_BLOCK = "anomaly-ae-page"
MISSED_HEARTBEATS = 3

WebhookUrl = Annotated[
    str | None,
    typer.Option(envvar="ANOMALY_AE_WEBHOOK", help="Receives pages as JSON by POST; default: nobody is paged."),
]
ZombieAfter = Annotated[
    float | None, typer.Option(help="Seconds without heartbeat after which a run counts as crashed; default: three.")
]


def apply(webhook: WebhookUrl = None, zombie_after: ZombieAfter = None) -> None:
    """Apply pool, deployments with their limits, and automations to the server at PREFECT_API_URL."""
    with get_client(sync_client=True) as client:
        apply_pool(client)
        deploy(Path.cwd())
        recover = client.read_deployment_by_name(RECOVER).id
        automations = watch_runs(_patience(zombie_after), recover)
        apply_automations(client, [*automations, *(page(_webhook_block(webhook)) if webhook else [])])


def apply_pool(client: SyncPrefectClient) -> None:
    """Create the pool of process workers; each worker has its own limit of runs at a time."""
    template = ProcessWorker.get_default_base_job_template()
    try:
        client.read_work_pool(POOL)
        client.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=None, base_job_template=template))
    except ObjectNotFound:
        pool = WorkPoolCreate(name=POOL, type="process", base_job_template=template)
        client.create_work_pool(pool)


def deploy(root: Path) -> None:
    """Apply every deployment of `prefect.yaml`.

    Raises:
        SystemExit: Prefect refused one; its message is printed.
    """
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    environment = {**os.environ, **get_current_settings().to_environment_variables(exclude_unset=True)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        sys.exit(done.returncode)


def _patience(zombie_after: float | None) -> timedelta:
    heartbeat = get_current_settings().flows.heartbeat_frequency or 0
    return timedelta(seconds=zombie_after or MISSED_HEARTBEATS * heartbeat)


def _webhook_block(url: str) -> UUID:
    return UUID(str(Webhook(url=url).save(WEBHOOK_BLOCK, overwrite=True)))


if __name__ == "__main__":
    typer.run(apply)
