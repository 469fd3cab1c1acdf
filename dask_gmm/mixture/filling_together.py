"""What is expected of missing values where the columns of a component may depend on each other."""

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from dask_gmm.mixture.estep import LOG_2PI
from dask_gmm.mixture.features import Array, Floats
from dask_gmm.mixture.filling import Filling
from dask_gmm.mixture.gap_patterns import PatternsKnown
from dask_gmm.mixture.gaps import Patterns
from dask_gmm.mixture.inverses import applied, inverted, summed_at

# Where a missing column varies by less than this share given the others that are missing, the
# square of a factor is too rough to be inverted.
THINNEST: Final = 1e-6


class Together(Filling):
    """That of a mixture of components whose columns may depend on each other.

    Arrays have the components last; where all share a covariance, what follows from it alone has
    one in their place.
    """

    @staticmethod
    def costs(lacking: npt.NDArray[np.intp], n_components: int, n_features: int) -> Array:
        """As many as a matrix of the missing columns for each component, and some more."""
        return np.asarray(lacking * ((lacking + 2.0) * n_components + 2.0 * n_features))

    def _prepare(self) -> None:
        self._shared = self._density.shares
        factors = self._factors[:1] if self._shared else self._factors
        precisions = np.ascontiguousarray(np.einsum("kil,kjl->ijk", factors, factors))
        centers = np.einsum("kil,kl->ik", self._factors, self._offsets)
        slopes = self._slopes(precisions, centers)
        self._expected = np.empty_like(slopes)
        self._gained = np.zeros((len(self._constants), len(self.gaps.rows)))
        self._parts = [self._part(group, precisions, slopes) for group in self.gaps.groups()]

    def _slopes(self, precisions: Array, centers: Array) -> Array:
        """The slopes (M, K) of minus the log densities in the missing values, where these are 0."""
        gaps = self.gaps
        slopes = np.empty((len(gaps.owners), centers.shape[1]))
        for j, (first, stop) in enumerate(pairwise(gaps.edges)):
            rows = self._z[:, gaps.owners[first:stop]]
            np.subtract(rows.T @ precisions[j], centers[j], out=slopes[first:stop])
        return slopes

    def _part(self, group: Patterns, precisions: Array, slopes: Array) -> "PatternsKnown":
        at = group.columns.T
        matrices = precisions[at[:, None], at[None]]
        part = PatternsKnown(group, len(precisions), matrices, *inverted(matrices))
        wanted = slopes[group.values]
        moved = -applied(matrices, group.which, wanted)
        self._expected[group.values] = moved
        halves = -0.5 * np.einsum("qrk,qrk->rk", wanted, moved)
        self._gained[:, group.rows] = (halves + self._freed(part)[group.which]).T
        return part

    def _freed(self, part: "PatternsKnown") -> Array:
        """What the log density of each pattern (n, K) gains as the volume of what it lacks."""
        log_scale = np.log(self._density.frame.scale)[part.group.columns].sum(axis=1)
        constant = 0.5 * part.group.lacking * LOG_2PI - log_scale
        return np.asarray(constant[:, None] - 0.5 * part.log_determinants)

    def _look_closely(self, component: int) -> None:
        k, gaps, own = component, self.gaps, 0 if self._shared else component
        factor, offset = self._factors[k], self._offsets[k]
        mean = solve_triangular(factor, offset, trans="T", check_finite=False)
        at = gaps.columns, gaps.owners
        apart = np.where(gaps.missing, 0.0, self._z - mean[:, None])
        white = factor.T @ apart
        slopes = (factor @ white)[at]
        moved = np.empty_like(slopes)
        for part in self._parts:
            group = part.group
            if part.thinnest[:, own].min() > THINNEST:
                inverses = part.inverses[..., own, None]
                found = -applied(inverses, group.which, slopes[group.values][..., None])[..., 0]
            else:
                found = part.made_anew(own, factor, white[:, group.rows])
            moved[group.values] = found
        apart[at] = moved
        self._expected[:, k] = mean[gaps.columns] + moved
        self._gained[k] = self._constants[k] - 0.5 * np.square(factor.T @ apart).sum(axis=0)
        for part in self._parts:
            self._gained[k, part.group.rows] += self._freed(part)[part.group.which, own]

    def expected(self, component: int) -> Array:
        return self._expected[:, component]

    def spread(self, responsibilities: Floats, component: int) -> Array:
        own, n_features = 0 if self._shared else component, len(self._z)
        taken = responsibilities[self.gaps.rows].astype(np.float64)
        spread = np.zeros((n_features, n_features))
        for part in self._parts:
            mass = part.summed(taken[part.group.rows])
            columns = part.group.columns.T
            np.add.at(spread, (columns[:, None], columns), part.inverses[..., own] * mass)
        return spread

    def moments(self, responsibilities: Floats) -> tuple[Array, Array]:
        gaps, n_features = self.gaps, len(self._z)
        taken = np.ascontiguousarray(responsibilities[:, gaps.rows].T, np.float64)
        weighed = taken[gaps.owners] * self._expected
        pooled = weighed.sum(axis=1, keepdims=True) if self._shared else weighed
        second = np.empty((n_features, n_features, pooled.shape[1]))
        first = np.empty((n_features, taken.shape[1]))
        for j, (start, stop) in enumerate(pairwise(gaps.edges)):
            first[j] = weighed[start:stop].sum(axis=0)
            second[j] = self._z[:, gaps.owners[start:stop]] @ pooled[start:stop]
        what = taken, weighed, self._expected
        products = [part.products(*what, pooled=self._shared) for part in self._parts]
        at, values = (np.concatenate(each) for each in zip(*products, strict=True))
        summed_at(second.reshape(n_features**2, -1), at, values)
        both = second + second.transpose(1, 0, 2)
        return both.transpose(2, 0, 1), first.T

    def entropy(self, responsibilities: Floats) -> float:
        total = 0.0
        for part in self._parts:
            rows = self.gaps.rows[part.group.rows]
            mass = part.summed(responsibilities[:, rows].T.astype(np.float64))
            total += float((mass * (0.5 * part.group.lacking + self._freed(part))).sum())
        return total
