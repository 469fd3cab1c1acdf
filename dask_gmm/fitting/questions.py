"""What candidates ask of rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from dask_gmm.data.source import Block
from dask_gmm.mixture.estep import JointDensity, normalize
from dask_gmm.mixture.features import Floats, Strip
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.passes.fold import Fold, Tile, tile_rows


class Rows(Enum):
    """Which rows a question is about."""

    ALL = "all rows"
    SAMPLE = "sample"


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
    """

    density: JointDensity

    def begin(self, block: Block) -> "_EStepMeter":
        """Start on one block."""
        return _EStepMeter(self.density)

    def tile_bytes(self, n_features: int) -> int:
        """Project features, standardized rows and responsibilities of a tile."""
        rows, itemsize = tile_rows(n_features), self.density.dtype.itemsize
        widest = max(strip.size for strip in self.density.strips(rows))
        n_components = len(self.density.constants)
        per_row = itemsize * (widest + n_features + 2 * n_components + 8) + 16 * n_features
        return rows * per_row + 3 * 8 * n_components * self.density.features.size


class _EStepMeter:
    def __init__(self, density: JointDensity) -> None:
        self._density = density
        self._sums = np.zeros((density.features.size, len(density.constants)))
        self._log_likelihood = 0.0
        self._rows = 0

    def add(self, tile: Tile) -> None:
        density, rows = self._density, len(tile.rows)
        shape = (len(density.constants), rows)
        logits = tile.workspace.array("logits", shape, density.dtype)
        work = tile.workspace.array("normalizer", (2, rows), density.dtype)
        density.log_joint(standardized(tile, density.frame, density.dtype),
                          built_features(tile, density), logits)  # fmt: skip
        self._log_likelihood += normalize(logits, work)
        self._rows += rows
        for strip, features in built_features(tile, density):
            self._sums[strip.features] += features @ logits.T

    def answer(self) -> SufficientStatistics:
        density = self._density
        return SufficientStatistics(
            self._rows, self._log_likelihood, self._sums, density.frame, density.lacks_common
        )


def standardized(tile: Tile, frame: Frame, dtype: np.dtype[np.floating]) -> Floats:
    """Give the tile in the frame, feature-major (D, B), once for all who ask."""

    def build() -> Floats:
        shape = tile.rows.shape[::-1]
        out = tile.workspace.array(("standardized", id(frame)), shape, dtype)
        if dtype == np.float64:
            return frame.standardize(tile.rows, out, out)
        work = tile.workspace.array("centered", shape, np.float64)
        return frame.standardize(tile.rows, out, work)

    return tile.once(("standardized", id(frame), dtype), build)


def built_features(tile: Tile, density: JointDensity) -> Iterator[tuple[Strip, Floats]]:
    """Give the features of a tile strip by strip; a single strip is built once for all."""
    strips = density.strips(len(tile.rows))
    key = ("features", id(density.frame), density.features, density.dtype)
    if len(strips) == 1:
        yield strips[0], tile.once(key, lambda: _build(tile, density, strips[0]))
    else:
        for strip in strips:
            yield strip, _build(tile, density, strip)


def _build(tile: Tile, density: JointDensity, strip: Strip) -> Floats:
    z = standardized(tile, density.frame, density.dtype)
    shape = (strip.size, len(tile.rows))
    out = tile.workspace.array(("features", density.features), shape, density.dtype)
    return density.features.build(z, strip, out)
