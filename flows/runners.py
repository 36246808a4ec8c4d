"""Where the tasks run that a flow hands out: threads of its own process, or the workers of a Dask or Ray cluster.

Two environment variables say so, for every flow alike (`production.env`): ANOMALY_AE_TASK_RUNNER is threads, dask or
ray, ANOMALY_AE_CLUSTER the cluster's address. Without an address, a cluster on this machine lives as long as the run.
What is computed is the same, to the byte.
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
"""The server spends some 30 ms on each task run, and the more on each flow run."""

Item = TypeVar("Item")


def task_runner(settings: Mapping[str, str] = os.environ) -> TaskRunner[Any]:
    """Return what the environment asks for; threads, unless it says otherwise.

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
    """Give each task one item, or several of them where there are more than `most`."""
    return [tuple(items[number::most]) for number in range(min(most, len(items)))]


def _threads(address: str | None) -> TaskRunner[Any]:
    """Share a process: torch and pyarrow compute outside Python's lock."""
    if address:
        msg = f"{ADDRESS} is {address!r}, but threads know no cluster; set {CHOICE} to dask or ray"
        raise SpecError(msg)
    return ThreadPoolTaskRunner(max_workers=os.cpu_count())


def _dask(address: str | None) -> TaskRunner[Any]:
    runner = _from_extra("prefect_dask", "DaskTaskRunner", "dask")
    return runner(address=address) if address else runner(cluster_class=start_dask)


def start_dask() -> Any:
    """Start a Dask cluster, one process a core, that only this machine reaches, and without Dask's dashboard."""
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
    """Import a runner that an extra of this package brings."""
    try:
        found: Callable[..., TaskRunner[Any]] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        msg = f"{CHOICE} is {extra!r}, but {error.name} is not installed; pip install 'anomaly_ae[{extra}]'"
        raise SpecError(msg) from error
    return found


RUNNERS: dict[str, Callable[[str | None], TaskRunner[Any]]] = {"threads": _threads, "dask": _dask, "ray": _ray}
