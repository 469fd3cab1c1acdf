"""Rows in partitions, runs that keep statistics of them, and what is read of them next."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dask_gmm import load_model
from dask_gmm.data.source import Source
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.cost import Reading
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.progress import Progress, Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.records.run_folder import MODEL
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_result import FitResult
from dask_gmm.workflows.partitions import first_row
from tests.workflows.predicting import ours
from tests.workflows.resuming import clusters

Values = npt.NDArray[np.float64]
SIZE, CHUNK_ROWS = 3000, 500
ROWS = clusters(5 * SIZE)
FAMILIES = ("full", "tied", "diag", "spherical")


def days(*names: str, size: int = SIZE) -> dict[str, slice]:
    """Give partitions of so many rows each, one behind the other."""
    return {name: slice(i * size, (i + 1) * size) for i, name in enumerate(names)}


TWO, THREE = days("mon", "tue"), days("mon", "tue", "wed")


def stored(path: Path, *numbers: int) -> Path:
    """Write the rows of some days, with digests; of the number -i, those of i but the others."""
    parts = [day(abs(number)) + 0.1 * (number < 0) for number in numbers]
    return ours(path, np.concatenate(parts), CHUNK_ROWS)


def day(number: int) -> Values:
    """Give the rows of a day, from 1."""
    return ROWS[(number - 1) * SIZE : number * SIZE]


class Counting(ThreadRunner):
    """Keeps which rows of the array each pass has read."""

    def __init__(self, threads: int = 2) -> None:
        super().__init__(threads)
        self.read: list[tuple[int, int]] = []

    def run(self, source: Source, folds: Sequence[Fold], progress: Progress) -> Reading:
        first = first_row(source)
        self.read.append((first, first + source.layout.rows))
        return super().run(source, folds, progress)


def fitted(
    data: object,
    out: Path,
    partitions: dict[str, slice],
    runner: Runner | None = None,
    **asked: Any,
) -> FitResult:
    """Fit three components, and keep statistics of partitions."""
    request = FitRequest(data, 3, out, partitions=partitions, **asked)
    return fit(request, runner or ThreadRunner(2), Silent())


def stepped(
    data: object,
    out: Path,
    start: Path,
    partitions: dict[str, slice],
    runner: Runner | None = None,
    **asked: Any,
) -> FitResult:
    """Take an incremental step from a run."""
    asked = {"warm_start": start, "incremental": True, "partitions": partitions, **asked}
    return fit(FitRequest(data, None, out, **asked), runner or ThreadRunner(2), Silent())


def model_of(run: Path) -> FittedMixture:
    """Read the model of a run folder."""
    return load_model(run / MODEL)


def responsibilities(mixture: Mixture, rows: Values) -> Values:
    """Give responsibilities (n, K), as numpy computes them."""
    inverses = np.linalg.inv(mixture.full_covariances())
    apart = rows[:, None, :] - mixture.means
    squares = np.einsum("nki,kij,nkj->nk", apart, inverses, apart)
    logs = np.log(mixture.weights) + 0.5 * np.linalg.slogdet(inverses)[1] - 0.5 * squares
    densities = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(densities / densities.sum(axis=1, keepdims=True))


def m_step_of(rows: Values, weights: Values, family: str) -> tuple[Values, Values, Values]:
    """Give weights, means and covariances for responsibilities (n, K) of rows, by numpy."""
    mass = weights.sum(axis=0)
    means = weights.T @ rows / mass[:, None]
    apart = rows[:, None, :] - means
    full = np.einsum("nk,nki,nkj->kij", weights, apart, apart) / mass[:, None, None]
    covariances = {
        "full": full,
        "tied": np.tensordot(mass, full, axes=1) / mass.sum(),
        "diag": np.einsum("kdd->kd", full),
        "spherical": np.einsum("kdd->k", full) / rows.shape[1],
    }
    return mass / mass.sum(), means, covariances[family]


def two_days(path: Path, family: str) -> Path:
    """Write rows of two, three and other days, and runs of the first two with both solvers."""
    for name, numbers in {"12": (1, 2), "123": (1, 2, 3), "1-2": (1, -2), "312": (3, 1, 2)}.items():
        stored(path / name, *numbers)
    for solver in ("em", "fast"):
        asked: dict[str, Any] = {"covariance": family, "solver": solver}
        fitted(str(path / "12"), path / solver, TWO, **asked)
    return path
