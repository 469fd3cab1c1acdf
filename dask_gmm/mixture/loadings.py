"""Factors of components: what of a row their few directions explain, and what is left.

The covariance of a component is ``noise + loadings loadings'``, with a diagonal noise. In units of
the noise the loadings are A (D, q), a row is v, and with ``C C' = 1 + A'A`` the square of its
distance is ``|v|**2 - |C^-1 A' v|**2``, by the identity of Woodbury (1950): nothing of D x D.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import RandomState

from dask_gmm.mixture.features import Array, Floats

# Of the bounds of an eigenvalue, until they are neighbors in float64.
HALVINGS: Final = 64


def parted(values: Array) -> tuple[Array, Array]:
    """Take the diagonal (K, D) and the loadings (K, D, q) apart, which stand behind it."""
    return values[..., 0], values[..., 1:]


def joined(diagonal: Array, loadings: Array) -> Array:
    """Put a diagonal (K, D) and loadings (K, D, q) into one array (K, D, 1 + q)."""
    return np.concatenate([diagonal[..., None], loadings], axis=-1)


def expanded(values: Array) -> Array:
    """Give the matrices (K, D, D) of noises and loadings (K, D, 1 + q)."""
    noise, loadings = parted(values)
    matrices = np.asarray(loadings @ np.swapaxes(loadings, -1, -2))
    diagonal = np.arange(noise.shape[-1])
    matrices[..., diagonal, diagonal] += noise
    return matrices


def inner_roots(scaled: Array) -> Array:
    """Give the inverse C^-1 (K, q, q) of the root of ``1 + A'A`` for loadings A (K, D, q).

    It is a triangle of A above 1, so that nothing is squared, however long the loadings are.
    """
    unit = np.broadcast_to(np.eye(scaled.shape[-1]), (len(scaled), *scaled.shape[-1:] * 2))
    upper: Array = np.asarray(np.linalg.qr(np.concatenate([scaled, unit], axis=1), mode="r"))
    positive = upper * np.sign(np.einsum("kqq->kq", upper))[..., None]
    return np.asarray(np.linalg.solve(np.swapaxes(positive, -1, -2), unit))


def directions(factors: Array) -> Array:
    """Give M (K, D, q), whose ``M'(x - mean)`` is ``C^-1 A' v``, from roots of noises and A."""
    roots, scaled = parted(factors)
    return np.asarray(roots[..., None] * (scaled @ np.swapaxes(inner_roots(scaled), -1, -2)))


def distances(noise: Array, loadings: Array, apart: Array) -> tuple[Array, Array]:
    """Give squares of distances (K,) of differences (K, D), and log determinants (K,).

    They are sums of squares of what is left and of the factors, of which nothing cancels.
    """
    roots = 1 / np.sqrt(noise)
    scaled, rest = loadings * roots[..., None], apart * roots
    inner = inner_roots(scaled)
    along = np.einsum("kdq,kd->kq", scaled, rest)
    factors = np.einsum("kij,kj->ki", np.swapaxes(inner, -1, -2) @ inner, along)
    rest = rest - np.einsum("kdq,kq->kd", scaled, factors)
    squares = np.square(rest).sum(axis=1) + np.square(factors).sum(axis=1)
    logs = np.log(roots).sum(axis=1) + np.log(np.einsum("kqq->kq", inner)).sum(axis=1)
    return squares, -2 * logs


def extremes(values: Array) -> tuple[Array, Array]:
    """Give the smallest and the largest eigenvalue (K,) of noises and loadings (K, D, 1 + q).

    Loadings move no eigenvalue below the noises, and the smallest not above that of number q.
    """
    noise, loadings = parted(values)
    ordered, rank = np.sort(noise, axis=1), loadings.shape[-1]
    least, most = ordered[:, 0], ordered[:, -1]
    if not rank:
        return least, most
    highest = most + np.square(loadings).sum(axis=(1, 2))
    smallest = _bisected(values, 1, least, ordered[:, min(rank, len(noise[0]) - 1)])
    return smallest, _bisected(values, len(noise[0]), most, highest)


def _bisected(values: Array, number: int, low: Array, high: Array) -> Array:
    """Find eigenvalue (K,) ``number``, counted from 1, between bounds (K,)."""
    for _ in range(HALVINGS):
        middle = np.sqrt(low) * np.sqrt(high)
        enough = _count_below(values, middle) >= number
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def _count_below(values: Array, bound: Array) -> Array:
    """Count the eigenvalues (K,) below bounds (K,).

    By Sylvester's law of inertia: ``N - bound + L L'`` has as many negative ones as the diagonal
    ``N - bound``, less those of ``1 + L' (N - bound)^-1 L``. The latter is ``C C' - B' B``, of
    columns with more noise and with less; it has one for each singular value of ``B C^-T`` above 1.
    """
    noise, loadings = parted(values)
    apart = noise - bound[:, None]
    apart = np.where(apart == 0, -np.finfo(np.float64).eps * noise, apart)[..., None]
    scaled = loadings / np.sqrt(np.abs(apart))
    inner = inner_roots(np.where(apart > 0, scaled, 0.0))
    less = np.where(apart < 0, scaled, 0.0) @ np.swapaxes(inner, -1, -2)
    above = np.linalg.svd(less, compute_uv=False) > 1
    return np.asarray((apart < 0).sum(axis=(1, 2)) - above.sum(axis=1))


def drawn(state: RandomState, covariance: Array, count: int) -> Array:
    """Draw rows (count, D) about zero from noise and loadings (D, 1 + q)."""
    factors = state.standard_normal((count, covariance.shape[1] - 1))
    noise = state.standard_normal((count, len(covariance)))
    return np.asarray(factors @ covariance[:, 1:].T + noise * np.sqrt(covariance[:, 0]))


@dataclass(frozen=True, slots=True, eq=False)
class Loadings:
    """The factors of K components in a frame, ready for tiles z (D, B); q of each.

    Parameters
    ----------
    roots : ndarray of shape (K, D)
        One over the deviations of the noise.
    scaled : ndarray of shape (K, D, q)
        A, the loadings in units of these deviations.
    inner : ndarray of shape (K, q, q)
        C^-1, lower triangular.
    means : ndarray of shape (K, D)
    directions : ndarray of shape (K * q, D)
        M', those of a component one after another.
    offsets : ndarray of shape (K * q,)
        ``M' mean``.
    """

    roots: Floats
    scaled: Floats
    inner: Floats
    means: Floats
    directions: Floats
    offsets: Floats

    @classmethod
    def of(cls, factors: Array, means: Array, dtype: np.dtype[np.floating]) -> "Loadings":
        """Prepare factors (K, D, 1 + q) and means (K, D) in the coordinates of a frame."""
        roots, scaled = parted(factors)
        along = directions(factors).transpose(0, 2, 1)
        offsets = np.einsum("kqd,kd->kq", along, means).ravel()
        arrays = (roots, scaled, inner_roots(scaled), means, along.reshape(-1, means.shape[1]))
        return cls(*(each.astype(dtype) for each in (*arrays, offsets)))

    @property
    def rank(self) -> int:
        """The number of factors of each component."""
        return int(self.scaled.shape[2])

    @property
    def n_sums(self) -> int:
        """How many numbers the sums of a component have for its factors."""
        return int(self.scaled.shape[1] * self.scaled.shape[2])

    def write(self, z: Floats, along: Floats) -> None:
        """Write ``M'(z - mean)`` of all components into ``along`` (K * q, B)."""
        np.matmul(self.directions, z, out=along)
        np.subtract(along, self.offsets[:, None], out=along)

    def add_squares(self, along: Floats, logits: Floats) -> None:
        """Add to logits (K, B) what the factors explain of the rows."""
        parts = along.reshape(len(logits), self.rank, -1)
        logits += 0.5 * np.einsum("kqb,kqb->kb", parts, parts)

    def write_distances(self, component: int, z: Floats, along: Floats, out: Floats) -> None:
        """Write squares of distances (B,) to a component, and what is along its factors, exactly.

        They are sums of squares of what is left and of the factors, of which nothing cancels.
        """
        scaled, inner = self.scaled[component], self.inner[component]
        rest = (z - self.means[component][:, None]) * self.roots[component][:, None]
        part = along.reshape(len(self.means), self.rank, -1)[component]
        np.matmul(inner, scaled.T @ rest, out=part)
        factors = inner.T @ part
        rest -= scaled @ factors
        np.einsum("db,db->b", rest, rest, out=out)
        out += np.einsum("qb,qb->b", factors, factors)

    def weigh(self, along: Floats, responsibilities: Floats) -> None:
        """Multiply what is along the factors of components by their responsibilities (K, B)."""
        parts = along.reshape(len(responsibilities), self.rank, -1)
        parts *= responsibilities[:, None, :]

    def sums(self, z: Floats, weighed: Floats) -> Floats:
        """Sum ``z (M'(z - mean))'``, times the responsibilities: (D * q, K)."""
        products = (z @ weighed.T).reshape(len(z), len(self.means), self.rank)
        return products.transpose(0, 2, 1).reshape(-1, len(self.means))

    def sums_of(self, component: int, z: Floats, weighed: Floats) -> Floats:
        """Sum the same (D * q,) for one component, of rows about another center."""
        part = weighed.reshape(len(self.means), self.rank, -1)[component]
        return np.asarray((z @ part.T).ravel())

    def bound(self, reach: Array) -> Array:
        """Bound (K,) what `add_squares` sums, of rows that reach so far (D,) in each column."""
        sizes = np.abs(self.directions) @ reach + np.abs(self.offsets)
        return np.asarray(np.square(sizes, dtype=np.float64).reshape(len(self.means), -1).sum(1))
