"""How many tasks a pass is cut into; it changes the time of a pass and not one byte of it."""

from typing import Final

SECONDS_PER_TASK: Final = 2.0
FEWEST_PER_THREAD, FIRST_PER_THREAD, MOST_PER_THREAD = 4, 16, 64


def tasks_wanted(n_threads: int, thread_seconds: float | None) -> int:
    """Give the number of tasks for a pass.

    Parameters
    ----------
    n_threads : int
        Threads that will work on it.
    thread_seconds : float or None
        Seconds of one thread that the pass before took in all, None before the first.
    """
    if thread_seconds is None:
        return FIRST_PER_THREAD * n_threads
    wanted = int(thread_seconds / SECONDS_PER_TASK)
    return min(MOST_PER_THREAD * n_threads, max(FEWEST_PER_THREAD * n_threads, wanted))
