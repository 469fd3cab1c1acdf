"""Passes on a Dask cluster: the same tree of sums, climbed by the workers."""

import queue
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from typing import Any, Final

from dask.delayed import delayed
from distributed import Client, Future, KilledWorker
from distributed.client import FutureCancelledError

from dask_gmm.data.source import Block, Source
from dask_gmm.errors import ClusterError
from dask_gmm.passes.dask_source import DaskSource
from dask_gmm.passes.fold import Answers, Fold, Workspace, measure
from dask_gmm.passes.machine import machine
from dask_gmm.passes.memory import project
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.sizing import tasks_wanted
from dask_gmm.passes.task import answer_node
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.passes.tree import fold_in_order, level_for, nodes

FAN_IN: Final = 16
ATTEMPTS: Final = 3
STALL_SECONDS: Final = 600.0
LOST: Final = (KilledWorker, FutureCancelledError, CancelledError)

Question = tuple[Source, tuple[Fold, ...]]
Task = Future[Any]


class DistributedRunner:
    """Workers of a Dask cluster.

    Every key names the run, the pass, the attempt and the node, so that nothing stale is used
    again. The question travels as one task of its own, which is recomputed when its holder dies.
    A pass that loses too many workers is made again, three times at most.

    Parameters
    ----------
    client : distributed.Client
    stall_seconds : float
        A pass in which no task ends for so long is given up.
    """

    def __init__(self, client: Client, stall_seconds: float = STALL_SECONDS) -> None:
        self.client = client
        self.stall_seconds = stall_seconds
        self._run = uuid.uuid4().hex[:12]
        self._passes = 0
        self._thread_seconds: float | None = None

    def run(self, source: Source, folds: Sequence[Fold], progress: Progress) -> Answers:
        """See `Runner.run`."""
        threads = self._check_workers(source, folds)
        self._passes += 1
        for attempt in range(ATTEMPTS):
            started = time.monotonic()
            try:
                answers = self._attempt(source, tuple(folds), threads, attempt, progress)
            except LOST as lost:
                if attempt == ATTEMPTS - 1 or self.client.status != "running":
                    raise self._gave_up(source, lost) from lost
            else:
                self._thread_seconds = (time.monotonic() - started) * threads
                return answers
        raise AssertionError("unreachable: the last attempt returns or raises")

    def machines(self) -> tuple[str, ...]:
        """See `Runner.machines`."""
        return tuple(sorted({machine(), *self.client.run(machine).values()}))

    def _check_workers(self, source: Source, folds: Sequence[Fold]) -> int:
        """Give the number of threads of all workers, after their memory was found sufficient."""
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        if not workers:
            raise ClusterError(
                f"Wanted at least one worker for a pass over {source.name}, found none at "
                f"{self._address()}. Start workers, then run it again."
            )
        for worker in workers:
            projection = project(source, folds, worker["nthreads"])
            projection.require(worker["memory_limit"], source.name)
        return sum(worker["nthreads"] for worker in workers)

    def _address(self) -> str:
        return str(self.client.scheduler_info().get("address", "its address"))

    def _attempt(
        self,
        source: Source,
        folds: tuple[Fold, ...],
        threads: int,
        attempt: int,
        progress: Progress,
    ) -> Answers:
        prefix = f"dask-gmm-{self._run}-{self._passes}-{attempt}"
        question = self.client.submit(_same, (source, folds), key=f"{prefix}-question")
        if isinstance(source, DaskSource):
            parts = self._submit_blocks(source, question, prefix)
        else:
            parts = self._submit_nodes(source, question, threads, prefix)
        try:
            return self._climb(parts, prefix, progress)
        except BaseException:
            self.client.cancel([question, *(part for part, _ in parts)])
            raise

    def _submit_nodes(
        self, source: Source, question: Task, threads: int, prefix: str
    ) -> list[tuple[Task, int]]:
        level = level_for(len(source.layout), tasks_wanted(threads, self._thread_seconds))
        edges = source.layout.edges
        return [
            (
                self.client.submit(_answer, question, node, key=f"{prefix}-{node[0]}-{node[1]}"),
                int(edges[node[1]] - edges[node[0]]),
            )
            for node in nodes(len(source.layout), level)
        ]

    def _submit_blocks(
        self, source: DaskSource, question: Task, prefix: str
    ) -> list[tuple[Task, int]]:
        answer = delayed(_answer_block, pure=False)
        tasks = [
            answer(question, index, block, dask_key_name=f"{prefix}-{index}")
            for index, block in enumerate(source.delayed_blocks())
        ]
        rows = [stop - start for start, stop in map(source.layout.bounds, range(len(tasks)))]
        return list(zip(self.client.compute(tasks), rows, strict=True))

    def _climb(self, parts: list[tuple[Task, int]], prefix: str, progress: Progress) -> Answers:
        ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        for part, rows in parts:
            part.add_done_callback(_tell(ended, rows))
        level, futures, n_parts = 0, [part for part, _ in parts], len(parts)
        while len(futures) > 1:
            level += 1
            groups = [futures[i : i + FAN_IN] for i in range(0, len(futures), FAN_IN)]
            futures = [
                self.client.submit(_add, group, key=f"{prefix}-sum-{level}-{number}")
                for number, group in enumerate(groups)
            ]
        del parts
        self._watch(ended, n_parts, futures[0], progress)
        answers: Answers = futures[0].result()
        return answers

    def _watch(
        self, ended: "queue.SimpleQueue[int]", n_parts: int, root: Task, progress: Progress
    ) -> None:
        """Tell of tasks as they end; return early if the pass has failed."""
        for _ in range(n_parts):
            try:
                rows = ended.get(timeout=self.stall_seconds)
            except queue.Empty:
                raise self._stalled() from None
            if root.status in ("error", "cancelled", "lost"):
                return
            progress.advance(rows)

    def _stalled(self) -> ClusterError:
        running = sum(map(len, self.client.processing().values()))
        return ClusterError(
            f"Wanted a task of the pass to end within {self.stall_seconds:,.0f} s, found none "
            f"({running} tasks assigned, {len(self.client.scheduler_info()['workers'])} workers). "
            "Look at the workers' logs, then run it again."
        )

    def _gave_up(self, source: Source, lost: BaseException) -> ClusterError:
        return ClusterError(
            f"Wanted a pass over {source.name} within {ATTEMPTS} attempts, but workers were lost "
            f"in each; the last: {lost}. Look at the workers' logs, then run it again."
        )


def _tell(ended: "queue.SimpleQueue[int]", rows: int) -> Callable[[Task], None]:
    return lambda _: ended.put(rows)


def _same(question: Question) -> Question:
    return question


def _answer(question: Question, node: tuple[int, int]) -> Answers:
    source, folds = question
    return answer_node(source, folds, node, Workspace(), lambda rows: None)


def _answer_block(question: Question, index: int, values: Any) -> Answers:
    source, folds = question
    assert isinstance(source, DaskSource)
    block: Block = source.block(index, values)
    with ONE_THREAD:
        return measure(folds, block, Workspace())


def _add(parts: Sequence[Answers]) -> Answers:
    total: Answers = fold_in_order(parts)
    return total
