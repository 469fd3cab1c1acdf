"""Tables in plain text, for terminals and pipes."""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture

LINE = 100
GAP = "  "
SHOWN_COMPONENTS = 20
SIGNIFICANT = 4
MOST_DECIMALS = 6
LARGEST_WRITTEN_OUT = 1e9


def table(columns: Sequence[Sequence[str]]) -> str:
    """Lay out columns of cells, each under its name, its first cell, with a rule between the two.

    Cells are aligned to the right, and to the left in a column without a name.
    """
    ruled = [_ruled(name, cells) for name, *cells in columns]
    return "\n".join(GAP.join(line).rstrip() for line in zip(*ruled, strict=True))


def _ruled(name: str, cells: list[str]) -> list[str]:
    width = max(map(len, (name, *cells)))
    if not name:
        return [cell.ljust(width) for cell in ("", "-" * width, *cells)]
    return [cell.rjust(width) for cell in (name, "-" * width, *cells)]


def numbers(values: Array, resolution: float) -> list[str]:
    """Write numbers of one unit as cells of one width, decimal point under decimal point.

    Parameters
    ----------
    values : ndarray of shape (n,)
    resolution : float
        A difference that matters, such as a standard deviation: four digits of it are written.
    """
    decimals = SIGNIFICANT - 1 - _exponent(resolution)
    largest = float(np.abs(values).max())
    if decimals > MOST_DECIMALS or largest >= LARGEST_WRITTEN_OUT:
        digits = min(15, max(SIGNIFICANT - 1, _exponent(largest) + decimals))
        cells = [f"{value:.{digits}e}" for value in values]
    else:
        cells = [f"{value:z.{max(0, decimals)}f}" for value in values]
    width = max(map(len, cells))
    return [cell.rjust(width) for cell in cells]


def _exponent(value: float) -> int:
    return math.floor(math.log10(value)) if value > 0 else 0


def mixture_table(mixture: Mixture) -> str:
    """Show the components: weights, and means over standard deviations, column by column."""
    shown = min(mixture.n_components, SHOWN_COMPONENTS)
    deviations = np.sqrt(mixture.variances()[:shown])
    weights = [cell for value in mixture.weights[:shown] for cell in (f"{value:.4f}", "")]
    lines = _interleaved(mixture.means[:shown], deviations)
    text = pairs_table(("mean", "deviation"), weights, lines, deviations.min(axis=0))
    left_out = mixture.n_components - shown
    return f"{text}\n(and {left_out:,} components more)" if left_out else text


def comparison(first: Mixture, second: Mixture, labels: tuple[str, str]) -> str:
    """Show weights and means of two mixtures whose components are in the same order."""
    weights = [f"{value:.4f}" for value in _interleaved(first.weights, second.weights)]
    means = (f"{labels[0]} mean", f"{labels[1]} mean")
    resolution = np.sqrt(np.minimum(first.variances(), second.variances()).min(axis=0))
    return pairs_table(means, weights, _interleaved(first.means, second.means), resolution)


def _interleaved(first: Array, second: Array) -> Array:
    """Lines of both in turns: (2 n, ...) from twice (n, ...)."""
    return np.stack([first, second], axis=1).reshape(2 * len(first), *first.shape[1:])


def pairs_table(
    labels: tuple[str, str], weights: Sequence[str], lines: Array, resolution: Array
) -> str:
    """Show two lines for each component.

    Parameters
    ----------
    labels : tuple of str
        Of the two lines.
    weights : sequence of 2 K str
    lines : ndarray of shape (2 K, D)
    resolution : ndarray of shape (D,)
        That of each column of the data, see `numbers`.
    """
    n_components = len(lines) // 2
    head = [
        ["component", *(cell for k in range(n_components) for cell in (str(k), ""))],
        ["weight", *weights],
        ["", *labels * n_components],
    ]
    room = LINE - sum(len(GAP) + max(map(len, column)) for column in head)
    return table([*head, *_features(lines, resolution, room)])


def _features(lines: Array, resolution: Array, room: int) -> Iterable[list[str]]:
    """Columns of the table for those of the data, as many as there is room for."""
    written = [
        [f"column {j}", *numbers(values, float(unit))]
        for j, (values, unit) in enumerate(zip(lines.T, resolution, strict=True))
    ]
    widths = [len(GAP) + max(map(len, cells)) for cells in written]
    if sum(widths) - len(GAP) <= room:
        return written
    mark = ["...", *["..."] * len(lines)]
    shown = sum(end + len(mark[0]) <= room for end in accumulate(widths))
    return [*written[: max(1, shown)], mark]


def covariances_table(first: Mixture, second: Mixture, labels: tuple[str, str]) -> str:
    """Show the covariances of two such mixtures side by side, all in the same unit."""
    resolution = float(min(first.variances().min(), second.variances().min()))
    sides = [
        _matrices(mixture.full_covariances().reshape(-1, mixture.n_features), resolution)
        for mixture in (first, second)
    ]
    numbered = [
        "" if i else str(k) for k in range(first.n_components) for i in range(first.n_features)
    ]
    named = [[f"{label} covariance", *side] for label, side in zip(labels, sides, strict=True)]
    return table([["component", *numbered], *named])


def _matrices(lines: Array, resolution: float) -> list[str]:
    """Lines of matrices, each as one cell, set apart from the one before it."""
    cells = [numbers(column, resolution) for column in lines.T]
    return [GAP + GAP.join(line) for line in zip(*cells, strict=True)]
