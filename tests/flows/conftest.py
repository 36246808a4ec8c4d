"""A Prefect server of its own for the tests of flows, quiet and without a heartbeat that each flow would wait for."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prefect.settings import (
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness


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
            # The harness makes a folder that it keeps until this process exits; it belongs to pytest's.
            patch.setattr(tempfile, "tempdir", str(folder))
            stack.enter_context(prefect_test_harness(server_startup_timeout=120))
        yield
