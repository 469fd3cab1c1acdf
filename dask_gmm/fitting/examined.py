"""How well a mixture describes rows that it was not fitted to: a fold."""

import math
from dataclasses import dataclass

import numpy as np

from dask_gmm.data.source import Block
from dask_gmm.fitting.tiles import density_bytes, relative_densities
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array, freeze
from dask_gmm.passes.fold import Tile, tile_rows


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """What a mixture makes of a set of rows; such answers add.

    Parameters
    ----------
    rows : int
    mass : float
        Sum of their weights: without weights, their number. All sums are of so many rows.
    above, squares : float
        Sum of the log densities less a stated one, in nats, and of the squares of that.
    responsibilities : ndarray of shape (K,)
        Sum of the probabilities of each component.
    below : float
        Number of rows whose log density is below a bound.
    """

    rows: int
    mass: float
    above: float
    squares: float
    responsibilities: Array
    below: float

    def __post_init__(self) -> None:
        freeze(self.responsibilities)

    def __add__(self, other: "Examined") -> "Examined":
        return Examined(
            self.rows + other.rows,
            self.mass + other.mass,
            self.above + other.above,
            self.squares + other.squares,
            self.responsibilities + other.responsibilities,
            self.below + other.below,
        )

    @property
    def mean(self) -> float:
        """Mean of the log densities less the stated one, in nats."""
        return self.above / self.mass

    @property
    def standard_error(self) -> float | None:
        """Standard error of that mean; None of less than two, or if it is no number of float64."""
        variance = self.squares / self.mass - self.mean * self.mean
        if self.rows == 1 or self.mass < 2 or not math.isfinite(variance):
            return None
        return math.sqrt(max(variance, 0.0) / (self.mass - 1))


@dataclass(frozen=True, slots=True, eq=False)
class Examine:
    """Asks what a mixture makes of rows that no survey has seen.

    Parameters
    ----------
    density : JointDensity
        Complete, as `dask_gmm.mixture.scoring.scoring_density` gives it.
    usual : float
        A log density that is usual, from which all are measured, in nats.
    bound : float
        Rows whose log density is below it are counted; minus infinity for none.
    """

    density: JointDensity
    usual: float
    bound: float = -math.inf

    def begin(self, block: Block) -> "_Examining":
        """Start on one block."""
        return _Examining(self)

    def tile_bytes(self, n_features: int) -> int:
        """Project what the densities of a tile take, and what is made of its log densities."""
        return density_bytes(self.density, n_features) + 24 * tile_rows(n_features)


class _Examining:
    def __init__(self, fold: Examine) -> None:
        self._fold = fold
        self._answer = Examined(0, 0, 0.0, 0.0, np.zeros(len(fold.density.constants)), 0)

    def add(self, tile: Tile) -> None:
        fold = self._fold
        relative, total, values = relative_densities(tile, fold.density)
        above, shares = tile.workspace.array("examined", (2, len(values)), np.float64)
        np.subtract(values, fold.usual, out=above)
        np.divide(1.0, total, out=shares)
        rare = values < fold.bound
        mass: float
        below: float
        if tile.weights is None:
            with np.errstate(over="ignore"):
                squares = float(above @ above)
            mass, below, total_above = len(values), int(rare.sum()), float(above.sum())
        else:
            weights = tile.weights
            with np.errstate(over="ignore"):
                squares = float(weights @ above**2)
            mass, below = float(weights.sum()), float(weights[rare].sum())
            total_above = float(weights @ above)
            shares *= weights
        responsibilities = relative @ shares
        self._answer += Examined(len(values), mass, total_above, squares, responsibilities, below)

    def answer(self) -> Examined:
        return self._answer
