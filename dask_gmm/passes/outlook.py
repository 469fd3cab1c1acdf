"""What a pass will take, known before its first task."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dask_gmm.data.source import Source
from dask_gmm.passes.memory import Projection
from dask_gmm.passes.tree import level_for, nodes


@dataclass(frozen=True, slots=True)
class Room:
    """What one process will hold at most, and what it may hold.

    Parameters
    ----------
    projection : Projection
    limit : int
        In bytes; 0 is no limit.
    """

    projection: Projection
    limit: int

    @property
    def left(self) -> float:
        """Bytes that stay free; below zero where it does not fit."""
        return self.limit - self.projection.total if self.limit else float("inf")


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a pass will take.

    Parameters
    ----------
    tasks : int
        Into which it is cut.
    task_rows : int
        Rows of the largest of them.
    processes : int
        That work on it.
    threads : int
        Of all of them.
    room : Room
        That of the process which has the least.
    """

    tasks: int
    task_rows: int
    processes: int
    threads: int
    room: Room

    @classmethod
    def of(cls, cut: tuple[int, int], rooms: Iterable[Room]) -> "Outlook":
        """Make one of the tasks, and of the room of each process."""
        every = tuple(rooms)
        threads = sum(room.projection.threads for room in every)
        return cls(*cut, len(every), threads, min(every, key=lambda room: room.left))

    @classmethod
    def together(cls, parts: Sequence["Outlook"]) -> "Outlook":
        """Make one of the parts of a reading, which are made one after another."""
        first, room = parts[0], min((each.room for each in parts), key=lambda room: room.left)
        tasks, rows = sum(each.tasks for each in parts), max(each.task_rows for each in parts)
        return cls(tasks, rows, first.processes, first.threads, room)

    @property
    def fits(self) -> bool:
        """Whether each process has room for it."""
        return self.room.left >= 0

    def require(self, name: str) -> None:
        """Refuse a pass over what has this name, if a process has no room for it.

        Raises
        ------
        MemoryLimitError
            With the numbers.
        """
        self.room.projection.require(self.room.limit, name)


def cut_in_nodes(source: Source, n_folds: int, wanted: int) -> tuple[int, int]:
    """Give the number of tasks where each is a node of the tree, and the rows of the largest.

    Parameters
    ----------
    source : Source
    n_folds : int
        Folds about a single leaf are a task each.
    wanted : int
        Number of tasks at most.
    """
    edges, n_leaves = source.layout.edges, len(source.layout)
    if n_leaves == 1:
        return n_folds, source.layout.rows
    tasks = nodes(n_leaves, level_for(n_leaves, wanted))
    return len(tasks), max(int(edges[last] - edges[first]) for first, last in tasks)


def cut_in_leaves(source: Source) -> tuple[int, int]:
    """Give the number of tasks where each is a leaf, and the rows of the largest."""
    return len(source.layout), source.layout.largest
