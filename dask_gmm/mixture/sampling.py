"""Rows drawn from a mixture, block by block; a block is a function of its generator alone.

Components are drawn by a guide table (Chen and Asau, 1974): sixteen random bits choose a bin of
[0, 1), nearly every bin lies inside one component's share of it, and only rows in the others cost
a second number. Rows are then computed component by component, as ``mean + L z`` with standard
normal z and L the Cholesky factor of the covariance, and put in the order in which the components
were drawn. All of a block stays in the processor's cache.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture

Components = npt.NDArray[np.signedinteger[Any]]

N_BINS: Final = 65_536
BLOCK_BYTES: Final = 2**20
FEWEST_ROWS, MOST_ROWS = 1_024, 65_536
OUTLIER: Final = -1
OUTLIER_REACH: Final = 10.0
# An addition to rows of few columns is fast if several rows are added to at once.
SHIFT_LENGTH: Final = 256
# A radix sort of so few keys is slower than looking for each.
FEW_KINDS: Final = 4


def block_rows(n_features: int) -> int:
    """Rows in a block: a power of two, and a function of the number of columns alone."""
    rows = BLOCK_BYTES // (8 * n_features)
    return min(MOST_ROWS, max(FEWEST_ROWS, 1 << (rows.bit_length() - 1 if rows else 0)))


def component_dtype(n_components: int) -> np.dtype[np.signedinteger[Any]]:
    """The smallest signed integers that hold the numbers of so many components, and `OUTLIER`."""
    return np.min_scalar_type(-n_components)


@dataclass(frozen=True, slots=True, eq=False)
class Sampler:
    """A mixture of K Gaussians in D columns, made ready to be drawn from; arrays are read-only.

    Parameters
    ----------
    cumulative : ndarray of shape (C,)
        Cumulative shares of what a row can be: K components, then outliers if there are any.
    guide : ndarray of unsigned integers, shape (N_BINS,)
        What a row in this bin is; C where that is not decided by the bin.
    factors : ndarray of shape (K, D, D)
        Transposed Cholesky factors L' of the covariances.
    shifts : ndarray of shape (K, n * D)
        Means, each repeated n times.
    box : ndarray of shape (2, D)
        Lowest and highest value of an outlier in each column.
    """

    cumulative: Array
    guide: npt.NDArray[np.unsignedinteger[Any]]
    factors: Array
    shifts: Array
    box: Array

    @classmethod
    def of(cls, mixture: Mixture, outliers: float = 0.0) -> "Sampler":
        """Prepare a mixture.

        Parameters
        ----------
        mixture : Mixture
            Of any family; its covariances are taken as matrices.
        outliers : float, default 0
            Share of the rows drawn, instead, uniformly from a box around all components: in each
            column from `OUTLIER_REACH` standard deviations below to as many above, of whichever
            component reaches farthest.
        """
        covariances = mixture.full_covariances()
        shares = np.append(mixture.weights * (1 - outliers), [outliers] if outliers else [])
        cumulative = np.cumsum(shares)
        cumulative /= cumulative[-1]
        factors = np.linalg.cholesky(covariances).transpose(0, 2, 1)
        shifts = np.tile(mixture.means, max(1, SHIFT_LENGTH // mixture.n_features))
        reach = OUTLIER_REACH * np.sqrt(np.einsum("kdd->kd", covariances))
        box = [(mixture.means - reach).min(axis=0), (mixture.means + reach).max(axis=0)]
        arrays = (cumulative, _guide(cumulative), np.ascontiguousarray(factors), shifts)
        return cls(*map(_read_only, (*arrays, np.stack(box))))

    @property
    def n_components(self) -> int:
        """K."""
        return int(self.factors.shape[0])

    @property
    def n_features(self) -> int:
        """D."""
        return int(self.factors.shape[1])

    @property
    def block_rows(self) -> int:
        """Rows in a block."""
        return block_rows(self.n_features)

    def draw(self, generator: np.random.Generator, bench: "Bench") -> None:
        """Draw one block: into ``bench.rows`` and ``bench.components``."""
        drawn = self._draw_components(generator)
        order, ends = _grouped_order(drawn, len(self.cumulative))
        self._draw_grouped(generator, ends, bench)
        bench.place[order] = bench.numbers
        bench.grouped.take(bench.place, axis=0, out=bench.rows, mode="clip")
        bench.components[:] = drawn
        if len(ends) > self.n_components:
            bench.components[drawn == self.n_components] = OUTLIER

    def _draw_components(self, generator: np.random.Generator) -> npt.NDArray[Any]:
        words = generator.integers(0, 2**64, self.block_rows // 4, dtype=np.uint64)
        bins = words.view(np.uint16)
        drawn = self.guide.take(bins)
        undecided = np.flatnonzero(drawn == len(self.cumulative))
        exact = (bins[undecided] + generator.random(len(undecided))) / N_BINS
        exact = np.minimum(exact, np.nextafter(1.0, 0.0))
        drawn[undecided] = np.searchsorted(self.cumulative, exact, side="right")
        return drawn

    def _draw_grouped(
        self, generator: np.random.Generator, ends: npt.NDArray[np.intp], bench: "Bench"
    ) -> None:
        """Draw the rows of component 0, of component 1, ..., outliers last."""
        inner = ends[self.n_components - 1]
        normals = bench.rows[:inner]
        generator.standard_normal(out=normals)
        start = 0
        for factor, shift, end in zip(self.factors, self.shifts, ends, strict=False):
            rows = bench.grouped[start:end]
            np.matmul(normals[start:end], factor, out=rows)
            _add_to_rows(rows.reshape(-1), shift)
            start = end
        outliers = bench.grouped[inner:]
        low, high = self.box
        generator.random(out=outliers)
        outliers *= high - low
        outliers += low


class Bench:
    """Arrays in which one thread draws block after block; new ones would cost half of its time.

    Attributes
    ----------
    rows : ndarray of shape (block_rows, D), float64
        The rows of the block drawn last.
    components : ndarray of shape (block_rows,), as `component_dtype` says
        Component from which each of them was drawn, `OUTLIER` for an outlier.
    grouped, place, numbers
        What `Sampler.draw` works with.
    """

    __slots__ = ("components", "grouped", "numbers", "place", "rows")

    def __init__(self, sampler: Sampler) -> None:
        n_rows = sampler.block_rows
        self.rows = np.empty((n_rows, sampler.n_features))
        self.grouped = np.empty_like(self.rows)
        self.numbers = np.arange(n_rows)
        self.place = np.empty_like(self.numbers)
        self.components = np.empty(n_rows, component_dtype(sampler.n_components))


def _guide(cumulative: Array) -> npt.NDArray[np.unsignedinteger[Any]]:
    edges = np.arange(N_BINS + 1) / N_BINS
    first = np.searchsorted(cumulative, edges[:-1], side="right")
    last = np.searchsorted(cumulative, edges[1:], side="left")
    guide = np.where(first == last, first, len(cumulative))
    return guide.astype(np.min_scalar_type(len(cumulative)))


def _grouped_order(
    drawn: npt.NDArray[Any], n_kinds: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows in the order of their kinds, then of their numbers; where each kind ends."""
    if n_kinds <= FEW_KINDS:
        groups = [np.flatnonzero(drawn == kind) for kind in range(n_kinds)]
        return np.concatenate(groups), np.cumsum([len(group) for group in groups])
    order = np.argsort(drawn, kind="stable")
    kinds = np.arange(n_kinds, dtype=drawn.dtype)
    return order, np.searchsorted(drawn.take(order), kinds, side="right")


def _add_to_rows(flat: Array, shift: Array) -> None:
    whole = flat.size - flat.size % shift.size
    several = flat[:whole].reshape(-1, shift.size)
    several += shift
    flat[whole:] += shift[: flat.size - whole]


def _read_only(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    values.flags.writeable = False
    return values
