"""From what is asked for, or from a client, to a runner."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final

from distributed import Client, get_client, get_worker

from dask_gmm.errors import InputError
from dask_gmm.passes.cluster_class import scaled_again
from dask_gmm.passes.cluster_spec import ClusterSpec
from dask_gmm.passes.connecting import connected, wait_for_workers
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.own_clusters import class_cluster, local_cluster
from dask_gmm.passes.performance import check_report, reported
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.passes.scheduler_file import scheduler_address

CLOSED: Final = ("closing", "closed")


@contextmanager
def open_runner(
    spec: ClusterSpec, say: Callable[[str], object] = lambda _: None
) -> Iterator[Runner]:
    """Open what was asked for, and close only what was opened here.

    Parameters
    ----------
    spec : ClusterSpec
    say : callable, optional
        Is told what is waited for, as a sentence.

    Raises
    ------
    MissingExtraError, OutputExistsError, OutputError
        If the report could not be written; nothing has been started then. The first also if a
        package is not there that a cluster needs.
    SettingsError
        If there is no such cluster class, or it refuses its options; if certificates are not those
        that are needed.
    ClusterError
        If the scheduler does not answer, or too few workers come.
    """
    with ExitStack() as opened:
        if spec.performance_report is not None:
            check_report(spec.performance_report)
        client, mend = _opened(spec, opened)
        if client is None:
            yield ThreadRunner()
            return
        wait_for_workers(client, spec, say)
        opened.enter_context(reported(client, spec.performance_report))
        yield DistributedRunner(client, mend=mend)


def _opened(spec: ClusterSpec, opened: ExitStack) -> tuple[Client | None, Callable[[], object]]:
    """Give a client, and what starts workers in the place of those that are gone."""
    if spec.workers is not None:
        client = opened.enter_context(local_cluster(spec.workers, spec.tls))
        cluster: Any = client.cluster
        return client, partial(cluster.scale, spec.workers)
    if spec.cluster_class is not None:
        client = opened.enter_context(class_cluster(spec))
        return client, scaled_again(client.cluster, spec.scale)
    if spec.scheduler_file is not None:
        address = scheduler_address(spec.scheduler_file, spec.wait)
        return opened.enter_context(connected(address, spec.tls)), _nothing
    if spec.address is not None:
        return opened.enter_context(connected(spec.address, spec.tls)), _nothing
    return None, _nothing


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


def _nothing() -> None:
    """Leave workers that are not ours to whoever started them."""


def inside_task() -> bool:
    """Whether the caller is a task that a worker runs."""
    try:
        get_worker()
    except ValueError:
        return False
    return True
