"""Where a flow's tasks run: in threads of its own process, or on the workers of a Dask or Ray cluster.

Two environment variables decide for every flow (`production.env`): ANOMALY_AE_TASK_RUNNER is threads, dask or ray,
ANOMALY_AE_CLUSTER is the cluster's address. Without an address, the run starts a cluster on this machine and stops it
at its end. The results are the same to the byte.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, TypeVar

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from anomaly_ae.errors import SpecError

CHOICE, ADDRESS = "ANOMALY_AE_TASK_RUNNER", "ANOMALY_AE_CLUSTER"
MAX_TASKS = 100
"""The server spends about 30 ms on each task run, and more on each flow run."""

Item = TypeVar("Item")


def task_runner(settings: Mapping[str, str] = os.environ) -> TaskRunner[Any]:
    """Return the task runner that the environment asks for; threads by default.

    Raises:
        SpecError: there is no such runner, the extra that it needs is not installed, or threads are given an address.
    """
    name, address = settings.get(CHOICE) or "threads", settings.get(ADDRESS) or None
    if name not in RUNNERS:
        near = get_close_matches(name, RUNNERS, n=1)
        meant = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(RUNNERS)}"
        msg = f"{CHOICE} is {name!r}; {meant}"
        raise SpecError(msg)
    return RUNNERS[name](address)


def share_out(items: Sequence[Item], most: int = MAX_TASKS) -> list[tuple[Item, ...]]:
    """Divide items among at most `most` tasks: one each, or several where there are more items than that."""
    return [tuple(items[number::most]) for number in range(min(most, len(items)))]


def _threads(address: str | None) -> TaskRunner[Any]:
    """Run tasks in threads: torch and pyarrow release the GIL while they compute."""
    if address:
        msg = f"{ADDRESS} is {address!r}, but threads use no cluster; set {CHOICE} to dask or ray"
        raise SpecError(msg)
    return ThreadPoolTaskRunner(max_workers=os.cpu_count())


def _dask(address: str | None) -> TaskRunner[Any]:
    runner = _from_extra("prefect_dask", "DaskTaskRunner", "dask")
    return runner(address=address) if address else runner(cluster_class=start_dask)


def start_dask() -> Any:
    """Start a Dask cluster without a dashboard: one process per core, reachable from this machine only."""
    # Dask lets each process hand freed memory back at once; every batch then waits for fresh pages: twice the CPU time.
    kept = {"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}
    with import_module("dask.config").set(kept):
        return import_module("distributed").LocalCluster(
            host="127.0.0.1", dashboard_address=None, n_workers=os.cpu_count(), threads_per_worker=1
        )


def _ray(address: str | None) -> TaskRunner[Any]:
    runner = _from_extra("prefect_ray", "RayTaskRunner", "ray")
    if address:
        return runner(address=address)
    return runner(init_kwargs={"include_dashboard": False, "num_cpus": os.cpu_count()})


def _from_extra(module: str, name: str, extra: str) -> Callable[..., TaskRunner[Any]]:
    """Import a task runner that an extra of this package installs."""
    try:
        found: Callable[..., TaskRunner[Any]] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        msg = f"{CHOICE} is {extra!r}, but {error.name} is not installed; pip install 'anomaly_ae[{extra}]'"
        raise SpecError(msg) from error
    return found


RUNNERS: dict[str, Callable[[str | None], TaskRunner[Any]]] = {"threads": _threads, "dask": _dask, "ray": _ray}
