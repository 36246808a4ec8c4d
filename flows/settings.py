"""Settings that all tasks share: Prefect caches nothing, and retries where a disk or a network may recover."""

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
"""For a task that computes: a retry would fail again. Its results are found by their fingerprint, not by Prefect."""


def may_recover(task: Task[Any, Any], run: TaskRun, state: State) -> bool:  # noqa: ARG001 - Prefect passes three
    """Return whether a failed task may succeed on a retry: the system failed, not the data."""
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
"""For a task that reads or writes: retried with growing delays when the storage fails."""


def as_json(result: "DataclassInstance") -> dict[str, Any]:
    """Return a stage's result as JSON values, paths as text: what tasks and flows exchange."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(result), default=str))
    return values
