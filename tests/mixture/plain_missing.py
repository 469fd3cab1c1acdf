"""Rows with missing values one by one, component by component: what all else is compared with."""

from dataclasses import dataclass

import numpy as np

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture


@dataclass(frozen=True)
class Plain:
    """Log joint densities (K, N), expectations (K, N, D), and covariances (K, N, D, D)."""

    log_joint: Array
    expected: Array
    covariances: Array

    @property
    def log_densities(self) -> Array:
        peak = self.log_joint.max(axis=0)
        return np.asarray(peak + np.log(np.exp(self.log_joint - peak).sum(axis=0)))

    @property
    def responsibilities(self) -> Array:
        return np.asarray(np.exp(self.log_joint - self.log_densities))

    def mean(self) -> Array:
        """The rows (N, D) with what is expected in their gaps."""
        return np.asarray(np.einsum("kn,knd->nd", self.responsibilities, self.expected))


def plain(rows: Array, mixture: Mixture) -> Plain:
    """Take each row and component by itself, in the block of the covariance that is observed."""
    shape = mixture.n_components, len(rows)
    log_joint, expected = np.empty(shape), np.empty((*shape, rows.shape[1]))
    covariances = np.zeros((*expected.shape, rows.shape[1]))
    for k, covariance in enumerate(mixture.full_covariances()):
        for n, row in enumerate(rows):
            there, gone = np.flatnonzero(~np.isnan(row)), np.flatnonzero(np.isnan(row))
            block, apart = covariance[np.ix_(there, there)], row[there] - mixture.means[k, there]
            slopes = np.linalg.solve(block, covariance[np.ix_(there, gone)]).T
            log_joint[k, n] = np.log(mixture.weights[k]) - 0.5 * (
                apart @ np.linalg.solve(block, apart) + np.linalg.slogdet(2 * np.pi * block)[1]
            )
            expected[k, n] = row
            expected[k, n, gone] = mixture.means[k, gone] + slopes @ apart
            left = covariance[np.ix_(gone, gone)] - slopes @ covariance[np.ix_(there, gone)]
            covariances[k, n][np.ix_(gone, gone)] = left
    return Plain(log_joint, expected, covariances)
