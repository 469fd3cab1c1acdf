"""The families of covariances; the only file that knows which class has which name.

Everywhere else a family is asked. Means and second moments are about one stated center, so that
no offset of the data can cancel them.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

import numpy as np

from dask_gmm.mixture.charts import Deviations, Triangular
from dask_gmm.mixture.definite import cholesky_precision, floored_matrix, floored_variances
from dask_gmm.mixture.family import CovarianceFamily
from dask_gmm.mixture.features import Array, Linear, Quadratic, Squared
from dask_gmm.mixture.lowrank import LowRank
from dask_gmm.mixture.names import rank_of
from dask_gmm.mixture.statistics import Moments


class _Matrices(CovarianceFamily):
    """What the two families of matrices share."""

    def chart(self, n_features: int) -> Triangular:
        return Triangular(n_features)

    def seen(self, matrix: Array) -> Array:
        return matrix

    def log_determinants(self, covariances: Array, n_features: int) -> Array:
        pivots = np.einsum("...dd->...d", np.linalg.cholesky(covariances))
        return np.asarray(2 * np.log(pivots).sum(axis=-1))

    def add_to_diagonal(self, covariances: Array, amount: Array) -> Array:
        result = covariances.copy()
        diagonal = np.arange(len(amount))
        result[..., diagonal, diagonal] += amount
        return result

    def factors(self, covariances: Array) -> Array:
        n_features = covariances.shape[-1]
        matrices = covariances.reshape(-1, n_features, n_features)
        factors = np.stack([cholesky_precision(matrix) for matrix in matrices])
        return factors.reshape(covariances.shape)

    def precisions(self, covariances: Array) -> Array:
        factors = self.factors(covariances)
        return np.asarray(factors @ np.swapaxes(factors, -1, -2))

    def floored(
        self, covariances: Array, unit: Array, share: float
    ) -> tuple[Array, tuple[int, ...]]:
        n_features = unit.shape[-1]
        matrices = covariances.reshape(-1, n_features, n_features).copy()
        units = np.broadcast_to(unit, (max(len(matrices), unit.size // n_features), n_features))
        # The rounding errors of a matrix are those of its largest eigenvalue, up to its trace.
        share *= n_features
        mended = {k: floored_matrix(each, units[k], share) for k, each in enumerate(matrices)}
        thin = tuple(k for k, matrix in mended.items() if matrix is not None)
        for k in thin:
            matrices[k] = mended[k]
        return matrices.reshape(covariances.shape), thin


class Full(_Matrices):
    """Each component has its own matrix, (K, D, D)."""

    name = "full"
    dimensions = ("component", "feature", "feature_2")

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, n_features)

    def n_free(self, n_components: int, n_features: int) -> int:
        return n_components * n_features * (n_features + 1) // 2

    def features(self, n_features: int) -> Quadratic:
        return Quadratic(n_features)

    def expand(self, covariances: Array, n_components: int, n_features: int) -> Array:
        return covariances

    def linear_form(self, factors: Array, means: Array, constants: Array) -> Array:
        precisions = factors @ factors.transpose(0, 2, 1)
        scaled = np.einsum("kij,ki->kj", factors, means)
        linear = np.einsum("kij,kj->ki", factors, scaled)
        offset = constants - 0.5 * np.square(scaled).sum(axis=1)
        return self.features(means.shape[1]).pack(-0.5 * precisions, linear, offset)

    def moments(self, sums: Array, n_features: int) -> Moments:
        second, first, mass = self.features(n_features).unpack(sums)
        return Moments(mass, first, second)

    def estimate(self, moments: Moments, means: Array, scatter: Array) -> Array:
        assert moments.second is not None
        mass = moments.mass[:, None, None]
        return np.asarray(moments.second / mass - np.einsum("ki,kj->kij", means, means))

    def estimate_rows(self, rows: Array, about_zero: Array) -> Array:
        return np.zeros(self.shape(*rows.shape))

    def masses(self, mass: Array) -> Array:
        return mass[:, None, None]

    def spread(self, apart: Array, mass: Array) -> Array:
        return apart[:, :, None] * apart[:, None, :]


class Tied(_Matrices):
    """All components share one matrix, (D, D).

    Its quadratic term is common to all components and cancels from the responsibilities: a pass
    needs linear features only, and the total scatter of the data once.
    """

    name = "tied"
    dimensions = ("feature", "feature_2")
    shared = True

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_features, n_features)

    def n_free(self, n_components: int, n_features: int) -> int:
        return n_features * (n_features + 1) // 2

    def features(self, n_features: int) -> Linear:
        return Linear(n_features)

    def expand(self, covariances: Array, n_components: int, n_features: int) -> Array:
        return np.repeat(covariances[None], n_components, axis=0)

    def linear_form(self, factors: Array, means: Array, constants: Array) -> Array:
        scaled = np.einsum("kij,ki->kj", factors, means)
        linear = np.einsum("kij,kj->ki", factors, scaled)
        offset = constants - 0.5 * np.square(scaled).sum(axis=1)
        return self.features(means.shape[1]).pack(linear, offset)

    def moments(self, sums: Array, n_features: int) -> Moments:
        first, mass = self.features(n_features).unpack(sums)
        return Moments(mass, first, None)

    def estimate(self, moments: Moments, means: Array, scatter: Array) -> Array:
        between = (means * moments.mass[:, None]).T @ means
        return np.asarray((scatter - between) / moments.mass.sum())

    def estimate_rows(self, rows: Array, about_zero: Array) -> Array:
        return self.estimate(Moments(np.ones(len(rows)), rows, None), rows, about_zero)

    def masses(self, mass: Array) -> Array:
        return np.asarray(mass.sum())

    def spread(self, apart: Array, mass: Array) -> Array:
        return np.asarray((apart * mass[:, None]).T @ apart / mass.sum())


class _Variances(CovarianceFamily):
    """What the two families of variances share: they work on variances of columns (K, D)."""

    def features(self, n_features: int) -> Squared:
        return Squared(n_features)

    def factors(self, covariances: Array) -> Array:
        if not (covariances > 0).all():
            raise np.linalg.LinAlgError("a variance is not positive")
        return np.asarray(1 / np.sqrt(covariances))

    def precisions(self, covariances: Array) -> Array:
        return 1 / covariances

    def linear_form(self, factors: Array, means: Array, constants: Array) -> Array:
        inverse = np.einsum("kdd->kd", factors) ** 2
        offset = constants - 0.5 * (inverse * means**2).sum(axis=1)
        return self.features(means.shape[1]).pack(-0.5 * inverse, inverse * means, offset)

    def moments(self, sums: Array, n_features: int) -> Moments:
        second, first, mass = self.features(n_features).unpack(sums)
        return Moments(mass, first, second)

    def estimate_rows(self, rows: Array, about_zero: Array) -> Array:
        # What rounding leaves of a row with a mass a little above 1 is of the size of ridges, and
        # decides who takes which rows next.
        mass = np.full(len(rows), 1 + 10 * np.finfo(np.float64).eps)
        return self.estimate(Moments(mass, rows, rows**2), rows / mass[:, None], about_zero)


class Diagonal(_Variances):
    """Each component has its own variances, (K, D)."""

    name = "diag"
    dimensions = ("component", "feature")

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features)

    def n_free(self, n_components: int, n_features: int) -> int:
        return n_components * n_features

    def as_factors(self, covariances: Array, n_components: int, n_features: int) -> Array:
        return covariances[..., None]

    def estimate(self, moments: Moments, means: Array, scatter: Array) -> Array:
        return _variances(moments, means)

    def chart(self, n_features: int) -> Deviations:
        return Deviations(1)

    def masses(self, mass: Array) -> Array:
        return mass[:, None]

    def seen(self, matrix: Array) -> Array:
        return np.diagonal(matrix).copy()

    def spread(self, apart: Array, mass: Array) -> Array:
        return apart**2

    def log_determinants(self, covariances: Array, n_features: int) -> Array:
        return np.asarray(np.log(covariances).sum(axis=-1))

    def add_to_diagonal(self, covariances: Array, amount: Array) -> Array:
        return covariances + amount

    def floored(
        self, covariances: Array, unit: Array, share: float
    ) -> tuple[Array, tuple[int, ...]]:
        return floored_variances(covariances, unit, share)


class Spherical(_Variances):
    """Each component has one variance, (K,)."""

    name = "spherical"
    dimensions = ("component",)

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components,)

    def n_free(self, n_components: int, n_features: int) -> int:
        return n_components

    def as_factors(self, covariances: Array, n_components: int, n_features: int) -> Array:
        return np.broadcast_to(covariances[:, None, None], (n_components, n_features, 1))

    def estimate(self, moments: Moments, means: Array, scatter: Array) -> Array:
        return np.asarray(_variances(moments, means).mean(axis=1))

    def chart(self, n_features: int) -> Deviations:
        return Deviations(n_features)

    def masses(self, mass: Array) -> Array:
        return mass

    def seen(self, matrix: Array) -> Array:
        return np.asarray(np.diagonal(matrix).mean())

    def spread(self, apart: Array, mass: Array) -> Array:
        return np.asarray(np.square(apart).mean(axis=1))

    def log_determinants(self, covariances: Array, n_features: int) -> Array:
        return n_features * np.log(covariances)

    def add_to_diagonal(self, covariances: Array, amount: Array) -> Array:
        return np.asarray(covariances + amount.mean())

    def floored(
        self, covariances: Array, unit: Array, share: float
    ) -> tuple[Array, tuple[int, ...]]:
        mean = unit.mean(axis=-1, keepdims=True)
        floored, thin = floored_variances(covariances[:, None], mean, share)
        return floored[:, 0], thin


def _variances(moments: Moments, means: Array) -> Array:
    assert moments.second is not None
    return moments.second / moments.mass[:, None] - means**2


FAMILIES: Final[Mapping[str, CovarianceFamily]] = MappingProxyType(
    {family.name: family for family in (Full(), Tied(), Diagonal(), Spherical())}
)


@cache
def family_of(name: str) -> CovarianceFamily:
    """Give the family of this name; that of factors has their number in it.

    Raises
    ------
    InputError
        If there is none.
    """
    rank = rank_of(name)
    return LowRank(rank) if rank else FAMILIES[name]
