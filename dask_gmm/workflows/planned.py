"""What a plan says of each step: what it reads and writes, in which passes, and what they hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.beside import RowsBeside
from dask_gmm.data.row_data import LABELS, WEIGHTS
from dask_gmm.data.sink import ArraySpec
from dask_gmm.data.source import Source
from dask_gmm.data.stored import StoredSource
from dask_gmm.objects.location import Location
from dask_gmm.passes.outlook import Outlook

DONE: Final = "done before: nothing to do"
NOT_THERE: Final = "nothing is measured: what it reads is not there yet"


@dataclass(frozen=True, slots=True, eq=False)
class Size:
    """The rows that a step reads, or draws.

    Parameters
    ----------
    name : str
        How messages call them.
    rows, features : int
    dtype : str
        In which they are read.
    blocks : int
        Leaves, which tasks are made of.
    chunks : int
        As stored.
    row_bytes : int
        Of a row, decoded.
    beside : tuple of str
        What is read beside the rows.
    """

    name: str
    rows: int
    features: int
    dtype: str
    blocks: int
    chunks: int
    row_bytes: int
    beside: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: Source) -> "Size":
        """Give that of a source; what is not stored in chunks has a chunk per leaf."""
        blocks, dtype = len(source.layout), source.dtype
        chunks = len(source.chunk_keys()) if isinstance(source, StoredSource) else blocks
        row_bytes = source.n_features * dtype.itemsize
        rows, name = source.layout.rows, source.name
        size = (rows, source.n_features, str(dtype), blocks, chunks, row_bytes)
        return cls(name, *size, tuple(_beside(source)))

    @classmethod
    def together(cls, parts: "Sequence[Size]") -> "Size":
        """Give that of several parts of the same rows."""
        rows, blocks = sum(each.rows for each in parts), sum(each.blocks for each in parts)
        return replace(
            parts[0], rows=rows, blocks=blocks, chunks=sum(each.chunks for each in parts)
        )

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "rows": self.rows,
            "features": self.features,
            "dtype": self.dtype,
            "blocks": self.blocks,
            "chunks": self.chunks,
            "bytes_per_pass": self.rows * self.row_bytes,
            **({"beside": list(self.beside)} if self.beside else {}),
        }


def _beside(source: Source) -> Iterator[str]:
    """Name what is read beside stored rows."""
    if isinstance(source, RowsBeside):
        for name, column in ((WEIGHTS, source.weights), (LABELS, source.labels)):
            if column is not None:
                yield f"{name} in memory" if isinstance(column, ArraySource) else column.name


@dataclass(frozen=True, slots=True, eq=False)
class PlannedPass:
    """A pass that a step makes once, or round after round.

    Parameters
    ----------
    name : str
        Such as "survey".
    questions : int
        That are asked together in one round, at most.
    readings : int
        Of all rows in a round: several where the questions do not fit in memory together.
    outlook : Outlook
        Of one reading; the room is the least that any of them leaves. What a first pass draws for
        rare components comes on top.
    least, most : int or None
        Number of rounds; None where nothing bounds it beforehand.
    """

    name: str
    questions: int
    readings: int
    outlook: Outlook
    least: int = 1
    most: int | None = 1

    def to_json(self, row_bytes: int) -> dict[str, Any]:
        """Give it as JSON values."""
        outlook, room = self.outlook, self.outlook.room
        held = room.projection
        return {
            "name": self.name,
            "questions": self.questions,
            "readings_per_round": self.readings,
            "rounds": {"least": self.least, "most": self.most},
            "tasks": outlook.tasks,
            "bytes_per_task": outlook.task_rows * row_bytes,
            "processes": outlook.processes,
            "threads": outlook.threads,
            "memory": {
                "reading": held.reading,
                "tile": held.tile,
                "threads": held.threads,
                "base": held.base,
                "held": held.held,
                "sample": held.beside,
                "total": held.total,
                "limit": room.limit or None,
            },
            "fits": outlook.fits,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Probed:
    """What a few blocks took on one thread, and what that makes of all of them.

    Parameters
    ----------
    blocks, rows : int
        That were read.
    seconds : tuple of float
        Of each pass of the step in its order, all readings of a round together, if all rows were
        like these and all threads as fast.
    """

    blocks: int
    rows: int
    seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PlannedStep:
    """A step of a run that has not begun.

    Parameters
    ----------
    verb : str
    out : Path or Address, optional
    size : Size, optional
        None where the shape of the rows is not known yet, and of a step without rows.
    passes : tuple of PlannedPass
        Those that are still to be made.
    bounded_by : str
        What bounds their number.
    outputs : tuple of ArraySpec
        Arrays of a line per row that are written.
    kept : int
        Passes that an earlier call has made, after which it goes on.
    note : str
        Such as that it was done before.
    probed : Probed, optional
    """

    verb: str
    out: Location | None
    size: Size | None = None
    passes: tuple[PlannedPass, ...] = ()
    bounded_by: str = ""
    outputs: tuple[ArraySpec, ...] = ()
    kept: int = 0
    note: str = ""
    probed: Probed | None = None

    @property
    def least(self) -> int:
        """Readings of all rows at least."""
        return sum(each.least * each.readings for each in self.passes)

    @property
    def most(self) -> int | None:
        """Readings of all rows at most; None where nothing bounds them beforehand."""
        found = [each.most and each.most * each.readings for each in self.passes]
        known = [each for each in found if each is not None]
        return sum(known) if len(known) == len(found) else None

    @property
    def written_bytes(self) -> int:
        """Bytes of the arrays that are written."""
        return sum(each.n_chunks * each.chunk_bytes for each in self.outputs)

    @property
    def seconds(self) -> tuple[float, float | None] | None:
        """Estimate of the seconds of the fewest and of the most readings, if it was probed."""
        if self.probed is None:
            return None
        each = list(zip(self.passes, self.probed.seconds, strict=True))
        least = sum(one.least * seconds for one, seconds in each)
        most = [None if one.most is None else one.most * seconds for one, seconds in each]
        known = [seconds for seconds in most if seconds is not None]
        return least, sum(known) if len(known) == len(most) else None

    def require(self) -> None:
        """Refuse it if one of its passes does not fit in memory.

        Raises
        ------
        MemoryLimitError
            With the numbers.
        """
        for each in self.passes:
            assert self.size is not None  # what passes are over
            each.outlook.require(self.size.name)

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        size, probed, seconds = self.size, self.probed, self.seconds
        return {
            "verb": self.verb,
            "out": None if self.out is None else str(self.out),
            "data": None if size is None else size.name,
            **({} if size is None else size.to_json()),
            "passes": {"least": self.least, "most": self.most, "bounded_by": self.bounded_by},
            "passes_kept": self.kept,
            "pass": [each.to_json(size.row_bytes) for each in self.passes if size is not None],
            "outputs": [
                {
                    "name": each.name,
                    "shape": list(each.shape),
                    "dtype": each.dtype,
                    "chunks": each.n_chunks,
                    "bytes": each.n_chunks * each.chunk_bytes,
                }
                for each in self.outputs
            ],
            "note": self.note,
            "probe": probed
            and {"blocks": probed.blocks, "rows": probed.rows, "seconds": list(probed.seconds)},
            "seconds": seconds and {"least": seconds[0], "most": seconds[1]},
        }
