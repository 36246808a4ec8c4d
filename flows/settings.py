"""What every task here has in common: no caching by Prefect, and retries where a disk or a network may recover."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from prefect import State, Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun
from prefect.tasks import exponential_backoff

from anomaly_ae.errors import AnomalyAEError, StorageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

COMPUTES: dict[str, Any] = {"cache_policy": NO_CACHE}
"""Of a task that computes: run again, it would fail again. What it made is found by its fingerprint, not by Prefect."""


def may_recover(task: Task[Any, Any], run: TaskRun, state: State) -> bool:  # noqa: ARG001 - Prefect passes three
    """Say whether a failed task may succeed if tried again: the system failed, not the data."""
    try:
        state.result()
    except StorageError:
        return True
    except AnomalyAEError:
        return False
    except OSError:
        return True
    return False


MOVES: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": may_recover,
}
"""Of a task that reads or writes: retried with growing delays when the storage fails."""


def as_json(result: "DataclassInstance") -> dict[str, Any]:
    """Return a step's result as JSON values, paths as text: what tasks and flows hand on."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(result), default=str))
    return values
