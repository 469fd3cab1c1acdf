"""Readings of a fit that begins with yesterday's model, beside those of one that does not.

    python -m benchmarks.refresh [--rows 300000] [--seeds 3]

Yesterday's model is a fit to rows of a random mixture of full covariances, 8 components in 8
columns, of 1, 10 or 35% overlap. Today's rows are the same, or other rows of the mixture whose
components have moved: each mean by a normal step in each column, of a share of the mean deviation.
The gap is how far the warm fit ends above the cold one, in statistical errors.
"""

import argparse
import statistics
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dask_gmm import generate_gmm_data
from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.truth import random_mixture
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.fit_rows import FitOutcome, fit_rows

COMPONENTS: Final = 8
FEATURES: Final = 8
OVERLAPS: Final = (0.01, 0.1, 0.35)
SHIFTS: Final = (0.0, 0.03, 0.1, 0.3, 1.0)
COLD: Final = Spec(COMPONENTS, solver="fast", init=MERGE, tol=None)

Array = npt.NDArray[np.float64]


def drawn(mixture: Mixture, rows: int, seed: int) -> Array:
    """Draw rows of a mixture."""
    parameters = (mixture.weights, mixture.means, mixture.covariances)
    return np.asarray(generate_gmm_data(rows, *parameters, seed=seed))


def moved(mixture: Mixture, shift: float, seed: int) -> Mixture:
    """Move each component by a share of the mean deviation."""
    deviation = np.sqrt(np.einsum("kdd->kd", mixture.covariances)).mean()
    steps = np.random.default_rng(seed).standard_normal(mixture.means.shape)
    means = mixture.means + shift * deviation * steps
    return Mixture.of(mixture.weights, means, mixture.covariances)


def fitted(rows: Array, start: Mixture | None = None) -> FitOutcome:
    """Fit, from a model if there is one."""
    spec = COLD if start is None else replace(COLD, init="kmeans", start=start)
    return fit_rows(ArraySource.of(rows), spec, 1, ThreadRunner(), Silent())


def compared(overlap: float, shift: float, rows: int, seed: int) -> tuple[int, int, float]:
    """Give the readings of the warm fit and of the cold one, and the gap."""
    generator, shape = np.random.default_rng(seed), {"imbalance": 3, "condition": 10}
    truth = random_mixture(COMPONENTS, FEATURES, overlap=overlap, generator=generator, **shape)
    yesterday = drawn(truth, rows, seed)
    today = drawn(moved(truth, shift, seed), rows, seed + 1) if shift else yesterday
    before = fitted(yesterday)
    cold = fitted(today) if shift else before
    warm = fitted(today, before.model.mixture)
    gap = warm.model.log_likelihood - cold.model.log_likelihood
    return len(warm.passes), len(cold.passes), gap / cold.model.statistical_error


def main() -> None:
    """Print a line for each case: medians of the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    print(f"{given.rows:,} x {FEATURES} rows, {COMPONENTS} components; medians of {given.seeds}")
    print("overlap  moved by  readings warm  cold  gap")
    for overlap in OVERLAPS:
        for shift in SHIFTS:
            runs = [compared(overlap, shift, given.rows, seed) for seed in range(given.seeds)]
            warm, cold, gap = (statistics.median(each) for each in zip(*runs, strict=True))
            print(f"{overlap:7.2f} {shift:9.2f} {warm:14g} {cold:5g} {gap:+5.2f}")


if __name__ == "__main__":
    main()
