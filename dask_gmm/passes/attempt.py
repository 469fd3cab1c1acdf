"""One attempt of a pass on a cluster: tasks out, sums up the tree, one answer back."""

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dask.delayed import delayed
from distributed import Client, Future, KilledWorker

from dask_gmm.data.source import Source
from dask_gmm.data.stored import StoredSource
from dask_gmm.passes.cost import Spent
from dask_gmm.passes.dask_blocks import DaskBlocks
from dask_gmm.passes.dask_source import DaskSource
from dask_gmm.passes.fold import Answers, Fold, Workspace, measure
from dask_gmm.passes.held import Piece
from dask_gmm.passes.patience import Patience
from dask_gmm.passes.pieces import HeldThere, Pieces, same
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.task import answer_node
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.passes.tree import fold_in_order, level_for, nodes

FAN_IN: Final = 16
FOLDS, LEAVES = "folds", "leaves"

Question = tuple[Source, tuple[Fold, ...]]
BlockQuestion = tuple[DaskBlocks, tuple[Fold, ...]]
Task = Future[Any]


class DeadlyRowsError(Exception):
    """Workers died at some rows again and again; or at their neighbors in the same worker.

    Parameters
    ----------
    blamed : frozenset of (int, int)
        First row of each task that is blamed, and the first row after it.
    """

    def __init__(self, blamed: frozenset[tuple[int, int]]) -> None:
        super().__init__(blamed)
        self.blamed = blamed


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The answer about rows ``start`` to ``stop``, to come."""

    task: Task
    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of an attempt that ended well.

    Parameters
    ----------
    answers : Answers
    tasks : int
        Those that read rows.
    spent : Spent
        By workers on these tasks.
    """

    answers: Answers
    tasks: int
    spent: Spent


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """One attempt of a pass.

    Parameters
    ----------
    client : distributed.Client
    prefix : str
        What all its keys begin with; no other attempt has the same.
    patience : Patience
        When it is given up.
    """

    client: Client
    prefix: str
    patience: Patience

    def run(
        self, source: Source, folds: tuple[Fold, ...], n_tasks: int, progress: Progress
    ) -> Outcome:
        """Give the answers of the folds about all rows, in about so many tasks.

        Raises
        ------
        DeadlyRowsError
            If workers died of the same task again and again.
        ClusterError
            If no task ends.
        """
        key = f"{self.prefix}-question"
        question = self.client.submit(same, (_asked(source), folds), key=key)
        one_by_one = len(source.layout) == 1 and not isinstance(source, DaskSource)
        if one_by_one:
            parts = self._submit_folds(source, question, len(folds))
        elif isinstance(source, DaskSource):
            parts = self._submit_blocks(source, question)
        else:
            parts = self._submit_nodes(source, question, n_tasks)
        try:
            *answers, spent = (self._collect if one_by_one else self._climb)(parts, progress)
        except KilledWorker as killed:
            raise DeadlyRowsError(_blamed(parts, killed)) from killed
        finally:
            # What is not done has no use any more, and what is done has been taken. (The time
            # that Dask takes to cancel many tasks at once grows with their square.)
            _release([question, *(part.task for part in parts)])
        return Outcome(Answers(answers), len(parts), spent)

    @property
    def groups(self) -> frozenset[str]:
        """What the keys of its tasks begin with that answer about rows."""
        return frozenset(f"{self.prefix}-{name}" for name in (FOLDS, LEAVES))

    def _submit_folds(self, source: Source, question: Task, n_folds: int) -> list[Part]:
        """Each fold in a task of its own, where a single leaf leaves workers idle."""
        pieces, name = self._pieces(source, 1), f"{self.prefix}-{FOLDS}"
        piece = None if pieces is None else pieces.holding(0)
        tasks = [
            self.client.submit(_answer_one, question, fold, piece, key=(name, fold))
            for fold in range(n_folds)
        ]
        return [Part(task, 0, source.layout.rows) for task in tasks]

    def _submit_nodes(self, source: Source, question: Task, n_tasks: int) -> list[Part]:
        n_leaves, edges = len(source.layout), source.layout.edges
        level, pieces = level_for(n_leaves, n_tasks), self._pieces(source, n_tasks)
        parts = []
        for first, last in nodes(n_leaves, level):
            piece = None if pieces is None else pieces.holding(first)
            key = self._key(first, last)
            task = self.client.submit(_answer, question, (first, last), piece, key=key)
            parts.append(Part(task, int(edges[first]), int(edges[last])))
        return parts

    def _pieces(self, source: Source, n_tasks: int) -> Pieces | None:
        """Give the pieces that workers hold, or are to hold, if they do."""
        if not isinstance(source, HeldThere):
            return None
        source.pieces.read(source.source, self.prefix, n_tasks)
        return source.pieces

    def _submit_blocks(self, source: DaskSource, question: Task) -> list[Part]:
        answer = delayed(_answer_block, pure=False)
        tasks = [
            answer(question, index, block, dask_key_name=self._key(index, index + 1))
            for index, block in enumerate(source.delayed_blocks())
        ]
        futures = self.client.compute(tasks)
        return [Part(task, *source.layout.bounds(index)) for index, task in enumerate(futures)]

    def _key(self, first: int, last: int) -> tuple[str, int, int]:
        # Keys of one name are one group, which the scheduler hands out little by little: a death
        # is then held against the few tasks that were at hand, not against the whole pass.
        return (f"{self.prefix}-{LEAVES}", first, last)

    def _climb(self, parts: Sequence[Part], progress: Progress) -> Answers:
        top = self._sum([part.task for part in parts])
        try:
            for part in self._ended(parts):
                progress.advance(part.stop - part.start)
                if part.task is not top:
                    # Its sum wants it yet; workers hold it no longer than until that is there.
                    part.task.release()
            answers: Answers = self._result(top)
        finally:
            _release([top])
        return answers

    def _sum(self, tasks: Sequence[Task]) -> Task:
        level = 0
        while len(tasks) > 1:
            level += 1
            groups = [tasks[i : i + FAN_IN] for i in range(0, len(tasks), FAN_IN)]
            tasks = [
                self.client.submit(_add, group, key=(f"{self.prefix}-sums", level, number))
                for number, group in enumerate(groups)
            ]
        return tasks[0]

    def _collect(self, parts: Sequence[Part], progress: Progress) -> Answers:
        answers, spent = zip(*(self._result(part.task) for part in parts), strict=True)
        progress.advance(parts[0].stop)
        return Answers((*answers, fold_in_order(spent)))

    def _result(self, task: Task) -> Any:
        """Fetch the answer of a task, whose holder may be lost meanwhile."""
        for _ in self._ended([Part(task, 0, 0)]):
            break
        try:
            return task.result(timeout=self.patience.stall_seconds)
        except TimeoutError:
            raise self.patience.stalled() from None

    def _ended(self, parts: Sequence[Part]) -> Iterator[Part]:
        """Give parts as they end, until one has failed."""
        ended: queue.SimpleQueue[Part] = queue.SimpleQueue()
        for part in parts:
            part.task.add_done_callback(_tell(ended, part))
        for _ in parts:
            part = self.patience.next(ended)
            if part.task.status != "finished":
                return
            yield part


def _release(tasks: Sequence[Task]) -> None:
    for task in tasks:
        task.release()


def _blamed(parts: Sequence[Part], killed: KilledWorker) -> frozenset[tuple[int, int]]:
    """Those that have failed, also where their answers were there once and lost again."""
    return frozenset(
        (part.start, part.stop)
        for part in parts
        if part.task.status == "error" or part.task.key == killed.task
    )


def _tell(ended: "queue.SimpleQueue[Part]", part: Part) -> Callable[[Task], None]:
    return lambda _: ended.put(part)


def _asked(source: Source) -> Source | DaskBlocks:
    """Give what a question needs of the rows: neither the graph of an array, nor futures."""
    match source:
        case DaskSource():
            return source.blocks
        case HeldThere():
            return source.source
    return source


def _answer(question: Question, node: tuple[int, int], piece: Piece | None) -> Answers:
    started, (source, folds) = time.monotonic(), question
    rows = piece.held(source) if piece and isinstance(source, StoredSource) else source
    answers = answer_node(rows, folds, node, Workspace(), lambda rows: None)
    return Answers((*answers, Spent.since(started)))


def _answer_one(question: Question, fold: int, piece: Piece | None) -> Answers:
    source, folds = question
    return _answer((source, folds[fold : fold + 1]), (0, 1), piece)


def _answer_block(question: BlockQuestion, index: int, values: Any) -> Answers:
    started, (blocks, folds) = time.monotonic(), question
    with ONE_THREAD:
        answers = measure(folds, blocks.block(index, values), Workspace())
    return Answers((*answers, Spent.since(started)))


def _add(parts: Sequence[Answers]) -> Answers:
    total: Answers = fold_in_order(parts)
    return total
