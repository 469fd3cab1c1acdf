"""The joint density of single rows: complete, and for rows of which nothing is known before."""

import hashlib

import numpy as np

from dask_gmm.mixture.covariance import Full, family_of
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture


def scoring_density(
    weights: Array,
    means: Array,
    precisions_cholesky: Array,
    covariance_type: str,
    log_weights: Array | None = None,
) -> JointDensity:
    """Prepare a mixture for rows that no fit has seen.

    Its frame is around the mixture itself. Nothing bounds the rows, so that every component is
    looked at again in each tile, and takes the affine form where the rows at hand ask for it. The
    densities are complete in every family: those of a tied mixture have their common term.

    Parameters
    ----------
    weights : ndarray of shape (K,)
        They need not sum to one; a component of weight zero has no density anywhere.
    means : ndarray of shape (K, D)
    precisions_cholesky : ndarray
        W, upper triangular, with ``W W'`` the inverse of a covariance: (K, D, D) for ``full``,
        (D, D) for ``tied``; inverse standard deviations (K, D) for ``diag`` and (K,) for
        ``spherical``; for ``lowrank-q`` those of the noise, and loadings in units of the noise
        behind them (K, D, 1 + q).
    covariance_type : str
        Name of the family.
    log_weights : ndarray of shape (K,), optional
        What takes the place of their logarithms in the densities; weights choose the frame alone.
    """
    family = family_of(covariance_type)
    factors = family.unpacked(precisions_cholesky, *means.shape)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        log_weights = np.log(weights) if log_weights is None else log_weights
        frame = _frame(weights / weights.sum(), means, family.variances_of(factors))
        scored = Full() if family.shared else family
        return JointDensity.of_factors(scored, log_weights, means - frame.shift, factors, frame)


def complete_density(centered: Mixture, frame: Frame) -> JointDensity:
    """Prepare a mixture whose means are about ``frame.shift``, for rows that the frame bounds.

    Densities of single rows are complete in every family, as in `scoring_density`.
    """
    family, factors = centered.family, centered.precision_factors()
    log_weights = np.log(np.maximum(centered.weights, np.finfo(np.float64).tiny))
    scored = Full() if family.shared else family
    return JointDensity.of_factors(scored, log_weights, centered.means, factors, frame)


def parameters_digest(density: JointDensity) -> str:
    """SHA-256 of the numbers by which a density is computed."""
    digest = hashlib.sha256(repr(density.features).encode())
    frame = density.frame
    for values in (frame.shift, frame.scale, density.factors, density.offsets, density.constants):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _frame(weights: Array, means: Array, variances: Array) -> Frame:
    """Around the mean of the mixture, in units of its deviations."""
    center = weights @ means
    spread = variances + np.square(means - center)
    return Frame.around(center, np.sqrt(weights @ spread))
