"""A mixture as a point of a space without constraints; the gradient there, and a metric.

The objective is the mean log-likelihood per row, plus the log prior over the number of rows. The
coordinates of a mixture are the logarithms of its weights, up to a constant, its means, and those
of its covariances. The metric is the information in rows whose components are known: its inverse
turns the gradient into the step of the EM algorithm, to first order (Xu and Jordan, 1996).
"""

from typing import Final

import numpy as np
from scipy.special import log_softmax

from dask_gmm.mixture.charts import Chart
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.fixed import NOTHING_FIXED, Fixed
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import log_likelihood, observed
from dask_gmm.mixture.prior import NO_PRIOR, Prior, log_prior
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary

# A component of less weight than this has no rows, however many there are: it stays as it is. The
# smallest weight that has a logarithm here is so much less that its rounding changes nothing.
NO_ROWS: Final = 1e-20
SMALLEST_WEIGHT: Final = 1e-30


def to_vector(mixture: Mixture) -> Array:
    """Give the coordinates (n,) of a mixture: K, then K D, then those of its covariances."""
    logarithms = np.log(np.maximum(mixture.weights, SMALLEST_WEIGHT))
    covariances = _chart(mixture).coordinates(mixture.covariances)
    return np.concatenate([logarithms, mixture.means.ravel(), covariances])


def from_vector(vector: Array, like: Mixture, fixed: Fixed = NOTHING_FIXED) -> Mixture:
    """Give the mixture at coordinates (n,), of the family, size and fixed parameters of another."""
    logarithms, means, rest = _split(vector, like)
    covariances = _chart(like).covariances(rest, like.covariances.shape)
    weights = np.exp(log_softmax(logarithms))
    found = Mixture.of(weights, means, covariances, like.covariance_type)
    return fixed.imposed(found, like)


def objective(
    statistics: SufficientStatistics, mixture: Mixture, summary: DataSummary, prior: Prior
) -> float:
    """Give what is to be maximized, in nats per row, from the sums made at a mixture."""
    value = log_likelihood(statistics, mixture, summary)
    return value + log_prior(mixture, prior) / statistics.rows


def gradient(
    statistics: SufficientStatistics,
    mixture: Mixture,
    summary: DataSummary,
    prior: Prior,
    fixed: Fixed = NOTHING_FIXED,
) -> Array:
    """Give the gradient (n,) of the objective, exactly, from the sums made at a mixture.

    Parameters
    ----------
    statistics : SufficientStatistics
        Sums at ``mixture``.
    mixture : Mixture
        With means about the frame's shift.
    summary : DataSummary
        Of the rows behind the sums.
    prior : Prior
    fixed : Fixed
        Parameters in whose directions it is zero.

    Notes
    -----
    Fisher's identity: it is the gradient of the expected log-likelihood of rows whose components
    are known. In directions in which the rows have no variance it leads to the prior's ridge.
    """
    family = mixture.family
    seen = observed(statistics, mixture, summary)
    mass = seen.mass / statistics.rows
    apart = seen.means - mixture.means
    masses = family.masses(mass)
    found = seen.covariances(family) + family.spread(apart, mass) + prior.ridge
    excess = masses * (found - mixture.covariances) + prior.scatter / statistics.rows
    if not prior.informs:
        return _gradient(mixture, mass, mass, apart, excess, fixed)
    grown = mass + prior.counts / statistics.rows
    drawn = prior.pull / statistics.rows * (prior.means - mixture.means)
    drawn = mass[:, None] * apart + drawn
    excess = excess + _told(mixture, prior) / statistics.rows
    return _gradient(mixture, grown, np.ones_like(mass), drawn, excess, fixed)


def _told(mixture: Mixture, prior: Prior) -> Array:
    """What a prior adds to the excess of the covariances beyond its scatter."""
    family = mixture.family
    behind = prior.rows_behind(family, mixture.n_components)
    squares = prior.squares(family, mixture.means)
    return np.asarray(squares - behind * (mixture.covariances - prior.ridge))


def random_gradient(mixture: Mixture, generator: np.random.Generator) -> Array:
    """Draw a gradient (n,) of mean zero, the covariance of which is the metric at a mixture.

    Preconditioned it is a step that leads in one direction as likely as in any other, to second
    moments. It is the gradient for a row of each component, which counts as much as the root of the
    component's weight.
    """
    family, roots = mixture.family, np.sqrt(mixture.weights)
    shape = mixture.means.shape
    factors = np.linalg.cholesky(mixture.full_covariances())
    moved, spread = np.einsum("kij,nkj->nki", factors, generator.standard_normal((2, *shape)))
    found = family.spread(spread, roots)
    excess = family.masses(roots) * (found - mixture.covariances)
    mass = roots * generator.standard_normal(len(roots))
    return _gradient(mixture, mass, roots, moved, excess, NOTHING_FIXED)


def _gradient(
    mixture: Mixture, grown: Array, mass: Array, apart: Array, excess: Array, fixed: Fixed
) -> Array:
    """The gradient (n,) for weights that grow, and mass apart from means, about covariances."""
    weights = grown - grown.sum() * mixture.weights
    if fixed.any:
        weights = _free(grown, mixture, fixed)
        apart = np.where(fixed.means[:, None], 0.0, apart)
        excess = np.where(fixed.of_covariances(mixture), 0.0, excess)
    pulled = mixture.precision_factors()
    means = np.einsum("k,kij,klj,kl->ki", mass, pulled, pulled, apart, optimize=True)
    covariances = _chart(mixture).gradient(mixture.covariances, excess)
    return np.concatenate([weights, means.ravel(), covariances])


def _free(grown: Array, mixture: Mixture, fixed: Fixed) -> Array:
    """The gradient (K,) for weights that share what those that are fixed leave."""
    free = np.where(fixed.weights, 0.0, mixture.weights)
    grown = np.where(fixed.weights, 0.0, grown)
    return np.asarray(grown - grown.sum() * free / max(float(free.sum()), SMALLEST_WEIGHT))


def precondition(
    mixture: Mixture, gradient: Array, prior: Prior = NO_PRIOR, rows: float = 1.0
) -> Array:
    """Give the step (n,) to which the metric at a mixture assigns a gradient (n,).

    What a prior says that informs counts as the rows that it adds, of so many ``rows``.
    """
    weights, means, rest = _split(gradient, mixture)
    k = mixture.n_components
    counts = np.broadcast_to(prior.counts, (k,)).sum() / rows
    grown = _divisors(mixture.weights) * (1 + counts)
    shares = _divisors(mixture.weights + prior.pull / rows)
    factors = np.linalg.cholesky(mixture.full_covariances())
    pulled = np.einsum("kij,klj,kl->ki", factors, factors, means, optimize=True) / shares[:, None]
    behind = prior.rows_behind(mixture.family, k) / rows
    masses = _divisors(mixture.family.masses(mixture.weights) + behind)
    covariances = _chart(mixture).precondition(mixture.covariances, masses, rest)
    return np.concatenate([weights / grown, pulled.ravel(), covariances])


def metric_norm(mixture: Mixture, step: Array) -> float:
    """Give the length of a step (n,) in the metric at a mixture.

    Half its square is, to second order, the mean of what a row of which the component is known says
    for one of the two mixtures and against the other, in nats.
    """
    components, covariances = _squares(mixture, step)
    masses = mixture.family.masses(mixture.weights)
    return float(np.sqrt(mixture.weights @ components + (masses * covariances).sum()))


def boldest_move(mixture: Mixture, step: Array) -> float:
    """Give the largest length of what a step (n,) is to any one component.

    That is the length for rows of that component alone, whatever its weight: a step that is short
    for all rows may take a component with few of them to where nothing is known.
    """
    components, covariances = _squares(mixture, step)
    of_each = covariances.reshape(covariances.shape[0], -1).sum(axis=1)
    return float(np.sqrt((components + of_each).max()))


def _squares(mixture: Mixture, step: Array) -> tuple[Array, Array]:
    """The squares of a step per unit of mass: of each component (K,), and of each covariance."""
    logarithms, means, rest = _split(step, mixture)
    centered = logarithms - mixture.weights @ logarithms
    white = np.einsum("kij,ki->kj", mixture.precision_factors(), means)
    components = centered**2 + np.square(white).sum(axis=1)
    return components, _chart(mixture).squares(mixture.covariances, rest)


def _divisors(masses: Array) -> Array:
    return np.where(masses > NO_ROWS, masses, np.inf)


def _chart(mixture: Mixture) -> Chart:
    return mixture.family.chart(mixture.n_features)


def _split(vector: Array, like: Mixture) -> tuple[Array, Array, Array]:
    """The parts of the weights (K,), the means (K, D) and the covariances of a vector."""
    k = like.n_components
    end = k + like.means.size
    return vector[:k], vector[k:end].reshape(like.means.shape), vector[end:]
