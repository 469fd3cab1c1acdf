"""What a mixture makes of rows that lack as many values, pattern by pattern."""

from dataclasses import dataclass

import numpy as np

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.gaps import Indices, Patterns


@dataclass(frozen=True, slots=True, eq=False)
class PatternsKnown:
    """What is known of the patterns of a group.

    Parameters
    ----------
    group : Patterns
    n_features : int
    inverses : ndarray of shape (q, q, n, K)
        Covariances of what is missing, given all else.
    log_determinants : ndarray of shape (n, K)
        Of their inverses.
    thinnest : ndarray of shape (n, K)
        See `inverted`.
    """

    group: Patterns
    n_features: int
    inverses: Array
    log_determinants: Array
    thinnest: Array

    def made_anew(self, own: int, factor: Array, white: Array) -> Array:
        """Find the covariances of a component from its factor (D, D), which is not squared then.

        Gives where rows (D, R), of which ``W' z`` is given, are likeliest (q, R).
        """
        group = self.group
        basis, triangle = np.linalg.qr(factor[group.columns].transpose(0, 2, 1))
        inverse = np.linalg.inv(triangle)
        self.inverses[..., own] = np.einsum("nsu,ntu->stn", inverse, inverse)
        pivots = np.abs(np.einsum("nqq->nq", triangle))
        self.log_determinants[:, own] = 2 * np.log(pivots).sum(axis=1)
        along = np.einsum("rdq,dr->rq", basis[group.which], white)
        return np.asarray(-np.einsum("rst,rt->sr", inverse[group.which], along))

    def summed(self, values: Array) -> Array:
        """Sum values (R, ...) over the rows of each pattern (n, ...)."""
        return np.asarray(np.add.reduceat(values, self.group.starts, axis=0))

    def products(
        self, taken: Array, weighed: Array, expected: Array, *, pooled: bool
    ) -> tuple[Indices, Array]:
        """What is expected of products of two missing values (n, K), and of which (n,) of D * D.

        Of the square of one it is half of that. Those of all components may be ``pooled``, (n, 1).
        """
        group, n_features = self.group, self.n_features
        taken = taken[group.rows]
        mass = self.summed(taken.sum(axis=1, keepdims=True) if pooled else taken)
        lines = group.columns.T
        at, found = [], []
        for s in range(group.lacking):
            for t in range(s + 1):
                here = weighed[group.values[s]] * expected[group.values[t]]
                here = here.sum(axis=1, keepdims=True) if pooled else here
                values = self.summed(here) + mass * self.inverses[s, t]
                found.append(0.5 * values if s == t else values)
                at.append(lines[s] * n_features + lines[t])
        return np.concatenate(at), np.concatenate(found)
