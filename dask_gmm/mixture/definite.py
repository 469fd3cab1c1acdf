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


def _clearly_thicker(matrix: Array, share: float) -> bool:
    """Whether the pivots, cheaper than eigenvalues, already show that none is near ``share``."""
    try:
        pivots = np.diagonal(np.linalg.cholesky(matrix)) ** 2
    except np.linalg.LinAlgError:
        return False
    return bool(pivots.min() > 100 * len(matrix) * share)


def floored_matrix(covariance: Array, variance: Array, share: float) -> Array | None:
    """The covariance (D, D) made no thinner than a share of the data's variance (D,).

    Thickness is the smallest eigenvalue in units of the data's deviations. None if nothing had
    to be done.
    """
    deviation = np.sqrt(np.where(variance > 0, variance, 1.0))
    relative = covariance / np.outer(deviation, deviation)
    if _clearly_thicker(relative, share):
        return None
    values, vectors = np.linalg.eigh(relative)
    if values[0] >= share:
        return None
    mended = (vectors * np.maximum(values, 2 * share)) @ vectors.T
    mended = (mended + mended.T) / 2 * np.outer(deviation, deviation)
    return np.asarray(mended)


def floored_variances(
    variances: Array, variance: Array, share: float
) -> tuple[Array, tuple[int, ...]]:
    """Variances (K, D) not below a share of the data's (D,), and the components that were."""
    unit = np.where(variance > 0, variance, 1.0)
    low = variances < share * unit
    thin = tuple(int(k) for k in np.flatnonzero(low.any(axis=1)))
    return np.where(low, 2 * share * unit, variances), thin
