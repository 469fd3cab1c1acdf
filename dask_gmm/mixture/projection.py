"""A mixture seen along a few directions: its principal axes, ellipses and densities there."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.loadings import expanded, extremes, parted
from dask_gmm.mixture.model import Mixture

CORNERS: Final = 72
# Of so many, one matrix of all variance takes no time.
FEW_COLUMNS: Final = 256


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A mixture as its shadow on ``d`` directions shows it.

    Parameters
    ----------
    weights : ndarray of shape (K,)
    means : ndarray of shape (K, d)
    covariances : ndarray of shape (K, d, d)
    """

    weights: Array
    means: Array
    covariances: Array

    def ellipse(self, component: int, radius: float) -> Array:
        """Give the corners (72, 2) of what lies so many standard deviations from a mean."""
        values, axes = np.linalg.eigh(self.covariances[component])
        angles = np.linspace(0.0, 2 * np.pi, CORNERS)
        circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        half = axes * np.sqrt(np.maximum(values, 0.0))
        return np.asarray(self.means[component] + radius * circle @ half.T)

    def density(self, at: Array) -> Array:
        """Give the density (n,) of the mixture along its one direction, at values (n,)."""
        deviations = np.sqrt(self.covariances[:, 0, 0])
        z = (at[:, np.newaxis] - self.means[:, 0]) / deviations
        return np.asarray(np.exp(-0.5 * z**2) / (np.sqrt(2 * np.pi) * deviations) @ self.weights)


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """The leading principal axes of a mixture, in units of the deviations of its columns.

    Parameters
    ----------
    center : ndarray of shape (D,)
        The mean of the mixture.
    directions : ndarray of shape (D, d)
        What ``(rows - center)`` is multiplied with.
    shares : ndarray of shape (d,)
        Of the variance of all columns, each in units of its own deviation.
    """

    center: Array
    directions: Array
    shares: Array

    def of_rows(self, rows: Array) -> Array:
        """Give rows (n, D) as they are seen along the axes (n, d)."""
        return np.asarray((rows - self.center) @ self.directions)

    def of(self, mixture: Mixture) -> View:
        """Give a mixture as it is seen along them."""
        return View(mixture.weights, self.of_rows(mixture.means), self._covariances(mixture))

    def _covariances(self, mixture: Mixture) -> Array:
        factors, across = mixture.as_factors(), self.directions.T
        if factors is None:
            return np.asarray(across @ mixture.full_covariances() @ self.directions)
        noise, loadings = parted(factors)
        seen = across @ loadings
        own = (across * noise[:, None, :]) @ self.directions
        return np.asarray(own + seen @ np.swapaxes(seen, -1, -2))


def principal_axes(mixture: Mixture, n: int) -> Axes:
    """Find the directions of most variance of a mixture, within components and between them.

    Columns count in units of their own deviations; signs are such that the largest part of each
    axis is positive.
    """
    center, shares = mixture.weights @ mixture.means, mixture.weights[:, np.newaxis]
    between = np.sqrt(shares) * (mixture.means - center)
    variances = (shares * mixture.variances()).sum(axis=0) + np.square(between).sum(axis=0)
    deviations = np.sqrt(variances)
    values, vectors = _leading(mixture, between, deviations, n)
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    directions = vectors * np.sign(largest) / deviations[:, np.newaxis]
    return Axes(center, directions, values / mixture.n_features)


def _leading(mixture: Mixture, between: Array, units: Array, n: int) -> tuple[Array, Array]:
    """Eigenvalues (n,) and vectors (D, n) of all variance, in units (D,), the largest first.

    They are those of a matrix; of many columns with factors it is no more than its products.
    """
    factors = mixture.as_factors()
    if factors is None or mixture.n_features <= FEW_COLUMNS:
        within = np.tensordot(mixture.weights, mixture.full_covariances(), axes=1)
        total = (within + between.T @ between) / np.outer(units, units)
        values, vectors = np.linalg.eigh(total)
        return values[::-1][:n], vectors[:, ::-1][:, :n]
    noise, loadings = parted(factors)
    noise = mixture.weights @ noise / units**2
    scaled = np.sqrt(mixture.weights)[:, None, None] * loadings
    across = np.concatenate([*scaled.transpose(0, 2, 1), between]) / units
    products = LinearOperator(
        (len(units), len(units)), lambda v: noise * v.ravel() + across.T @ (across @ v.ravel())
    )
    start = np.random.default_rng(0).standard_normal(len(units))
    values, vectors = eigsh(products, n, which="LA", v0=start)
    return values[::-1], vectors[:, ::-1]


def along(mixture: Mixture, columns: tuple[int, ...]) -> View:
    """Give a mixture as some of its columns show it."""
    at = list(columns)
    factors = mixture.as_factors()
    if factors is None:
        covariances = mixture.full_covariances()[:, at][:, :, at]
    else:
        covariances = expanded(factors[:, at])
    return View(mixture.weights, mixture.means[:, at], covariances)


def condition_numbers(mixture: Mixture) -> Array:
    """Give the largest variance of each component over its smallest (K,), in any direction."""
    factors = mixture.as_factors()
    if factors is not None:
        smallest, largest = extremes(factors)
        return largest / smallest
    values = np.linalg.eigvalsh(mixture.full_covariances())
    with np.errstate(divide="ignore"):
        return np.asarray(values[:, -1] / np.maximum(values[:, 0], 0.0))
