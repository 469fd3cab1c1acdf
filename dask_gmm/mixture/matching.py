"""In which order components stand, and which of one mixture is which of another."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.loadings import distances, parted
from dask_gmm.mixture.model import Mixture

Numbers: TypeAlias = npt.NDArray[np.intp]

# Weights that differ by less, and means by less of the smallest deviation, are equal: the order
# must not depend on rounding.
EQUAL: Final = 1e-9
# Sums of larger distances might overflow.
FARTHEST: Final = 1e150


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Which component of a mixture is which of a reference, and the order that follows.

    Parameters
    ----------
    order : ndarray of shape (K,)
        Numbers of the mixture's components: first those with a partner, in the order of the
        partners, then the others by decreasing weight.
    partners : tuple of int or None
        In that order, the number of each component's partner in the reference; None has none.
    distances : tuple of float or None
        In that order, the Bhattacharyya distance of each to its partner.
    unmatched : tuple of int
        Components of the reference without a partner.
    """

    order: Numbers
    partners: tuple[int | None, ...]
    distances: tuple[float | None, ...]
    unmatched: tuple[int, ...]


def match(reference: Mixture, other: Mixture) -> Matching:
    """Pair components, such that the sum of the Bhattacharyya distances of the pairs is least.

    Families and numbers of components may differ; of the more, as many have no partner.
    """
    distances = bhattacharyya_distances(reference, other)
    rows, columns = linear_sum_assignment(distances)
    new = [k for k in by_weight(other).tolist() if k not in columns]
    nothing = (None,) * len(new)
    return Matching(
        np.array([*columns, *new], dtype=np.intp),
        (*rows.tolist(), *nothing),
        (*distances[rows, columns].tolist(), *nothing),
        tuple(sorted(set(range(reference.n_components)).difference(rows.tolist()))),
    )


def paired(reference: Mixture, other: Mixture) -> Matching:
    """Pair the components of two mixtures of one size by their numbers."""
    numbers = np.arange(other.n_components)
    distances = np.diagonal(bhattacharyya_distances(reference, other))
    return Matching(numbers, tuple(numbers.tolist()), tuple(distances.tolist()), ())


def bhattacharyya_distances(first: Mixture, second: Mixture) -> Array:
    """Distances (K1, K2) between the components of two mixtures, weights left aside.

    Bhattacharyya (1943): ``d' S^-1 d / 8 + log(|S| / sqrt(|S1| |S2|)) / 2`` with S the mean of
    the two covariances and d the difference of the means. Nothing is farther than 1e150.
    """
    ours, theirs = first.as_factors(), second.as_factors()
    if ours is not None and theirs is not None:
        own = zip(first.means, ours, _log_determinants(first), strict=True)
        others = second.means, theirs, _log_determinants(second)
        return np.stack([_from_factored(*each, *others) for each in own])
    if theirs is not None:
        return bhattacharyya_distances(second, first).T
    factors = np.stack(list(_roots(second)))
    pairs = zip(first.means, _roots(first), strict=True)
    return np.stack([_from_one(*each, second.means, factors) for each in pairs])


def _roots(mixture: Mixture) -> Iterator[Array]:
    """Cholesky factors (D, D), one after another, so that no more matrices are made of factors."""
    family, n_features = mixture.family, mixture.n_features
    for k in range(mixture.n_components):
        own = mixture.covariances if family.shared else mixture.covariances[k : k + 1]
        yield np.linalg.cholesky(family.expand(own, 1, n_features)[0])


def _log_determinants(mixture: Mixture) -> Array:
    return mixture.family.log_determinants(mixture.covariances, mixture.n_features)


def _from_one(mean: Array, factor: Array, means: Array, factors: Array) -> Array:
    """Distances (K,) from one Gaussian to others, from lower Cholesky factors.

    Both factors of a pair over each other are reduced to one, R with ``R' R = 2 S``: a sum of two
    covariances near to singular might have none, where it is made of numbers that are rounded.
    """
    stacked = np.concatenate([np.broadcast_to(factor, factors.shape), factors], axis=2)
    reduced: Array = np.asarray(np.linalg.qr(stacked.transpose(0, 2, 1), mode="r"))
    solved = np.linalg.solve(reduced.transpose(0, 2, 1), (means - mean)[..., None])[..., 0]
    halved = len(mean) * np.log(2)
    logs = _half_log(reduced) - (_half_log(factor) + _half_log(factors) + halved) / 2
    with np.errstate(over="ignore"):
        squares = np.einsum("ki,ki->k", solved, solved)
    return np.asarray(np.minimum(squares / 4 + np.maximum(logs, 0.0), FARTHEST))


def _from_factored(
    mean: Array, covariance: Array, log: float, means: Array, covariances: Array, logs: Array
) -> Array:
    """The same distances from noise and loadings and log determinants, without a matrix (D, D)."""
    noise, loadings = parted(covariances)
    own = np.broadcast_to(covariance[:, 1:], (*noise.shape, covariance.shape[1] - 1))
    both = np.concatenate([loadings, own], axis=2) / np.sqrt(2)
    with np.errstate(over="ignore"):
        squares, between = distances((noise + covariance[:, 0]) / 2, both, means - mean)
    logs = np.maximum(between - (log + logs) / 2, 0.0)
    return np.asarray(np.minimum(squares / 8 + logs / 2, FARTHEST))


def _half_log(factors: Array) -> Array:
    """Half the log determinant of what triangular factors are those of."""
    return np.asarray(np.log(np.abs(np.diagonal(factors, axis1=-2, axis2=-1))).sum(axis=-1))


def by_weight(mixture: Mixture) -> Numbers:
    """Order components (K,) by decreasing weight, those of equal weight by their means.

    Means are compared column by column, the first one first.
    """
    equal = EQUAL * np.sqrt(mixture.variances().min(axis=0))
    columns = [_ranks(values, most) for values, most in zip(mixture.means.T, equal, strict=True)]
    return np.lexsort([*columns[::-1], _ranks(-mixture.weights, EQUAL)])


def _ranks(values: Array, equal: float) -> Numbers:
    """Number values from the smallest, neighbors that differ by no more than ``equal`` alike."""
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(values), dtype=np.intp)
    ranks[order] = np.r_[0, np.cumsum(np.diff(values[order]) > equal)]
    return ranks


def reordered(mixture: Mixture, order: Numbers) -> Mixture:
    """The same mixture with its components in another order."""
    shared = mixture.family.shared
    covariances = mixture.covariances if shared else mixture.covariances[order]
    return Mixture.of(
        mixture.weights[order], mixture.means[order], covariances, mixture.covariance_type
    )
