"""The sums that an M-step needs, of any set of rows."""

from dataclasses import dataclass

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame


@dataclass(frozen=True, slots=True, eq=False)
class SufficientStatistics:
    """Sums over rows, in a stated frame; they add, and refuse to add across frames.

    Parameters
    ----------
    rows : int
        Number of rows.
    log_likelihood : float
        Sum of the log densities of the rows, in nats; for a family whose quadratic term is
        common to all components, without that term.
    sums : ndarray of shape (n_sums, n_components), float64
        Sum over the rows of responsibility times each feature of the family, about
        ``frame.shift`` and in units of ``1 / frame.scale``.
    frame : Frame
    """

    rows: int
    log_likelihood: float
    sums: Array
    frame: Frame

    def __add__(self, other: "SufficientStatistics") -> "SufficientStatistics":
        if not self.frame.same_as(other.frame):
            raise ValueError(
                "statistics about different centers cannot be added: wanted one frame for all "
                "rows of a pass; compute both in the frame of the same summary"
            )
        return SufficientStatistics(
            self.rows + other.rows,
            self.log_likelihood + other.log_likelihood,
            self.sums + other.sums,
            self.frame,
        )
