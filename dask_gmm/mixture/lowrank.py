"""Covariances of a few factors and a noise for each column: mixtures of factor analyzers.

Of D columns and q factors a component has D (q + 1) numbers, where a matrix has D (D + 1) / 2, and
no matrix of D x D is made anywhere. Covariances have the shape (K, D, 1 + q): the variances of the
noise, and behind them the loadings.
"""

from typing import Final

import numpy as np

from dask_gmm.errors import InputError
from dask_gmm.mixture.charts import Chart
from dask_gmm.mixture.definite import floored_variances
from dask_gmm.mixture.family import FactoredFamily
from dask_gmm.mixture.features import Array, Squared, feature_scales
from dask_gmm.mixture.loadings import directions, inner_roots, joined, parted
from dask_gmm.mixture.statistics import Before, Moments

# A column that factors explain wholly would have no noise, and a density without bound: it keeps
# this share of the variance, at least.
SMALLEST_NOISE: Final = 1e-10
# Of the variance of a column in its component, what a start leaves to the noise at least, and of
# that along a factor, what it leaves to the factor: a loading of zero would stay zero.
STARTING_SHARE: Final = 0.01
# Of the orthogonal iteration that finds where rows vary most; EM does the rest.
ROUNDS: Final = 8


class LowRank(FactoredFamily):
    """Each component has the loadings of some factors and a noise for each column.

    Parameters
    ----------
    rank : int
        The number of factors.
    """

    dimensions = ("component", "feature", "noise_and_factor")

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.name = f"lowrank-{rank}"

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, 1 + self.rank)

    def n_free(self, n_components: int, n_features: int) -> int:
        # Factors that are turned are the same, and no covariance has more numbers than a matrix.
        own = n_features * (self.rank + 1) - self.rank * (self.rank - 1) // 2
        return n_components * min(own, n_features * (n_features + 1) // 2)

    def start_columns(self, n_features: int) -> int:
        return min(n_features, self.rank + 1)

    def features(self, n_features: int) -> Squared:
        return Squared(n_features)

    def sum_scales(self, scale: Array) -> Array:
        own = feature_scales(self.features(len(scale)), scale)
        return np.concatenate([own, np.repeat(scale, self.rank)])

    def as_factors(self, covariances: Array, n_components: int, n_features: int) -> Array:
        return covariances

    def factors(self, covariances: Array) -> Array:
        """One over the deviations of the noise, and the loadings in units of these deviations."""
        noise, loadings = parted(covariances)
        if not (noise > 0).all():
            raise np.linalg.LinAlgError("a variance is not positive")
        roots = 1 / np.sqrt(noise)
        return joined(roots, loadings * roots[..., None])

    def unpacked(self, factors: Array, n_components: int, n_features: int) -> Array:
        return factors

    def in_frame(self, factors: Array, scale: Array) -> Array:
        roots, scaled = parted(factors)
        return joined(roots / scale, scaled)

    def half_log_determinants(self, factors: Array) -> Array:
        roots, scaled = parted(factors)
        inner = np.einsum("kqq->kq", inner_roots(scaled))
        return np.asarray(np.log(roots).sum(axis=1) + np.log(inner).sum(axis=1))

    def variances_of(self, factors: Array) -> Array:
        roots, scaled = parted(factors)
        return np.asarray((1 + np.square(scaled).sum(axis=-1)) / roots**2)

    def precisions(self, covariances: Array) -> Array:
        """A diagonal P, and behind it M: the inverse of a covariance is ``P - M M'``."""
        factors = self.factors(covariances)
        return joined(parted(factors)[0] ** 2, directions(factors))

    def inverted(self, precisions: Array) -> Array:
        diagonal, across = parted(precisions)
        if not (diagonal > 0).all():
            raise np.linalg.LinAlgError("a number on the diagonal is not positive")
        scaled = across / np.sqrt(diagonal)[..., None]
        inner = np.eye(self.rank) - np.swapaxes(scaled, -1, -2) @ scaled
        lower = np.linalg.cholesky(inner)
        root = np.swapaxes(np.linalg.inv(lower), -1, -2)
        return joined(1 / diagonal, (across / diagonal[..., None]) @ root)

    def linear_form(self, factors: Array, means: Array, constants: Array) -> Array:
        """Without what the factors explain, which is no linear function of features."""
        inverse = parted(factors)[0] ** 2
        offset = constants - 0.5 * (inverse * means**2).sum(axis=1)
        return self.features(means.shape[1]).pack(-0.5 * inverse, inverse * means, offset)

    def moments(self, sums: Array, n_features: int) -> Moments:
        features = self.features(n_features)
        second, first, mass = features.unpack(sums[: features.size])
        along = sums[features.size :].reshape(n_features, self.rank, -1)
        return Moments(mass, first, second, along.transpose(2, 0, 1))

    def explained(self, moments: Moments, means: Array, factors: Array) -> Array:
        assert moments.along is not None
        across = directions(factors)
        apart = moments.first - moments.mass[:, None] * means
        along = np.einsum("kdq,kd->kq", across, apart)
        squares = np.einsum("kdq,kdq->kq", across, moments.along)
        return np.asarray(0.5 * (squares - np.einsum("kdq,kd->kq", across, means) * along))

    def estimate(self, moments: Moments, means: Array, scatter: Array) -> Array:
        """Without factors, of which moments alone know nothing."""
        assert moments.second is not None
        variances = moments.second / moments.mass[:, None] - means**2
        return joined(variances, np.zeros((*means.shape, self.rank)))

    def step(self, moments: Moments, means: Array, scatter: Array, before: Before) -> Array:
        """Make a step of EM from the factors before, in rows about the means of now.

        Rubin and Thayer (1982), with the covariance of the factors as parameters that are then made
        one again, as Liu, Rubin and Wu (1998) do: no step is worse for it, and most are longer.
        """
        assert moments.along is not None
        factors = self.factors(before.covariances)
        scaled = parted(factors)[1]
        inner, across = inner_roots(scaled), directions(factors)
        drift = np.einsum("kdq,kd->kq", across, before.means_now - before.means)
        along = moments.along / moments.mass[:, None, None]
        along = (along - means[:, :, None] * drift[:, None, :]) @ inner
        posterior = np.swapaxes(inner, -1, -2) @ (inner + np.swapaxes(across, -1, -2) @ along)
        values, axes = np.linalg.eigh((posterior + np.swapaxes(posterior, -1, -2)) / 2)
        # No factor is known better than its prior and all columns tell; rounding may say so.
        least = 1 / (self.rank + np.square(scaled).sum(axis=(1, 2)))
        roots = np.sqrt(np.maximum(values, least[:, None]))
        loadings = along @ (axes / roots[:, None, :])
        variances = parted(self.estimate(moments, means, scatter))[0]
        return joined(variances - np.square(loadings).sum(axis=-1), loadings)

    def estimate_rows(self, rows: Array, about_zero: Array) -> Array:
        raise _no_matrix("starts from single rows")

    def begun(self, rows: Array, responsibilities: Array, means: Array, scale: Array) -> Array:
        pairs = zip(responsibilities.T, means, strict=True)
        return np.stack([self._principal(rows, *pair, scale) for pair in pairs])

    def _principal(self, rows: Array, weights: Array, mean: Array, scale: Array) -> Array:
        taken = weights > 0
        roots = np.sqrt(weights[taken] / max(float(weights.sum()), np.finfo(float).tiny))
        apart = (rows[taken] - mean) * scale * roots[:, None]
        variances = np.square(apart).sum(axis=0)
        values, vectors = leading(apart, self.rank)
        others = max(len(mean) - self.rank, 1)
        rest = max(float(variances.sum() - values.sum()), 0.0) / others
        lengths = np.maximum(values - rest, STARTING_SHARE * np.maximum(values, rest))
        loadings = vectors * np.sqrt(lengths)
        least = STARTING_SHARE * variances
        noise = np.maximum(variances - np.square(loadings).sum(axis=1), least)
        return joined(noise / scale**2, loadings / scale[:, None])

    def add_to_diagonal(self, covariances: Array, amount: Array) -> Array:
        noise, loadings = parted(covariances)
        return joined(noise + amount, loadings)

    def floored(
        self, covariances: Array, unit: Array, share: float
    ) -> tuple[Array, tuple[int, ...]]:
        """Noises not below a share of the squares, and the factors in their canonical order."""
        noise, loadings = parted(covariances)
        mended, thin = floored_variances(noise, unit, max(share, SMALLEST_NOISE))
        return joined(mended, canonical(mended, loadings)), thin

    def log_determinants(self, covariances: Array, n_features: int) -> Array:
        return -2 * self.half_log_determinants(self.factors(covariances))

    def chart(self, n_features: int) -> Chart:
        raise _no_matrix("the solver fast")

    def masses(self, mass: Array) -> Array:
        raise _no_matrix("a prior of matrices")

    def seen(self, matrix: Array) -> Array:
        raise _no_matrix("a prior of matrices")

    def spread(self, apart: Array, mass: Array) -> Array:
        raise _no_matrix("merging of components")


def _no_matrix(what: str) -> InputError:
    return InputError(
        f"Wanted a family of covariances for {what}, found one of loadings and noise. Take the "
        "solver em, or another family."
    )


def canonical(noise: Array, loadings: Array) -> Array:
    """Turn loadings (K, D, q), which leaves the covariances, so that equal ones are the same.

    In units of the noise they are orthogonal then, the longest first, each with its largest part
    above zero.
    """
    _, _, axes = np.linalg.svd(loadings / np.sqrt(noise)[..., None], full_matrices=False)
    turned = loadings @ np.swapaxes(axes, -1, -2)
    largest = np.take_along_axis(turned, np.abs(turned).argmax(axis=1)[:, None, :], axis=1)
    return np.asarray(turned * np.where(largest < 0, -1.0, 1.0))


def leading(rows: Array, rank: int) -> tuple[Array, Array]:
    """Find the directions (D, q) along which rows (n, D) have most squares, and how much (q,).

    By orthogonal iteration from a start that is always the same, so that no matrix of D x D is
    made, and also where there are fewer rows than directions.
    """
    n_features = rows.shape[1]
    drawn = np.random.default_rng(0).standard_normal((n_features, min(2 * rank, n_features)))
    vectors = np.linalg.qr(drawn)[0]
    for _ in range(ROUNDS):
        vectors = np.linalg.qr(rows.T @ (rows @ vectors))[0]
    seen = rows @ vectors
    values, turned = np.linalg.eigh(seen.T @ seen)
    return np.maximum(values[::-1][:rank], 0.0), vectors @ turned[:, ::-1][:, :rank]
