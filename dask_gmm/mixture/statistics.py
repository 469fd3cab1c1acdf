"""The sums that an M-step needs, of any set of rows."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dask_gmm.mixture.features import Array, Features
from dask_gmm.mixture.frame import Frame


@dataclass(frozen=True, slots=True)
class Judged:
    """What rows that a fit does not see say of it; such values add.

    Parameters
    ----------
    rows : float
        Number of rows, each as often as its weight says.
    log_likelihood : float
        Sum of their log densities, each times its weight, in nats.
    squares : float
        Sum of the squares of their log densities, so too.
    """

    rows: float = 0
    log_likelihood: float = 0.0
    squares: float = 0.0

    def __add__(self, other: "Judged") -> "Judged":
        rows = self.rows + other.rows
        log_likelihood = self.log_likelihood + other.log_likelihood
        return Judged(rows, log_likelihood, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """Mean log density per row, in nats."""
        return self.log_likelihood / self.rows

    @property
    def standard_error(self) -> float:
        """Of the mean."""
        variance = max(self.squares / self.rows - self.mean**2, 0.0)
        return float(np.sqrt(variance / self.rows))


@dataclass(frozen=True, slots=True, eq=False)
class Filled:
    """What is said besides sums over rows in which values were missing.

    Parameters
    ----------
    entropy : float
        Sum over the rows of weight times responsibility times the entropy that a component leaves
        to what is missing, given all else, in nats.
    scatter : ndarray of shape (D, D), optional
        Of a family with a common covariance, the second moments of all rows, with what is missing
        as it is expected; each row times its weight, in the frame.
    """

    entropy: float
    scatter: Array | None

    def after(self, other: "Filled | None") -> "Filled":
        """Add to what is said of other rows; nothing of none."""
        if other is None:
            return self
        one, two = other.scatter, self.scatter
        scatter = None if one is None or two is None else one + two
        return Filled(other.entropy + self.entropy, scatter)

    def times(self, weight: float) -> "Filled":
        """Let each row count so often."""
        scatter = None if self.scatter is None else weight * self.scatter
        return Filled(weight * self.entropy, scatter)


class Moments(NamedTuple):
    """Sums over rows about one center: mass (K,), first (K, D), second where it was summed.

    Those of a factored family have, ``along``, the sums (K, D, q) of rows about that center times
    what is along the factors of their component.
    """

    mass: Array
    first: Array
    second: Array | None
    along: Array | None = None


class Before(NamedTuple):
    """What an M-step goes on from: covariances, and means (K, D) before it and after."""

    covariances: Array
    means: Array
    means_now: Array


@dataclass(frozen=True, slots=True, eq=False)
class SufficientStatistics:
    """Sums over rows, in a stated frame; they add, and refuse to add across frames.

    Parameters
    ----------
    rows : float
        Number of rows, each as often as its weight says.
    log_likelihood : float
        Sum of the log densities of the rows, each times its weight, in nats.
    sums : ndarray of shape (n_sums, n_components), float64
        Sum over the rows of weight times responsibility times each feature of the family, about
        ``frame.shift`` and in units of ``1 / frame.scale``. Those of a factored family have more
        behind them: see `Moments`.
    frame : Frame
    lacks_common : bool
        Whether the log-likelihood lacks the quadratic term common to all components, which the
        scatter of all rows gives.
    centers : ndarray of shape (n_components, n_features), optional
        What the sums of each component are about instead of ``frame.shift``, less that shift, in
        the coordinates of the data.
    judged : Judged, optional
        What rows that are not among those summed say of the mixture.
    filled : Filled, optional
        What was filled in, where NaN stand for values that are missing.
    """

    rows: float
    log_likelihood: float
    sums: Array
    frame: Frame
    lacks_common: bool = False
    centers: Array | None = None
    judged: Judged | None = None
    filled: Filled | None = None

    def __add__(self, other: "SufficientStatistics") -> "SufficientStatistics":
        lacks_common = {each.lacks_common for each in (self, other) if each.rows}
        if not self._same_coordinates(other) or len(lacks_common) > 1:
            raise ValueError(
                "statistics about different centers cannot be added: wanted one frame and one "
                "density for all rows of a pass; compute both with the same density"
            )
        return SufficientStatistics(
            self.rows + other.rows,
            self.log_likelihood + other.log_likelihood,
            self.sums + other.sums,
            self.frame,
            lacks_common.pop() if lacks_common else self.lacks_common,
            self.centers,
            None if self.judged is None or other.judged is None else self.judged + other.judged,
            self.filled if other.filled is None else other.filled.after(self.filled),
        )

    def times(self, weight: float) -> "SufficientStatistics":
        """Let each row count so often; what is said of rows that were left out is dropped."""
        return SufficientStatistics(
            weight * self.rows,
            weight * self.log_likelihood,
            weight * self.sums,
            self.frame,
            self.lacks_common,
            self.centers,
            filled=None if self.filled is None else self.filled.times(weight),
        )

    def about(self, centers: Array, features: Features) -> "SufficientStatistics":
        """Give the same sums about other centers (K, D), for the features that were summed."""
        before = np.zeros_like(centers) if self.centers is None else self.centers
        by = (centers - before) * self.frame.scale
        return replace(self, sums=features.moved(self.sums, by), centers=centers)

    def reordered(self, order: npt.NDArray[np.intp]) -> "SufficientStatistics":
        """Give the same sums with the components in another order."""
        centers = None if self.centers is None else self.centers[order]
        return replace(self, sums=self.sums[:, order], centers=centers)

    def _same_coordinates(self, other: "SufficientStatistics") -> bool:
        if self.centers is None or other.centers is None:
            same_centers = self.centers is other.centers
        else:
            same_centers = np.array_equal(self.centers, other.centers)
        return same_centers and self.frame.same_as(other.frame)
