"""A distribution over the parameters of a mixture, given its rows: the variational posterior.

Bishop (2006), section 10.2; with weights broken off a stick, Blei and Jordan (2006). Covariances
are scatter over degrees of freedom, as in scikit-learn.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import digamma

from dask_gmm.mixture.beliefs import Hyperparameters
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.family import CovarianceFamily
from dask_gmm.mixture.features import Array, freeze
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.matching import by_weight
from dask_gmm.mixture.model import Mixture, as_float64
from dask_gmm.mixture.mstep import VARIANCE_FLOORS, floor_unit, observed, repairs
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary

LOG_2: Final = float(np.log(2.0))


@dataclass(frozen=True, slots=True, eq=False)
class Variational:
    """What rows and priors say together of K components in D columns; arrays are read-only.

    Parameters
    ----------
    concentration : ndarray of shape (K,) or (2, K)
        Of the Dirichlet distribution of the weights; or of the Beta distribution of each part that
        is broken off what is left of a stick.
    mean_precision : ndarray of shape (K,)
        How many rows each mean is worth.
    means : ndarray of shape (K, D)
    degrees_of_freedom : ndarray of shape (K,) or ()
        How many rows each covariance is worth.
    covariances : ndarray
        Of the family: the inverses of the expected precisions.
    covariance_type : str
        Name of the family.
    """

    concentration: Array
    mean_precision: Array
    means: Array
    degrees_of_freedom: Array
    covariances: Array
    covariance_type: str

    def __post_init__(self) -> None:
        freeze(self.concentration, self.mean_precision, self.means)
        freeze(self.degrees_of_freedom, self.covariances)

    @property
    def family(self) -> CovarianceFamily:
        """The family of the covariances."""
        return family_of(self.covariance_type)

    @property
    def weights(self) -> Array:
        """The expected weights (K,), as scikit-learn has them: of a stick, made to sum to 1."""
        if self.concentration.ndim == 1:
            return np.asarray(self.concentration / self.concentration.sum())
        taken, left = self.concentration / self.concentration.sum(axis=0)
        weights = taken * np.r_[1.0, np.cumprod(left[:-1])]
        return np.asarray(weights / weights.sum())

    def rows(self, prior: Hyperparameters) -> Array:
        """How many rows each component has (K,), beyond what a prior counts."""
        if self.concentration.ndim == 1:
            return np.asarray(self.concentration - prior.concentration)
        return np.asarray(self.concentration[0] - 1.0)

    @property
    def mixture(self) -> Mixture:
        """A single mixture in its place: expected weights and means, and these covariances."""
        return Mixture.of(self.weights, self.means, self.covariances, self.covariance_type)

    @property
    def log_weights(self) -> Array:
        """What takes the place of logarithms of weights (K,) in an E-step.

        Expected logarithms of the weights, and what is expected of the log densities beyond those
        at the means and covariances.
        """
        n_features = self.means.shape[1]
        halves = (self.degrees_of_freedom - np.arange(n_features)[:, None]) / 2
        log_precisions = n_features * LOG_2 + digamma(halves).sum(axis=0)
        log_precisions = log_precisions - n_features * np.log(self.degrees_of_freedom)
        return np.asarray(
            _expected_logs(self.concentration)
            + 0.5 * (log_precisions - n_features / self.mean_precision)
        )

    def density(self, frame: Frame, precision: str = "float64") -> JointDensity:
        """Prepare the expected log densities for tiles, of means that are about the shift."""
        factors = self.mixture.precision_factors()
        return JointDensity.of_factors(
            self.family, self.log_weights, self.means, factors, frame, precision
        )

    def moved(self, by: Array) -> "Variational":
        """Give the same with every mean moved by (D,)."""
        return replace(self, means=as_float64(self.means + by))


@dataclass(frozen=True, slots=True, eq=False)
class Inference:
    """What a Bayesian fit ends with, in the coordinates of the data.

    Parameters
    ----------
    posterior : Variational
    prior : Hyperparameters
    lower_bound : float
        Of the log evidence of all rows, in nats, but for what never changes.
    """

    posterior: Variational
    prior: Hyperparameters
    lower_bound: float


@dataclass(frozen=True, slots=True, eq=False)
class VariationalStep:
    """The next posterior, about the frame's shift, and what had to be repaired."""

    posterior: Variational
    repairs: tuple[str, ...]


def posterior_of(
    mass: Array, means: Array, covariances: Array, covariance_type: str, prior: Hyperparameters
) -> Variational:
    """Give what priors and components with rows of mass (K,) say together.

    Parameters
    ----------
    mass : ndarray of shape (K,)
    means : ndarray of shape (K, D)
        Of these rows, about the frame's shift.
    covariances : ndarray
        Of these rows, as the family sees them.
    covariance_type : str
        Name of the family.
    prior : Hyperparameters
    """
    family = family_of(covariance_type)
    sharing = len(mass) if family.shared else 1
    precision = prior.mean_precision + mass
    pull = mass * prior.mean_precision / precision
    apart = family.masses(pull) * family.spread(means - prior.mean, pull)
    scatter = prior.covariance + (family.masses(mass) * covariances + apart) / sharing
    rows = mass.sum() / sharing if family.shared else mass
    weighed = mass[:, None] * means + prior.mean_precision * prior.mean
    return Variational(
        _concentration(mass, prior),
        precision,
        weighed / precision[:, None],
        np.asarray(prior.degrees_of_freedom + rows),
        scatter / (prior.degrees_of_freedom + family.masses(mass) / sharing),
        covariance_type,
    )


def variational_step(
    statistics: SufficientStatistics,
    last: Variational,
    summary: DataSummary,
    prior: Hyperparameters,
    reg_covar: float,
    precision: str = "float64",
) -> VariationalStep:
    """Give the next posterior from sums that were made at the last one.

    Parameters
    ----------
    statistics : SufficientStatistics
        Sums at ``last``.
    last : Variational
        With means about the frame's shift.
    summary : DataSummary
        Of the rows behind the sums; a covariance is floored where rounding leaves nothing of it.
    prior : Hyperparameters
    reg_covar : float
        Added to the diagonal of the covariance of each component's rows, in squared units.
    precision : {"float64", "float32"}
        That of the products behind the sums.
    """
    family, n_features = last.family, last.means.shape[1]
    seen = observed(statistics, last.mixture, summary)
    covariances = family.add_to_diagonal(seen.covariances(family), np.full(n_features, reg_covar))
    mass = seen.moments.mass
    found = posterior_of(mass, seen.means, covariances, last.covariance_type, prior)
    unit = floor_unit(seen, family, summary.variance, precision)
    return _thick(found, unit, VARIANCE_FLOORS[precision])


def started_at(mixture: Mixture, summary: DataSummary, prior: Hyperparameters) -> VariationalStep:
    """Give the posterior of rows that are as a mixture, with means about the shift, says."""
    parts = (mixture.means, mixture.covariances, mixture.covariance_type)
    found = posterior_of(mixture.weights * summary.mass, *parts, prior)
    return _thick(found, summary.variance, VARIANCE_FLOORS["float64"])


def of_more(posterior: Variational, prior: Hyperparameters, times: float) -> Variational:
    """Give the posterior where there are so many times as many rows of each component."""
    parts = (posterior.means, posterior.covariances, posterior.covariance_type)
    return posterior_of(times * posterior.rows(prior), *parts, prior)


def with_largest_first(posterior: Variational, prior: Hyperparameters) -> Variational:
    """Give components by decreasing mass, those of equal mass by their means; a stick breaks anew.

    Of all orders it is the one in which what is broken off a stick is most likely.
    """
    mass = posterior.rows(prior)
    parts = (posterior.means, posterior.covariances, posterior.covariance_type)
    order = by_weight(Mixture.of(mass / mass.sum(), *parts))
    shared = posterior.family.shared
    return Variational(
        _concentration(mass[order], prior),
        posterior.mean_precision[order],
        posterior.means[order],
        posterior.degrees_of_freedom if shared else posterior.degrees_of_freedom[order],
        posterior.covariances if shared else posterior.covariances[order],
        posterior.covariance_type,
    )


def _thick(found: Variational, unit: Array, share: float) -> VariationalStep:
    covariances, thin = found.family.floored(found.covariances, unit, share)
    nothing = np.zeros(len(found.means), dtype=bool)
    return VariationalStep(replace(found, covariances=covariances), repairs(nothing, thin))


def _concentration(mass: Array, prior: Hyperparameters) -> Array:
    if not prior.process:
        return np.asarray(prior.concentration + mass)
    behind = np.r_[np.cumsum(mass[:0:-1])[::-1], 0.0]
    return np.stack([1.0 + mass, prior.concentration + behind])


def _expected_logs(concentration: Array) -> Array:
    """Expected logarithms of the weights (K,)."""
    if concentration.ndim == 1:
        return np.asarray(digamma(concentration) - digamma(concentration.sum()))
    both = digamma(concentration.sum(axis=0))
    taken, left = digamma(concentration) - both
    return np.asarray(taken + np.r_[0.0, np.cumsum(left[:-1])])
