"""The first pass: summary, sample, and digests of what was read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import Block
from dask_gmm.fitting.held_out import NONE_HELD_OUT, HeldOut
from dask_gmm.fitting.levels import Level
from dask_gmm.fitting.questions import ALL_ROWS
from dask_gmm.fitting.sample import Sample, key_limit, row_keys
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.features import Array, freeze
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.prior import Prior
from dask_gmm.mixture.summary import DataSummary
from dask_gmm.passes.fold import Tile, tile_rows

# Matrices (D, D) that an addition of two summaries holds, and one that waits for its turn.
SCATTERS: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class SurveyAnswer:
    """What the first pass brings home.

    Parameters
    ----------
    summary : DataSummary
    sample : Sample
    digests : ndarray of uint32
        Of every chunk, in the order of the leaves; empty where there are none.
    """

    summary: DataSummary
    sample: Sample
    digests: npt.NDArray[np.uint32]

    def __add__(self, other: "SurveyAnswer") -> "SurveyAnswer":
        return SurveyAnswer(
            self.summary + other.summary,
            self.sample + other.sample,
            np.concatenate([self.digests, other.digests]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class SurveyFold:
    """Asks for the summary of all rows and a sample of them.

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
    """

    seed: int
    size: int
    rows: int
    held_out: HeldOut = NONE_HELD_OUT

    def begin(self, block: Block) -> "_SurveyMeter":
        """Start on one block."""
        return _SurveyMeter(self, block)

    def tile_bytes(self, n_features: int) -> int:
        """Project two float64 copies of a tile, and an addition: its samples and scatters."""
        sample = min(self.size, self.rows)
        return 8 * n_features * (3 * tile_rows(n_features) + 4 * sample + SCATTERS * n_features)


class _SurveyMeter:
    def __init__(self, fold: SurveyFold, block: Block) -> None:
        self._fold = fold
        self._digests = block.digests
        self._limit = np.uint64(key_limit(fold.size, max(fold.held_out.fewest_seen(fold.rows), 1)))
        self._taken: list[Sample] = []
        self._summary: DataSummary | None = None

    def add(self, tile: Tile) -> None:
        held_out = self._fold.held_out
        summary = held_out.summary(tile)
        self._summary = summary if self._summary is None else self._summary + summary
        keys = row_keys(self._fold.seed, tile.start, tile.start + len(tile.rows))
        at = np.flatnonzero((keys <= self._limit) & ~held_out.marks(tile))
        size = self._fold.size
        self._taken.append(Sample(size, keys[at], at + tile.start, tile.rows[at]))

    def answer(self) -> SurveyAnswer:
        assert self._summary is not None
        return SurveyAnswer(self._summary, Sample.smallest_of(self._taken), self._digests)


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
    """

    summary: DataSummary
    frame: Frame
    levels: tuple[Level, ...]
    typical: Array | None = None
    few: Level | None = None

    def __post_init__(self) -> None:
        if self.typical is not None:
            freeze(self.typical)

    @classmethod
    def of(
        cls,
        summary: DataSummary,
        number: Callable[[int], int] = int,
        below: tuple[Level, ...] = (),
        typical: Array | None = None,
    ) -> "Survey":
        """Choose the frame of the data from its summary; see `Frame.of`.

        Parameters
        ----------
        summary : DataSummary
        number : callable
        below : tuple of Level
            The levels below that of all rows.
        typical : ndarray of shape (D, D), optional
        """
        levels = (*below, Level(ALL_ROWS, summary))
        return cls(summary, Frame.of(summary, number), levels, typical)

    @property
    def loose(self) -> Level:
        """The rows on which more components than are asked for climb before they are merged."""
        return self.few or self.levels[0]

    def prior(self, covariance_type: str) -> Prior:
        """Give the prior of the covariances of a family."""
        return Prior.of(self.summary, family_of(covariance_type), typical=self.typical)
