"""How much rows weigh: looked at before the first pass, so that it can draw rows by weight."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import Block
from dask_gmm.fitting.held_out import HeldOut
from dask_gmm.passes.fold import Tile

# Weights are counted by powers of two, which are those of float64; and so many in a step of a rate.
SMALLEST, LARGEST = -1074, 1024
STEPS: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Weighing:
    """What the weights of rows are; such answers add.

    Parameters
    ----------
    rows : int
        Number of rows that weigh anything.
    mass : float
        Sum of their weights.
    counts : ndarray of int64
        Number of rows whose weights are at least each power of two, and less than the next.
    """

    rows: int
    mass: float
    counts: npt.NDArray[np.int64]

    def __add__(self, other: "Weighing") -> "Weighing":
        counts = self.counts + other.counts
        with np.errstate(over="ignore"):
            return Weighing(self.rows + other.rows, self.mass + other.mass, counts)

    def limit(self, size: int, held_out: HeldOut, usable: float) -> float:
        """Give the largest rank that a row of a sample has, but for a chance of 1e-9.

        Parameters
        ----------
        size : int
            Rows of the sample.
        held_out : HeldOut
            Rows that are not drawn.
        usable : float
            A share of the rows that can be.

        Returns
        -------
        float
            Infinity where all rows may be needed. Hardly more than twice the rows of the sample
            have smaller ranks.
        """
        wanted = (size + 6 * size**0.5) / (usable * (1 - held_out.share))
        wanted += 6 * wanted**0.5
        rates = np.arange(STEPS * (1 - LARGEST), STEPS * (1 - SMALLEST)) / STEPS
        low, high = 0, len(rates)
        while low < high:
            middle = (low + high) // 2
            low, high = (
                (low, middle) if self._below(rates[middle]) >= wanted else (middle + 1, high)
            )
        with np.errstate(over="ignore", under="ignore"):
            return float(np.exp2(rates[low])) if low < len(rates) else np.inf

    def _below(self, rate: float) -> float:
        """Give the number of rows, at least and on average, of ranks below a power of two."""
        there = np.flatnonzero(self.counts)
        with np.errstate(over="ignore", under="ignore"):
            chances = -np.expm1(-np.exp2(there + SMALLEST + rate))
        return float(self.counts[there] @ chances)


@dataclass(frozen=True, slots=True, eq=False)
class Weigh:
    """Asks for the weights of rows."""

    def begin(self, block: Block) -> "_WeighMeter":
        """Start on one block."""
        return _WeighMeter()

    def tile_bytes(self, n_features: int) -> int:
        """Project counts of a few answers."""
        return 8 * 8 * (LARGEST - SMALLEST)


class _WeighMeter:
    def __init__(self) -> None:
        self._answer = Weighing(0, 0.0, np.zeros(LARGEST - SMALLEST, np.int64))

    def add(self, tile: Tile) -> None:
        assert tile.weights is not None  # nobody asks about rows without
        with np.errstate(over="ignore"):
            mass = float(tile.weights.sum())
        powers = np.frexp(tile.weights)[1].astype(np.int64) - 1
        counts = np.bincount(powers - SMALLEST, minlength=LARGEST - SMALLEST)
        self._answer += Weighing(len(tile.rows), mass, counts)

    def answer(self) -> Weighing:
        return self._answer


# Stands for weights that are yet to be read.
UNKNOWN: Final = Weighing(0, 0.0, np.zeros(LARGEST - SMALLEST, np.int64))
