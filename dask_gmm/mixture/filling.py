"""What a mixture expects in the place of missing values, component by component.

Where x_o is there and x_m is missing, and a component has the precision P, what it expects of x_m
is what makes the whole row likeliest. It varies about that with the covariance of the inverse of
P_mm; and the density of x_o is that of the row at its likeliest, times ``|P_mm / 2 pi|**(-1/2)``.
All is exact where values are missing at random (Rubin, 1976; Ghahramani and Jordan, 1994).
"""

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from dask_gmm.mixture.estep import LOG_2PI, JointDensity
from dask_gmm.mixture.features import Array, Floats
from dask_gmm.mixture.gaps import Gaps


class Filling(ABC):
    """What a mixture expects in the gaps of some rows, in the coordinates of the frame.

    ``_gained`` (K, G) is what the log joint densities of rows with 0 in their gaps have to gain, or
    those of doubtful components themselves.

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
        self._z = z[:, gaps.rows].astype(np.float64)
        self._factors = density.factors.astype(np.float64)
        self._offsets = density.offsets.astype(np.float64)
        self._constants = density.constants.astype(np.float64)
        self._doubtful = density.doubtful(z)
        with np.errstate(all="ignore"):  # of what is looked at again, and rows that are refused
            self._prepare()
            for k in self._doubtful:
                self._look_closely(k)

    @staticmethod
    @abstractmethod
    def costs(lacking: npt.NDArray[np.intp], n_components: int, n_features: int) -> Array:
        """How many numbers a row takes that lacks so many values (G,)."""

    @abstractmethod
    def _prepare(self) -> None:
        """Find out what is expected, from the linear form of the densities."""

    @abstractmethod
    def _look_closely(self, component: int) -> None:
        """Find it out again for a component whose linear form is in doubt, about its own mean."""

    def correct(self, logits: Floats) -> None:
        """Make of log joint densities (K, B) of rows with 0 in their gaps those without them."""
        gaps = self.gaps
        before = logits[:, gaps.rows]
        before[self._doubtful] = 0.0
        logits[:, gaps.rows] = before + self._gained
        nothing = gaps.rows[gaps.missing.all(axis=0)]
        logits[:, nothing] = self._at_nothing[:, None]

    @abstractmethod
    def expected(self, component: int) -> Array:
        """What a component expects of each missing value (M,)."""

    @abstractmethod
    def spread(self, responsibilities: Floats, component: int) -> Array:
        """Sum of how missing values vary about that, (D, D) or (D,), rows times (B,)."""

    @abstractmethod
    def moments(self, responsibilities: Floats) -> tuple[Array, Array]:
        """Second and first moments that rows with 0 in their gaps lack, given (K, B).

        Where all components share a covariance, the second moments are those of all together.
        """

    @abstractmethod
    def entropy(self, responsibilities: Floats) -> float:
        """Sum of the entropies of missing values given all else, in nats, given (K, B)."""

    def place(self, component: int, about: Array, rows: Floats) -> None:
        """Write into rows (D, B), about a point (D,), what a component expects in the gaps."""
        columns = self.gaps.columns
        expected = self.expected(component) - about[columns]
        rows[columns, self.gaps.rows[self.gaps.owners]] = expected

    def mean(self, responsibilities: Floats) -> Array:
        """What is expected of each missing value (M,), given probabilities (K, B)."""
        taken = responsibilities[:, self.gaps.rows]
        mean = np.zeros(len(self.gaps.owners))
        for k, each in enumerate(taken):
            mean += each[self.gaps.owners] * self.expected(k)
        return mean

    @property
    def _at_nothing(self) -> Array:
        """Logarithms (K,) of the weights: the joint densities of a row that lacks all values."""
        n_features, pivots = self._offsets.shape[1], np.einsum("kdd->kd", self._factors)
        scale = np.log(self._density.frame.scale).sum()
        logarithms = np.log(pivots).sum(axis=1) + scale - 0.5 * n_features * LOG_2PI
        return np.asarray(self._constants - logarithms)
