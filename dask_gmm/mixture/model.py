"""A Gaussian mixture: weights, means and covariances of one family."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dask_gmm.errors import InputError
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.definite import has_factor
from dask_gmm.mixture.family import CovarianceFamily
from dask_gmm.mixture.features import Array, freeze

WEIGHT_SUM_TOLERANCE: Final = 1e-6
SYMMETRY_TOLERANCE: Final = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """The parameters of a mixture of K Gaussians in D columns; arrays are read-only.

    Parameters
    ----------
    weights : ndarray of shape (K,)
    means : ndarray of shape (K, D)
    covariances : ndarray
        (K, D, D) for ``full``, (D, D) for ``tied``, (K, D) for ``diag``, (K,) for ``spherical``;
        for ``lowrank-q`` (K, D, 1 + q), the variances of the noise and behind them the loadings.
    covariance_type : str
        Name of the family.
    """

    weights: Array
    means: Array
    covariances: Array
    covariance_type: str

    @classmethod
    def of(
        cls,
        weights: npt.ArrayLike,
        means: npt.ArrayLike,
        covariances: npt.ArrayLike,
        covariance_type: str = "full",
    ) -> "Mixture":
        """Make one from arrays that are known to be right, as read-only copies."""
        return cls(as_float64(weights), as_float64(means), as_float64(covariances), covariance_type)

    @classmethod
    def like(cls, n_components: int, covariance_type: str, variances: npt.ArrayLike) -> "Mixture":
        """Make one of a size: equal weights, means at zero, these variances (D,) everywhere."""
        family, amount = family_of(covariance_type), as_float64(variances)
        zero: Array = np.zeros(family.shape(n_components, len(amount)))
        weights = np.full(n_components, 1 / n_components)
        means = np.zeros((n_components, len(amount)))
        covariances = family.add_to_diagonal(zero, amount)
        return cls.of(weights, means, covariances, covariance_type)

    @property
    def family(self) -> CovarianceFamily:
        """The family of the covariances."""
        return family_of(self.covariance_type)

    @property
    def n_components(self) -> int:
        """K."""
        return int(self.means.shape[0])

    @property
    def n_features(self) -> int:
        """D."""
        return int(self.means.shape[1])

    @property
    def n_parameters(self) -> int:
        """Number of free parameters: covariances, means, and weights that sum to one."""
        return self.family.n_parameters(self.n_components, self.n_features)

    @property
    def precisions(self) -> Array:
        """Inverses of the covariances, in their shape."""
        return self.family.precisions(self.covariances)

    @property
    def precisions_cholesky(self) -> Array:
        """W, upper triangular, with ``W W'`` the inverse of a covariance, in their shape."""
        return self.family.factors(self.covariances)

    def variances(self) -> Array:
        """The variance (K, D) of each component in each column."""
        return self.family.diagonals(self.covariances, self.n_components, self.n_features)

    def full_covariances(self) -> Array:
        """The covariances as matrices (K, D, D), whatever the family."""
        return self.family.expand(self.covariances, self.n_components, self.n_features)

    def as_factors(self) -> Array | None:
        """The covariances as noise and loadings (K, D, 1 + q); None of families of matrices."""
        return self.family.as_factors(self.covariances, self.n_components, self.n_features)

    def precision_factors(self) -> Array:
        """W (K, D, D), triangular, with ``W W'`` the inverse of each covariance.

        Those of a factored family are as in `precisions_cholesky`.
        """
        return self.family.precision_factors(self.covariances, self.n_components, self.n_features)

    def moved(self, by: Array) -> "Mixture":
        """The mixture with every mean moved by (D,)."""
        return Mixture.of(self.weights, self.means + by, self.covariances, self.covariance_type)


def inverted(precisions: Array, covariance_type: str) -> Array:
    """Give the covariances of which these are the inverses.

    Raises
    ------
    InputError
        If they are not positive definite.
    """
    try:
        return family_of(covariance_type).inverted(precisions)
    except np.linalg.LinAlgError as error:
        raise InputError(
            f"Wanted inverses of covariances, positive definite, found others ({error}). Give some "
            "such as those of a fit."
        ) from error


def as_float64(values: npt.ArrayLike) -> Array:
    """Give a read-only float64 copy."""
    result = np.array(values, dtype=np.float64)
    freeze(result)
    return result


def checked_mixture(
    weights: npt.ArrayLike,
    means: npt.ArrayLike,
    covariances: npt.ArrayLike,
    covariance_type: str = "full",
) -> Mixture:
    """Make a mixture from parameters that a user gave.

    Raises
    ------
    InputError
        If these are not real numbers, shapes disagree, weights are negative or do not sum to 1,
        or a covariance is not symmetric positive definite.
    """
    family_of(covariance_type)
    mixture = Mixture.of(
        _real("weights", weights),
        _real("means", means),
        _real("covariances", covariances),
        covariance_type,
    )
    refuse_unusable(mixture)
    _check_thickness(mixture)
    return mixture


def refuse_unusable(mixture: Mixture) -> None:
    """Refuse parameters at which there is no density, however they came about.

    Those of a fit always pass, also where a component has become as thin as float64 can hold.

    Raises
    ------
    InputError
        If shapes disagree, weights are negative or do not sum to 1, or a covariance is not
        symmetric or has no Cholesky factor.
    """
    _check_shapes(mixture)
    _check_weights(mixture.weights)
    _check_covariances(mixture)


def _real(name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    try:
        found = np.asarray(values)
    except ValueError as error:
        raise InputError(
            f"{name}: wanted an array of numbers; found lists of different lengths ({error}); "
            "make them agree"
        ) from error
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(f"{name}: wanted all numbers; found a masked array; fill it")
    if found.dtype.kind not in "biuf":
        raise InputError(
            f"{name}: wanted real numbers; found an array of type {found.dtype}; convert it"
        )
    return found


def _check_shapes(mixture: Mixture) -> None:
    if mixture.means.ndim != 2 or not mixture.means.size:
        raise InputError(
            f"means: wanted shape (components, features), both at least 1; found "
            f"{mixture.means.shape}; give one row per component"
        )
    if mixture.weights.shape != (mixture.n_components,):
        raise InputError(
            f"weights: wanted shape ({mixture.n_components},), one per row of means; found "
            f"{mixture.weights.shape}; give one weight per component"
        )
    wanted = mixture.family.shape(mixture.n_components, mixture.n_features)
    if mixture.covariances.shape != wanted:
        raise InputError(
            f"covariances: wanted shape {wanted} for covariance type "
            f"{mixture.covariance_type!r} with means of shape {mixture.means.shape}; found "
            f"{mixture.covariances.shape}; make the shapes agree"
        )
    for name in ("weights", "means", "covariances"):
        values = getattr(mixture, name)
        if not np.isfinite(values).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise InputError(
                f"{name}: wanted finite numbers; found {values[where]} at index {where}; correct it"
            )


def _check_weights(weights: Array) -> None:
    if (weights < 0).any():
        k = int(np.argmax(weights < 0))
        raise InputError(
            f"weights: wanted none below 0; found {weights[k]} at index {k}; correct it"
        )
    if abs(weights.sum() - 1) > WEIGHT_SUM_TOLERANCE:
        raise InputError(
            f"weights: wanted a sum of 1; found {weights.sum():.9g}; "
            "divide the weights by their sum"
        )


def _check_covariances(mixture: Mixture) -> None:
    factors = mixture.as_factors()
    if factors is not None:
        _check_noise(mixture, factors)
        return
    for k, matrix in _matrices(mixture):
        variances = np.diagonal(matrix)
        if not (variances > 0).all():
            j = int(np.argmin(variances))
            raise _not_definite(k, f"the variance {variances[j]:.3g} in column {j}")
        deviations = np.sqrt(variances)
        unit = np.outer(deviations, deviations)
        if (np.abs(matrix - matrix.T) > SYMMETRY_TOLERANCE * unit).any():
            raise InputError(
                f"covariances: wanted symmetric matrices; the one of component {k} differs from "
                f"its transpose by {np.abs(matrix - matrix.T).max():.3g}; average it with its "
                "transpose"
            )
        if not has_factor(matrix):
            lowest = float(np.linalg.eigvalsh(matrix / unit)[0])
            raise _not_definite(k, f"the eigenvalue {lowest:.3g} among its correlations")


def _matrices(mixture: Mixture) -> Iterator[tuple[int, Array]]:
    """The matrices that there are, with their components; of one for all, that of the first."""
    found = mixture.full_covariances()
    yield from enumerate(found[:1] if mixture.family.shared else found)


def _check_noise(mixture: Mixture, factors: Array) -> None:
    rank, n_features = factors.shape[2] - 1, mixture.n_features
    if rank >= n_features:
        raise InputError(
            f"covariances: wanted fewer factors than columns; found {rank} factors of "
            f"{n_features} columns; take a smaller rank, or the family full"
        )
    noise, what = factors[..., 0], "noise" if mixture.family.factored else "variance"
    if not (noise > 0).all():
        k, j = (int(i) for i in np.argwhere(~(noise > 0))[0])
        raise _not_definite(k, f"the {what} {noise[k, j]:.3g} in column {j}")


def _check_thickness(mixture: Mixture) -> None:
    """Refuse matrices that have a factor by the luck of rounding alone."""
    if mixture.as_factors() is not None:
        return
    for k, matrix in _matrices(mixture):
        deviations = np.sqrt(np.diagonal(matrix))
        lowest = float(np.linalg.eigvalsh(matrix / np.outer(deviations, deviations))[0])
        if not lowest > len(matrix) * np.finfo(np.float64).eps:
            raise _not_definite(k, f"the eigenvalue {lowest:.3g} among its correlations")


def _not_definite(k: int, found: str) -> InputError:
    return InputError(
        f"covariances: wanted positive definite matrices; the one of component {k} has {found}; "
        "add a small amount to its diagonal"
    )
