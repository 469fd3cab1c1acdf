"""Expectation maximization on rows in memory, from nothing but `dask_gmm.mixture`.

The shortest loop that shows how the numbers go together: no engine, no candidates, no stopping.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Final

import numpy as np

from dask_gmm.mixture.estep import JointDensity, normalize
from dask_gmm.mixture.features import Array, Floats
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import log_likelihood, m_step
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary, summarize

TILE_ROWS: Final = 512


@dataclass(frozen=True, slots=True, eq=False)
class Climb:
    """The parameters after some iterations, and what was seen on the way.

    Parameters
    ----------
    mixture : Mixture
        The last parameters, at which the last log-likelihood was measured.
    log_likelihoods : tuple of float
        Mean per row, in nats, at the start and after each iteration.
    repairs : tuple of (tuple of str)
        What each M-step had to repair.
    """

    mixture: Mixture
    log_likelihoods: tuple[float, ...]
    repairs: tuple[tuple[str, ...], ...]


def tiled(rows: Floats) -> Sequence[Floats]:
    """Rows (N, D) cut into tiles, the last of which is shorter."""
    return [rows[at : at + TILE_ROWS] for at in range(0, len(rows), TILE_ROWS)]


def summarize_all(rows: Floats) -> DataSummary:
    """Summarize rows (N, D) tile by tile."""
    return reduce(add, (summarize(tile) for tile in tiled(rows)))


def standardized(rows: Floats, frame: Frame, precision: str) -> Floats:
    """Rows (B, D) in the frame, feature-major (D, B)."""
    shape = (rows.shape[1], rows.shape[0])
    return frame.standardize(rows, np.empty(shape, precision), np.empty(shape))


def log_joint(density: JointDensity, z: Floats, along: Floats | None = None) -> Floats:
    """The log joint densities (K, B) of rows in the frame (D, B); what is along factors, too."""
    n_rows = z.shape[1]
    along = np.empty((density.n_along, n_rows), density.dtype) if along is None else along
    strips = density.strips(n_rows)
    built = (
        (strip, density.features.build(z, strip, np.empty((strip.size, n_rows), z.dtype)))
        for strip in strips
    )
    out = np.empty((len(density.constants), n_rows), density.dtype)
    density.log_joint(z, built, out, along)
    return out


def _tile_statistics(density: JointDensity, rows: Floats) -> SufficientStatistics:
    z = standardized(rows, density.frame, str(density.dtype))
    along = np.empty((density.n_along, len(rows)), density.dtype)
    logits = log_joint(density, z, along)
    total = normalize(logits, np.empty((2, len(rows)), logits.dtype))
    sums: Array = (density.features.all_of(z) @ logits.T).astype(np.float64)
    if density.loadings is not None:
        density.loadings.weigh(along, logits)
        sums = np.concatenate([sums, density.loadings.sums(z, along)])
    return SufficientStatistics(len(rows), total, sums, density.frame, density.lacks_common)


def e_step(
    rows: Floats, centered: Mixture, frame: Frame, precision: str = "float64"
) -> SufficientStatistics:
    """Sums over rows (N, D) at a mixture whose means are about ``frame.shift``."""
    density = JointDensity.of(centered, frame, precision)
    return reduce(add, (_tile_statistics(density, tile) for tile in tiled(rows)))


def climb(
    rows: Floats,
    start: Mixture,
    iterations: int,
    reg_covar: float = 1e-6,
    precision: str = "float64",
) -> Climb:
    """Do so many iterations from a start in the data's own coordinates."""
    summary = summarize_all(rows)
    frame = Frame.of(summary)
    mixture, history, repairs = start.moved(-frame.shift), [], []
    statistics = e_step(rows, mixture, frame, precision)
    history.append(log_likelihood(statistics, mixture, summary))
    for _ in range(iterations):
        step = m_step(statistics, mixture, summary, reg_covar, precision)
        mixture = step.mixture
        repairs.append(step.repairs)
        statistics = e_step(rows, mixture, frame, precision)
        history.append(log_likelihood(statistics, mixture, summary))
    return Climb(mixture.moved(frame.shift), tuple(history), tuple(repairs))
