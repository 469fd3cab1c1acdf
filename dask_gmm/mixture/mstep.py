"""The M-step: from sums to the parameters that they make most likely, and repairs."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dask_gmm.mixture.family import CovarianceFamily
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.fixed import NOTHING_FIXED, Fixed
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.prior import NO_PRIOR, Prior
from dask_gmm.mixture.statistics import Before, Moments, SufficientStatistics
from dask_gmm.mixture.summary import DataSummary

SMALLEST_MASS: Final = 10 * float(np.finfo(np.float64).eps)
# Shares of the mean squares that were summed, a few rounding errors or more: a variance is what is
# left of two squares of that size, and those of float32 are averages of many.
VARIANCE_FLOORS: Final = {"float64": 1e-13, "float32": 5e-7}
# Rounding of a row in the frame, relative to its distance from the shift, squared.
ROUNDED_ROW: Final = {"float64": 4e-30, "float32": 4e-13}
SMALLEST_UNIT: Final = 1e-9
# All components have one floor where it can be, since one that may be thinner than the others would
# take their rows: that of the smallest mean squares allows for larger ones by this ratio.
UNEVENNESS: Final = 10.0
# What rounding leaves of a component's own squares, as a share of what the floor is a share of.
OWN_ROUNDING: Final = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class MStep:
    """The next parameters, about the frame's shift, and what had to be repaired."""

    mixture: Mixture
    repairs: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What the sums at a mixture say of each component.

    Parameters
    ----------
    mass : ndarray of shape (K,)
        Number of rows.
    empty : ndarray of bool, shape (K,)
        Whether that is nothing but rounding: such a component is where it was.
    centers : ndarray of shape (K, D)
        What the moments of each are about, less the frame's shift.
    moved : ndarray of shape (K, D)
        The mean of its rows, less that center.
    moments : Moments
        With a mass that may be divided by.
    scatter : ndarray of shape (D, D)
        Of all rows, about the frame's shift; see `DataSummary`.
    last : Mixture
        Where the sums were made.
    """

    mass: Array
    empty: npt.NDArray[np.bool_]
    centers: Array
    moved: Array
    moments: Moments
    scatter: Array
    last: Mixture

    @property
    def means(self) -> Array:
        """The mean (K, D) of the rows of each, less the frame's shift."""
        return self.centers + self.moved

    def covariances(self, family: CovarianceFamily) -> Array:
        """The covariances of the rows of each, as a family sees them."""
        before = Before(self.last.covariances, self.last.means, self.means)
        return family.step(self.moments, self.moved, self.scatter, before)


def observed(statistics: SufficientStatistics, last: Mixture, summary: DataSummary) -> Observed:
    """Read the sums at ``last``, whose means are about the frame's shift."""
    family, n_features = last.family, last.n_features
    scales = family.sum_scales(statistics.frame.scale)
    moments = family.moments(statistics.sums / scales[:, None], n_features)
    mass, first = moments.mass, moments.first
    empty = mass <= SMALLEST_MASS
    safe = np.maximum(mass, SMALLEST_MASS)
    centers = np.zeros_like(first) if statistics.centers is None else statistics.centers
    moved = np.where(empty[:, None], last.means - centers, first / safe[:, None])
    scatter = scatter_of(statistics, summary)
    return Observed(mass, empty, centers, moved, moments._replace(mass=safe), scatter, last)


def scatter_of(statistics: SufficientStatistics, summary: DataSummary) -> Array:
    """Give the scatter (D, D) of the rows of a summary about the shift of the frame of sums."""
    if statistics.filled is None or statistics.filled.scatter is None:
        return summary.scatter_about(statistics.frame.shift)
    scale = statistics.frame.scale
    return statistics.filled.scatter / np.outer(scale, scale)


def m_step(
    statistics: SufficientStatistics,
    last: Mixture,
    summary: DataSummary,
    reg_covar: float,
    precision: str = "float64",
    prior: Prior = NO_PRIOR,
    fixed: Fixed = NOTHING_FIXED,
) -> MStep:
    """Give the parameters that maximize the expected log-likelihood.

    Parameters
    ----------
    statistics : SufficientStatistics
        Sums at ``last``.
    last : Mixture
        The parameters before, with means about the frame's shift; a component without mass keeps
        its mean and covariance.
    summary : DataSummary
        Of the rows behind the sums; a covariance is floored where rounding leaves nothing of it.
    reg_covar : float
        Added to the diagonal of each covariance, in squared units of the data.
    precision : {"float64", "float32"}
        That of the products behind the sums: it sets what rounding leaves.
    prior : Prior
        What is maximized is the expected log-likelihood and its log density.
    fixed : Fixed
        Which of the parameters before are kept.

    Notes
    -----
    Dempster, Laird and Rubin (1977), section 4.3; ``reg_covar`` is that of scikit-learn. Means that
    are fixed decide about which the squares of covariances are; nothing else depends on others.
    """
    family, n_features = last.family, last.n_features
    seen = observed(statistics, last, summary)
    means, covariances = _placed(seen, last, prior, fixed)
    covariances = family.add_to_diagonal(covariances, np.full(n_features, reg_covar))
    if prior.shapes:
        covariances = prior.mode(family, _safe_mass(seen, prior), covariances, means)
    elif prior.adds:
        covariances = covariances + prior.share(family, seen.moments.mass)
    if not family.shared and not prior.proper:
        covariances[seen.empty] = last.covariances[seen.empty]
    unit = floor_unit(seen, family, summary.variance, precision)
    covariances, thin = family.floored(covariances, unit, VARIANCE_FLOORS[precision])
    thin = tuple(k for k in thin if not (fixed.any and fixed.covariances[k]))
    weights = prior.weights(seen.mass)
    found = Mixture.of(weights, means, covariances, last.covariance_type)
    return MStep(fixed.imposed(found, last), repairs(seen.empty, thin, prior))


def _placed(seen: Observed, last: Mixture, prior: Prior, fixed: Fixed) -> tuple[Array, Array]:
    """Where means are (K, D), and the covariances of the rows of each about them."""
    covariances = seen.covariances(last.family)
    if not (prior.has_means or fixed.means.any()):
        return seen.means, covariances
    mass = np.where(seen.empty, 0.0, seen.moments.mass)
    means = fixed.placed(prior.drawn(mass, seen.means), last.means)
    return means, covariances + last.family.spread(seen.means - means, seen.moments.mass)


def _safe_mass(seen: Observed, prior: Prior) -> Array:
    """The mass (K,) of the rows of each, which may be none where the prior has a covariance."""
    return np.where(seen.empty, 0.0, seen.moments.mass) if prior.proper else seen.moments.mass


def floor_unit(seen: Observed, family: CovarianceFamily, variance: Array, precision: str) -> Array:
    """Give what the floor is a share of (K, D): mean squares that rounding may leave a share of.

    They are about the centers of the sums, so that a component far from the shift, whose sums are
    about its own mean, may be as thin as its rows are. It is at most the data's variance, most of
    which may come from a few rows far from all others.
    """
    squares = family.estimate(seen.moments, np.zeros_like(seen.moved), seen.scatter)
    squares = family.diagonals(squares, *seen.moved.shape)
    common = UNEVENNESS * squares[~seen.empty].min(axis=0)
    rounded = ROUNDED_ROW[precision] / VARIANCE_FLOORS[precision] * seen.means**2
    unit = np.maximum(common, OWN_ROUNDING * squares) + rounded
    return np.asarray(np.clip(unit, SMALLEST_UNIT * variance, variance))


def repairs(
    empty: npt.NDArray[np.bool_], thin: tuple[int, ...], prior: Prior = NO_PRIOR
) -> tuple[str, ...]:
    """Say what had to be repaired: components without mass (K,), and covariances by number."""
    known = (("mean", prior.has_means), ("covariance", prior.proper))
    kept_parts = " and ".join(name for name, is_known in known if not is_known)
    without = np.flatnonzero(empty) if kept_parts else ()
    kept = (f"component {k} has no rows: {kept_parts} kept" for k in without)
    floored = (f"covariance {k} thinner than rounding resolves: widened to the floor" for k in thin)
    return (*kept, *floored)


def log_likelihood(
    statistics: SufficientStatistics, mixture: Mixture, summary: DataSummary
) -> float:
    """Give the mean log-likelihood per row at ``mixture``, in nats, from the sums made there."""
    total = statistics.log_likelihood
    if statistics.lacks_common:
        scatter = summary.scatter_about(statistics.frame.shift)
        total -= 0.5 * float(np.einsum("ij,ij->", mixture.precisions, scatter))
    return total / statistics.rows


def completed(
    statistics: SufficientStatistics, mixture: Mixture, summary: DataSummary
) -> SufficientStatistics:
    """Give sums made at ``mixture`` whose log-likelihood lacks nothing."""
    total = log_likelihood(statistics, mixture, summary) * statistics.rows
    return replace(statistics, log_likelihood=total, lacks_common=False)
