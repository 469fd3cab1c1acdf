"""Tasks are neither so few that threads wait nor so many that the scheduler drowns."""

from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.passes.sizing import BYTES_PER_TASK, FEWEST_PER_THREAD, MOST_PER_THREAD, tasks_wanted


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
