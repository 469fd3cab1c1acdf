"""Mixtures of factors with noise, rows of them, and their densities from matrices."""

import numpy as np
from scipy.stats import multivariate_normal

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture


def factored(seed: int, k: int, d: int, rank: int, noise: float = 0.5) -> Mixture:
    """A mixture of random weights, means, loadings and noises."""
    generator = np.random.default_rng(seed)
    noises = noise * generator.uniform(0.5, 1.5, (k, d, 1))
    loadings = generator.standard_normal((k, d, rank))
    return Mixture.of(
        generator.dirichlet(np.full(k, 5.0)),
        3 * generator.standard_normal((k, d)),
        np.concatenate([noises, loadings], axis=2),
        f"lowrank-{rank}",
    )


def rows_of(mixture: Mixture, per_component: int, seed: int) -> Array:
    generator, parts = np.random.default_rng(seed), []
    for mean, covariance in zip(mixture.means, mixture.covariances, strict=True):
        factors = generator.standard_normal((per_component, covariance.shape[1] - 1))
        noise = generator.standard_normal((per_component, len(mean)))
        parts.append(mean + factors @ covariance[:, 1:].T + noise * np.sqrt(covariance[:, 0]))
    return np.concatenate(parts)


def log_densities(mixture: Mixture, rows: Array) -> Array:
    """Weighted log densities (N, K), from matrices."""
    normals = map(multivariate_normal, mixture.means, mixture.full_covariances())
    return np.log(mixture.weights) + np.stack([each.logpdf(rows) for each in normals], axis=1)
