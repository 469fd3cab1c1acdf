"""Two components of a posterior made one: what comes of it, from the sums of a pass."""

from dataclasses import replace
from typing import Final

import numpy as np
from scipy.special import xlogy

from dask_gmm.mixture.beliefs import Hyperparameters
from dask_gmm.mixture.evidence import beyond_entropy
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.matching import Numbers, bhattacharyya_distances, reordered
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary
from dask_gmm.mixture.variational import (
    Variational,
    VariationalStep,
    variational_step,
)

# A component is made one with one of so many that are nearest to it.
NEIGHBORS: Final = 4
# Rows that a component has at least to be one of a pair.
FEWEST_ROWS: Final = 1.0


def unions(
    statistics: SufficientStatistics,
    last: Variational,
    after: Variational,
    summary: DataSummary,
    prior: Hyperparameters,
    reg_covar: float,
    precision: str = "float64",
) -> tuple[VariationalStep, ...]:
    """Give posteriors with two components made one that may have a higher lower bound.

    Parameters
    ----------
    statistics : SufficientStatistics
        Sums at ``last``.
    last, after : Variational
        Before and after the step that they lead to.
    summary, prior, reg_covar, precision
        See `dask_gmm.mixture.variational.variational_step`.

    Returns
    -------
    tuple of VariationalStep
        The most promising first. The other component of a pair is left without rows.

    Notes
    -----
    All of the lower bound is known from the sums of both, but how much of the entropy of the
    responsibilities is about which of the two it is (Hughes and Sudderth, 2013): at least nothing,
    so that pairs that would lose even then are left out, and at most what their sizes leave open.
    """
    mass = after.rows(prior)
    known = (last, summary, prior, reg_covar, precision)
    found = []
    for j, k in _pairs(after, np.flatnonzero(mass >= FEWEST_ROWS)):
        step = variational_step(_united(statistics, last, j, k), *known)
        gain = beyond_entropy(step.posterior) - beyond_entropy(after)
        if gain > 0:
            found.append((gain - _left_open(mass[[j, k]]), step))
    found.sort(key=lambda each: -each[0])
    return tuple(step for _, step in found)


def _pairs(posterior: Variational, live: Numbers) -> list[tuple[int, int]]:
    """Pairs of components with rows, each with its neighbors."""
    if len(live) < 2:
        return []
    mixture = reordered(posterior.mixture, live)
    distances = bhattacharyya_distances(mixture, mixture)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, : min(NEIGHBORS, len(live) - 1)]
    pairs = {(min(i, n), max(i, n)) for i, near in enumerate(nearest.tolist()) for n in near}
    return [(int(live[i]), int(live[n])) for i, n in sorted(pairs)]


def _united(
    statistics: SufficientStatistics, last: Variational, j: int, k: int
) -> SufficientStatistics:
    """The sums with those of two components at one of them."""
    shape = last.means.shape
    centers = np.zeros(shape) if statistics.centers is None else statistics.centers.copy()
    centers[k] = centers[j]
    moved = statistics.about(centers, last.family.features(shape[1]))
    sums = moved.sums.copy()
    sums[:, j] += sums[:, k]
    sums[:, k] = 0.0
    return replace(moved, sums=sums)


def _left_open(mass: Array) -> float:
    """What the sizes (2,) of two leave open about which of them a row belongs to, in nats."""
    return float(-xlogy(mass, mass / mass.sum()).sum())
