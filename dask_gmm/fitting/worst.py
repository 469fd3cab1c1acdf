"""The rows that a mixture explains worst: a fold whose answer is a sample of them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import Block
from dask_gmm.fitting.sample import Keys, Sample
from dask_gmm.fitting.tiles import completed_rows, density_bytes, gaps_of, row_log_densities
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Floats
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.scoring import complete_density
from dask_gmm.passes.fold import Tile

SIGN: Final = np.uint64(2**63)


@dataclass(frozen=True, slots=True, eq=False)
class WorstRows:
    """Asks for the rows of lowest density; of rows that are equally likely, for the first.

    Parameters
    ----------
    density : JointDensity
        Complete, as `dask_gmm.mixture.scoring.complete_density` gives it.
    size : int
        How many rows.
    """

    density: JointDensity
    size: int

    @classmethod
    def under(cls, centered: Mixture, frame: Frame, size: int) -> "WorstRows":
        """Ask about a mixture whose means are about the shift of the frame."""
        return cls(complete_density(centered, frame), size)

    def begin(self, block: Block) -> "_WorstMeter":
        """Start on one block."""
        return _WorstMeter(self)

    def tile_bytes(self, n_features: int) -> int:
        """Project what the densities of a tile take, and an addition of two samples."""
        return density_bytes(self.density, n_features) + 8 * 4 * self.size * (n_features + 2)


class _WorstMeter:
    def __init__(self, fold: WorstRows) -> None:
        self._density, self._size = fold.density, fold.size
        self._found: Sample | None = None

    def add(self, tile: Tile) -> None:
        values = row_log_densities(tile, self._density)
        last = min(self._size, len(values)) - 1
        at = np.flatnonzero(values <= np.partition(values, last)[last])
        rows = self._rows(tile, at)
        weights = None if tile.weights is None else tile.weights[at]
        taken = Sample(self._size, rising(values[at]), tile.numbers[at], rows, weights)
        parts = (taken,) if self._found is None else (self._found, taken)
        self._found = Sample.smallest_of(parts)

    def _rows(self, tile: Tile, at: npt.NDArray[np.intp]) -> Floats:
        """Give some rows, with what the mixture expects in the place of what is missing."""
        if gaps_of(tile) is None:
            return tile.rows[at]
        marks = np.zeros(len(tile.rows), bool)
        marks[at] = True
        return completed_rows(tile.only(marks), self._density)

    def answer(self) -> Sample:
        assert self._found is not None
        return self._found


def rising(values: Floats) -> Keys:
    """Give whole numbers (n,) in the order of numbers (n,), which are not NaN."""
    bits = np.ascontiguousarray(values, dtype=np.float64).view(np.uint64)
    return np.where(bits < SIGN, bits | SIGN, ~bits)
