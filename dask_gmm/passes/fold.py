"""A question put to rows, and several of them answered in one reading."""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Protocol, Self, TypeVar, cast

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import Block
from dask_gmm.errors import DataError

T = TypeVar("T")

TILE_BYTES = 10 * 2**20
SMALLEST_TILE, LARGEST_TILE = 256, 65_536


class BadRowError(Exception):
    """A row about which a fold has no answer; it survives pickling.

    A fold knows rows by their numbers. Who knows the source names the place.

    Parameters
    ----------
    row, column : int
        Where the cause is, in the numbers of the source.
    value : float
        What stands there.
    """

    def __init__(self, row: int, column: int, value: float) -> None:
        super().__init__(row, column, value)
        self.row, self.column, self.value = row, column, value

    def named(self, where: Callable[[int, int], str]) -> DataError:
        """Give the error to raise, with the place as `Source.where` names it."""
        place = where(self.row, self.column)
        if math.isfinite(self.value):
            return DataError(
                "Every row must be so near the mixture that its density is a number of float64, "
                f"but {place} is {self.value:g}, too far from all components. Leave out such "
                "rows, or correct them."
            )
        if math.isinf(self.value):
            return DataError(
                f"All values must be finite, but {place} is {self.value}. Leave out such rows, or "
                "correct them."
            )
        return DataError(
            f"All values must be finite, but {place} is {self.value}. Leave out such rows, fill "
            "them in, or take NaN for values that are missing with missing em."
        )


class Answer(Protocol):
    """A value that adds: the answer about two sets of rows is the sum of the answers."""

    def __add__(self, other: Self) -> Self: ...


class Workspace:
    """Memory that a task uses again for every tile, so that none is allocated twice."""

    def __init__(self) -> None:
        self._buffers: dict[Hashable, npt.NDArray[Any]] = {}

    def array(
        self, key: Hashable, shape: tuple[int, ...], dtype: npt.DTypeLike
    ) -> npt.NDArray[Any]:
        """Give a contiguous array in the memory kept under this key, with whatever it holds."""
        size = math.prod(shape)
        full = (key, np.dtype(dtype))
        buffer = self._buffers.get(full)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[full] = np.empty(size, dtype)
        return buffer[:size].reshape(shape)


class Tile:
    """A few rows of a block: small enough that what is derived from them stays in the cache.

    Parameters
    ----------
    rows : ndarray of shape (B, n_features)
    start : int
        Number of the first of them in the source.
    workspace : Workspace
    weights : ndarray of float64, shape (B,), optional
        How often each row counts; without them, once.
    labels : ndarray of int64, shape (B,), optional
        The component that each row is known to be of, -1 where it is not known.
    kept : ndarray of int64, shape (B,), optional
        How far each row is behind row number ``start``; without it, one is behind the other.
    incomplete : bool
        Whether NaN stand for values that are missing.
    """

    __slots__ = ("_kept", "_memo", "incomplete", "labels", "rows", "start", "weights", "workspace")

    def __init__(
        self,
        rows: npt.NDArray[np.floating],
        start: int,
        workspace: Workspace,
        weights: npt.NDArray[np.float64] | None = None,
        kept: npt.NDArray[np.int64] | None = None,
        labels: npt.NDArray[np.int64] | None = None,
        *,
        incomplete: bool = False,
    ) -> None:
        self.rows = rows
        self.start = start
        self.workspace = workspace
        self.weights = weights
        self.incomplete = incomplete
        self.labels = labels
        self._kept = kept
        self._memo: dict[Hashable, Any] = {}

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """Number (B,) of each row in the source."""
        kept = np.arange(len(self.rows), dtype=np.int64) if self._kept is None else self._kept
        return kept + self.start

    def only(self, marks: npt.NDArray[np.bool_]) -> "Tile":
        """Give a tile of the marked rows (B,)."""
        at = np.flatnonzero(marks)
        kept = at if self._kept is None else self._kept[at]
        weights = None if self.weights is None else self.weights[at]
        labels = None if self.labels is None else self.labels[at]
        there, incomplete = (self.start, self.workspace), self.incomplete
        return Tile(self.rows[at], *there, weights, kept, labels, incomplete=incomplete)

    def as_incomplete(self) -> "Tile":
        """Give a tile of the same rows in which NaN stand for values that are missing."""
        there = self.start, self.workspace, self.weights, self._kept, self.labels
        return Tile(self.rows, *there, incomplete=True)

    def once(self, key: Hashable, build: Callable[[], T]) -> T:
        """Give what ``build`` makes of this tile, made once however many folds ask."""
        if key not in self._memo:
            self._memo[key] = build()
        return cast(T, self._memo[key])


class Meter(Protocol):
    """A fold at work on one block; the only mutable thing of a pass, seen by one thread."""

    def add(self, tile: Tile) -> None:
        """Take in the next tile of the block."""
        ...

    def answer(self) -> Answer:
        """Give the answer for the whole block, once."""
        ...


class Fold(Protocol):
    """A question put to rows: frozen, picklable, answered block by block."""

    def begin(self, block: Block) -> Meter:
        """Start on one block."""
        ...

    def tile_bytes(self, n_features: int) -> int:
        """Projected bytes that it holds per thread beside the rows of the block."""
        ...


def tile_rows(n_features: int) -> int:
    """Rows in a tile: a power of two, and a function of the number of columns alone.

    The matrix of quadratic features of a tile then takes about ten megabytes. A candidate gets
    the same tiles alone and in a cohort, and with them the same bytes.
    """
    n_quadratic = n_features * (n_features + 1) // 2 + n_features + 1
    rows = TILE_BYTES // (8 * n_quadratic)
    return min(LARGEST_TILE, max(SMALLEST_TILE, 1 << (rows.bit_length() - 1 if rows else 0)))


def tiles(block: Block, workspace: Workspace) -> Iterator[Tile]:
    """Cut a block into tiles, in order; a block without columns has none.

    Rows of weight zero are in none of them, as if they were not there.
    """
    n_features = block.rows.shape[1]
    if not n_features:
        return
    step = tile_rows(n_features)
    for at in range(0, len(block.rows), step):
        weights = None if block.weights is None else block.weights[at : at + step]
        labels = None if block.labels is None else block.labels[at : at + step]
        rows = block.rows[at : at + step]
        tile = Tile(rows, block.start + at, workspace, weights, labels=labels)
        counted = tile if weights is None or weights.all() else tile.only(weights > 0)
        if len(counted.rows):
            yield counted


class Answers(tuple[Any, ...]):
    """The answers of several folds about the same rows; they add one by one."""

    __slots__ = ()

    def __add__(self, other: object) -> "Answers":
        if not isinstance(other, Answers):
            return NotImplemented
        return Answers(a + b for a, b in zip(self, other, strict=True))


def measure(folds: Sequence[Fold], block: Block, workspace: Workspace) -> Answers:
    """Answer all folds about one block, tile by tile, so that they share what they derive."""
    meters = [fold.begin(block) for fold in folds]
    for tile in tiles(block, workspace):
        for meter in meters:
            meter.add(tile)
    return Answers(meter.answer() for meter in meters)
