"""What folds derive from a tile: rows in a frame, their features, and log joint densities."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array, Floats, Strip
from dask_gmm.mixture.filling import Filling
from dask_gmm.mixture.fillings import Fillings
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.gaps import Gaps
from dask_gmm.mixture.posterior import exponentiate, log_densities
from dask_gmm.mixture.statistics import Judged
from dask_gmm.passes.fold import BadRowError, Tile, tile_rows


def log_joint(
    tile: Tile, density: JointDensity, fillings: Iterable[Filling] | None = None
) -> Floats:
    """Give the log joint densities (K, B) of a tile, in memory that the next fold uses again.

    Of an incomplete tile they lack nothing, in any family, and are those of what is there. The
    ``fillings`` are those of `fillings_of`, where they are wanted again.
    """
    shape = (len(density.constants), len(tile.rows))
    logits = tile.workspace.array("logits", shape, density.dtype)
    z = standardized(tile, density.frame, density.dtype)
    density.log_joint(z, built_features(tile, density), logits, along_factors(tile, density))
    for each in fillings_of(tile, density) if fillings is None else fillings:
        each.correct(logits)
    if tile.incomplete and density.lacks_common:
        _take_common(tile, density, z, logits)
    return logits


def gaps_of(tile: Tile) -> Gaps | None:
    """Give the gaps of a tile, once for all who ask; None where nothing is missing."""
    if not tile.incomplete:
        return None
    return tile.once("gaps", lambda: Gaps.of(np.isnan(tile.rows)))


def fillings_of(tile: Tile, density: JointDensity) -> Iterable[Filling]:
    """Give what a mixture expects in the gaps of a tile."""
    gaps = gaps_of(tile)
    if gaps is None:
        return ()
    return Fillings(gaps, density, standardized(tile, density.frame, density.dtype))


def completed_rows(tile: Tile, density: JointDensity) -> Floats:
    """Give the rows (B, D) of a tile with what a mixture expects in the place of what is missing.

    Raises
    ------
    BadRowError
        See `refuse_unanswerable`.
    """
    fillings = fillings_of(tile, density)
    relative, total, _ = relative_densities(tile, density, fillings)
    return filled_in(tile, density.frame, fillings, np.divide(relative, total, out=relative))


def filled_in(
    tile: Tile, frame: Frame, fillings: Iterable[Filling], probabilities: Floats
) -> Floats:
    """Give the rows (B, D) of a tile with what is expected in their gaps, given (K, B)."""
    rows = np.array(tile.rows)
    for each in fillings:
        columns, at = each.gaps.columns, each.gaps.rows[each.gaps.owners]
        mean = each.mean(probabilities)
        rows[at, columns] = frame.shift[columns] + mean / frame.scale[columns]
    return rows


def _common(z: Floats, density: JointDensity) -> Floats:
    """What log densities of rows (D, B) lack that is common to all components, (B,)."""
    return np.asarray(0.5 * np.square(density.factors[0].T @ z).sum(axis=0))


def _take_common(tile: Tile, density: JointDensity, z: Floats, logits: Floats) -> None:
    """Take that from the logits of the complete rows of a tile; fillings do so for the others."""
    gaps = gaps_of(tile)
    if gaps is None:
        logits -= _common(z, density)
    else:
        marks = np.ones(len(tile.rows), bool)
        marks[gaps.rows] = False
        complete = np.flatnonzero(marks)
        common = _common(np.take(z, complete, axis=1), density)
        for line in logits:
            line[complete] -= common


def along_factors(tile: Tile, density: JointDensity) -> Floats:
    """Give the memory of what is along the factors of a tile, which `log_joint` has written."""
    shape = (density.n_along, len(tile.rows))
    return tile.workspace.array("along", shape, density.dtype)


def row_log_densities(tile: Tile, density: JointDensity) -> Floats:
    """Give the log density (B,) of each row of a tile, in memory that the next fold uses again.

    Raises
    ------
    BadRowError
        See `refuse_unanswerable`.
    """
    return relative_densities(tile, density)[2]


def relative_densities(
    tile: Tile, density: JointDensity, fillings: Iterable[Filling] | None = None
) -> tuple[Floats, Floats, Floats]:
    """Give what is known of each row of a tile, in memory that the next fold uses again.

    Returns
    -------
    relative : ndarray of shape (K, B)
        Its joint density with each component, relative to the largest.
    total : ndarray of shape (B,)
        Their sum: probabilities are the densities divided by it.
    log_densities : ndarray of shape (B,)

    Raises
    ------
    BadRowError
        See `refuse_unanswerable`.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of rows that are refused then
        logits = log_joint(tile, density, fillings)
    peak, total, values = tile.workspace.array("score", (3, len(tile.rows)), logits.dtype)
    np.max(logits, axis=0, out=peak)
    refuse_unanswerable(tile, peak)
    exponentiate(logits, peak, total)
    return logits, total, log_densities(peak, total, values)


def counted(values: Floats, weights: Array | None) -> tuple[float, float]:
    """Give the number of rows, each as often as its weight says, and the sum of values (B,) so."""
    if weights is None:
        return len(values), float(values.sum(dtype=np.float64))
    return float(weights.sum()), float(weights @ values)


def judged(
    tile: Tile, density: JointDensity, log_densities: Floats, marks: npt.NDArray[np.bool_]
) -> Judged:
    """Say what the marked rows (B,) of a tile, of which the log densities are given, amount to."""
    found = log_densities[marks].astype(np.float64)
    if density.lacks_common and not tile.incomplete:
        found -= _common(standardized(tile, density.frame, density.dtype)[:, marks], density)
    if tile.weights is None:
        return Judged(len(found), float(found.sum()), float(found @ found))
    weights = tile.weights[marks]
    return Judged(float(weights.sum()), float(weights @ found), float(weights @ found**2))


def density_bytes(density: JointDensity, n_features: int) -> int:
    """Project features, standardized rows and log joint densities of a tile."""
    rows, itemsize = tile_rows(n_features), density.dtype.itemsize
    widest = max(strip.size for strip in density.strips(rows))
    n_components, along = len(density.constants), density.n_along
    per_row = itemsize * (widest + n_features + 2 * (n_components + along) + 8) + 16 * n_features
    own = rows * 3 * itemsize * n_features if along else 0  # while a component is looked at alone
    return rows * per_row + own + 3 * 8 * n_components * density.n_sums


def refuse_unanswerable(tile: Tile, peak: Floats) -> None:
    """Refuse a tile with a row whose largest log joint density (B,) is not a finite number.

    Raises
    ------
    BadRowError
        With the row, and the column that is not finite or lies farthest off.
    """
    fine = np.isfinite(peak)
    if not fine.all():
        row = int(np.argmin(fine))
        values = tile.rows[row]
        finite = ~np.isinf(values) if tile.incomplete else np.isfinite(values)
        values = np.where(finite, np.nan_to_num(values), values)
        column = int(np.argmax(np.abs(values)) if finite.all() else np.argmin(finite))
        raise BadRowError(int(tile.numbers[row]), column, float(values[column]))


def standardized(tile: Tile, frame: Frame, dtype: np.dtype[np.floating]) -> Floats:
    """Give the tile in the frame, feature-major (D, B), once for all who ask; 0 in its gaps."""
    place = _place(tile, frame)

    def build() -> Floats:
        shape = tile.rows.shape[::-1]
        out = tile.workspace.array(("standardized", place), shape, dtype)
        work = out
        if dtype != np.float64:
            work = tile.workspace.array("centered", shape, np.float64)
        frame.standardize(tile.rows, out, work)
        gaps = gaps_of(tile)
        if gaps is not None:
            out[gaps.columns, gaps.rows[gaps.owners]] = 0.0
        return out

    return tile.once(("standardized", place, dtype), build)


def _place(tile: Tile, frame: Frame) -> int:
    """Number the frames that a tile is asked in; memory that outlives it knows no other name."""
    places: dict[int, int] = tile.once("frames", dict)
    return places.setdefault(id(frame), len(places))


def built_features(tile: Tile, density: JointDensity) -> Iterator[tuple[Strip, Floats]]:
    """Give the features of a tile strip by strip; a single strip is built once for all."""
    strips = density.strips(len(tile.rows))
    key = ("features", _place(tile, density.frame), density.features, density.dtype)
    if len(strips) == 1:
        yield strips[0], tile.once(key, lambda: _build(tile, density, strips[0]))
    else:
        for strip in strips:
            yield strip, _build(tile, density, strip)


def _build(tile: Tile, density: JointDensity, strip: Strip) -> Floats:
    z = standardized(tile, density.frame, density.dtype)
    shape = (strip.size, len(tile.rows))
    name = ("features", _place(tile, density.frame), density.features)
    out = tile.workspace.array(name, shape, density.dtype)
    return density.features.build(z, strip, out)
