"""An object store on this machine: moto's S3, reached as any other through AWS_ENDPOINT_URL."""

import logging
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from anomaly_ae.storage import locate

KEY, SECRET = "AKIATESTS", "a-secret-that-is-nowhere-else"


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Return the address of a server that lives as long as the tests."""
    server = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    yield f"http://{host}:{port}"
    store.stop()


@pytest.fixture(scope="session")
def _reachable(endpoint: str) -> Iterator[None]:
    """Let botocore's own variables say where the store is and who we are."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield


@pytest.fixture
def bucket(_reachable: None) -> Path:
    """Return a new bucket."""
    return make_bucket()


@pytest.fixture(scope="module")
def shared_bucket(_reachable: None) -> Path:
    """Return a bucket that the tests of a file share."""
    return make_bucket()


def make_bucket() -> Path:
    """Make a bucket with a name of its own."""
    place = locate(f"s3://bucket-{uuid.uuid4().hex[:12]}")
    place.fs.mkdir(place.path)  # type: ignore[attr-defined]
    return place
