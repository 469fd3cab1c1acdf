"""What candidates ask of rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from dask_gmm.data.source import Block
from dask_gmm.fitting.held_out import NONE_HELD_OUT, HeldOut
from dask_gmm.fitting.rare import Drawn
from dask_gmm.fitting.tiles import (
    along_factors,
    built_features,
    counted,
    density_bytes,
    fillings_of,
    judged,
    log_joint,
    row_log_densities,
    standardized,
)
from dask_gmm.mixture.centers import Centers
from dask_gmm.mixture.estep import JointDensity, keep_to_labels, normalize
from dask_gmm.mixture.features import Array, Floats
from dask_gmm.mixture.filling import Filling
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.loadings import Loadings
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.statistics import Filled, Judged, SufficientStatistics
from dask_gmm.mixture.summary import DataSummary, summarize
from dask_gmm.passes.fold import Fold, Tile, tile_rows


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows a question is about: all of them, or the first of the sample by their keys.

    Parameters
    ----------
    size : int or None
        Number of rows of the sample; None for all rows. Samples are nested.
    at_once : bool
        Whether the sample is one leaf, for questions that need all of its rows together.
    drawn : Drawn, optional
        Rows that are asked besides those of the sample, all of them weighed by their chances.
    """

    size: int | None = None
    at_once: bool = False
    drawn: Drawn | None = None

    @property
    def are_all(self) -> bool:
        """Whether all rows are read."""
        return self.size is None

    @property
    def turn(self) -> tuple[float, bool]:
        """Smaller ones are asked first."""
        return np.inf if self.size is None else self.size, not self.at_once


ALL_ROWS: Final = Rows()
# What takes as many bytes as the sums of a component while they are made about its center: its
# products, a matrix of which they are the half, and where in it they are.
PRODUCTS: Final = 6


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A fold, and the rows that it is put to."""

    rows: Rows
    fold: Fold


@dataclass(frozen=True, slots=True, eq=False)
class EStep:
    """Asks for the sufficient statistics at given parameters.

    Parameters
    ----------
    density : JointDensity
    centers : Centers
        Of components whose sums are made about them.
    held_out : HeldOut
        Rows that are left out of the sums, and judge the mixture.
    """

    density: JointDensity
    centers: Centers
    held_out: HeldOut = NONE_HELD_OUT

    @classmethod
    def at(
        cls, centered: Mixture, frame: Frame, precision: str, held_out: HeldOut = NONE_HELD_OUT
    ) -> "EStep":
        """Ask at a mixture whose means are about the shift of the frame."""
        return cls.of(centered, JointDensity.of(centered, frame, precision), held_out)

    @classmethod
    def of(
        cls, centered: Mixture, density: JointDensity, held_out: HeldOut = NONE_HELD_OUT
    ) -> "EStep":
        """Ask with a density of the components of such a mixture, whatever their weights are."""
        return cls(density, Centers.of(centered, density), held_out)

    @classmethod
    def like(cls, n_components: int, covariance_type: str, n_features: int) -> "EStep":
        """Ask at any mixture of a size, to know what memory that takes."""
        one = np.ones(n_features)
        frame = Frame.of(summarize(np.array([[-1.0], [1.0]]) * one, matrix=False))
        return cls.at(Mixture.like(n_components, covariance_type, one), frame, "float64")

    def begin(self, block: Block) -> "_EStepMeter":
        """Start on one block."""
        return _EStepMeter(self)

    def tile_bytes(self, n_features: int) -> int:
        """Project features, standardized rows and responsibilities of a tile, and the sums."""
        n_components, size = len(self.density.constants), self.density.features.size
        waiting = 8 * n_components * self.density.n_sums
        about_centers = 3 * self.density.dtype.itemsize * n_features * tile_rows(n_features)
        about_centers += 8 * len(self.centers.components) * self.density.n_sums
        about_centers += 8 * PRODUCTS * size
        own = about_centers if self.centers.any else 0
        return density_bytes(self.density, n_features) + waiting + own


class _EStepMeter:
    def __init__(self, fold: EStep) -> None:
        density = fold.density
        self._density = density
        self._centers = fold.centers
        self._about_centers = np.zeros((density.n_sums, len(fold.centers.components)))
        self._sums = np.zeros((density.n_sums, len(density.constants)))
        self._log_likelihood = 0.0
        self._rows = 0.0
        self._held_out = fold.held_out
        self._judged = Judged()
        self._filled: Filled | None = None

    def add(self, tile: Tile) -> None:
        self.measured(tile)

    def measured(self, tile: Tile) -> Floats:
        """Take in a tile; give its responsibilities (K, B), until the next tile is taken in."""
        density, rows = self._density, len(tile.rows)
        fillings = fillings_of(tile, density)
        logits = log_joint(tile, density, fillings)
        keep_to_labels(logits, tile.labels)
        work = tile.workspace.array("normalizer", (2, rows), density.dtype)
        weights = self._held_out.weights(tile)
        self._log_likelihood += normalize(logits, work, weights)
        self._rows += rows if weights is None else float(weights.sum())
        if self._held_out.any:
            self._judged += judged(tile, density, work[0], self._held_out.marks(tile))
        for strip, features in built_features(tile, density):
            self._sums[strip.features] += features @ logits.T
        if tile.incomplete:
            self._add_filled(tile, logits, weights, fillings)
        if self._centers.any:
            self._add_about_centers(tile, logits, fillings)
        if density.loadings is not None:
            self._add_along(tile, density.loadings, logits)
        return logits

    def _add_filled(
        self,
        tile: Tile,
        responsibilities: Floats,
        weights: Array | None,
        fillings: Iterable[Filling],
    ) -> None:
        density, scatter, entropy = self._density, None, 0.0
        if density.shares:
            z = standardized(tile, density.frame, density.dtype).astype(np.float64)
            scatter = (z if weights is None else z * weights) @ z.T
        for each in fillings:
            lacked = each.lacked(responsibilities)
            self._sums += density.features.of_moments(lacked.second, lacked.first)
            entropy += lacked.entropy
            scatter = None if scatter is None else scatter + lacked.second.sum(axis=0)
        found = Filled(entropy, scatter)
        self._filled = found.after(self._filled)

    def _add_along(self, tile: Tile, loadings: Loadings, responsibilities: Floats) -> None:
        density, size = self._density, self._density.features.size
        z, along = standardized(tile, density.frame, density.dtype), along_factors(tile, density)
        loadings.weigh(along, responsibilities)
        self._sums[size:] += loadings.sums(z, along)
        if self._centers.any:
            work = tile.workspace.array("about centers", z.shape, z.dtype)
            sums = self._about_centers[size:]
            self._centers.add_along(loadings, z, along, work, sums)

    def _add_about_centers(
        self, tile: Tile, responsibilities: Floats, fillings: Iterable[Filling]
    ) -> None:
        density = self._density
        z = standardized(tile, density.frame, density.dtype)
        work = tile.workspace.array("about centers", z.shape, z.dtype)
        sums = self._about_centers[: density.features.size]
        self._centers.add_sums(density.features, z, responsibilities, work, sums, fillings)

    def answer(self) -> SufficientStatistics:
        density, sums = self._density, self._sums
        sums[:, self._centers.components] = self._about_centers
        centers = self._centers.of_all(density.frame, sums.shape[1])
        return SufficientStatistics(
            self._rows,
            self._log_likelihood,
            sums,
            density.frame,
            density.lacks_common and self._filled is None,
            centers,
            self._judged if self._held_out.any else None,
            self._filled,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Summarize:
    """Asks for the summary of rows."""

    def begin(self, block: Block) -> "_SummaryMeter":
        """Start on one block."""
        return _SummaryMeter()

    def tile_bytes(self, n_features: int) -> int:
        """Project two float64 copies of a tile, and an addition."""
        return 8 * n_features * (2 * tile_rows(n_features) + 8 * n_features)


class _SummaryMeter:
    def __init__(self) -> None:
        self._summary: DataSummary | None = None

    def add(self, tile: Tile) -> None:
        summary = summarize(tile.rows, tile.start, tile.weights, incomplete=tile.incomplete)
        self._summary = summary if self._summary is None else self._summary + summary

    def answer(self) -> DataSummary:
        assert self._summary is not None  # of a block with rows
        return self._summary


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """How well a mixture describes a set of rows; such answers add.

    Parameters
    ----------
    rows : float
        Number of rows, each as often as its weight says.
    log_likelihood : float
        Sum of the log densities of the rows, each times its weight, in nats.
    """

    rows: float
    log_likelihood: float

    def __add__(self, other: "Scored") -> "Scored":
        return Scored(self.rows + other.rows, self.log_likelihood + other.log_likelihood)


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """Asks for the log densities of rows that no survey has seen, in sum.

    Parameters
    ----------
    density : JointDensity
        Complete, as `dask_gmm.mixture.scoring.scoring_density` gives it.
    """

    density: JointDensity

    def begin(self, block: Block) -> "_ScoreMeter":
        """Start on one block."""
        return _ScoreMeter(self.density)

    def tile_bytes(self, n_features: int) -> int:
        """Project what the densities of a tile take."""
        return density_bytes(self.density, n_features)


class _ScoreMeter:
    def __init__(self, density: JointDensity) -> None:
        self._density = density
        self._answer = Scored(0, 0.0)

    def add(self, tile: Tile) -> None:
        values = row_log_densities(tile, self._density)
        self._answer += Scored(*counted(values, tile.weights))

    def answer(self) -> Scored:
        return self._answer
