"""How the tests are run: in a temporary folder of their own, in groups; and what many of them start from."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from inspection_support import Inspection, inspect
from object_store_support import _reachable, bucket, endpoint, shared_bucket
from plant_support import finished_plant, plant
from scheduling import FileScheduling, is_slow, order
from temp_folder import left_behind, private_temp_folder

from anomaly_ae.estimators.tabular import TabularAutoencoder

__all__ = ["_reachable", "bucket", "endpoint", "finished_plant", "plant", "shared_bucket"]
"""Fixtures that are made elsewhere."""

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
TEMP_FOLDER = pytest.StashKey[Path]()
QUIET = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "OMP_NUM_THREADS": "1"}
"""Nothing of a test's goes over the network; the workers of pytest-xdist share the cores, so that each uses one."""

# Examples of a property test: `make quick`, every other run, and `make soak`.
for name, examples in {"quick": 10, "suite": 40, "soak": 1000}.items():
    settings.register_profile(name, max_examples=examples, deadline=None)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Give this run, with its workers, a temporary folder and a quiet environment."""
    if IS_WORKER:
        return
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    stack = ExitStack()
    config.stash[TEMP_FOLDER] = stack.enter_context(private_temp_folder())
    config.add_cleanup(stack.close)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Fail where the workers, which have ended by now, left something in the temporary folder."""
    yield
    if left_by_workers(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what was left in the temporary folder."""
    if left := left_by_workers(config):
        terminalreporter.section("left in the temporary folder", red=True)
        terminalreporter.write_line("\n".join(left))


def left_by_workers(config: pytest.Config) -> list[str]:
    """Return what is in the temporary folder; nothing without workers, as libraries remove some of it at exit."""
    has_workers = config.pluginmanager.has_plugin("dsession")
    return left_behind(config.stash[TEMP_FOLDER]) if has_workers else []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; mark what is slow."""
    items.sort(key=order)
    for item in filter(is_slow, items):
        item.add_marker(pytest.mark.slow)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FileScheduling:
    """Hand out whole files, in this order."""
    config.option.loadscopereorder = False
    return FileScheduling(config, log)


@pytest.fixture(scope="session")
def mixed() -> pd.DataFrame:
    """Return normal rows with a number, a linked number with missing cells, a category, a boolean and a datetime."""
    rng = np.random.default_rng(0)
    rows = 400
    load = rng.normal(50, 10, rows)
    return pd.DataFrame(
        {
            "load": load,
            "heat": np.where(rng.random(rows) < 0.1, np.nan, 2 * load + rng.normal(0, 1, rows)),
            "line": rng.choice(["north", "south"], rows),
            "new": rng.random(rows) < 0.3,
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 60 * 86_400, rows), unit="s"),
        }
    )


@pytest.fixture(scope="session")
def fitted(mixed: pd.DataFrame) -> TabularAutoencoder:
    """Return a detector fitted on the mixed table."""
    return TabularAutoencoder(hidden=(16,), steps=50, target_fpr=0.05, device="cpu", random_state=0).fit(mixed)


@pytest.fixture(scope="session")
def inspection(tmp_path_factory: pytest.TempPathFactory) -> Inspection:
    """Return a run of the whole pipeline on small pictures."""
    return inspect(tmp_path_factory.mktemp("inspection"))
