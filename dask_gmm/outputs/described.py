"""What a mixture says of rows: labels, probabilities, log densities, the largest components."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import Block
from dask_gmm.fitting.tiles import (
    density_bytes,
    filled_in,
    fillings_of,
    gaps_of,
    log_joint,
    refuse_unanswerable,
    standardized,
)
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.posterior import (
    Marks,
    Numbers,
    component_numbers,
    exponentiate,
    find_largest,
    log_densities,
    take_largest,
)
from dask_gmm.mixture.screening import Screen, decide
from dask_gmm.outputs.shelves import Shelf, Target, Values
from dask_gmm.outputs.wanted import (
    ANOMALY,
    LABELS,
    LOG_DENSITY,
    PROBABILITIES,
    ROWS,
    TOP_COMPONENTS,
    TOP_PROBABILITIES,
    Wanted,
)
from dask_gmm.passes.fold import Tile, tile_rows

LABELS_ALONE: Final = Wanted(labels=True)
# One row in so many may be looked at again before a tile is described as if not screened.
FEW: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Describe:
    """A Fold that says of each row what is wanted, into a target.

    A row that is not finite, or so far off that its density is no float64, has no answer:
    `dask_gmm.passes.fold.BadRowError` names it.

    Parameters
    ----------
    density : JointDensity
        Complete, as `dask_gmm.mixture.scoring.scoring_density` gives it.
    wanted : Wanted
    target : Target
        With room for what is wanted.
    """

    density: JointDensity
    wanted: Wanted
    target: Target

    def begin(self, block: Block) -> "_Describing":
        """Start on one block."""
        return _Describing(self, self.target.shelf(block.start, block.stop))

    def tile_bytes(self, n_features: int) -> int:
        """Project the densities of a tile, what is made of them, and what the target holds."""
        n_components = len(self.density.constants)
        marks = 1 + component_numbers(n_components).itemsize
        per_row = n_components * (marks + 8) + 16 * self.wanted.top + 64
        per_row += 8 * n_features * self.wanted.imputed
        described = tile_rows(n_features) * per_row
        twice = 2 * density_bytes(self.density, n_features)  # once more in float32
        return twice + described + self.target.task_bytes()


class _Describing:
    """Describes the rows of one block; a Meter."""

    def __init__(self, fold: Describe, shelf: Shelf) -> None:
        self._fold = fold
        self._shelf = shelf
        self._screen = Screen.of(fold.density) if fold.wanted == LABELS_ALONE else None

    def add(self, tile: Tile) -> None:
        """Describe a tile, unless all about its rows is there."""
        if self._shelf.lacks(tile.start, tile.start + len(tile.rows)):
            with np.errstate(over="ignore", invalid="ignore"):  # of rows that are refused then
                for name, values in self._lines(tile):
                    self._shelf.put(name, tile.start, values, tile.workspace)

    def answer(self) -> Any:
        """Give what became of it."""
        return self._shelf.answer()

    def _lines(self, tile: Tile) -> Iterable[tuple[str, Values]]:
        fold = self._fold
        if self._screen is not None:
            labels = _screened(tile, fold.density, self._screen)
            if labels is not None:
                return [(LABELS, labels)]
        return _described(tile, fold.density, fold.wanted)


def _screened(tile: Tile, density: JointDensity, screen: Screen) -> Numbers | None:
    """Give the labels of a tile if float32 decides nearly all, the others being looked at again."""
    if gaps_of(tile) is not None:
        return None
    bound = screen.bound(standardized(tile, screen.density.frame, screen.density.dtype))
    if bound is None:
        return None
    logits = log_joint(tile, screen.density)
    labels, equal, ranks = _room_for_labels(tile, logits.shape)
    unsure = np.flatnonzero(~decide(logits, bound, labels, equal, ranks))
    if len(unsure) > len(labels) // FEW:
        return None
    if len(unsure):
        labels[unsure] = _labels_of(tile, unsure, density)
    return labels


def _labels_of(tile: Tile, some: npt.NDArray[np.intp], density: JointDensity) -> Numbers:
    """Give the labels of some rows of a tile."""
    logits = log_joint(Tile(tile.rows[some], 0, tile.workspace), density)
    shape, numbers = logits.shape, component_numbers(len(logits))
    peak, labels = np.zeros(len(tile.rows)), np.empty(len(some), numbers)
    highest = np.empty(len(some))
    find_largest(logits, highest, labels, np.empty(shape, np.bool_), np.empty(shape, numbers))
    peak[some] = highest
    refuse_unanswerable(tile, peak)
    return labels


def _room_for_labels(tile: Tile, shape: tuple[int, ...]) -> tuple[Numbers, Marks, Numbers]:
    numbers, give = component_numbers(shape[0]), tile.workspace.array
    return (
        give("labels", shape[1:], numbers),
        give("equal", shape, np.bool_),
        give("ranks", shape, numbers),
    )


def _described(tile: Tile, density: JointDensity, wanted: Wanted) -> Iterator[tuple[str, Values]]:
    """Give lines of the arrays, one after another, in memory that is used again."""
    fillings = fillings_of(tile, density)
    logits = log_joint(tile, density, fillings)
    n_components, rows = logits.shape
    numbers = component_numbers(n_components)
    peak, total, density_of_row = tile.workspace.array("per row", (3, rows), logits.dtype)
    labels, equal, ranks = _room_for_labels(tile, logits.shape)
    values = tile.workspace.array("values", (wanted.top, rows), logits.dtype)
    components = tile.workspace.array("components", (wanted.top, rows), numbers)
    if wanted.labels:
        find_largest(logits, peak, labels, equal, ranks)
    else:
        np.max(logits, axis=0, out=peak)
    refuse_unanswerable(tile, peak)
    if wanted.labels:
        yield LABELS, labels
    if wanted.top:
        take_largest(logits, values, components, equal, ranks)
        yield TOP_COMPONENTS, components.T
    if wanted != LABELS_ALONE:
        exponentiate(logits, peak, total)
    if wanted.log_density or wanted.below is not None:
        log_densities(peak, total, density_of_row)
    if wanted.log_density:
        yield LOG_DENSITY, density_of_row
    if wanted.below is not None:
        yield ANOMALY, density_of_row < wanted.below
    if wanted.top:
        yield TOP_PROBABILITIES, _relative(values, peak, total).T
    if wanted.probabilities or wanted.imputed:
        np.divide(logits, total, out=logits)
    if wanted.probabilities:
        yield PROBABILITIES, logits.T
    if wanted.imputed:
        yield ROWS, filled_in(tile, density.frame, fillings, logits)


def _relative(values: Array, peak: Array, total: Array) -> Array:
    """Turn logits (c, B) into probabilities, in place."""
    np.subtract(values, peak, out=values)
    np.exp(values, out=values)
    return np.divide(values, total, out=values)
