"""What may be wrong with the components of a mixture."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from dask_gmm.mixture.merging import merge_costs
from dask_gmm.mixture.model import Mixture

# Rounding of a merging cost, in nats per row.
ALIKE: Final = 1e-9


def faults(mixture: Mixture, rows: int) -> tuple[str, ...]:
    """Say which components of a mixture have less than one of so many rows, and which are one."""
    return (*_empty(mixture, rows), *_alike(mixture, rows))


def _empty(mixture: Mixture, rows: int) -> Iterator[str]:
    for k in np.flatnonzero(mixture.weights * rows < 1):
        yield f"component {k} had less than one row"


def _alike(mixture: Mixture, rows: int) -> Iterator[str]:
    full = mixture.weights * rows >= 1
    costs = np.where(np.logical_and.outer(full, full), merge_costs(mixture), np.inf)
    for one, other in np.argwhere(costs < ALIKE):
        yield f"components {one} and {other} were the same"
