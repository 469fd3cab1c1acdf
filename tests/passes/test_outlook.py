"""What a pass will take is known before its first task, and is what it then takes."""

from typing import Any

import numpy as np
import pytest
from distributed import Client

from dask_gmm.errors import MemoryLimitError
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.memory import Projection
from dask_gmm.passes.outlook import Outlook, Room, cut_in_leaves, cut_in_nodes
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.passes.sizing import FIRST_PER_THREAD
from tests.passes.rows import RowsInMemory, Spell, Total


def source(rows: int, leaf_rows: int) -> RowsInMemory:
    return RowsInMemory.of(np.zeros((rows, 2)), leaf_rows)


@pytest.mark.parametrize("leaf_rows", [1, 7, 333, 2_000])
@pytest.mark.parametrize("n_folds", [1, 3])
def test_tasks_are_those_that_are_made(runner: Runner, leaf_rows: int, n_folds: int) -> None:
    rows, folds = source(1_000, leaf_rows), [Total()] * n_folds
    outlook = runner.outlook(rows, folds)
    assert runner.run(rows, folds, Silent()).cost.tasks == outlook.tasks
    assert outlook.tasks * outlook.task_rows >= 1_000 * (n_folds if leaf_rows == 2_000 else 1)


def test_more_threads_make_more_and_smaller_tasks() -> None:
    rows = source(1_000, 1)
    one, two = (ThreadRunner(n).outlook(rows, [Total()]) for n in (1, 2))
    assert one.tasks <= FIRST_PER_THREAD < two.tasks <= 2 * FIRST_PER_THREAD
    assert (one.task_rows, two.task_rows) == (64, 32)
    assert (two.processes, two.threads) == (1, 2)


def test_workers_are_counted_with_their_threads(client: Client) -> None:
    outlook = DistributedRunner(client).outlook(source(1_000, 10), [Total()])
    assert (outlook.processes, outlook.threads) == (2, 2)
    assert outlook.room.projection.threads == 1


def test_workers_that_go_before_they_are_counted_are_waited_for(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, gone = client.scheduler_info, [{"workers": dict[str, object]()}]

    def counted(n_workers: int) -> Any:
        return gone.pop() if gone else real(n_workers=n_workers)

    monkeypatch.setattr(client, "scheduler_info", counted)
    assert DistributedRunner(client).outlook(source(1_000, 10), [Total()]).processes == 2


def test_the_process_with_the_least_room_decides() -> None:
    rooms = [
        Room(Projection(reading=10, tile=5, threads=threads, base=0), limit)
        for threads, limit in ((1, 0), (2, 40), (3, 55), (1, 20))
    ]
    outlook = Outlook.of((4, 100), rooms)
    assert (outlook.room, outlook.room.left, outlook.threads) == (rooms[3], 5, 7)
    assert outlook.fits
    outlook.require("x")
    tight = Outlook.of((4, 100), [*rooms, Room(rooms[2].projection, 44)])
    assert not tight.fits
    with pytest.raises(MemoryLimitError, match="a pass over x"):
        tight.require("x")
    assert Outlook.of((4, 100), rooms[:1]).fits


def test_nothing_is_refused_that_is_only_looked_at(runner: Runner) -> None:
    assert not runner.outlook(source(1_000, 10), [Spell(tile=2**50)]).fits


def test_tasks_that_are_leaves_are_as_large_as_these() -> None:
    assert cut_in_leaves(source(1_000, 300)) == (4, 300)
    assert cut_in_nodes(source(1_000, 300), 2, 3) == (2, 600)
    assert cut_in_nodes(source(1_000, 1_000), 2, 3) == (2, 1_000)


def test_parts_of_a_reading_are_made_one_after_another(runner: Runner) -> None:
    large, small = (runner.outlook(source(rows, 10), [Total()]) for rows in (1_000, 30))
    both = Outlook.together([large, small])
    assert (both.tasks, both.task_rows) == (large.tasks + small.tasks, large.task_rows)
    assert (both.threads, both.processes) == (large.threads, large.processes)
    tight = runner.outlook(source(30, 10), [Spell(tile=2**50)])
    assert Outlook.together([large, tight]).room == tight.room
