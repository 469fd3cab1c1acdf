"""A source of rows in memory with any leaves, and a few folds that show what they were asked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import BadChunk, Block, Layout
from dask_gmm.passes.fold import Tile

NO_DIGESTS = np.empty(0, np.uint32)


@dataclass(frozen=True, slots=True, eq=False)
class RowsInMemory:
    rows: npt.NDArray[np.float64]
    layout: Layout
    reading: int = 0
    name: str = "rows in memory"
    shareable: bool = True

    @classmethod
    def of(cls, rows: npt.NDArray[np.float64], leaf_rows: int, reading: int = 0) -> "RowsInMemory":
        edges = np.append(np.arange(0, len(rows), leaf_rows), len(rows))
        return cls(rows, Layout(edges), reading)

    @property
    def n_features(self) -> int:
        return int(self.rows.shape[1])

    @property
    def dtype(self) -> np.dtype[np.floating]:
        return self.rows.dtype

    def open(self) -> "RowsInMemory":
        return self

    def pinned(
        self, digests: npt.NDArray[np.uint32], bad_chunks: Sequence[BadChunk] = ()
    ) -> "RowsInMemory":
        return self

    def read(self, index: int) -> Block:
        start, stop = self.layout.bounds(index)
        return Block(index, start, stop, self.rows[start:stop], NO_DIGESTS)

    def where(self, row: int, column: int) -> str:
        return f"row {row}, column {column}"

    def number(self, column: int) -> int:
        return column

    def task_bytes(self) -> int:
        return self.reading


class Text(str):
    """A sum that shows how it was added."""

    __slots__ = ()

    def __add__(self, other: str) -> "Text":
        return Text(f"({self!s}{other!s})")


@dataclass(frozen=True, slots=True)
class Spell:
    """A fold whose answer spells the leaves and tiles that it was shown."""

    tile: int = 0

    def begin(self, block: Block) -> "SpellMeter":
        return SpellMeter(block.index)

    def tile_bytes(self, n_features: int) -> int:
        return self.tile


class SpellMeter:
    def __init__(self, index: int) -> None:
        self._text = f"<{index}:"

    def add(self, tile: Tile) -> None:
        self._text += f" {tile.start}+{len(tile.rows)}"

    def answer(self) -> Text:
        return Text(self._text + ">")


@dataclass(frozen=True, slots=True)
class Total:
    """A fold whose answer is the sum of all rows; its last bits show the order of additions."""

    def begin(self, block: Block) -> "TotalMeter":
        return TotalMeter(block.rows.shape[1])

    def tile_bytes(self, n_features: int) -> int:
        return 0


class TotalMeter:
    def __init__(self, n_features: int) -> None:
        self._total = np.zeros(n_features)

    def add(self, tile: Tile) -> None:
        self._total = self._total + tile.rows.sum(axis=0)

    def answer(self) -> npt.NDArray[np.float64]:
        return self._total


@dataclass(frozen=True, slots=True)
class Refuse:
    """A fold that fails at one leaf."""

    at: int

    def begin(self, block: Block) -> "TotalMeter":
        if block.index == self.at:
            raise ValueError(f"leaf {self.at} is refused")
        return TotalMeter(block.rows.shape[1])

    def tile_bytes(self, n_features: int) -> int:
        return 0
