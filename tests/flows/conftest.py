"""A Prefect server of its own for the tests of flows, quiet and without a heartbeat that each flow would wait for."""

from collections.abc import Iterator
from contextlib import ExitStack
from unittest.mock import Mock

import pytest
from prefect.settings import (
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    temporary_settings,
)
from prefect.testing import utilities


@pytest.fixture(scope="session", autouse=True)
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start a server with an empty database for this session."""
    folder = tmp_path_factory.mktemp("prefect")
    quiet = {
        PREFECT_HOME: folder,
        PREFECT_SERVER_ANALYTICS_ENABLED: False,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    }
    with temporary_settings(quiet), ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            # The harness would remove its folder when this process exits; pytest removes this one.
            patch.setattr(utilities, "mkdtemp", lambda: str(folder))
            patch.setattr(utilities, "atexit", Mock())
            stack.enter_context(utilities.prefect_test_harness(server_startup_timeout=120))
        yield
