"""Clusters that are started here, and stopped in the end."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import dask
from distributed import Client, LocalCluster

from dask_gmm.passes import worker_signals
from dask_gmm.passes.cluster_class import started
from dask_gmm.passes.cluster_spec import ClusterSpec, TLSFiles
from dask_gmm.passes.connecting import client_of
from dask_gmm.passes.encryption import security_from, security_of_own

# Deaths of workers that a task may witness before it is blamed for them, each of which has no more
# than one at hand; how long a worker of ours may be silent, and how long it may be gone, before
# another one takes its place.
CAREFUL: Final = {
    "distributed.scheduler.allowed-failures": 3,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.worker-ttl": "30s",
    "distributed.deploy.lost-worker-timeout": "10s",
}


@contextmanager
def local_cluster(workers: int, tls: TLSFiles | None = None) -> Iterator[Client]:
    """Start processes of one thread each on this machine, with no port open to others."""
    security = security_of_own(tls)
    with (
        _careful() as settle,
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            preload=[worker_signals.__name__],
            security=security,
        ) as cluster,
        Client(cluster) as client,
    ):
        settle()
        yield client


@contextmanager
def class_cluster(spec: ClusterSpec) -> Iterator[Client]:
    """Start a cluster of the class that is asked for; see `started` for the errors."""
    security = None if spec.tls is None else security_from(spec.tls)
    with _careful() as settle, started(spec, security) as cluster, client_of(cluster) as client:
        settle()
        yield client


@contextmanager
def _careful() -> Iterator[Callable[[], None]]:
    """Start clusters that are careful with workers; gives what is called when one has started.

    A LocalCluster leaves its thread limits in the environment of its parent.
    """
    environment = dict(os.environ)

    def settle() -> None:
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)

    with dask.config.set(CAREFUL):
        yield settle
