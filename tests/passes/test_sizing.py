"""Tasks are neither so few that threads wait nor so many that the scheduler drowns."""

import numpy as np
import pytest
from distributed import Client
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.passes.cost import Peak, Spent
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.sizing import BYTES_PER_TASK, FEWEST_PER_THREAD, MOST_PER_THREAD, tasks_wanted
from tests.passes.rows import RowsInMemory, Total


@given(st.integers(1, 1000), st.one_of(st.none(), st.floats(0, 1e6)))
def test_each_thread_gets_a_few_tasks(threads: int, seconds: float | None) -> None:
    wanted = tasks_wanted(threads, seconds, n_bytes=10**6)
    assert FEWEST_PER_THREAD * threads <= wanted <= MOST_PER_THREAD * threads


def test_a_longer_pass_gets_more_tasks() -> None:
    assert tasks_wanted(2, 100.0, 0) > tasks_wanted(2, 1.0, 0)


@given(st.integers(1, 8), st.one_of(st.none(), st.floats(0, 10)), st.integers(0, 10**14))
def test_no_task_gets_more_than_a_gibibyte(
    threads: int, seconds: float | None, n_bytes: int
) -> None:
    assert n_bytes <= tasks_wanted(threads, seconds, n_bytes) * BYTES_PER_TASK


def test_what_tasks_took_decides_and_not_how_long_one_waited_for_them(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, found = RowsInMemory.of(np.ones((1024, 1)), 1), []
    for seconds in (0.0, 100.0):
        monkeypatch.setattr(Spent, "since", lambda started, s=seconds: Spent(s, Peak.here()))
        runner = DistributedRunner(client)
        runner.run(source, [Total()], Silent())
        found.append(runner.outlook(source, [Total()]).tasks)
    assert found == [FEWEST_PER_THREAD * 2, MOST_PER_THREAD * 2]
