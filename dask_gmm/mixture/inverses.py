"""Many small positive definite matrices at once: (q, q, n, K), each over the first two axes."""

import numpy as np

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.gaps import Indices


def inverted(matrices: Array) -> tuple[Array, Array]:
    """Invert matrices (q, q, n, K) in place, by sweeps of one column after the other.

    Returns
    -------
    log_determinants : ndarray of shape (n, K)
        Of the matrices.
    thinnest : ndarray of shape (n, K)
        The smallest pivot as a share of what stood there: near 0 the inverse is rough, and of what
        is not larger than 0 there is none.
    """
    log_determinants = np.zeros(matrices.shape[2:])
    thinnest = np.ones(matrices.shape[2:])
    before = np.einsum("qqnk->qnk", matrices).copy()
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


def applied(matrices: Array, which: Indices, vectors: Array) -> Array:
    """Multiply matrices (q, q, n, K), each row that of its pattern (R,), by vectors (q, R, K)."""
    result = np.zeros_like(vectors)
    for s, line in enumerate(matrices):
        for matrix, vector in zip(line, vectors, strict=True):
            result[s] += matrix[which] * vector
    return result


def summed_at(sums: Array, at: Indices, values: Array) -> None:
    """Add lines (n, K) to those lines of sums that are named (n,)."""
    order = np.argsort(at, kind="stable")
    ordered = at[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    sums[ordered[starts]] += np.add.reduceat(values[order], starts, axis=0)
