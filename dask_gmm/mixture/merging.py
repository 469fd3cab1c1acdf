"""Fewer components in the place of more: the pair that costs least is merged, again and again."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from dask_gmm.errors import InputError
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture


def merge_path(mixture: Mixture) -> tuple[Mixture, ...]:
    """Give a mixture of K components and what greedy merging makes of it: K - 1, ..., 1.

    A pair is merged into one component with the mean and the covariance of both together, as the
    family sees it, in the place of the first of the two. It is the pair for which that costs least,
    and the first one of several.

    Notes
    -----
    Runnalls (2007): the cost of a pair is his bound on the Kullback-Leibler discrimination of the
    mixture before from the one after, in nats per row, with determinants of the family's
    covariances. Where all components share a covariance, it takes up the scatter between the two
    means, and the cost is half of what that adds in units of it.
    """
    return (mixture, *_merged(mixture))


def merge_to(mixture: Mixture, n_components: int) -> Mixture:
    """Give what greedy merging leaves of a mixture when it has so many components.

    Raises
    ------
    InputError
        If it has fewer, or none are asked for.
    """
    k = mixture.n_components
    if not 1 <= n_components <= k:
        raise InputError(
            f"n_components: wanted from 1 to {k}, the components of the mixture that is merged; "
            f"found {n_components}; ask for fewer, or merge a mixture of more"
        )
    for merged in islice(_merged(mixture), k - n_components):
        mixture = merged
    return mixture


def merge_costs(mixture: Mixture) -> Array:
    """Give what merging each pair costs (K, K), in nats per row; infinite below the diagonal."""
    return _Table.of(mixture).costs


def _merged(mixture: Mixture) -> Iterator[Mixture]:
    table = _Table.of(mixture)
    while len(table.costs) > 1:
        table = table.after(*divmod(int(table.costs.argmin()), len(table.costs)))
        yield table.mixture


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """A mixture, the log determinants (K,) of its covariances, and what merging costs.

    The costs (K, K) are infinite but above the diagonal.
    """

    mixture: Mixture
    logarithms: Array
    costs: Array

    @classmethod
    def of(cls, mixture: Mixture) -> "_Table":
        family, k = mixture.family, mixture.n_components
        found = family.log_determinants(mixture.covariances, mixture.n_features)
        logarithms = np.broadcast_to(found, (k,)).copy()
        if family.shared:
            return cls(mixture, logarithms, _costs_of_shared(mixture))
        costs = np.full((k, k), np.inf)
        for one in range(k - 1):
            others = np.arange(one + 1, k)
            costs[one, others] = _costs_with(mixture, logarithms, one, others)
        return cls(mixture, logarithms, costs)

    def after(self, first: int, second: int) -> "_Table":
        """The same when these two have been merged into the first of them."""
        mixture = _merge_pair(self.mixture, first, second)
        family = mixture.family
        if family.shared:
            return _Table.of(mixture)
        logarithms = np.delete(self.logarithms, second)
        merged = mixture.covariances[first : first + 1]
        logarithms[first] = family.log_determinants(merged, mixture.n_features)[0]
        costs = np.delete(np.delete(self.costs, second, 0), second, 1)
        others = np.delete(np.arange(len(costs)), first)
        found = _costs_with(mixture, logarithms, first, others)
        costs[:first, first], costs[first, first + 1 :] = found[:first], found[first:]
        return _Table(mixture, logarithms, costs)


def _merge_pair(mixture: Mixture, first: int, second: int) -> Mixture:
    """The mixture with one component, at ``first``, in the place of two."""
    weight, share = _shares(mixture, first, np.array([second]))
    apart = mixture.means[second] - mixture.means[first]
    weights, means = (np.delete(each, second, 0) for each in (mixture.weights, mixture.means))
    weights[first] = weight[0]
    means[first] += share[0] * apart
    if mixture.family.shared:
        between = weight[0] * share[0] * (1 - share[0]) * np.outer(apart, apart)
        covariances = mixture.covariances + between
    else:
        covariances = np.delete(mixture.covariances, second, 0)
        covariances[first] = _pair_covariances(mixture, first, np.array([second]))[0]
    return Mixture.of(weights, means, covariances, mixture.covariance_type)


def _shares(mixture: Mixture, one: int, others: npt.NDArray[np.intp]) -> tuple[Array, Array]:
    """Weights (n,) of a component together with each of others, and the share of the other."""
    total = mixture.weights[one] + mixture.weights[others]
    half = np.full(len(others), 0.5)
    return total, np.divide(mixture.weights[others], total, out=half, where=total > 0)


def _pair_covariances(mixture: Mixture, one: int, others: npt.NDArray[np.intp]) -> Array:
    """Covariances (n, ...) of a component together with each of others."""
    family, covariances = mixture.family, mixture.covariances
    total, share = _shares(mixture, one, others)
    apart = mixture.means[others] - mixture.means[one]
    result = family.spread(np.sqrt(share * (1 - share))[:, None] * apart, total)
    result += family.masses(share) * covariances[others]
    result += family.masses(1 - share) * covariances[one]
    return result


def _costs_with(
    mixture: Mixture, logarithms: Array, one: int, others: npt.NDArray[np.intp]
) -> Array:
    """Costs (n,) of merging a component with each of others."""
    weights = mixture.weights
    pairs = _pair_covariances(mixture, one, others)
    together = mixture.family.log_determinants(pairs, mixture.n_features)
    growth = weights[one] * (together - logarithms[one])
    growth += weights[others] * (together - logarithms[others])
    return np.asarray(np.maximum(growth, 0.0) / 2)


def _costs_of_shared(mixture: Mixture) -> Array:
    factor = mixture.precision_factors()[0]
    white = mixture.means @ factor
    squared = np.square(white[:, None] - white[None]).sum(axis=2)
    total = np.add.outer(mixture.weights, mixture.weights)
    product = np.multiply.outer(mixture.weights, mixture.weights)
    reduced = np.divide(product, total, out=np.zeros_like(total), where=total > 0)
    above = np.triu(np.ones_like(total, dtype=bool), 1)
    return np.where(above, reduced * squared / 2, np.inf)
