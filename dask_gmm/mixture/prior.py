"""What is known of a mixture before any row: a log density, and what the M-step makes of it."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from dask_gmm.mixture.family import CovarianceFamily
from dask_gmm.mixture.features import Array, freeze
from dask_gmm.mixture.model import Mixture, as_float64
from dask_gmm.mixture.summary import DataSummary

# A share of the data's variance. Rounding of a variance that is thinner than this would be seen in
# the objective: what is left of it has errors of eps times the variance of the columns.
THINNEST: Final = 1e-10
NOTHING: Final = as_float64(0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """What is known of a mixture before any row, in sums that are added to those of the rows.

    Its log density is that of Dirichlet weights, normal means given their covariances, and inverse
    Wishart covariances (Fraley and Raftery, 2007), up to a constant: for each weight ``counts``
    times its logarithm; for each component with covariance S ``-normals / 2`` times the logarithm
    of its determinant, and ``-pull / 2`` times the square of its mean's distance from ``means`` in
    units of S; for each covariance ``-degrees / 2`` times that logarithm, and
    ``-tr(scatter S^-1) / 2``.

    Parameters
    ----------
    scatter : ndarray
        In the shape of one covariance of the family, or of all: (D, D) for ``full`` and ``tied``,
        (D,) for ``diag``, () for ``spherical``; in squared units of the data.
    ridge : ndarray
        In the same shape: a variance that all components are given in directions in which the rows
        have none, zero in all others. Scatter alone would make the largest component the thinnest
        there, and all rows its own.
    counts : ndarray of shape () or (K,)
        Rows that are added to each component for its weight.
    pull : float
        As how many rows ``means`` count.
    means : ndarray of shape (D,) or (K, D)
        In the coordinates of the mixture.
    normals : float
        1 where means are normal, times as often as the prior counts.
    degrees : float
        Rows that are added to each covariance besides.
    proper : bool
        Whether a component without rows has a covariance.
    usual_weights : ndarray of shape (K,), optional
        Weights towards which those of the rows are drawn, as if these were ``relevance`` rows of
        each component (Reynolds, Quatieri and Dunn, 2000); no log density belongs to it.
    relevance : float
    """

    scatter: Array
    ridge: Array
    counts: Array = field(default_factory=lambda: NOTHING)
    pull: float = 0.0
    means: Array = field(default_factory=lambda: NOTHING)
    normals: float = 0.0
    degrees: float = 0.0
    proper: bool = False
    usual_weights: Array | None = None
    relevance: float = 0.0

    @classmethod
    def of(
        cls,
        summary: DataSummary,
        family: CovarianceFamily,
        strength: float = 1e-6,
        typical: Array | None = None,
    ) -> "Prior":
        """Give the prior that weighs as much as a share of one row, and decides nothing.

        It keeps covariances from collapsing: it adds scatter and no rows. Of a component with many
        rows it changes nothing, and one with few has a maximum.

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
        covariance = summary.scatter_about(summary.mean) / (summary.mass or 1.0)
        seen = family.seen(covariance * np.outer(varying, varying))
        shape = family.shape(1, len(summary.mean))
        thick, _ = family.floored(seen.reshape(shape), summary.variance, THINNEST)
        usual = seen if typical is None else family.seen(typical)
        return cls(as_float64(strength * usual), as_float64(thick.reshape(seen.shape) - seen))

    def __post_init__(self) -> None:
        freeze(self.scatter, self.ridge, self.counts, self.means)

    @property
    def adds(self) -> bool:
        """Whether there is any scatter or ridge."""
        return bool(self.scatter.any() or self.ridge.any())

    @property
    def informs(self) -> bool:
        """Whether it says more than how thin a component may become."""
        weights = bool(self.counts.any()) or self.usual_weights is not None
        return weights or self.shapes

    @property
    def shapes(self) -> bool:
        """Whether some of that is about means or covariances."""
        return self.has_means or self.proper

    @property
    def has_means(self) -> bool:
        """Whether a component without rows has a mean."""
        return self.pull > 0

    def moved(self, by: Array) -> "Prior":
        """Give the same about mixtures of which every mean is moved by (D,)."""
        return replace(self, means=as_float64(self.means + by)) if self.has_means else self

    def times(self, share: float) -> "Prior":
        """Let all but the ridge count so often."""
        return replace(
            self,
            scatter=as_float64(share * self.scatter),
            counts=as_float64(share * self.counts),
            pull=share * self.pull,
            normals=share * self.normals,
            degrees=share * self.degrees,
            relevance=share * self.relevance,
        )

    def beside(self, weak: "Prior") -> "Prior":
        """Give this and scatter and ridge of another."""
        return replace(
            self,
            scatter=as_float64(self.scatter + weak.scatter),
            ridge=as_float64(self.ridge + weak.ridge),
        )

    @property
    def without_scatter(self) -> "Prior":
        """Give the ridge alone."""
        return replace(self, scatter=as_float64(0 * self.scatter))

    def share(self, family: CovarianceFamily, mass: Array) -> Array:
        """What is added to the covariances of components with rows of mass (K,)."""
        return np.asarray(self.scatter / family.masses(mass) + self.ridge)

    def weights(self, mass: Array) -> Array:
        """Give the weights (K,) of components with rows of mass (K,)."""
        if self.usual_weights is None:
            counted = mass + self.counts
            return np.asarray(counted / counted.sum())
        own = mass / (mass + self.relevance)
        drawn = own * mass / mass.sum() + (1 - own) * self.usual_weights
        return np.asarray(drawn / drawn.sum())

    def drawn(self, mass: Array, means: Array) -> Array:
        """Give the means (K, D) of components whose rows of mass (K,) have other means."""
        if not self.has_means:
            return means
        own = (mass / (mass + self.pull))[:, None]
        return np.asarray(self.means + own * (means - self.means))

    def mode(self, family: CovarianceFamily, mass: Array, found: Array, means: Array) -> Array:
        """Give the covariances of components at means (K, D).

        Parameters
        ----------
        family : CovarianceFamily
        mass : ndarray of shape (K,)
            Of their rows.
        found : ndarray
            The mean squares of their rows about these means, as the family sees them.
        means : ndarray of shape (K, D)
        """
        total = family.masses(mass) + self.rows_behind(family, len(mass))
        squares = family.masses(mass) * found + self.scatter + self.squares(family, means)
        return np.asarray(squares / total + self.ridge)

    def squares(self, family: CovarianceFamily, means: Array) -> Array:
        """Give the scatter that means (K, D) have about those that are known."""
        if not self.has_means:
            return NOTHING
        rows = np.full(len(means), self.pull)
        return np.asarray(family.masses(rows) * family.spread(means - self.means, rows))

    def rows_behind(self, family: CovarianceFamily, n_components: int) -> Array:
        """Give the rows that are added to each covariance, in a shape that broadcasts."""
        return np.asarray(family.masses(np.full(n_components, self.normals)) + self.degrees)


NO_PRIOR: Final = Prior(NOTHING, NOTHING)


def log_prior(mixture: Mixture, prior: Prior) -> float:
    """Give the log density of a mixture, in nats, up to a constant."""
    family, covariances = mixture.family, mixture.covariances
    value = 0.0
    if prior.scatter.any():
        scatter = np.broadcast_to(prior.scatter, covariances.shape)
        value = -0.5 * family.chart(mixture.n_features).trace(covariances, scatter)
    return value + _log_told(mixture, prior) if prior.informs else value


def _log_told(mixture: Mixture, prior: Prior) -> float:
    """What it is beyond the scatter."""
    family, n_features = mixture.family, mixture.n_features
    logarithms = np.log(np.maximum(mixture.weights, np.finfo(np.float64).tiny))
    value = float((prior.counts * logarithms).sum())
    if prior.shapes:
        determinants = family.log_determinants(mixture.covariances, n_features)
        value -= 0.5 * prior.degrees * float(determinants.sum())
        each = np.broadcast_to(determinants, (mixture.n_components,))
        value -= 0.5 * prior.normals * float(each.sum())
    if prior.has_means:
        white = np.einsum("kij,ki->kj", mixture.precision_factors(), mixture.means - prior.means)
        value -= 0.5 * prior.pull * float(np.square(white).sum())
    return value
