"""A pass waits for its next task as long as somebody is there who could make it."""

import queue
from collections.abc import Iterator

import pytest
from distributed import Client, LocalCluster

from dask_gmm.errors import ClusterError
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.patience import Patience
from dask_gmm.passes.progress import Silent
from tests.passes.rows import Total
from tests.passes.test_runners import source


@pytest.fixture(scope="module")
def empty() -> Iterator[Client]:
    """A cluster without workers."""
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def test_what_has_ended_is_given_at_once(empty: Client) -> None:
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()
    ended.put("a task")
    assert Patience(empty, 0.0, 0.0).next(ended) == "a task"


def test_a_pass_without_workers_is_given_up_long_before_one_that_stalls(empty: Client) -> None:
    patience = Patience(empty, worker_seconds=0.0, look_seconds=0.01)
    with pytest.raises(ClusterError, match=r"at least one worker .* none at .* within 0 s"):
        patience.next(queue.SimpleQueue())


def test_a_pass_with_workers_waits_until_it_stalls(client: Client) -> None:
    patience = Patience(client, stall_seconds=0.0, worker_seconds=0.0)
    with pytest.raises(ClusterError, match=r"end within 0 s, found none \(2 workers at"):
        patience.next(queue.SimpleQueue())


def test_workers_that_are_ours_are_replaced(empty: Client) -> None:
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()
    patience = Patience(empty, look_seconds=0.01, mend=lambda: ended.put("a task"))
    assert patience.next(ended) == "a task"


def test_a_pass_that_no_worker_comes_for_is_not_begun(empty: Client) -> None:
    runner = DistributedRunner(empty, worker_seconds=0.01)
    with pytest.raises(ClusterError, match="at least one worker"):
        runner.run(source(), [Total()], Silent())


def test_workers_that_are_ours_are_replaced_before_a_pass(empty: Client) -> None:
    cluster = empty.cluster
    assert cluster is not None
    Patience(empty, look_seconds=0.01, mend=lambda: cluster.scale(1)).wait_for_workers()
    assert len(empty.scheduler_info()["workers"]) == 1
