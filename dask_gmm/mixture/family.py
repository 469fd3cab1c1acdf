"""What a family of covariances says of itself."""

from abc import ABC, abstractmethod
from typing import ClassVar

from dask_gmm.mixture.charts import Chart
from dask_gmm.mixture.features import Array, Features
from dask_gmm.mixture.statistics import Moments


class CovarianceFamily(ABC):
    """What a family must say of itself. K components, D columns.

    In a ``shared`` family one covariance is that of all components: its quadratic term cancels
    from the responsibilities, and it is estimated from the scatter of all rows.
    """

    name: ClassVar[str]
    shared: ClassVar[bool] = False

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

    @abstractmethod
    def features(self, n_features: int) -> Features:
        """The features in which the log joint densities are linear."""

    @abstractmethod
    def expand(self, covariances: Array, n_components: int, n_features: int) -> Array:
        """The same covariances as full matrices (K, D, D)."""

    @abstractmethod
    def factors(self, covariances: Array) -> Array:
        """W, triangular, with ``W W'`` the inverse of a covariance, in the shape of these.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is not positive definite.
        """

    def precision_factors(self, covariances: Array, n_components: int, n_features: int) -> Array:
        """The factors W of all components as matrices (K, D, D); see `factors`."""
        return self.expand(self.factors(covariances), n_components, n_features)

    @abstractmethod
    def precisions(self, covariances: Array) -> Array:
        """Inverses, in the shape of the covariances."""

    @abstractmethod
    def linear_form(self, factors: Array, means: Array, constants: Array) -> Array:
        """Coefficients (K, P) of the log joint densities in the family's features."""

    @abstractmethod
    def moments(self, sums: Array, n_features: int) -> Moments:
        """Moments from the sums (P, K) of the family's features."""

    @abstractmethod
    def estimate(self, moments: Moments, means: Array, scatter: Array) -> Array:
        """Maximum-likelihood covariances; ``scatter`` (D, D) is of all rows, about the center."""

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
