"""More components in the place of fewer: all of them split, or those of two mixtures together."""

from typing import Final

import numpy as np

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture

# Of the deviation along its widest axis: how far the halves of a component lie from its mean.
APART: Final = 0.6


def halved(mixture: Mixture, scale: Array) -> Mixture:
    """Give a mixture of 2K components: each is split in two along the axis where it is widest.

    Both halves have half its weight; together they have its mean and, as the family sees it, its
    covariance. The second half of component k is component K + k.

    Parameters
    ----------
    mixture : Mixture
    scale : ndarray of shape (n_features,)
        Widths are compared in units of one over these.
    """
    family, apart = mixture.family, _apart(mixture, scale)
    covariances = mixture.covariances - family.spread(apart, mixture.weights)
    return Mixture.of(
        np.tile(mixture.weights / 2, 2),
        np.concatenate([mixture.means + apart, mixture.means - apart]),
        covariances if family.shared else np.concatenate([covariances, covariances]),
        mixture.covariance_type,
    )


def joined(one: Mixture, other: Mixture) -> Mixture:
    """Give the mixture of all components of two mixtures, each of which has half of the rows.

    Where all components share a covariance, it is the mean of both.
    """
    covariances = (
        (one.covariances + other.covariances) / 2
        if one.family.shared
        else np.concatenate([one.covariances, other.covariances])
    )
    return Mixture.of(
        np.concatenate([one.weights, other.weights]) / 2,
        np.concatenate([one.means, other.means]),
        covariances,
        one.covariance_type,
    )


def _apart(mixture: Mixture, scale: Array) -> Array:
    """From each mean to that of one half (K, D)."""
    values, vectors = np.linalg.eigh(mixture.full_covariances() * np.outer(scale, scale))
    widest = vectors[:, :, -1] * np.sqrt(np.maximum(values[:, -1:], 0.0))
    return np.asarray(APART * widest / scale)
