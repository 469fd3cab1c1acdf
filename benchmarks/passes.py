"""Readings of all rows until a fit ends, and how far it ends from the best known optimum.

    python -m benchmarks.passes [--rows 1000000] [--seeds 5] [--features 2 8 16] [--components 4 16]

Rows are drawn from random mixtures of full covariances whose Bayes error of assignment is 1, 10 or
35%, or are those of 10% warped so that no component is normal. ``fast`` is the solver of that name:
its readings are those of all rows, the survey included. ``usual`` is what scikit-learn's defaults
do to all rows: k-means++ with a reading per cluster, Lloyd's iterations, and EM until an iteration
gains less than 1e-3. The gap is to the best optimum at which any of the runs, a run from the true
mixture, or (heavy, misspecified) another run of ``fast`` ends, continued until a thousandth of a
statistical error is left: half the number of free parameters over the number of rows, the unit in
which gaps are.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from dask_gmm import generate_gmm_data
from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.fitting.stopping import statistical_error
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.truth import random_mixture
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.fit_rows import fit_rows

SMALL: Final = 0.1
# What is left to gain where a run is continued, in statistical errors.
CONTINUED: Final = 1e-3

Array = npt.NDArray[np.float64]

OVERLAPS: Final = {"well": 0.01, "moderate": 0.1, "heavy": 0.35, "misspecified": 0.1}


class Run(NamedTuple):
    """A fit: readings of all rows, seconds, and what it ended with."""

    readings: int
    seconds: float
    model: FittedMixture


def rows_of(
    kind: str, features: int, components: int, seed: int, rows: int
) -> tuple[Array, Mixture]:
    """Draw rows, and give the mixture they are drawn from."""
    truth = random_mixture(
        components,
        features,
        overlap=OVERLAPS[kind],
        imbalance=3,
        condition=10,
        generator=np.random.default_rng(seed),
    )
    x = generate_gmm_data(rows, truth.weights, truth.means, truth.full_covariances(), seed=seed)
    drawn = np.asarray(x, dtype=np.float64)
    return (np.sinh(0.7 * drawn) + 0.3 * drawn**2 if kind == "misspecified" else drawn), truth


def fit(x: Array, spec: Spec) -> Run:
    """Fit, and count the readings."""
    started = time.perf_counter()
    outcome = fit_rows(ArraySource.of(x), spec, 1, ThreadRunner(), Silent())
    return Run(len(outcome.passes), time.perf_counter() - started, outcome.model)


def fast(x: Array, components: int, seed: int) -> Run:
    """Fit with the fast solver."""
    return fit(x, Spec(components, solver="fast", init=MERGE, tol=None, max_iter=200, seed=seed))


def usual(x: Array, components: int, seed: int) -> Run:
    """Fit as scikit-learn does, and count the readings of its k-means too."""
    started = time.perf_counter()
    means = KMeans(components, n_init=1, random_state=seed).fit(x)
    labels, lloyd = means.labels_, means.n_iter_
    groups = [x[labels == k] for k in range(components)]
    start = Mixture.of(
        [len(each) / len(x) for each in groups],
        np.stack([each.mean(axis=0) for each in groups]),
        np.stack([np.cov(each.T, bias=True) + 1e-6 * np.eye(x.shape[1]) for each in groups]),
    )
    seconds = time.perf_counter() - started
    run = fit(x, Spec(components, start=start, tol=1e-3, max_iter=100))
    return Run(components + lloyd + run.readings - 1, seconds + run.seconds, run.model)


def continued(x: Array, start: Mixture) -> float:
    """The log-likelihood per row of the optimum that lies above a mixture."""
    tol = CONTINUED * statistical_error(start.n_parameters, len(x))
    spec = Spec(start.n_components, solver="fast", tol=tol, max_iter=200, start=start)
    return fit(x, spec).model.log_likelihood


class Found(NamedTuple):
    """Both runs on one data set, the second perhaps not made, and their gaps."""

    ours: Run
    theirs: Run | None
    gaps: tuple[float, ...]


def compare(
    kind: str, features: int, components: int, seed: int, rows: int, *, both: bool
) -> Found:
    """Make the runs, and give the gaps in statistical errors."""
    x, truth = rows_of(kind, features, components, seed, rows)
    runs = [fast(x, components, seed), *([usual(x, components, seed)] if both else [])]
    starts = [run.model.mixture for run in runs]
    if kind in ("heavy", "misspecified"):
        starts.append(fast(x, components, seed + 1000).model.mixture)
    if kind != "misspecified":
        starts.append(truth)
    best = max(continued(x, start) for start in starts)
    error = runs[0].model.statistical_error
    gaps = tuple((best - run.model.log_likelihood) / error for run in runs)
    return Found(runs[0], runs[1] if both else None, gaps)


def cases(features: Sequence[int], components: Sequence[int]) -> Iterator[tuple[str, int, int]]:
    """Every kind of rows of every size."""
    for kind in OVERLAPS:
        for d in features:
            for k in components:
                yield kind, d, k


def main() -> None:
    """Print a line for each case: medians over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--features", type=int, nargs="+", default=[2, 8, 16])
    parser.add_argument("--components", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--kinds", nargs="+", default=list(OVERLAPS), choices=OVERLAPS)
    parser.add_argument("--usual", type=int, default=5, help="seeds for which both runs are made")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        "                        fast: readings      s    gap  under 0.1   usual: readings    gap"
    )
    for kind, d, k in cases(arguments.features, arguments.components):
        if kind in arguments.kinds:
            found = [
                compare(kind, d, k, seed, arguments.rows, both=seed < arguments.usual)
                for seed in range(arguments.seeds)
            ]
            print(f"{kind:13s} D={d:<3d} K={k:<3d} {line(found)}", flush=True)


def line(found: Sequence[Found]) -> str:
    """Medians over the seeds, how many gaps are small, and how often the usual way was better."""
    middle = statistics.median
    readings, gaps = [each.ours.readings for each in found], [each.gaps[0] for each in found]
    seconds = middle(each.ours.seconds for each in found)
    small = sum(gap < SMALL for gap in gaps)
    left = (
        f"{middle(readings):8g} ({min(readings)}-{max(readings)}) {seconds:6.1f} "
        f"{middle(gaps):6.2f} {small:5d} of {len(found)}"
    )
    both = [(each.theirs, each.gaps) for each in found if each.theirs is not None]
    if not both:
        return left
    usual_readings = middle(run.readings for run, _ in both)
    worse = sum(gaps[0] > gaps[1] for _, gaps in both)
    return (
        f"{left} {usual_readings:14g} {middle(gaps[1] for _, gaps in both):8.1f} "
        f"(better in {worse} of {len(both)})"
    )


if __name__ == "__main__":
    main()
