"""The features of a row in which every component's log density is linear.

A tile is feature-major: ``z`` has shape (D, B), one contiguous line per column of the data. The
features have shape (P, B). With coefficients T (K, P), ``T @ features`` is the log joint density
of all components, and ``features @ R.T`` are the sums that the M-step needs.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Array = npt.NDArray[np.float64]

STRIP_BYTES: Final = 16 * 2**20


def freeze(*arrays: npt.NDArray[np.generic]) -> None:
    """Make arrays read-only, those that a frozen value keeps."""
    for array in arrays:
        array.flags.writeable = False


@dataclass(frozen=True, slots=True)
class Strip:
    """A run of lines of features, built together because all of them would outgrow the cache."""

    lines: range
    features: slice

    @property
    def size(self) -> int:
        """Number of features."""
        return int(self.features.stop - self.features.start)


@dataclass(frozen=True, slots=True)
class Features(ABC):
    """The map from D columns to P features; lines are what one vector operation builds.

    In families without ``crossed`` columns, no component has two columns that depend on each other.
    """

    crossed: ClassVar[bool] = True
    n_features: int

    @property
    @abstractmethod
    def line_sizes(self) -> tuple[int, ...]:
        """Number of features in each line; the last two are the columns and the constant."""

    @abstractmethod
    def write_products(self, z: Floats, line: int, out: Floats) -> None:
        """Write one line of products of columns."""

    @abstractmethod
    def product_sums(self, z: Floats, weighted: Floats) -> Floats:
        """Sums of the products of columns of ``z`` (D, B) and of the same, weighted."""

    @abstractmethod
    def moved(self, sums: Array, by: Array) -> Array:
        """Sums (P, K) about other centers, which lie farther by ``by`` (K, D) than those of now."""

    @abstractmethod
    def of_moments(self, second: Array, first: Array) -> Array:
        """Sums (P, K) of features but 1, from their second (K, D, D) and first (K, D) moments.

        Of the second moments, those without ``crossed`` columns take the squares (K, D).
        """

    @property
    def size(self) -> int:
        """P, the number of features."""
        return sum(self.line_sizes)

    def strips(self, rows: int, itemsize: int = 8) -> tuple[Strip, ...]:
        """Cut the lines into strips of at most 16 MiB, in order, each at least one line."""
        strips: list[Strip] = []
        first_line = first = size = 0
        for line, length in enumerate(self.line_sizes):
            if size and (size + length) * rows * itemsize > STRIP_BYTES:
                strips.append(Strip(range(first_line, line), slice(first, first + size)))
                first_line, first, size = line, first + size, 0
            size += length
        last = len(self.line_sizes)
        return (*strips, Strip(range(first_line, last), slice(first, first + size)))

    def build(self, z: Floats, strip: Strip, out: Floats) -> Floats:
        """Write the features of one strip into ``out`` (strip.size, B) and return it."""
        at, n_lines = 0, len(self.line_sizes)
        for line in strip.lines:
            part = out[at : at + self.line_sizes[line]]
            if line == n_lines - 1:
                part[...] = 1.0
            elif line == n_lines - 2:
                part[...] = z
            else:
                self.write_products(z, line, part)
            at += len(part)
        return out

    def weighted_sums(self, z: Floats, weights: Floats) -> Floats:
        """Sum every feature (P,) of ``z`` (D, B) with weights (B,), building none of them."""
        weighted = z * weights
        products = self.product_sums(z, weighted)
        return np.concatenate([products, weighted.sum(axis=1), weights.sum(keepdims=True)])

    def all_of(self, z: Floats) -> Floats:
        """Build every feature of ``z`` (D, B) in a new array (P, B)."""
        whole = Strip(range(len(self.line_sizes)), slice(0, self.size))
        return self.build(z, whole, np.empty((self.size, z.shape[1]), z.dtype))


@dataclass(frozen=True, slots=True)
class Quadratic(Features):
    """All products of two columns, the columns, and 1: P = D (D + 1) / 2 + D + 1.

    The products stand by the distance of their columns, ``x[i] * x[i + d]`` for d = 0, 1, ...,
    since two shifted runs of lines multiply faster than a run and a single line.
    """

    @property
    def line_sizes(self) -> tuple[int, ...]:
        """D, D - 1, ..., 1, then D and 1."""
        return (*range(self.n_features, 0, -1), self.n_features, 1)

    def write_products(self, z: Floats, line: int, out: Floats) -> None:
        """Write the products of columns ``line`` apart."""
        np.multiply(z[: self.n_features - line], z[line:], out=out)

    def product_sums(self, z: Floats, weighted: Floats) -> Floats:
        """Take them from one matrix product."""
        return np.asarray((weighted @ z.T)[self.pairs()])

    def moved(self, sums: Array, by: Array) -> Array:
        """Take the products apart."""
        first, second = self.pairs()
        products, columns, mass = np.split(sums, [len(first), len(first) + self.n_features])
        left, right = by.T[first], by.T[second]
        cross = left * columns[second] + right * columns[first]
        products = products - cross + left * right * mass
        return np.concatenate([products, columns - by.T * mass, mass])

    def of_moments(self, second: Array, first: Array) -> Array:
        """Take the products apart from their matrices."""
        at, other = self.pairs()
        return np.concatenate([second[:, at, other].T, first.T, np.zeros((1, len(first)))])

    def pairs(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """First and second column of each product, in their order."""
        n = self.n_features
        first = np.concatenate([np.arange(n - d) for d in range(n)])
        apart = np.repeat(np.arange(n), np.arange(n, 0, -1))
        return first, first + apart

    def pack(self, quadratic: Array, linear: Array, constant: Array) -> Array:
        """Coefficients (K, P) of ``x' A x + b' x + c`` from A (K, D, D), b (K, D), c (K,)."""
        first, second = self.pairs()
        products = quadratic[:, first, second] * np.where(first == second, 1.0, 2.0)
        return np.concatenate([products, linear, constant[:, None]], axis=1)

    def unpack(self, sums: Array) -> tuple[Array, Array, Array]:
        """Second moments (K, D, D), first (K, D) and mass (K,) from sums (P, K)."""
        first, second = self.pairs()
        n_products, n_components = len(first), sums.shape[1]
        moments = np.empty((n_components, self.n_features, self.n_features))
        moments[:, first, second] = moments[:, second, first] = sums[:n_products].T
        return moments, sums[n_products:-1].T.copy(), sums[-1].copy()


@dataclass(frozen=True, slots=True)
class Squared(Features):
    """The squares of the columns, the columns, and 1: P = 2 D + 1."""

    crossed: ClassVar[bool] = False

    @property
    def line_sizes(self) -> tuple[int, ...]:
        """D, D, 1."""
        return (self.n_features, self.n_features, 1)

    def write_products(self, z: Floats, line: int, out: Floats) -> None:
        """Write the squares."""
        np.multiply(z, z, out=out)

    def product_sums(self, z: Floats, weighted: Floats) -> Floats:
        """Sum the squares."""
        return np.asarray(np.einsum("db,db->d", weighted, z))

    def moved(self, sums: Array, by: Array) -> Array:
        """Take the squares apart."""
        squares, columns, mass = np.split(sums, [self.n_features, 2 * self.n_features])
        squares = squares - 2 * by.T * columns + by.T**2 * mass
        return np.concatenate([squares, columns - by.T * mass, mass])

    def of_moments(self, second: Array, first: Array) -> Array:
        """Take the squares as they are."""
        return np.concatenate([second.T, first.T, np.zeros((1, len(first)))])

    def pack(self, squares: Array, linear: Array, constant: Array) -> Array:
        """Coefficients (K, P) of ``a' x**2 + b' x + c`` from a (K, D), b (K, D), c (K,)."""
        return np.concatenate([squares, linear, constant[:, None]], axis=1)

    def unpack(self, sums: Array) -> tuple[Array, Array, Array]:
        """Sums of squares (K, D), of columns (K, D) and mass (K,) from sums (P, K)."""
        n = self.n_features
        return sums[:n].T.copy(), sums[n : 2 * n].T.copy(), sums[-1].copy()


@dataclass(frozen=True, slots=True)
class Linear(Features):
    """The columns and 1: P = D + 1."""

    @property
    def line_sizes(self) -> tuple[int, ...]:
        """D, 1."""
        return (self.n_features, 1)

    def write_products(self, z: Floats, line: int, out: Floats) -> None:
        """Write nothing: there are no products."""

    def product_sums(self, z: Floats, weighted: Floats) -> Floats:
        """Give nothing."""
        return z[:0, 0]

    def moved(self, sums: Array, by: Array) -> Array:
        """Move the columns."""
        columns, mass = np.split(sums, [self.n_features])
        return np.concatenate([columns - by.T * mass, mass])

    def of_moments(self, second: Array, first: Array) -> Array:
        """Take the first moments alone."""
        return np.concatenate([first.T, np.zeros((1, len(first)))])

    def pack(self, linear: Array, constant: Array) -> Array:
        """Coefficients (K, P) of ``b' x + c`` from b (K, D), c (K,)."""
        return np.concatenate([linear, constant[:, None]], axis=1)

    def unpack(self, sums: Array) -> tuple[Array, Array]:
        """Sums of columns (K, D) and mass (K,) from sums (P, K)."""
        return sums[:-1].T.copy(), sums[-1].copy()


def feature_scales(features: Features, scale: Array) -> Array:
    """The factor (P,) by which each feature grows when column j is multiplied by scale[j]."""
    return features.all_of(scale[:, None])[:, 0].astype(np.float64)
