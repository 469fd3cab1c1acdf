"""One pass: the folds asked of all rows, the answers added in the fixed tree."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from copy import copy
from threading import Event
from typing import Protocol, Self

from distributed.system import MEMORY_LIMIT

from dask_gmm.data.source import Source
from dask_gmm.passes.cost import Cost, Peak, Reading
from dask_gmm.passes.fold import Answers, Fold, Workspace
from dask_gmm.passes.machine import machine
from dask_gmm.passes.memory import bytes_of, project
from dask_gmm.passes.outlook import Outlook, Room, cut_in_nodes
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.sizing import tasks_wanted
from dask_gmm.passes.task import Advance, answer_node
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.passes.tree import fold_in_order, level_for, nodes

Node = tuple[int, int]


class Runner(Protocol):
    """Makes passes; which one does it changes no byte of an answer."""

    def run(self, source: Source, folds: Sequence[Fold], progress: Progress) -> Reading:
        """Answer each fold about all rows of the source, in one reading, and say what it cost.

        Raises
        ------
        MemoryLimitError
            If the projected memory does not fit, before anything is read.
        DataError
            If the rows are damaged.
        ClusterError
            If the workers are lost for good.
        """
        ...

    def outlook(self, source: Source, folds: Sequence[Fold]) -> Outlook:
        """Say what a pass will take; nothing is read, and nothing refused that does not fit.

        Raises
        ------
        ClusterError
            If there are no workers.
        """
        ...

    def beside(self, n_bytes: int) -> "Runner":
        """Give the same runner where this process holds so many bytes beside what passes hold."""
        ...

    def machines(self) -> tuple[str, ...]:
        """Name the kinds of processors at work; one kind is needed for the same bytes."""
        ...


class ThreadRunner:
    """Threads of this process, each with its own tile; the default.

    Parameters
    ----------
    threads : int, optional
        By default as many as processors that this process may use.
    memory_limit : int, optional
        Bytes, by default those of the machine or of the control group.
    """

    def __init__(self, threads: int | None = None, memory_limit: int = MEMORY_LIMIT) -> None:
        self.threads = threads or available_processors()
        self.memory_limit = memory_limit
        self._beside = 0
        self._workspaces: deque[Workspace] = deque()

    def run(self, source: Source, folds: Sequence[Fold], progress: Progress) -> Reading:
        """See `Runner.run`."""
        self.outlook(source, folds).require(source.name)
        if len(source.layout) == 1 and len(folds) > 1:
            answers = self._one_by_one(source, folds, progress)
            return self._told(answers, source, len(folds))
        level = level_for(len(source.layout), self._tasks_wanted(source, len(folds)))
        work = [(folds, node) for node in nodes(len(source.layout), level)]
        answers = fold_in_order(self._map(source, work, progress.advance))
        return self._told(answers, source, len(work))

    def outlook(self, source: Source, folds: Sequence[Fold]) -> Outlook:
        """See `Runner.outlook`."""
        wanted = self._tasks_wanted(source, len(folds))
        projection = project(source, folds, self.threads, beside=self._beside)
        room = Room(projection, self.memory_limit)
        return Outlook.of(cut_in_nodes(source, len(folds), wanted), [room])

    def beside(self, n_bytes: int) -> Self:
        """See `Runner.beside`."""
        runner = copy(self)
        runner._beside = n_bytes
        return runner

    def machines(self) -> tuple[str, ...]:
        """See `Runner.machines`."""
        return (machine(),)

    def _tasks_wanted(self, source: Source, n_folds: int) -> int:
        return tasks_wanted(self.threads, None, bytes_of(source) * n_folds)

    def _told(self, answers: Answers, source: Source, n_tasks: int) -> Reading:
        cost = Cost(
            tasks=n_tasks,
            threads=self.threads,
            workers=0,
            workers_lost=0,
            attempts=1,
            retries=0,
            decoded_bytes=bytes_of(source),
            peak_bytes=Peak.here().held,
            worker_peak_bytes=None,
        )
        return Reading(answers, cost)

    def _one_by_one(self, source: Source, folds: Sequence[Fold], progress: Progress) -> Answers:
        """Answer each fold in a task of its own, where a single leaf leaves threads idle."""
        work: list[tuple[Sequence[Fold], Node]] = [([fold], (0, 1)) for fold in folds]
        answers = [answer for (answer,) in self._map(source, work, lambda rows: None)]
        progress.advance(source.layout.rows)
        return Answers(answers)

    def _map(
        self, source: Source, work: Sequence[tuple[Sequence[Fold], Node]], advance: Advance
    ) -> Iterator[Answers]:
        """Give the answers in the order of the work, holding each only until it is taken."""
        stopped = Event()

        def tell(rows: int) -> None:
            if stopped.is_set():  # another task has failed: end between two leaves
                raise CancelledError
            advance(rows)

        def answer(folds: Sequence[Fold], node: Node) -> Answers:
            workspace = self._borrow()
            try:
                return answer_node(source, folds, node, workspace, tell)
            finally:
                self._workspaces.append(workspace)

        with ONE_THREAD, ThreadPoolExecutor(self.threads, thread_name_prefix="pass") as pool:
            waiting: deque[Future[Answers]] = deque(pool.submit(answer, *each) for each in work)
            try:
                while waiting:
                    yield waiting.popleft().result()
            finally:
                stopped.set()
                pool.shutdown(wait=True, cancel_futures=True)

    def _borrow(self) -> Workspace:
        try:
            return self._workspaces.pop()
        except IndexError:
            return Workspace()


def available_processors() -> int:
    """Give the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
