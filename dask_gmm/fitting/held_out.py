"""Rows that a fit does not see: a share of them, always the same, to judge it by."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dask_gmm.errors import InputError
from dask_gmm.fitting.sample import keys_of
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.summary import DataSummary, summarize
from dask_gmm.passes.fold import Tile

# Of the keys by which rows are held out; those of samples have the seed of the fit.
SEED: Final = 0x5EED


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A share of the rows, chosen by their numbers alone; a larger share holds a smaller one.

    Parameters
    ----------
    share : float
        From 0 to 0.5.
    """

    share: float = 0.0

    @property
    def any(self) -> bool:
        """Whether there are such rows."""
        return self.share > 0

    def marks(self, tile: Tile) -> npt.NDArray[np.bool_]:
        """Say of each row (B,) of a tile whether it is held out."""
        if not self.any:
            return np.zeros(len(tile.rows), dtype=bool)
        limit = np.uint64(int(self.share * 2**64))
        return np.asarray(keys_of(SEED, tile.numbers) < limit)

    def weights(self, tile: Tile) -> Array | None:
        """Give the weights (B,) of the rows of a tile for who does not see those held out."""
        if not self.any:
            return tile.weights
        seen = (~self.marks(tile)).astype(np.float64)
        return seen if tile.weights is None else seen * tile.weights

    def summary(self, tile: Tile, matrix: bool = True) -> DataSummary:
        """Summarize the rows that are seen; the range, and what is not finite, is that of all.

        Without ``matrix`` the scatter is its diagonal; see `summarize`.
        """
        whole = summarize(
            tile.rows, weights=tile.weights, matrix=matrix, incomplete=tile.incomplete
        )
        if whole.bad_rows:
            row, column = whole.first_bad
            whole = replace(whole, first_bad=(int(tile.numbers[row]), column))
        if not self.any:
            return whole
        seen = tile.only(~self.marks(tile))
        return replace(
            summarize(seen.rows, weights=seen.weights, matrix=matrix, incomplete=seen.incomplete),
            minimum=whole.minimum,
            maximum=whole.maximum,
            bad_rows=whole.bad_rows,
            first_bad=whole.first_bad,
            empty_rows=whole.empty_rows,
        )

    def fewest_seen(self, rows: int) -> int:
        """Give a number of rows that are seen for certain, but for a chance of 1e-9."""
        expected = rows * (1 - self.share)
        return int(max(expected - 6 * np.sqrt(rows * self.share), 0)) if self.any else rows


NONE_HELD_OUT: Final = HeldOut()


def check_shares(rows: int, seen: int, least: int, name: str) -> None:
    """Refuse rows of which too few are seen, or none are held out.

    Parameters
    ----------
    rows : int
        All of them.
    seen : int
        Those that are not held out.
    least : int
        How many the fit needs.
    name : str
        Of the data.

    Raises
    ------
    InputError
    """
    if seen < least or seen == rows:
        raise InputError(
            f"Wanted held_out to leave at least {least:,} rows to the fit and 1 to judge it by, "
            f"found {seen:,} and {rows - seen:,} of the {rows:,} rows of {name}. Choose another "
            "share, or give more rows."
        )
