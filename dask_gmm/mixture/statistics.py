"""The sums that an M-step needs, of any set of rows."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame


class Moments(NamedTuple):
    """Sums over rows about one center: mass (K,), first (K, D), second where it was summed."""

    mass: Array
    first: Array
    second: Array | None


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
        ``frame.shift`` and in units of ``1 / frame.scale``.
    frame : Frame
    lacks_common : bool
        Whether the log-likelihood lacks the quadratic term common to all components, which the
        scatter of all rows gives.
    centers : ndarray of shape (n_components, n_features), optional
        What the sums of each component are about instead of ``frame.shift``, less that shift, in
        the coordinates of the data.
    """

    rows: float
    log_likelihood: float
    sums: Array
    frame: Frame
    lacks_common: bool = False
    centers: Array | None = None

    def __add__(self, other: "SufficientStatistics") -> "SufficientStatistics":
        if not self._same_coordinates(other) or self.lacks_common != other.lacks_common:
            raise ValueError(
                "statistics about different centers cannot be added: wanted one frame and one "
                "density for all rows of a pass; compute both with the same density"
            )
        return SufficientStatistics(
            self.rows + other.rows,
            self.log_likelihood + other.log_likelihood,
            self.sums + other.sums,
            self.frame,
            self.lacks_common,
            self.centers,
        )

    def _same_coordinates(self, other: "SufficientStatistics") -> bool:
        if self.centers is None or other.centers is None:
            same_centers = self.centers is other.centers
        else:
            same_centers = np.array_equal(self.centers, other.centers)
        return same_centers and self.frame.same_as(other.frame)
