"""What is expected of missing values where the columns of a component may depend on each other."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from dask_gmm.mixture.features import Array, Floats
from dask_gmm.mixture.filling import Filling, Lacked
from dask_gmm.mixture.gap_patterns import PatternsKnown
from dask_gmm.mixture.gaps import Patterns
from dask_gmm.mixture.inverses import THINNEST, applied, inverted, summed_at


class Together(Filling):
    """That of a mixture of components whose columns may depend on each other.

    Arrays have the components last.
    """

    @staticmethod
    def costs(lacking: npt.NDArray[np.intp], n_components: int, n_features: int) -> Array:
        """As many as a matrix of the missing columns for each component, and some more."""
        return np.asarray(lacking * ((lacking + 2.0) * n_components + 2.0 * n_features))

    def _prepare(self) -> None:
        factors = self._factors
        precisions = np.ascontiguousarray(np.einsum("kil,kjl->ijk", factors, factors))
        centers = np.einsum("kil,kl->ik", factors, self._offsets)
        self._beside = np.take(self._z, self.gaps.owners, axis=1)
        slopes = self._slopes(precisions, centers)
        self._expected = np.empty_like(slopes)
        self._gained = np.empty((len(self._constants), len(self.gaps.rows)))
        self._parts = [self._part(group, precisions, slopes) for group in self.gaps.groups()]
        if self._density.lacks_common:  # its linear form says nothing of rows with gaps
            self._doubtful = np.arange(len(self._constants))
        for k in self._doubtful:
            self._look_closely(k)

    def _slopes(self, precisions: Array, centers: Array) -> Array:
        """The slopes (M, K) of minus the log densities in the missing values, where these are 0."""
        slopes = np.empty((self._beside.shape[1], centers.shape[1]))
        for j, (first, stop) in enumerate(pairwise(self.gaps.edges)):
            here = slopes[first:stop]
            np.matmul(self._beside[:, first:stop].T, precisions[j], out=here)
            here -= centers[j]
        return slopes

    def _part(self, group: Patterns, precisions: Array, slopes: Array) -> PatternsKnown:
        at = group.columns
        matrices = precisions[at[:, None], at[None]]
        part = PatternsKnown(group, matrices, *inverted(matrices))
        wanted = slopes[group.values]
        moved = applied(matrices, group.which, wanted)
        np.negative(moved, out=moved)
        self._expected[group.values] = moved
        halves = -0.5 * np.einsum("qrk,qrk->rk", wanted, moved)
        self._gained[:, group.rows] = (halves + part.freed(self._log_scale)[group.which]).T
        return part

    def _look_closely(self, component: int) -> None:
        """Find all out again for a component whose linear form is in doubt, about its own mean."""
        k, gaps = component, self.gaps
        factor, offset = self._factors[k], self._offsets[k]
        mean = solve_triangular(factor, offset, trans="T", check_finite=False)
        at = gaps.columns, gaps.owners
        apart = np.where(gaps.missing, 0.0, self._z - mean[:, None])
        white = factor.T @ apart
        slopes = (factor @ white)[at]
        moved = np.empty_like(slopes)
        for part in self._parts:
            group = part.group
            if part.thinnest[:, k].min() > THINNEST:
                found = -applied(part.inverses[..., k], group.which, slopes[group.values])
            else:
                found = part.made_anew(k, factor, white[:, group.rows])
            moved[group.values] = found
        apart[at] = moved
        self._expected[:, k] = mean[gaps.columns] + moved
        self._gained[k] = self._constants[k] - 0.5 * np.square(factor.T @ apart).sum(axis=0)
        for part in self._parts:
            freed = part.freed(self._log_scale)[:, k]
            self._gained[k, part.group.rows] += freed[part.group.which]

    def expected(self, component: int) -> Array:
        return self._expected[:, component]

    def spread(self, responsibilities: Floats, component: int) -> Array:
        n_features = len(self._z)
        taken = responsibilities[self.gaps.rows].astype(np.float64)
        spread = np.zeros((n_features, n_features))
        for part in self._parts:
            mass = part.group.summed(taken[part.group.rows])
            columns = part.group.columns
            np.add.at(spread, (columns[:, None], columns), part.inverses[..., component] * mass)
        return spread

    def lacked(self, responsibilities: Floats) -> Lacked:
        taken = np.ascontiguousarray(self._taken(responsibilities).T)
        weighed = np.take(taken, self.gaps.owners, axis=0)
        weighed *= self._expected
        first, second = self._with_others(weighed)
        lines = second.reshape(len(second) ** 2, -1)
        self._add_pairs(lines, weighed)
        masses = [part.group.summed(taken[part.group.rows]) for part in self._parts]
        entropy = self._add_varying(lines, masses)
        both = second + second.transpose(1, 0, 2)
        return Lacked(both.transpose(2, 0, 1), first.T, entropy)

    def _with_others(self, weighed: Array) -> tuple[Array, Array]:
        """Sums of missing values (D, K), and of their products with what is there (D, D, K).

        Half of the sums of squares stands among these.
        """
        shape = len(self._z), weighed.shape[1]
        first, second = np.empty(shape), np.empty((shape[0], *shape))
        for j, (start, stop) in enumerate(pairwise(self.gaps.edges)):
            here = weighed[start:stop]
            first[j] = here.sum(axis=0)
            np.matmul(self._beside[:, start:stop], here, out=second[j])
            second[j, j] = 0.5 * np.einsum("mk,mk->k", here, self._expected[start:stop])
        return first, second

    def _add_pairs(self, lines: Array, weighed: Array) -> None:
        """Add the products of two missing values of a row to lines (D * D, K)."""
        pairs = zip(*(part.group.pairs for part in self._parts), strict=True)
        one, other = (np.concatenate(each) for each in pairs)
        values = np.take(weighed, one, axis=0)
        values *= np.take(self._expected, other, axis=0)
        columns = self.gaps.columns
        summed_at(lines, columns[one] * len(self._z) + columns[other], values)

    def _add_varying(self, lines: Array, masses: list[Array]) -> float:
        """Add to lines (D * D, K) how missing values vary; give the sum of their entropies."""
        entropy, found = 0.0, []
        for part, mass in zip(self._parts, masses, strict=True):
            found.append(part.varying(mass, len(self._z)))
            each = 0.5 * part.group.lacking + part.freed(self._log_scale)
            entropy += float((mass * each).sum())
        at, values = (np.concatenate(each) for each in zip(*found, strict=True))
        summed_at(lines, at, values)
        return entropy
