"""Rows whose components are known: where they are, and starts that keep to their numbers."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from dask_gmm.errors import InputError
from dask_gmm.fitting.finite import finite_rows
from dask_gmm.mixture.beliefs import Beliefs
from dask_gmm.mixture.features import Array, freeze
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep
from dask_gmm.passes.fold import Tile


@dataclass(frozen=True, slots=True, eq=False)
class Labeled:
    """Sums over the rows of each known component; such values add.

    Parameters
    ----------
    rows : int
        Number of these rows, of all components.
    mass : ndarray of shape (K,)
        Of each component, each row as often as its weight says.
    present : ndarray of shape (K, n_features)
        Of those that have a value in each column.
    sums : ndarray of shape (K, n_features)
        Of these values, each times the weight of its row.
    """

    rows: int
    mass: Array
    present: Array
    sums: Array

    def __post_init__(self) -> None:
        freeze(self.mass, self.present, self.sums)

    @classmethod
    def of(cls, tile: Tile, n_labels: int) -> "Labeled":
        """Sum over the rows of a tile that a fit can use: see `finite_rows`."""
        assert tile.labels is not None  # nobody asks of rows without
        at = np.flatnonzero((tile.labels >= 0) & finite_rows(tile))
        rows, labels = tile.rows[at], tile.labels[at]
        weights = np.ones(len(at)) if tile.weights is None else tile.weights[at]
        there = ~np.isnan(rows)
        present, sums = np.zeros((2, n_labels, rows.shape[1]))
        with np.errstate(over="ignore", invalid="ignore"):
            np.add.at(sums, labels, np.where(there, rows, 0.0) * weights[:, None])
        np.add.at(present, labels, there * weights[:, None])
        mass: Array = np.bincount(labels, weights, n_labels).astype(np.float64)
        return cls(len(at), mass, present, sums)

    @classmethod
    def none(cls, n_labels: int, n_features: int) -> "Labeled":
        """Give the sums over no rows."""
        present, sums = np.zeros((2, n_labels, n_features))
        return cls(0, np.zeros(n_labels), present, sums)

    def __add__(self, other: "Labeled") -> "Labeled":
        return Labeled(
            self.rows + other.rows,
            self.mass + other.mass,
            self.present + other.present,
            self.sums + other.sums,
        )

    def centers(self, usual: Array) -> Array:
        """Give means (K, n_features), NaN of components of which no row is known.

        Where the rows of one have no value in a column, the mean is the ``usual`` (n_features,).
        """
        means = np.divide(
            self.sums, self.present, out=np.tile(usual, (len(self.mass), 1)), where=self.present > 0
        )
        return np.where(self.mass[:, None] > 0, means, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class StartRows:
    """What a start is drawn from.

    Parameters
    ----------
    rows : ndarray of shape (n, D)
    weights : ndarray of shape (n,), optional
        How often each of them counts.
    labels : ndarray of int64, shape (n,), optional
        The component that each is known to be of, -1 where it is not known.
    centers : ndarray of shape (L, D), optional
        Means of all rows that are known to be of the first components, NaN where none are.
    """

    rows: Array
    weights: Array | None = None
    labels: npt.NDArray[np.int64] | None = None
    centers: Array | None = None

    @property
    def known(self) -> npt.NDArray[np.intp]:
        """Components of which some row is known."""
        if self.centers is None:
            return np.empty(0, np.intp)
        return np.flatnonzero(np.isfinite(self.centers).all(axis=1))

    def about(self, shift: Array, scale: Array) -> "StartRows":
        """Give the same in other coordinates."""
        centers = None if self.centers is None else (self.centers - shift) * scale
        return replace(self, rows=(self.rows - shift) * scale, centers=centers)

    def places(self, drawn: Array) -> npt.NDArray[np.intp]:
        """Give for each component (K,) which of the places (K, D) that were drawn is its own.

        Those of which rows are known have the nearest, all of them together.
        """
        known, order = self.known, np.full(len(drawn), -1, dtype=np.intp)
        assert self.centers is not None  # where some are known
        own, nearest = linear_sum_assignment(cdist(self.centers[known], drawn, "sqeuclidean"))
        order[known[own]] = nearest
        order[order < 0] = np.setdiff1d(np.arange(len(drawn)), nearest)
        return order

    def seeds(self, drawn: Array) -> Array:
        """Give places (K, D) for each component: the mean of its rows, or one that was drawn."""
        assert self.centers is not None  # where some are known
        seeds = drawn[self.places(drawn)]
        seeds[self.known] = self.centers[self.known]
        return seeds

    def responsibilities(self, drawn: Array) -> Array:
        """Give responsibilities (n, K) in which rows are wholly of the components known."""
        if self.labels is None:
            return drawn
        at = np.flatnonzero(self.labels >= 0)
        drawn[at] = 0
        drawn[at, self.labels[at]] = 1
        return drawn

    def moved(self, step: MStep, shift: Array) -> MStep:
        """Give a start whose components, about ``shift``, are at the rows that are known."""
        known, mixture = self.known, step.mixture
        if not len(known) or self.centers is None:
            return step
        means = mixture.means.copy()
        means[known] = self.centers[known] - shift
        kind = mixture.covariance_type
        return replace(step, mixture=Mixture.of(mixture.weights, means, mixture.covariances, kind))


def check_labels(
    n_labels: int, n_components: int, repair: str, solver: str, beliefs: Beliefs | None
) -> None:
    """Refuse labels of other components, or components that would lose their numbers.

    Parameters
    ----------
    n_labels, n_components : int
    repair, solver, beliefs
        See `Spec`.

    Raises
    ------
    InputError
    """
    if not n_labels:
        return
    if n_labels > n_components:
        raise InputError(
            f"Wanted labels of the {n_components} components at most, found {n_labels} of them. "
            "Ask for more components."
        )
    if repair == "drop":
        raise InputError(
            "Wanted components that keep the numbers that labels have, found the repair drop, "
            "which leaves some out. Choose reseed or keep."
        )
    if solver == "fast" and beliefs is not None:
        raise InputError(
            "Wanted components that keep the numbers that labels have, found priors with the "
            "solver fast, which makes some one. Take solver: em."
        )
