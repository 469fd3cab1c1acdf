"""Statistics of partitions of the rows: summed apart in one reading, kept, and added up again."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from dask_gmm.data.source import Block
from dask_gmm.mixture.features import Array, freeze
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary
from dask_gmm.passes.fold import Answer, Fold, Meter, Tile, tile_rows

# Answers about all partitions that a task holds: its own, one that is added, and their sum.
HELD: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class Apart:
    """Answers about some partitions, by their numbers; such values add.

    Parameters
    ----------
    answers : mapping of int to answer
    """

    answers: Mapping[int, Answer]

    def __add__(self, other: "Apart") -> "Apart":
        answers = dict(self.answers)
        for number, answer in other.answers.items():
            answers[number] = answers[number] + answer if number in answers else answer
        return Apart(answers)


@dataclass(frozen=True, slots=True, eq=False)
class ByPartition:
    """Asks the question of a fold about each partition of the rows; leaves may hold parts of some.

    Parameters
    ----------
    fold : Fold
    edges : tuple of int
        Partition ``i`` has the rows from ``edges[i]`` to ``edges[i + 1]`` of the source, which has
        no others.
    answer_bytes : int
        What an answer about one of them takes.
    """

    fold: Fold
    edges: tuple[int, ...]
    answer_bytes: int

    def begin(self, block: Block) -> "_ByPartitionMeter":
        """Start on one block."""
        return _ByPartitionMeter(self, block)

    def tile_bytes(self, n_features: int) -> int:
        """Project what the fold holds, a copy of a tile, and answers about all partitions."""
        copied = 8 * n_features * tile_rows(n_features)
        return self.fold.tile_bytes(n_features) + copied + HELD * self.answer_bytes * self.count

    @property
    def count(self) -> int:
        """Number of partitions."""
        return len(self.edges) - 1


class _ByPartitionMeter:
    def __init__(self, fold: ByPartition, block: Block) -> None:
        self._fold = fold
        self._block = block
        self._edges = np.array(fold.edges)
        self._meters: dict[int, Meter] = {}

    def add(self, tile: Tile) -> None:
        numbers = np.searchsorted(self._edges, tile.numbers, side="right") - 1
        for number in np.unique(numbers).tolist():
            marks = numbers == number
            if number not in self._meters:
                self._meters[number] = self._fold.fold.begin(self._block)
            with np.errstate(over="ignore", invalid="ignore"):  # of rows that are refused then
                self._meters[number].add(tile if marks.all() else tile.only(marks))

    def answer(self) -> Apart:
        return Apart({number: meter.answer() for number, meter in self._meters.items()})


@dataclass(frozen=True, slots=True, eq=False)
class KeptPartition:
    """What is kept of a partition.

    Parameters
    ----------
    name : str
    identity : str, optional
        What tells its rows from others, without reading them; None where nothing does.
    statistics : SufficientStatistics
        At the parameters of the last pass that read it; the log-likelihood lacks nothing.
    summary : DataSummary
        Of its rows.
    weight : float
        How often each row counts by now.
    """

    name: str
    identity: str | None
    statistics: SufficientStatistics
    summary: DataSummary
    weight: float = 1.0

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.summary.rows

    @property
    def numbers(self) -> tuple[Array, ...]:
        """All numbers that are kept of it."""
        sums, found = self.statistics, self.summary
        single = np.array([self.weight, sums.rows, sums.log_likelihood, found.mass])
        moments = (found.mean, found.remainder, found.scatter, found.minimum, found.maximum)
        centers = () if sums.centers is None else (sums.centers,)
        return (single, sums.sums, *centers, *moments)

    def forgotten(self, share: float) -> "KeptPartition":
        """Let its rows count a share of what they did."""
        return replace(self, weight=share * self.weight)


@dataclass(frozen=True, slots=True, eq=False)
class KeptPartitions:
    """What is kept of all partitions.

    Parameters
    ----------
    parts : tuple of KeptPartition
        In the order of their rows.
    frame : Frame
        Of all statistics; nothing is known of how far rows reach that are yet to come.
    typical : ndarray of shape (D, D)
        Covariance of typical rows, for the prior.
    """

    parts: tuple[KeptPartition, ...]
    frame: Frame
    typical: Array

    def __post_init__(self) -> None:
        freeze(self.typical)

    @property
    def by_name(self) -> Mapping[str, KeptPartition]:
        """The partitions by their names."""
        return {each.name: each for each in self.parts}

    @property
    def sha256(self) -> str:
        """SHA-256 of all that is kept, in hexadecimal digits."""
        digest = hashlib.sha256()
        for each in self.parts:
            digest.update(f"{each.name} {each.rows} {each.identity}".encode())
        shared = (self.frame.shift, self.frame.scale, self.typical)
        for values in (*shared, *(array for each in self.parts for array in each.numbers)):
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()
