"""What an attempt leaves behind on a cluster, while it is under way and after it."""

import asyncio
from collections.abc import Collection
from typing import Any

import numpy as np
import pytest
from distributed import Client, KilledWorker
from distributed.scheduler import SchedulerState

from dask_gmm.passes import attempt
from dask_gmm.passes.attempt import LEAVES, Attempt, DeadlyRowsError
from dask_gmm.passes.patience import Patience
from dask_gmm.passes.progress import Progress, Silent
from tests.passes.rows import RowsInMemory, Total

TASKS = 128
SOURCE = RowsInMemory.of(np.ones((TASKS, 2)), 1)


def run(client: Client, name: str, progress: Progress | None = None) -> int:
    found = Attempt(client, name, Patience(client)).run(
        SOURCE, (Total(),), TASKS, progress or Silent()
    )
    return found.tasks


def test_an_answer_is_let_go_when_its_sum_is_all_that_wants_it(client: Client) -> None:
    held: list[int] = []

    class Counting(Silent):
        def advance(self, rows: int) -> None:
            client.sync(asyncio.sleep, 0)  # what was let go before is noted first
            held.append(sum(LEAVES in str(key) for key in client.futures))

    assert run(client, "let-go", Counting()) == TASKS
    assert held == list(range(TASKS, 0, -1))


def test_the_scheduler_looks_at_each_task_once_to_let_it_go(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    real = SchedulerState._client_releases_keys

    def counted(self: SchedulerState, keys: Collection[Any], *rest: Any, **named: Any) -> None:
        looked.append(len(keys))
        real(self, keys, *rest, **named)

    monkeypatch.setattr(SchedulerState, "_client_releases_keys", counted)
    tasks = run(client, "once")
    client.submit(int, pure=False).result()  # what was said before is heard first
    assert tasks == TASKS
    assert tasks <= sum(looked) < 2 * tasks


def test_rows_are_blamed_too_whose_answer_was_there_and_was_lost_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(self: Attempt, task: attempt.Task) -> None:
        worker: Any = None
        raise KilledWorker(("lost-leaves", 3, 4), worker, 3)

    monkeypatch.setattr(Attempt, "_result", lost)
    with pytest.raises(DeadlyRowsError) as caught:
        run(client, "lost")
    assert caught.value.blamed == {(3, 4)}
