"""What a mixture expects in the place of missing values, component by component.

Where x_o is there and x_m is missing, and a component has the precision P, what it expects of x_m
is what makes the whole row likeliest. It varies about that with the covariance of the inverse of
P_mm; and the density of x_o is that of the row at its likeliest, times ``|P_mm / 2 pi|**(-1/2)``.
All is exact where values are missing at random (Rubin, 1976; Ghahramani and Jordan, 1994).
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dask_gmm.mixture.estep import LOG_2PI, JointDensity
from dask_gmm.mixture.features import Array, Floats
from dask_gmm.mixture.gaps import Gaps


class Lacked(NamedTuple):
    """What sums over rows with 0 in their gaps lack.

    Parameters
    ----------
    second : ndarray of shape (K, D, D), (1, D, D) or (K, D)
        Second moments; where components share a covariance, those of all of them may be added; of
        columns that do not depend on each other, the squares.
    first : ndarray of shape (K, D)
    entropy : float
        Sum of the entropies of missing values given all else, in nats.
    """

    second: Array
    first: Array
    entropy: float


class Filling(ABC):
    """What a mixture expects in the gaps of some rows, in the coordinates of the frame.

    ``_gained`` (K, G) is what the log joint densities of rows with 0 in their gaps have to gain, or
    those of doubtful components themselves. Where the densities lack what is common to all
    components, it has that, too.

    Parameters
    ----------
    gaps : Gaps
    density : JointDensity
    z : ndarray of shape (D, B)
        The rows in the frame, with 0 where values are missing.
    """

    _gained: Array

    def __init__(self, gaps: Gaps, density: JointDensity, z: Floats) -> None:
        self.gaps = gaps
        self._density = density
        self._z = np.take(z, gaps.rows, axis=1).astype(np.float64, copy=False)
        self._factors = density.factors.astype(np.float64)
        self._offsets = density.offsets.astype(np.float64)
        self._constants = density.constants.astype(np.float64)
        self._doubtful = density.doubtful(z)
        with np.errstate(all="ignore"):  # of what is looked at again, and rows that are refused
            self._prepare()

    @staticmethod
    @abstractmethod
    def costs(lacking: npt.NDArray[np.intp], n_components: int, n_features: int) -> Array:
        """How many numbers a row takes that lacks so many values (G,)."""

    @abstractmethod
    def _prepare(self) -> None:
        """Find out what is expected."""

    def correct(self, logits: Floats) -> None:
        """Make of log joint densities (K, B) of rows with 0 in their gaps those without them."""
        rows, doubtful = self.gaps.rows, set(self._doubtful.tolist())
        for k, (line, gained) in enumerate(zip(logits, self._gained, strict=True)):
            line[rows] = gained if k in doubtful else np.take(line, rows) + gained
        if self.gaps.missing[:, -1].all():
            nothing = rows[self.gaps.missing.all(axis=0)]
            logits[:, nothing] = self._at_nothing[:, None]

    @abstractmethod
    def expected(self, component: int) -> Array:
        """What a component expects of each missing value (M,)."""

    @abstractmethod
    def spread(self, responsibilities: Floats, component: int) -> Array:
        """Sum of how missing values vary about that, (D, D) or (D,), rows times (B,)."""

    @abstractmethod
    def lacked(self, responsibilities: Floats) -> Lacked:
        """What sums over rows with 0 in their gaps lack, given (K, B)."""

    def place(self, component: int, about: Array, rows: Floats) -> None:
        """Write into rows (D, B), about a point (D,), what a component expects in the gaps."""
        columns = self.gaps.columns
        expected = self.expected(component) - about[columns]
        rows[columns, self.gaps.rows[self.gaps.owners]] = expected

    def mean(self, responsibilities: Floats) -> Array:
        """What is expected of each missing value (M,), given probabilities (K, B)."""
        mean = np.zeros(len(self.gaps.owners))
        for k, each in enumerate(self._taken(responsibilities)):
            mean += each[self.gaps.owners] * self.expected(k)
        return mean

    def _taken(self, responsibilities: Floats) -> Array:
        """The responsibilities (K, G) for rows with gaps."""
        taken = np.take(responsibilities, self.gaps.rows, axis=1)
        return taken.astype(np.float64, copy=False)

    @property
    def _log_scale(self) -> Array:
        return np.asarray(np.log(self._density.frame.scale))

    @property
    def _at_nothing(self) -> Array:
        """Logarithms (K,) of the weights: the joint densities of a row that lacks all values."""
        n_features, pivots = self._offsets.shape[1], np.einsum("kdd->kd", self._factors)
        logarithms = np.log(pivots).sum(axis=1) + self._log_scale.sum() - 0.5 * n_features * LOG_2PI
        return np.asarray(self._constants - logarithms)
