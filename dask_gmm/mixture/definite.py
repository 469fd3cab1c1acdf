"""Covariances that stay positive definite, however thin a component becomes."""

import numpy as np
from scipy.linalg import solve_triangular

from dask_gmm.mixture.features import Array


def cholesky_precision(covariance: Array) -> Array:
    """W (D, D), upper triangular, with ``W W'`` the inverse of the covariance.

    Raises
    ------
    numpy.linalg.LinAlgError
        If it is not positive definite.
    """
    lower = np.linalg.cholesky(covariance)
    inverse = solve_triangular(lower, np.eye(len(lower)), lower=True, check_finite=False)
    return np.ascontiguousarray(inverse.T)


def has_factor(covariance: Array) -> bool:
    """Whether a covariance (D, D) has a Cholesky factor in float64."""
    try:
        np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return False
    return True


def _clearly_thicker(matrix: Array, share: float) -> bool:
    """Whether pivots, cheaper than eigenvalues, show that none is near ``share`` or rounding."""
    try:
        pivots = np.diagonal(np.linalg.cholesky(matrix)) ** 2
    except np.linalg.LinAlgError:
        return False
    rounding = float(np.finfo(np.float64).eps * np.trace(matrix))
    return bool(pivots.min() > 10 * len(matrix) * max(share, rounding))


def _units(unit: Array, own: Array) -> Array:
    """What thickness is measured in: a component's own variance in a column that is constant."""
    return np.where(unit > 0, unit, np.where(own > 0, own, 1.0))


def floored_matrix(covariance: Array, unit: Array, share: float) -> Array | None:
    """The covariance (D, D) made no thinner than a share of the squares ``unit`` (D,).

    Thickness is the smallest eigenvalue in units of their roots. The floor is higher where a
    component is so wide that rounding asks for more. None if nothing had to be done.
    """
    deviation = np.sqrt(_units(unit, np.diagonal(covariance)))
    products = np.outer(deviation, deviation)
    relative = covariance / products
    if _clearly_thicker(relative, share):
        return None
    values, vectors = np.linalg.eigh(relative)
    if values[0] >= share and has_factor(covariance):
        return None
    for doubled in range(1, 60):
        mended = (vectors * np.maximum(values, 2.0**doubled * share)) @ vectors.T
        mended = (mended + mended.T) / 2 * products
        if has_factor(mended):
            break
    return np.asarray(mended)


def floored_variances(variances: Array, unit: Array, share: float) -> tuple[Array, tuple[int, ...]]:
    """Variances (K, D) not below a share of squares ``unit`` (D,) or (K, D), and whose were."""
    floor = share * _units(unit, variances)
    low = variances < floor
    thin = tuple(int(k) for k in np.flatnonzero(low.any(axis=1)))
    return np.where(low, 2 * floor, variances), thin
