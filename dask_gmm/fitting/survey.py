"""The first pass: summary, sample, and digests of what was read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import BadChunk, Block
from dask_gmm.fitting.finite import finite_rows
from dask_gmm.fitting.held_out import NONE_HELD_OUT, HeldOut
from dask_gmm.fitting.labeled import Labeled
from dask_gmm.fitting.levels import Level
from dask_gmm.fitting.questions import ALL_ROWS
from dask_gmm.fitting.sample import (
    Keys,
    Sample,
    kept_bytes,
    key_limit,
    key_of_rank,
    keys_by_weight,
    keys_of,
)
from dask_gmm.fitting.weighing import Weighing
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.features import Array, freeze
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.prior import Prior
from dask_gmm.mixture.summary import DataSummary, summarize
from dask_gmm.passes.fold import Tile, tile_rows

# Matrices (D, D) that an addition of two summaries holds, and one that waits for its turn.
SCATTERS: Final = 8
# So many times the rows of a sample by weight have ranks that may be in it.
BY_WEIGHT: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class SurveyAnswer:
    """What the first pass brings home.

    Parameters
    ----------
    summary : DataSummary
    sample : Sample
    digests : ndarray of uint32
        Of every chunk, in the order of the leaves; empty where there are none.
    bad_chunks : tuple of BadChunk
        Those whose rows are left out of all else, in the order of the rows.
    weightless : int
        Number of other rows that have the weight zero: as if they were not there.
    labeled : Labeled, optional
        Sums over the rows that the fit sees and whose components are known, where there may be any.
    """

    summary: DataSummary
    sample: Sample
    digests: npt.NDArray[np.uint32]
    bad_chunks: tuple[BadChunk, ...] = ()
    weightless: int = 0
    labeled: Labeled | None = None

    @property
    def seen(self) -> int:
        """Number of rows that the fit sees: those that are neither held out nor left out."""
        return self.summary.rows

    @property
    def skipped_rows(self) -> int:
        """Number of rows that are left out for bad chunks."""
        return sum(each.rows for each in self.bad_chunks)

    @property
    def knows_labels(self) -> bool:
        """Whether there are rows whose components are known."""
        return self.labeled is not None and self.labeled.rows > 0

    @property
    def centers(self) -> Array | None:
        """Means of these rows (L, D), NaN of components of which none is known; None without."""
        known = self.labeled if self.knows_labels else None
        return None if known is None else known.centers(self.summary.mean)

    @property
    def leaves_out(self) -> bool:
        """Whether there are rows that are left out."""
        return bool(self.bad_chunks or self.summary.bad_rows or self.summary.empty_rows)

    @property
    def incomplete(self) -> bool:
        """Whether values are missing in rows that are not left out."""
        return self.summary.present is not None

    def __add__(self, other: "SurveyAnswer") -> "SurveyAnswer":
        one, two = self.labeled, other.labeled
        return SurveyAnswer(
            self.summary + other.summary,
            self.sample + other.sample,
            np.concatenate([self.digests, other.digests]),
            self.bad_chunks + other.bad_chunks,
            self.weightless + other.weightless,
            None if one is None or two is None else one + two,
        )


@dataclass(frozen=True, slots=True, eq=False)
class SurveyFold:
    """Asks for the summary of all rows and a sample of those that are finite.

    Parameters
    ----------
    seed : int
        Of the sample.
    size : int
        Rows of the sample; all rows if there are not so many.
    rows : int
        Number of rows of the data.
    held_out : HeldOut
        Rows that are looked at only to see whether they are finite.
    usable : float
        A share of the rows that is finite and there: where it is less, the sample may be smaller.
    incomplete : bool
        Whether NaN stand for values that are missing.
    matrix : bool
        Whether products of columns are summed; their squares are in any case.
    weighing : Weighing, optional
        What their weights are, by which they are drawn then.
    n_labels : int
        Components of which rows may be known.
    """

    seed: int
    size: int
    rows: int
    held_out: HeldOut = NONE_HELD_OUT
    usable: float = 1.0
    incomplete: bool = False
    matrix: bool = True
    weighing: Weighing | None = None
    n_labels: int = 0

    @property
    def beyond(self) -> float:
        """Rows with larger ranks are not in a sample by weight, but for a chance of 1e-9."""
        if self.weighing is None:
            return np.inf
        return self.weighing.limit(self.size, self.held_out, self.usable)

    @property
    def limit(self) -> int:
        """Rows with larger keys are not in the sample, but for a chance of 1e-9."""
        if self.weighing is not None:
            return key_of_rank(self.beyond)
        return key_limit(self.size, max(self.held_out.fewest_seen(int(self.rows * self.usable)), 1))

    def kept_bytes(self, n_features: int) -> int:
        """Project what a fit holds of the sample from one pass to the next."""
        beside = (self.weighing is not None) + (self.n_labels > 0)
        return kept_bytes(min(self.size, self.rows), n_features, beside)

    def begin(self, block: Block) -> "_SurveyMeter":
        """Start on one block."""
        return _SurveyMeter(self, block)

    def tile_bytes(self, n_features: int) -> int:
        """Project two float64 copies of a tile, and an addition: its samples and scatters."""
        by_weight = 1 if self.weighing is None else BY_WEIGHT
        sample = min(by_weight * self.size / self.usable, self.rows)
        lines = (n_features if self.matrix else 1) + self.n_labels
        held = 3 * tile_rows(n_features) + 4 * int(sample) + SCATTERS * lines
        return 8 * n_features * held


class _SurveyMeter:
    def __init__(self, fold: SurveyFold, block: Block) -> None:
        self._fold = fold
        self._block = block
        self._limit = np.uint64(fold.limit)
        self._beyond = fold.beyond
        self._taken = [self._chosen(block, np.empty(0, np.int64), np.empty(0, np.uint64))]
        self._summary: DataSummary | None = None
        self._labeled: Labeled | None = None
        if block.labels is not None:
            self._labeled = Labeled.none(fold.n_labels, block.rows.shape[1])

    def add(self, tile: Tile) -> None:
        held_out = self._fold.held_out
        if self._fold.incomplete:
            tile = tile.as_incomplete()
        if self._block.bad_chunks:
            tile = tile.only(~self._skipped(tile.numbers))
        summary = held_out.summary(tile, self._fold.matrix)
        self._summary = summary if self._summary is None else self._summary + summary
        numbers = tile.numbers
        keys = keys_of(self._fold.seed, numbers)
        if tile.weights is not None:
            keys = keys_by_weight(keys, tile.weights)
        wanted = (keys <= self._limit) & ~held_out.marks(tile)
        if summary.bad_rows or summary.empty_rows:
            wanted &= finite_rows(tile)
        at = np.flatnonzero(wanted)
        self._taken.append(self._chosen(tile, at, keys, numbers))
        if self._labeled is not None:
            seen = tile.only(~held_out.marks(tile)) if held_out.any else tile
            self._labeled += Labeled.of(seen, self._fold.n_labels)

    def _chosen(
        self,
        given: Tile | Block,
        at: npt.NDArray[np.intp],
        keys: Keys,
        numbers: npt.NDArray[np.int64] | None = None,
    ) -> Sample:
        weights = None if given.weights is None else given.weights[at]
        labels = None if given.labels is None else given.labels[at]
        index = np.empty(0, np.int64) if numbers is None else numbers[at]
        beyond = self._beyond
        return Sample(self._fold.size, keys[at], index, given.rows[at], weights, beyond, labels)

    def _skipped(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        edges = [edge for each in self._block.bad_chunks for edge in (each.start, each.stop)]
        return np.asarray(np.searchsorted(edges, numbers, side="right") % 2 == 1)

    def answer(self) -> SurveyAnswer:
        block, sample = self._block, Sample.smallest_of(self._taken)
        summary = self._summary or summarize(block.rows[:0], matrix=self._fold.matrix)
        found = (summary, sample, block.digests, block.bad_chunks, self._weightless(block))
        return SurveyAnswer(*found, self._labeled)

    def _weightless(self, block: Block) -> int:
        if block.weights is None:
            return 0
        numbers = np.flatnonzero(block.weights == 0) + block.start
        return len(numbers) - int(self._skipped(numbers).sum())


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What every candidate knows of the data.

    Parameters
    ----------
    summary : DataSummary
        Of all rows.
    frame : Frame
    levels : tuple of Level
        From the smallest sample to all rows.
    typical : ndarray of shape (D, D), optional
        Covariance of typical rows; see `typical_covariance`.
    few : Level, optional
        The rows on which more components than are asked for climb before they are merged; by
        default those of the smallest level.
    centers : ndarray of shape (L, D), optional
        Means of the rows that are known to be of the first components, NaN where none are.
    """

    summary: DataSummary
    frame: Frame
    levels: tuple[Level, ...]
    typical: Array | None = None
    few: Level | None = None
    centers: Array | None = None

    def __post_init__(self) -> None:
        for values in (self.typical, self.centers):
            if values is not None:
                freeze(values)

    @classmethod
    def of(
        cls,
        summary: DataSummary,
        number: Callable[[int], int] = int,
        below: tuple[Level, ...] = (),
        typical: Array | None = None,
        centers: Array | None = None,
    ) -> "Survey":
        """Choose the frame of the data from its summary; see `Frame.of`.

        Parameters
        ----------
        summary, typical, centers
            See `Survey`.
        number : callable
        below : tuple of Level
            The levels below that of all rows.
        """
        levels = (*below, Level(ALL_ROWS, summary))
        return cls(summary, Frame.of(summary, number), levels, typical, centers=centers)

    @property
    def loose(self) -> Level:
        """The rows on which more components than are asked for climb before they are merged."""
        return self.few or self.levels[0]

    def prior(self, covariance_type: str) -> Prior:
        """Give the prior of the covariances of a family."""
        return Prior.of(self.summary, family_of(covariance_type), typical=self.typical)
