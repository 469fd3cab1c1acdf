"""A prior so weak that it decides nothing but how thin a component may become."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from dask_gmm.mixture.family import CovarianceFamily
from dask_gmm.mixture.features import Array, freeze
from dask_gmm.mixture.model import Mixture, as_float64
from dask_gmm.mixture.summary import DataSummary

# A share of the data's variance. Rounding of a variance that is thinner than this would be seen in
# the objective: what is left of it has errors of eps times the variance of the columns.
THINNEST: Final = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """What is known of covariances before any row, as scatter that is added to each.

    Its log density is ``-tr(scatter S^-1) / 2`` for each covariance S. It adds scatter and no rows:
    of a component with many rows it changes nothing, and one with few has a maximum.

    Parameters
    ----------
    scatter : ndarray
        In the shape of one covariance of the family: (D, D) for ``full`` and ``tied``, (D,) for
        ``diag``, () for ``spherical``; in squared units of the data.
    ridge : ndarray
        In the same shape: a variance that all components are given in directions in which the rows
        have none, zero in all others. Scatter alone would make the largest component the thinnest
        there, and all rows its own.
    """

    scatter: Array
    ridge: Array

    @classmethod
    def of(
        cls,
        summary: DataSummary,
        family: CovarianceFamily,
        strength: float = 1e-6,
        typical: Array | None = None,
    ) -> "Prior":
        """Give the prior that weighs as much as a share of one row.

        Parameters
        ----------
        summary : DataSummary
            Of all rows.
        family : CovarianceFamily
            Only what it can tell apart of the data's covariance is used.
        strength : float
            The scatter as a share of that covariance.
        typical : ndarray of shape (D, D), optional
            A covariance that takes its place, but for the ridge.
        """
        varying = ~summary.constant
        covariance = summary.scatter_about(summary.mean) / max(summary.rows, 1)
        seen = family.seen(covariance * np.outer(varying, varying))
        shape = family.shape(1, len(summary.mean))
        thick, _ = family.floored(seen.reshape(shape), summary.variance, THINNEST)
        usual = seen if typical is None else family.seen(typical)
        return cls(as_float64(strength * usual), as_float64(thick.reshape(seen.shape) - seen))

    def __post_init__(self) -> None:
        freeze(self.scatter, self.ridge)

    @property
    def adds(self) -> bool:
        """Whether there is any."""
        return bool(self.scatter.any() or self.ridge.any())

    def share(self, family: CovarianceFamily, mass: Array) -> Array:
        """What is added to the covariances of components with rows of mass (K,)."""
        return np.asarray(self.scatter / family.masses(mass) + self.ridge)


NO_PRIOR: Final = Prior(np.zeros(()), np.zeros(()))


def log_prior(mixture: Mixture, prior: Prior) -> float:
    """Give the log density of the covariances of a mixture, in nats, up to a constant."""
    family, covariances = mixture.family, mixture.covariances
    scatter = np.broadcast_to(prior.scatter, covariances.shape)
    return -0.5 * family.chart(mixture.n_features).trace(covariances, scatter)
