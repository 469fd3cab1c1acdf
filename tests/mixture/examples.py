"""Rows, starts and covariances to try the numbers on."""

from typing import Final

import numpy as np
from hypothesis import assume, settings
from hypothesis import strategies as st

from benchmarks.in_memory import Climb
from dask_gmm.mixture.covariance import FAMILIES, family_of
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture

FAMILY_NAMES: Final = tuple(FAMILIES)
LAW: Final = settings(deadline=None, max_examples=40)

families = st.sampled_from(FAMILY_NAMES)
seeds = st.integers(0, 2**32 - 1)


def blobs(seed: int, rows: int, n_features: int, n_components: int) -> Array:
    """Rows (N, D) of overlapping Gaussians with correlated columns, each in a run of its own."""
    generator = np.random.default_rng(seed)
    sizes = np.diff(np.linspace(0, rows, n_components + 1).astype(int))
    parts = [
        generator.standard_normal((size, n_features))
        @ (np.eye(n_features) + 0.4 * generator.standard_normal((n_features, n_features)))
        + 2.5 * generator.standard_normal(n_features)
        for size in sizes
    ]
    return np.concatenate(parts)


def start_of(rows: Array, n_components: int, name: str, seed: int = 0) -> Mixture:
    """Equal weights, means on rows, and the data's variances."""
    generator = np.random.default_rng(seed)
    variance = rows.var(axis=0)
    family = family_of(name)
    zero: Array = np.zeros(family.shape(n_components, rows.shape[1]))
    spread = family.add_to_diagonal(zero, np.where(variance > 1e-20, variance, 1.0))
    chosen = generator.choice(len(rows), n_components, replace=False)
    return Mixture.of(np.full(n_components, 1 / n_components), rows[chosen], spread, name)


def random_covariances(
    generator: np.random.Generator,
    name: str,
    n_components: int,
    n_features: int,
    condition: float,
) -> Array:
    """Covariances of a family; ``condition`` is that of a matrix, or one over the variances."""
    if name == "spherical":
        return np.asarray(condition ** -generator.uniform(0.5, 1, n_components))
    values = np.geomspace(1.0, 1 / condition, n_features)
    if name == "diag":
        return np.stack([generator.permutation(values) for _ in range(n_components)])
    axes = np.linalg.qr(generator.standard_normal((n_components, n_features, n_features))).Q
    covariances = np.einsum("kij,j,klj->kil", axes, values, axes)
    covariances = np.asarray((covariances + covariances.transpose(0, 2, 1)) / 2)
    return covariances if name == "full" else covariances[0]


def random_mixture(
    seed: int, name: str, n_components: int, n_features: int, condition: float = 10.0
) -> Mixture:
    """A mixture of random weights, means and covariances."""
    generator = np.random.default_rng(seed)
    covariances = random_covariances(generator, name, n_components, n_features, condition)
    return Mixture.of(
        generator.dirichlet(np.full(n_components, 5.0)),
        2 * generator.standard_normal((n_components, n_features)),
        covariances,
        name,
    )


def rows_of(mixture: Mixture, per_component: int, seed: int) -> Array:
    """Rows drawn from a mixture, the same number from each component, in runs."""
    generator = np.random.default_rng(seed)
    factors = np.linalg.cholesky(mixture.full_covariances())
    shape = (mixture.n_components, per_component, mixture.n_features)
    normals = np.asarray(generator.standard_normal(shape))
    rows = mixture.means[:, None] + normals @ factors.transpose(0, 2, 1)
    return np.asarray(rows.reshape(-1, mixture.n_features))


def assume_well_posed(found: Climb, n_rows: int) -> None:
    """Set aside a fit in which a component shrinks onto a few rows: all its digits are lost."""
    mass = found.mixture.weights.min() * n_rows
    assume(not any(found.repairs) and mass > 4 * (found.mixture.n_features + 1))
