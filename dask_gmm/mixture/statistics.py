"""The sums that an M-step needs, of any set of rows."""

from dataclasses import dataclass
from typing import NamedTuple

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
    rows : int
        Number of rows.
    log_likelihood : float
        Sum of the log densities of the rows, in nats.
    sums : ndarray of shape (n_sums, n_components), float64
        Sum over the rows of responsibility times each feature of the family, about
        ``frame.shift`` and in units of ``1 / frame.scale``.
    frame : Frame
    lacks_common : bool
        Whether the log-likelihood lacks the quadratic term common to all components, which the
        scatter of all rows gives.
    """

    rows: int
    log_likelihood: float
    sums: Array
    frame: Frame
    lacks_common: bool = False

    def __add__(self, other: "SufficientStatistics") -> "SufficientStatistics":
        if not self.frame.same_as(other.frame) or self.lacks_common != other.lacks_common:
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
        )
