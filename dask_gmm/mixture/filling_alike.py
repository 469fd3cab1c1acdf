"""What is expected of missing values where all components share a covariance.

What is expected of a row is then ``a + b_k``: a is that of a component whose mean is 0, and b_k
depends on what the row lacks alone. So nothing is done for each row and component but what is done
for complete rows, too: the matrix products that give log densities and sums.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dask_gmm.mixture.features import Array, Floats
from dask_gmm.mixture.filling import Filling, Lacked
from dask_gmm.mixture.gap_patterns import freed
from dask_gmm.mixture.gaps import Indices, Patterns
from dask_gmm.mixture.inverses import applied, inverted


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What is known of the patterns of a group.

    Parameters
    ----------
    group : Patterns
    inverses : ndarray of shape (q, q, n)
        Covariances of what is missing, given all else.
    freed : ndarray of shape (n,)
        See `freed`.
    own : ndarray of shape (K, q, n)
        What each component expects besides what is common to all, b_k.
    gained : ndarray of shape (K, n)
        What the log densities gain by that, and by the volume of what is missing.
    """

    group: Patterns
    inverses: Array
    freed: Array
    own: Array
    gained: Array

    @classmethod
    def of(cls, group: Patterns, precision: Array, centers: Array, log_scale: Array) -> "_Part":
        at = group.columns
        inverses = precision[at[:, None], at[None]]
        log_determinants, _ = inverted(inverses)
        slopes = np.take(centers, at, axis=1)
        own = np.einsum("stn,ktn->ksn", inverses, slopes)
        volume = freed(group, log_determinants, log_scale)
        gained = 0.5 * np.einsum("ktn,ktn->kn", slopes, own) + volume
        return cls(group, inverses, volume, own, gained)

    def following(self, slopes: Array) -> Array:
        """What follows from slopes (M,) in the missing values of rows, (q, R)."""
        return applied(self.inverses, self.group.which, slopes[self.group.values])

    def places(self, n_features: int) -> Indices:
        """Where products of two missing values stand (q, q, n), of D * D."""
        columns = self.group.columns
        return columns[:, None] * n_features + columns


class Alike(Filling):
    """That of a mixture whose densities lack the term that is common to all components."""

    @staticmethod
    def costs(lacking: npt.NDArray[np.intp], n_components: int, n_features: int) -> Array:
        """As many as a matrix of the missing columns, and some values of each component."""
        per_value = lacking + 1.0 * n_components
        return np.asarray(lacking * per_value + 2.0 * n_components + 4.0 * n_features)

    def _prepare(self) -> None:
        gaps, factor = self.gaps, self._factors[0]
        precision, self._centers = factor @ factor.T, self._offsets @ factor.T
        what = precision, self._centers, self._log_scale
        self._parts = [_Part.of(group, *what) for group in gaps.groups()]
        self._at = gaps.columns * len(gaps.rows) + gaps.owners
        slopes = -precision @ self._z
        self._common = self._following(slopes)
        self._whole = np.add(self._z, self._common, out=self._z)
        self._gained = self._centers @ self._common
        self._gained += 0.5 * np.einsum("dg,dg->g", slopes, self._whole)
        for part in self._parts:
            of_rows = self._gained[:, part.group.rows]
            of_rows += np.take(part.gained, part.group.which, axis=1)

    def _following(self, slopes: Array) -> Array:
        """What follows from slopes (D, G) in the missing values; 0 for the others."""
        here = np.take(slopes, self._at)
        found = np.empty_like(here)
        for part in self._parts:
            found[part.group.values] = part.following(here)
        following = np.zeros(slopes.size)
        following[self._at] = found
        return following.reshape(slopes.shape)

    def expected(self, component: int) -> Array:
        expected = np.take(self._common, self._at)
        for part in self._parts:
            expected[part.group.values] += part.own[component][:, part.group.which]
        return expected

    def spread(self, responsibilities: Floats, component: int) -> Array:
        taken, n_features = responsibilities[self.gaps.rows].astype(np.float64), len(self._z)
        spread = np.zeros(n_features**2)
        for part in self._parts:
            values = part.inverses * part.group.summed(taken[part.group.rows])
            spread += np.bincount(part.places(n_features).ravel(), values.ravel(), len(spread))
        return spread.reshape(n_features, n_features)

    def lacked(self, responsibilities: Floats) -> Lacked:
        taken, common = self._taken(responsibilities), self._common
        first, total = taken @ common.T, taken.sum(axis=0)
        more = self._following(self._centers.T @ taken)
        weighed = common * total
        more += weighed
        half = self._whole @ more.T - 0.5 * (common @ weighed.T)
        second, entropy = half + half.T, 0.0
        for part in self._parts:
            mass = part.group.summed(taken[:, part.group.rows], axis=1)
            self._add_own(part, mass, second, first)
            open_ = 0.5 * part.group.lacking + part.freed
            entropy += float((mass.sum(axis=0) * open_).sum())
        return Lacked(second[None], first, entropy)

    def _add_own(self, part: _Part, mass: Array, second: Array, first: Array) -> None:
        """Add what patterns of mass (K, n) sum up to, in second (D, D) and first moments (K, D)."""
        n_components, n_features = first.shape
        weighed = mass[:, None] * part.own
        values = np.einsum("ksn,ktn->stn", weighed, part.own)
        values += mass.sum(axis=0) * part.inverses
        found = np.bincount(part.places(n_features).ravel(), values.ravel(), second.size)
        second += found.reshape(second.shape)
        at = np.arange(n_components)[:, None, None] * n_features + part.group.columns
        first += np.bincount(at.ravel(), weighed.ravel(), first.size).reshape(first.shape)
