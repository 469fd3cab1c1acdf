"""Seconds per EM iteration, rows in memory, two threads: this package, scikit-learn, oneDAL.

    python benchmarks/speed.py [--onedal PYTHON]

``PYTHON`` is the interpreter of an environment of its own with daal4py==2024.7.0,
scikit-learn<1.5, numpy<2 and packaging. Each program runs twice from the same start, with few and
with more iterations; the difference is the iterations'. This package, scikit-learn and the floor
take turns, so that a drift of the machine hits them alike; oneDAL runs right after. The floor is
what two threads need for the two matrix products and the exponentials alone.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from sklearn.mixture import GaussianMixture

from dask_gmm import Mixture
from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.features import Quadratic
from dask_gmm.passes.fold import tile_rows
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.workflows.fit_rows import fit_rows

Array = npt.NDArray[np.float64]
SIZES = ((500_000, 16, 16), (200_000, 32, 32), (1_000_000, 2, 3))
THREADS = 2
TURNS = 3

ONEDAL = """
import json, sys, time
import numpy as np, daal4py
n, d, k, turns, threads = map(int, sys.argv[1:])
daal4py.daalinit(threads)
x = np.random.default_rng(0).standard_normal((n, d))
def run(iterations):
    start = time.perf_counter()
    daal4py.em_gmm(nComponents=k, maxIterations=iterations, accuracyThreshold=0.0).compute(
        x, np.full((1, k), 1 / k), x[:k].copy(), [np.eye(d) for _ in range(k)])
    return time.perf_counter() - start
run(1)
print(json.dumps([(-run(2) + run(12)) / 10 for _ in range(turns)]))
"""


def start_of(x: Array, n_components: int) -> Mixture:
    """The common start: equal weights, the first rows as means, unit covariances."""
    n_features = x.shape[1]
    weights = np.full(n_components, 1 / n_components)
    return Mixture.of(weights, x[:n_components], np.stack([np.eye(n_features)] * n_components))


def ours(x: Array, n_components: int) -> Callable[[int], None]:
    """A run of this package for some iterations."""
    source, runner, start = ArraySource.of(x), ThreadRunner(THREADS), start_of(x, n_components)

    def run(iterations: int) -> None:
        spec = Spec(n_components, tol=0, max_iter=iterations, start=start)
        fit_rows(source, spec, 1, runner, Silent())

    return run


def theirs(x: Array, n_components: int) -> Callable[[int], None]:
    """A run of scikit-learn for some iterations."""
    start = start_of(x, n_components)

    def run(iterations: int) -> None:
        GaussianMixture(
            n_components,
            tol=0,
            max_iter=iterations,
            weights_init=start.weights,
            means_init=start.means,
            precisions_init=start.covariances,
        ).fit(x)

    return run


def floor(x: Array, n_components: int) -> Callable[[int], None]:
    """Products and exponentials alone, on as many rows, tile by tile."""
    rows, n_features = tile_rows(x.shape[1]), x.shape[1]
    size = Quadratic(n_features).size
    generator = np.random.default_rng(0)

    def work(tiles: int) -> None:
        form, features = generator.random((n_components, size)), np.ones((size, rows))
        logits, sums = np.empty((n_components, rows)), np.empty((size, n_components))
        for _ in range(tiles):
            np.matmul(form, features, out=logits)
            np.exp(logits, out=logits)
            np.matmul(features, logits.T, out=sums)

    def run(iterations: int) -> None:
        tiles = round(iterations * len(x) / rows / THREADS)
        with ONE_THREAD, ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, [tiles] * THREADS))

    return run


def seconds_per_iteration(run: Callable[[int], None], few: int, more: int) -> float:
    """The difference of two runs over the difference of their iterations."""
    times = []
    for iterations in (few, more):
        started = time.perf_counter()
        run(iterations)
        times.append(time.perf_counter() - started)
    return (times[1] - times[0]) / (more - few)


def onedal(python: str, size: tuple[int, int, int]) -> list[float]:
    """Times of oneDAL, measured in its own environment."""
    arguments = [str(value) for value in (*size, TURNS, THREADS)]
    command = [python, "-c", ONEDAL, *arguments]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    times: list[float] = json.loads(printed)
    return times


def main() -> None:
    """Measure all sizes and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--onedal", metavar="PYTHON")
    python = parser.parse_args().onedal
    warnings.simplefilter("ignore")
    print("N, D, K             ours s  sklearn s  ratio  oneDAL s  ratio  floor s  share of floor")
    for size in SIZES:
        x = np.random.default_rng(0).standard_normal(size[:2])
        runs = [make(x, size[2]) for make in (ours, theirs, floor)]
        limits = ((2, 12), (1, 3), (2, 12))
        runs[0](1)
        turns = [
            [seconds_per_iteration(run, *limit) for run, limit in zip(runs, limits, strict=True)]
            for _ in range(TURNS)
        ]
        mine, sklearn, least = (statistics.median(times) for times in zip(*turns, strict=True))
        ratio = statistics.median(turn[1] / turn[0] for turn in turns)
        other = statistics.median(onedal(python, size)) if python else float("nan")
        print(
            f"{str(size)[1:-1]:18s} {mine:7.4f}  {sklearn:9.3f}  {ratio:5.1f}  {other:8.4f}  "
            f"{other / mine:5.2f}  {least:7.4f}  {least / mine:6.2f}"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
