"""A question about rows in which NaN stand for values that are missing, whoever asks it."""

from dataclasses import dataclass

import numpy as np

from dask_gmm.data.source import Block
from dask_gmm.mixture.fillings import COPIES, LARGEST_PORTION
from dask_gmm.passes.fold import Answer, Fold, Meter, Tile, tile_rows

# What is known of each value of a tile: whether it is missing, under which number, in which row.
BYTES_PER_VALUE = 40


@dataclass(frozen=True, slots=True, eq=False)
class Incomplete:
    """Asks a fold about rows of which values may be missing.

    Parameters
    ----------
    fold : Fold
    present : bool
        Whether rows of which nothing is there are kept from it.
    """

    fold: Fold
    present: bool = False

    def begin(self, block: Block) -> "_IncompleteMeter":
        """Start on one block."""
        return _IncompleteMeter(self.fold.begin(block), self.present)

    def tile_bytes(self, n_features: int) -> int:
        """Project what the fold holds, and what is found out about missing values."""
        gaps = BYTES_PER_VALUE * n_features * tile_rows(n_features)
        return self.fold.tile_bytes(n_features) + gaps + 8 * COPIES * LARGEST_PORTION


class _IncompleteMeter:
    def __init__(self, meter: Meter, present: bool) -> None:
        self._meter = meter
        self._present = present

    def add(self, tile: Tile) -> None:
        incomplete: Tile = tile.once("incomplete", tile.as_incomplete)
        if self._present:
            incomplete = tile.once("present", lambda: _present(incomplete))
        if len(incomplete.rows):
            self._meter.add(incomplete)

    def answer(self) -> Answer:
        return self._meter.answer()


def _present(tile: Tile) -> Tile:
    """Give the tile of the rows of which something is there."""
    marks = ~np.isnan(tile.rows).all(axis=1)
    return tile if marks.all() else tile.only(marks)
