"""A mixture seen along a few directions: its principal axes, ellipses and densities there."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture

CORNERS: Final = 72


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
        covariances = self.directions.T @ mixture.full_covariances() @ self.directions
        return View(mixture.weights, self.of_rows(mixture.means), covariances)


def principal_axes(mixture: Mixture, n: int) -> Axes:
    """Find the directions of most variance of a mixture, within components and between them.

    Columns count in units of their own deviations; signs are such that the largest part of each
    axis is positive.
    """
    center = mixture.weights @ mixture.means
    apart = mixture.means - center
    within = np.tensordot(mixture.weights, mixture.full_covariances(), axes=1)
    total = within + (mixture.weights[:, np.newaxis] * apart).T @ apart
    deviations = np.sqrt(np.diag(total))
    values, vectors = np.linalg.eigh(total / np.outer(deviations, deviations))
    leading = vectors[:, ::-1][:, :n]
    largest = leading[np.abs(leading).argmax(axis=0), np.arange(leading.shape[1])]
    shares = values[::-1][:n] / mixture.n_features
    return Axes(center, leading * np.sign(largest) / deviations[:, np.newaxis], shares)


def along(mixture: Mixture, columns: tuple[int, ...]) -> View:
    """Give a mixture as some of its columns show it."""
    at = list(columns)
    covariances = mixture.full_covariances()[:, at][:, :, at]
    return View(mixture.weights, mixture.means[:, at], covariances)


def condition_numbers(mixture: Mixture) -> Array:
    """Give the largest variance of each component over its smallest (K,), in any direction."""
    values = np.linalg.eigvalsh(mixture.full_covariances())
    with np.errstate(divide="ignore"):
        return np.asarray(values[:, -1] / np.maximum(values[:, 0], 0.0))
