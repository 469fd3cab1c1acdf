from collections.abc import Iterator

import dask
import pytest
from distributed import Client, LocalCluster

from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.runner import Runner, ThreadRunner

# Workers that look at themselves a hundred times a second keep others from working.
UNWATCHED = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
}


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """A cluster of two workers in this process."""
    with dask.config.set(UNWATCHED):
        cluster = LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
        )
    with cluster, Client(cluster, set_as_default=False) as client:
        yield client


@pytest.fixture(params=["one thread", "two threads", "cluster"])
def runner(request: pytest.FixtureRequest) -> Runner:
    """Every kind of runner: one suite of tests for all."""
    if request.param == "cluster":
        return DistributedRunner(request.getfixturevalue("client"))
    return ThreadRunner(1 if request.param == "one thread" else 2)
