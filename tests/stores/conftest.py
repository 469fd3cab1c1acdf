from collections.abc import Iterator

import pytest

from dask_gmm.objects.address import Address
from tests.stores.server import Server, running


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that speaks S3's protocol."""
    with running() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment().items():
            patch.setenv(name, value)
        yield server


@pytest.fixture
def bucket(server: Server) -> Address:
    """One in which nothing lies."""
    return server.bucket()
