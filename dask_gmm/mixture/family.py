"""What a family of covariances says of itself."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from scipy.linalg import solve_triangular

from dask_gmm.mixture.charts import Chart
from dask_gmm.mixture.features import Array, Features, feature_scales
from dask_gmm.mixture.loadings import expanded, parted
from dask_gmm.mixture.statistics import Before, Moments


class CovarianceFamily(ABC):
    """What a family must say of itself. K components, D columns.

    In a ``shared`` family one covariance is that of all components: its quadratic term cancels
    from the responsibilities, and it is estimated from the scatter of all rows. A ``factored`` one
    is a `FactoredFamily`. ``dimensions`` names the axes of the covariances.
    """

    name: str
    shared: ClassVar[bool] = False
    factored: ClassVar[bool] = False
    dimensions: ClassVar[tuple[str, ...]]

    @abstractmethod
    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Shape of the array of covariances."""

    @abstractmethod
    def n_free(self, n_components: int, n_features: int) -> int:
        """Number of free parameters of the covariances."""

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Number of free parameters of a mixture: these, means, and weights that sum to one."""
        free = self.n_free(n_components, n_features)
        return free + n_components * n_features + n_components - 1

    def start_columns(self, n_features: int) -> int:
        """For how many columns a start needs rows."""
        return n_features

    @abstractmethod
    def features(self, n_features: int) -> Features:
        """The features in which the log joint densities are linear."""

    def sum_scales(self, scale: Array) -> Array:
        """By what each sum of a component grows when column j is multiplied by scale[j]."""
        return feature_scales(self.features(len(scale)), scale)

    def as_factors(self, covariances: Array, n_components: int, n_features: int) -> Array | None:
        """The covariances as noise and loadings (K, D, 1 + q); None of families of matrices."""
        return None

    def expand(self, covariances: Array, n_components: int, n_features: int) -> Array:
        """The same covariances as full matrices (K, D, D)."""
        factors = self.as_factors(covariances, n_components, n_features)
        assert factors is not None  # families of matrices say themselves what they are
        return expanded(factors)

    def diagonals(self, covariances: Array, n_components: int, n_features: int) -> Array:
        """The variance (K, D) of each component in each column."""
        factors = self.as_factors(covariances, n_components, n_features)
        if factors is None:
            matrices = self.expand(covariances, n_components, n_features)
            return np.asarray(np.einsum("kdd->kd", matrices))
        noise, loadings = parted(factors)
        return np.asarray(noise + np.square(loadings).sum(axis=-1))

    @abstractmethod
    def factors(self, covariances: Array) -> Array:
        """W, triangular, with ``W W'`` the inverse of a covariance, in the shape of these.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is not positive definite.
        """

    def precision_factors(self, covariances: Array, n_components: int, n_features: int) -> Array:
        """The factors of all components, as densities are computed with; see `unpacked`."""
        return self.unpacked(self.factors(covariances), n_components, n_features)

    def unpacked(self, factors: Array, n_components: int, n_features: int) -> Array:
        """The factors of all components from those in the shape of the covariances.

        They are triangular matrices (K, D, D); those of a factored family are as they were.
        """
        return self.expand(factors, n_components, n_features)

    def in_frame(self, factors: Array, scale: Array) -> Array:
        """Unpacked factors in coordinates in which column j is multiplied by scale[j]."""
        return np.asarray(factors / scale[:, None])

    def half_log_determinants(self, factors: Array) -> Array:
        """Half the log determinants (K,) of the precisions, from unpacked factors."""
        return np.asarray(np.log(np.einsum("kdd->kd", factors)).sum(axis=1))

    def variances_of(self, factors: Array) -> Array:
        """The variance (K, D) of each component in each column, from unpacked factors."""
        unit = np.eye(factors.shape[-1])
        inverses = (solve_triangular(each, unit, check_finite=False) for each in factors)
        return np.asarray(np.square(np.stack(list(inverses))).sum(axis=1))

    @abstractmethod
    def precisions(self, covariances: Array) -> Array:
        """Inverses, in the shape of the covariances."""

    def inverted(self, precisions: Array) -> Array:
        """The covariances of which these are the inverses."""
        return self.precisions(precisions)

    @abstractmethod
    def linear_form(self, factors: Array, means: Array, constants: Array) -> Array:
        """Coefficients (K, P) of the log joint densities in the family's features."""

    @abstractmethod
    def moments(self, sums: Array, n_features: int) -> Moments:
        """Moments from the sums (P, K) of the family's features."""

    def explained(self, moments: Moments, means: Array, factors: Array) -> Array:
        """What log joint densities have in sum beside their linear form, component by component.

        The means (K, D) are about the centers of the moments; the factors are unpacked.
        """
        return np.zeros(0)

    @abstractmethod
    def estimate(self, moments: Moments, means: Array, scatter: Array) -> Array:
        """Maximum-likelihood covariances; ``scatter`` (D, D) is of all rows, about the center."""

    def step(self, moments: Moments, means: Array, scatter: Array, before: Before) -> Array:
        """What an M-step gives after parameters; in most families they do not matter."""
        return self.estimate(moments, means, scatter)

    @abstractmethod
    def estimate_rows(self, rows: Array, about_zero: Array) -> Array:
        """What `estimate` gives for components that are one row each (K, D), as scikit-learn does.

        ``about_zero`` (D, D) is the scatter of all rows about zero.
        """

    @abstractmethod
    def add_to_diagonal(self, covariances: Array, amount: Array) -> Array:
        """Covariances with an amount (D,) added to each diagonal."""

    @abstractmethod
    def floored(
        self, covariances: Array, unit: Array, share: float
    ) -> tuple[Array, tuple[int, ...]]:
        """Covariances no thinner than a share of squares ``unit``, (D,) or (K, D); which were."""

    @abstractmethod
    def chart(self, n_features: int) -> Chart:
        """The coordinates of covariances, without constraints."""

    @abstractmethod
    def masses(self, mass: Array) -> Array:
        """The mass behind each covariance, to divide them by, from that of each component (K,)."""

    @abstractmethod
    def seen(self, matrix: Array) -> Array:
        """What a covariance of the family can tell of a matrix (D, D), in the shape of one."""

    @abstractmethod
    def spread(self, apart: Array, mass: Array) -> Array:
        """Squares of differences (K, D) of components with mass (K,), as covariances."""

    @abstractmethod
    def log_determinants(self, covariances: Array, n_features: int) -> Array:
        """Logarithms of the determinants of the covariances as matrices."""


class FactoredFamily(CovarianceFamily):
    """A family of few directions and a diagonal, of which no matrix (D, D) is made.

    An M-step goes on from the covariances before, and a start needs rows.
    """

    factored = True

    @abstractmethod
    def begun(self, rows: Array, responsibilities: Array, means: Array, scale: Array) -> Array:
        """Covariances to begin with: what rows (n, D) vary along most, and the rest.

        The rows have responsibilities (n, K), and are taken about means (K, D); their columns vary
        alike when they are multiplied by ``scale`` (D,).
        """
