"""What components with covariances of their own make of rows that lack as many values."""

from dataclasses import dataclass

import numpy as np

from dask_gmm.mixture.estep import LOG_2PI
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.gaps import Indices, Patterns


def freed(group: Patterns, log_determinants: Array, log_scale: Array) -> Array:
    """What the log density of each pattern (..., n) gains as the volume of what it lacks.

    Parameters
    ----------
    group : Patterns
    log_determinants : ndarray of shape (..., n)
        Of the precisions of what is missing, given all else, in the coordinates of the frame.
    log_scale : ndarray of shape (D,)
        Logarithms of the frame's scale.
    """
    of_frame = log_scale[group.columns].sum(axis=0)
    return np.asarray(0.5 * (group.lacking * LOG_2PI - log_determinants) - of_frame)


@dataclass(frozen=True, slots=True, eq=False)
class PatternsKnown:
    """What is known of the patterns of a group.

    Parameters
    ----------
    group : Patterns
    inverses : ndarray of shape (q, q, n, K)
        Covariances of what is missing, given all else.
    log_determinants : ndarray of shape (n, K)
        Of their inverses.
    thinnest : ndarray of shape (n, K)
        See `inverted`.
    """

    group: Patterns
    inverses: Array
    log_determinants: Array
    thinnest: Array

    def made_anew(self, own: int, factor: Array, white: Array) -> Array:
        """Find the covariances of a component from its factor (D, D), which is not squared then.

        Gives where rows (D, R), of which ``W' z`` is given, are likeliest (q, R).
        """
        group = self.group
        basis, triangle = np.linalg.qr(factor[group.columns.T].transpose(0, 2, 1))
        inverse = np.linalg.inv(triangle)
        self.inverses[..., own] = np.einsum("nsu,ntu->stn", inverse, inverse)
        pivots = np.abs(np.einsum("nqq->nq", triangle))
        self.log_determinants[:, own] = 2 * np.log(pivots).sum(axis=1)
        along = np.einsum("rdq,dr->rq", basis[group.which], white)
        return np.asarray(-np.einsum("rst,rt->sr", inverse[group.which], along))

    def freed(self, log_scale: Array) -> Array:
        """What the log density of each pattern (n, K) gains; see `freed`."""
        return freed(self.group, self.log_determinants.T, log_scale).T

    def varying(self, mass: Array, n_features: int) -> tuple[Indices, Array]:
        """How missing values vary, times mass (n, K): lines (..., K), and which of D * D they are.

        Of the square of a value it is half of that.
        """
        columns, (one, other) = self.group.columns, np.tril_indices(self.group.lacking)
        values = self.inverses[one, other] * mass
        values[one == other] *= 0.5
        at = columns[one] * n_features + columns[other]
        return at.ravel(), values.reshape(at.size, -1)
