"""From nothing, a number of workers, an address or a client to a runner."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import dask
from distributed import Client, LocalCluster, get_client, get_worker

from dask_gmm.errors import ClusterError, InputError
from dask_gmm.passes import worker_signals
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.performance import check_report, reported
from dask_gmm.passes.runner import Runner, ThreadRunner

CONNECT_TIMEOUT: Final = "30s"
# Deaths of workers that a task may witness before it is blamed for them, each of which has no more
# than one at hand; how long a worker of this machine may be silent, and how long it may be gone,
# before another one takes its place.
CAREFUL: Final = {
    "distributed.scheduler.allowed-failures": 3,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.worker-ttl": "30s",
    "distributed.deploy.lost-worker-timeout": "10s",
}
CLOSED: Final = ("closing", "closed")


@contextmanager
def open_runner(
    workers: int | None = None,
    scheduler: str | None = None,
    performance_report: Path | None = None,
) -> Iterator[Runner]:
    """Open what was asked for, and close only what was opened here.

    Parameters
    ----------
    workers : int, optional
        Processes of one thread each on this machine.
    scheduler : str, optional
        Address of a Dask scheduler, such as "tcp://10.0.0.1:8786".
    performance_report : Path, optional
        The HTML page in which Dask reports the tasks of all passes, written when it is closed.

    Raises
    ------
    InputError
        If both are given, or neither and a report, or there are fewer than one worker.
    MissingExtraError, OutputExistsError, OutputError
        If the report could not be written; nothing has been started then.
    ClusterError
        If the scheduler does not answer.
    """
    if workers is not None and scheduler is not None:
        raise InputError(
            f"Wanted workers or a scheduler, found both ({workers} and {scheduler!r}). Give one."
        )
    if performance_report is not None:
        check_report(performance_report, clustered=(workers, scheduler) != (None, None))
    if scheduler is not None:
        opened = _connect(scheduler)
    elif workers is not None:
        opened = local_cluster(workers)
    else:
        yield ThreadRunner()
        return
    with opened as client, reported(client, performance_report):
        if workers is None or client.cluster is None:
            yield DistributedRunner(client)
        else:
            yield DistributedRunner(client, mend=partial(client.cluster.scale, workers))


def runner_for(client: Client | None, *, in_memory: bool) -> Runner:
    """Choose for data given in Python: the client, else the current one, else threads.

    Rows in this process's memory stay in it unless a client is given; so does a call from
    inside a Dask task, whose worker would wait for itself.

    Raises
    ------
    InputError
        If it is no client, or is closed.
    """
    refuse_unusable(client)
    if client is None and not in_memory and not inside_task():
        try:
            client = get_client()
        except ValueError:
            client = None
    return ThreadRunner() if client is None else DistributedRunner(client)


def refuse_unusable(client: Client | None) -> None:
    """Refuse what is given as a client and could not run anything.

    Raises
    ------
    InputError
        If it is no client, or is closed.
    """
    if client is None:
        return
    if not isinstance(client, Client):
        raise InputError(
            f"Wanted a distributed.Client as client, found {client!r}. Connect one to the "
            "scheduler, and give that."
        )
    if client.status in CLOSED:
        raise InputError(
            f"Wanted a client that is connected, found {client!r}, which is {client.status}. "
            "Connect another one to the scheduler, and give that."
        )


@contextmanager
def local_cluster(workers: int) -> Iterator[Client]:
    """Start processes of one thread each on this machine, with no port open to others."""
    if workers < 1:
        raise InputError(f"Wanted at least 1 worker, found {workers}. Give another number.")
    environment = dict(os.environ)
    with (
        dask.config.set(CAREFUL),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            preload=[worker_signals.__name__],
        ) as cluster,
        Client(cluster) as client,
    ):
        # A LocalCluster leaves its thread limits in the environment of its parent.
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
        yield client


@contextmanager
def _connect(scheduler: str) -> Iterator[Client]:
    try:
        client = Client(scheduler, timeout=CONNECT_TIMEOUT)
    except (OSError, TimeoutError) as error:
        raise ClusterError(
            f"Wanted a Dask scheduler at {scheduler}, found none within {CONNECT_TIMEOUT} "
            f"({error}). Check the address, then run it again."
        ) from error
    with client:
        yield client


def inside_task() -> bool:
    """Whether the caller is a task that a worker runs."""
    try:
        get_worker()
    except ValueError:
        return False
    return True
