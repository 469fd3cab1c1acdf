"""How many tasks a pass is cut into; it changes the time of a pass and not one byte of it."""

from typing import Final

SECONDS_PER_TASK: Final = 2.0
FEWEST_PER_THREAD, FIRST_PER_THREAD, MOST_PER_THREAD = 4, 16, 64
# Bytes of rows times folds that a task gets on average, half of what a node of the tree can come
# to: seconds for few components, two minutes for many, so that a task never outlasts the patience
# of whoever waits for the first to end.
BYTES_PER_TASK: Final = 2**30


def tasks_wanted(n_threads: int, thread_seconds: float | None, n_bytes: int) -> int:
    """Give the number of tasks for a pass.

    Parameters
    ----------
    n_threads : int
        Threads that will work on it.
    thread_seconds : float or None
        Seconds that threads worked on the tasks of the pass before, in sum, None before the first.
        Not the time that it took, which may be the scheduler's: more tasks would make it longer.
    n_bytes : int
        Bytes of the rows, times the number of folds that are asked of them.
    """
    least = -(-n_bytes // BYTES_PER_TASK)
    if thread_seconds is None:
        return max(least, FIRST_PER_THREAD * n_threads)
    wanted = int(thread_seconds / SECONDS_PER_TASK)
    return max(least, min(MOST_PER_THREAD * n_threads, max(FEWEST_PER_THREAD * n_threads, wanted)))
