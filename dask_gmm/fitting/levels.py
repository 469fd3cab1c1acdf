"""From sample to all rows: nested levels, each climbed from where the one below ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dask_gmm.fitting.questions import Rows
from dask_gmm.fitting.sample import Sample
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.summary import DataSummary, summarize

SMALLEST_LEVEL: Final = 20_000
ROWS_PER_PARAMETER: Final = 100
LOOSE_ROWS_PER_PARAMETER: Final = 10
STEP: Final = 10
# A level must be so much smaller than the next that climbing it is cheap beside it.
SMALLEST_STEP: Final = 2.5
LARGEST_SHARE: Final = 0.2
LARGEST_SAMPLE_BYTES: Final = 128 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Some of the rows, or all of them, and their summary."""

    rows: Rows
    summary: DataSummary


def reservoir_size(n_rows: int, n_features: int, n_parameters: int) -> int:
    """Give the number of rows to keep in memory for the levels below the last.

    A fifth of all rows, but at least the smallest level and at most 128 MiB of them.
    """
    share = max(int(LARGEST_SHARE * n_rows), smallest_level(n_features, n_parameters))
    return min(n_rows, share, max(SMALLEST_LEVEL, _fitting(n_features)))


def smallest_level(n_features: int, n_parameters: int) -> int:
    """Give the rows of the first level: 20,000, or 100 per free parameter if these fit."""
    return max(SMALLEST_LEVEL, min(ROWS_PER_PARAMETER * n_parameters, _fitting(n_features)))


def loose_size(n_rows: int, n_features: int, n_parameters: int) -> int:
    """Give the rows on which components are looked for that are merged later.

    Fewer are enough for that than the first level has: 20,000, or 10 per free parameter.
    """
    wanted = max(SMALLEST_LEVEL, LOOSE_ROWS_PER_PARAMETER * n_parameters)
    return min(n_rows, wanted, smallest_level(n_features, n_parameters))


def _fitting(n_features: int) -> int:
    return LARGEST_SAMPLE_BYTES // (8 * n_features)


def level_sizes(n_rows: int, n_features: int, n_parameters: int) -> tuple[int, ...]:
    """Give the rows of the levels below the last, each about a tenth of the next.

    There are none where the first would hold nearly all rows.
    """
    reservoir = reservoir_size(n_rows, n_features, n_parameters)
    sizes: list[int] = []
    size = smallest_level(n_features, n_parameters)
    while size <= reservoir and SMALLEST_STEP * size <= n_rows:
        sizes.append(size)
        size *= STEP
    if sizes and SMALLEST_STEP * sizes[-1] <= reservoir:
        sizes.append(reservoir)
    return tuple(sizes)


def levels_of(
    sample: Sample, sizes: Iterable[int], correlation: Array | None = None
) -> dict[int, Level]:
    """Give the levels of these sizes; with the ``correlation`` (D, D) of incomplete rows."""
    firsts = ((size, sample.first(size).in_order) for size in sorted(sizes))
    return {size: Level(Rows(size), _summary(first, correlation)) for size, first in firsts}


def _summary(sample: Sample, correlation: Array | None) -> DataSummary:
    rows, weights = sample.in_row_order(), sample.counts
    if correlation is None:
        return summarize(rows, weights=weights)
    return summarize(rows, weights=weights, incomplete=True).completed(correlation)
