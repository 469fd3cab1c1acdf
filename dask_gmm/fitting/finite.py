"""A question about finite rows alone, whoever asks it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import Block
from dask_gmm.passes.fold import Answer, Fold, Meter, Tile, tile_rows


@dataclass(frozen=True, slots=True, eq=False)
class FiniteRows:
    """Asks a fold about rows without those that have a value that is not finite.

    Tiles of finite rows are the same for it. From others the rows are taken out, once for all
    folds; they keep their numbers.

    Parameters
    ----------
    fold : Fold
        Its answer about a block without rows is neutral.
    """

    fold: Fold

    def begin(self, block: Block) -> "_FiniteMeter":
        """Start on one block."""
        return _FiniteMeter(self.fold.begin(block))

    def tile_bytes(self, n_features: int) -> int:
        """Project what the fold holds, and a copy of a tile."""
        return self.fold.tile_bytes(n_features) + 9 * n_features * tile_rows(n_features)


class _FiniteMeter:
    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def add(self, tile: Tile) -> None:
        others = tile.once("finite", lambda: _finite(tile))
        finite = tile if others is None else others
        if len(finite.rows):
            self._meter.add(finite)

    def answer(self) -> Answer:
        return self._meter.answer()


def _finite(tile: Tile) -> Tile | None:
    """Give the tile of its finite rows; None where that is itself, which must not hold itself."""
    marks = finite_rows(tile)
    return None if marks.all() else tile.only(marks)


def finite_rows(tile: Tile) -> npt.NDArray[np.bool_]:
    """Say of each row (B,) of a tile whether all its values are finite.

    Of an incomplete tile: whether all that are there are, and any is.
    """
    if not tile.incomplete:
        return np.asarray(np.isfinite(tile.rows).all(axis=1))
    return np.asarray(~(np.isinf(tile.rows).any(axis=1) | np.isnan(tile.rows).all(axis=1)))
