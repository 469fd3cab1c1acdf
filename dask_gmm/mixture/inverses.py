"""Many small positive definite matrices at once: (q, q, n, ...), each over the first two axes."""

from typing import Final

import numpy as np

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.gaps import Indices

# Where a missing column varies by less than this share given the others that are missing, the
# square of a factor is too rough to be inverted.
THINNEST: Final = 1e-6


def inverted(matrices: Array) -> tuple[Array, Array]:
    """Invert matrices (q, q, n, ...) in place, by sweeps of one column after the other.

    Returns
    -------
    log_determinants : ndarray of shape (n, ...)
        Of the matrices.
    thinnest : ndarray of shape (n, ...)
        The smallest pivot as a share of what stood there: near 0 the inverse is rough, and of what
        is not larger than 0 there is none.
    """
    log_determinants = np.zeros(matrices.shape[2:])
    thinnest = np.ones(matrices.shape[2:])
    before = np.einsum("qq...->q...", matrices).copy()
    with np.errstate(all="ignore"):
        for s in range(len(matrices)):
            pivot = matrices[s, s].copy()
            log_determinants += np.log(pivot)
            np.minimum(thinnest, pivot / before[s], out=thinnest)
            row = matrices[s] / pivot
            matrices -= matrices[:, s, None] * row
            matrices[s] = matrices[:, s] = row
            matrices[s, s] = -1 / pivot
    np.negative(matrices, out=matrices)
    return log_determinants, thinnest


def thinnest_of(factor: Array) -> float:
    """Bound from below what `inverted` finds in any of the blocks of ``W W'``, W triangular.

    That is the share of its variance that is left to a column when all others are known.
    """
    inverse = np.linalg.inv(factor)
    return float((1 / (np.square(inverse).sum(axis=0) * np.square(factor).sum(axis=1))).min())


def applied(matrices: Array, which: Indices, vectors: Array) -> Array:
    """Multiply matrices (q, q, n, ...), each row by its pattern's (R,), with (q, R, ...)."""
    of_rows = np.take(matrices, which, axis=2)
    return np.asarray(np.einsum("str...,tr...->sr...", of_rows, vectors))


def summed_at(sums: Array, at: Indices, values: Array) -> None:
    """Add lines (n, K) to those lines of sums that are named (n,)."""
    order = np.argsort(at.astype(np.min_scalar_type(len(sums))), kind="stable")
    ordered = at[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    sums[ordered[starts]] += np.add.reduceat(values[order], starts, axis=0)
