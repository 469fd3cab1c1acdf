"""What may be wrong with the components of a mixture: those without rows, and those twice there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.merging import merge_costs
from dask_gmm.mixture.model import Mixture

# Rounding of a merging cost, in nats per row.
ALIKE: Final = 1e-9
# Rounding of a weight times the number of rows.
ROUNDED_ROWS: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Faults:
    """Components of a mixture that explain nothing.

    Parameters
    ----------
    empty : tuple of int
        Those that have less than one row; the heaviest of all is none of them, however few rows
        there are.
    alike : tuple of (int, int)
        Pairs of others that are the same.
    """

    empty: tuple[int, ...]
    alike: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, mixture: Mixture, rows: float) -> "Faults":
        """Look for them in a mixture of so many rows."""
        full = mixture.weights * rows >= 1 - ROUNDED_ROWS
        full[np.argmax(mixture.weights)] = True
        costs = np.where(np.logical_and.outer(full, full), merge_costs(mixture), np.inf)
        alike = tuple((int(one), int(other)) for one, other in np.argwhere(costs < ALIKE))
        return cls(tuple(np.flatnonzero(~full).tolist()), alike)

    @property
    def texts(self) -> tuple[str, ...]:
        """Each of them in words."""
        return tuple(self._said())

    def _said(self) -> Iterator[str]:
        for k in self.empty:
            yield f"component {k} had less than one row"
        for one, other in self.alike:
            yield f"components {one} and {other} were the same"

    @property
    def spare(self) -> tuple[int, ...]:
        """The empty components, then the second of each two that are the same."""
        return (*self.empty, *sorted({other for _, other in self.alike}))

    def weights_without(self, mixture: Mixture, spare: tuple[int, ...]) -> Array:
        """Give the weights (K,), zero for spare components and not made to sum to one.

        The weight of the second of two that are the same goes to the first.
        """
        weights = mixture.weights.copy()
        firsts = {other: one for one, other in reversed(self.alike)}
        for k in sorted(spare, reverse=True):
            weights[firsts.get(k, k)] += weights[k]
            weights[k] = 0.0
        return weights
