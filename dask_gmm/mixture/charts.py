"""Covariances as numbers without constraints, and the complete-data information in them.

A change of a covariance ``S = L L'`` is looked at as ``A = L^-1 dL``, lower triangular, in which
that information is diagonal: ``m (2 a_ii**2 + a_ij**2)`` for a covariance with rows of mass m.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from dask_gmm.mixture.features import Array


class Chart(ABC):
    """Coordinates of the covariances of a family, in whose shapes all arrays are.

    Masses are the share of the rows behind each covariance, and have a shape that broadcasts.
    """

    @abstractmethod
    def coordinates(self, covariances: Array) -> Array:
        """The covariances as a vector (n,) without constraints."""

    @abstractmethod
    def covariances(self, coordinates: Array, shape: tuple[int, ...]) -> Array:
        """The covariances of this shape that a vector (n,) stands for."""

    @abstractmethod
    def gradient(self, covariances: Array, excess: Array) -> Array:
        """The gradient (n,) of a function that changes by ``tr(S^-1 excess S^-1 dS) / 2``."""

    @abstractmethod
    def precondition(self, covariances: Array, masses: Array, gradient: Array) -> Array:
        """The step (n,) to which the information assigns the gradient (n,)."""

    @abstractmethod
    def squares(self, covariances: Array, step: Array) -> Array:
        """The squares of a step (n,) in the metric of the information, for masses of 1.

        They have a shape that broadcasts with masses.
        """

    @abstractmethod
    def trace(self, covariances: Array, scatter: Array) -> float:
        """Sum over the covariances of ``tr(S^-1 scatter)``."""


@dataclass(frozen=True, slots=True)
class Triangular(Chart):
    """Matrices by the regressions of each column on those before it (Pourahmadi, 1999).

    ``T S T'`` is diagonal, with T lower triangular and 1 on its diagonal. The coordinates are the
    logarithms of the deviations, roots of that diagonal, and what is below the diagonal of T. A
    combination of columns that is nearly constant stays so when the coordinates of others change.
    """

    n_features: int

    def coordinates(self, covariances: Array) -> Array:
        """Log deviations, then regressions, one matrix after the other."""
        lower, inverse = self._factors(covariances)
        deviations = _diagonal(lower)
        return self._packed(np.log(deviations), deviations[:, :, None] * inverse)

    def covariances(self, coordinates: Array, shape: tuple[int, ...]) -> Array:
        """The matrices ``L L'`` with ``L = T^-1`` times the deviations."""
        logarithms, regressions = self._unpacked(coordinates)
        unit = np.linalg.inv(regressions + np.eye(self.n_features))
        lower = np.tril(unit) * np.exp(logarithms)[:, None, :]
        return np.asarray(lower @ lower.transpose(0, 2, 1)).reshape(shape)

    def gradient(self, covariances: Array, excess: Array) -> Array:
        """By the chain rule from ``tril(L^-1 excess L^-T)``, the gradient in A."""
        lower, inverse = self._factors(covariances)
        white = inverse @ self._matrices(excess) @ inverse.transpose(0, 2, 1)
        below = np.tril(white, -1) @ lower.transpose(0, 2, 1)
        return self._packed(_diagonal(white), -below / _diagonal(lower)[:, :, None])

    def precondition(self, covariances: Array, masses: Array, gradient: Array) -> Array:
        """Divide by the mass in A."""
        lower, inverse = self._factors(covariances)
        shares = np.broadcast_to(masses, self._leading(covariances)).reshape(-1, 1)
        deviations = _diagonal(lower)[:, :, None]
        diagonal, below = self._unpacked(gradient)
        white = np.tril(deviations * below @ inverse.transpose(0, 2, 1), -1) / shares[:, :, None]
        return self._packed(diagonal / (2 * shares), deviations * white @ inverse)

    def squares(self, covariances: Array, step: Array) -> Array:
        """Sum the squares in A of each matrix."""
        lower, _ = self._factors(covariances)
        diagonal, below = self._unpacked(step)
        white = below @ lower / _diagonal(lower)[:, :, None]
        squares = 2 * np.square(diagonal).sum(axis=1) + np.square(white).sum(axis=(1, 2))
        return np.asarray(squares).reshape(self._leading(covariances))

    def trace(self, covariances: Array, scatter: Array) -> float:
        """Sum the diagonals of ``L^-1 scatter L^-T``."""
        _, inverse = self._factors(covariances)
        return float(np.einsum("kij,kjl,kil->", inverse, self._matrices(scatter), inverse))

    def _leading(self, covariances: Array) -> tuple[int, ...]:
        return (*covariances.shape[:-2], 1, 1)

    def _matrices(self, covariances: Array) -> Array:
        return covariances.reshape(-1, self.n_features, self.n_features)

    def _factors(self, covariances: Array) -> tuple[Array, Array]:
        """L and its inverse (K, D, D)."""
        lower = np.asarray(np.linalg.cholesky(self._matrices(covariances)), np.float64)
        return lower, np.tril(np.linalg.inv(lower))

    def _packed(self, diagonals: Array, matrices: Array) -> Array:
        rows, columns = np.tril_indices(self.n_features, -1)
        return np.concatenate([diagonals, matrices[:, rows, columns]], axis=1).ravel()

    def _unpacked(self, vector: Array) -> tuple[Array, Array]:
        """The first D numbers of each matrix, and the others below a diagonal of zeros."""
        n = self.n_features
        rows, columns = np.tril_indices(n, -1)
        numbers = vector.reshape(-1, n + len(rows))
        matrices = np.zeros((len(numbers), n, n))
        matrices[:, rows, columns] = numbers[:, n:]
        return numbers[:, :n], matrices


@dataclass(frozen=True, slots=True)
class Deviations(Chart):
    """Variances by the logarithms of their roots, each that of so many columns."""

    columns: int

    def coordinates(self, covariances: Array) -> Array:
        """Half the logarithms, in the order of the variances."""
        return np.log(covariances).ravel() / 2

    def covariances(self, coordinates: Array, shape: tuple[int, ...]) -> Array:
        """Exponentials of twice the coordinates."""
        return np.exp(2 * coordinates).reshape(shape)

    def gradient(self, covariances: Array, excess: Array) -> Array:
        """The excess in units of the variance, for each of the columns."""
        return np.asarray(self.columns * excess / covariances).ravel()

    def precondition(self, covariances: Array, masses: Array, gradient: Array) -> Array:
        """Divide by twice the mass, for each of the columns."""
        shares = np.broadcast_to(masses, covariances.shape).ravel()
        return np.asarray(gradient / (2 * self.columns * shares))

    def squares(self, covariances: Array, step: Array) -> Array:
        """Twice the squares, for each of the columns."""
        return np.asarray(2 * self.columns * step**2).reshape(covariances.shape)

    def trace(self, covariances: Array, scatter: Array) -> float:
        """Sum the ratios, for each of the columns."""
        return float(self.columns * (scatter / covariances).sum())


def _diagonal(matrices: Array) -> Array:
    return np.asarray(np.einsum("kii->ki", matrices))
