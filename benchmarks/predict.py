"""Seconds and peak memory of predicting stored rows, beside scikit-learn with them in memory.

    python -m benchmarks.predict [--folder DIR] [--rows 4000000] [--times 4] [--keep]

Rows of 16 float64 columns lie in a zarr group with CRC-32Cs and digests; the mixture has 16 full
components. This package writes labels, probabilities or log densities to another group, with two
threads, from opening the rows to the group being on the disk. scikit-learn does the same in
memory, from rows that are there to an array, with as many BLAS threads. Both take turns, so that
a drift of the machine hits them alike. Then labels of so many times the rows are written: seconds
and the peak of the proportional set size (PSS), each in a process of its own.
"""

import argparse
import shutil
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from benchmarks.memory import watch
from dask_gmm import generate_gmm_data
from dask_gmm.data.open import open_source
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.outputs.wanted import Wanted
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.describe import density_of
from dask_gmm.workflows.describe_store import describe_store

Array = npt.NDArray[np.float64]
FEATURES = COMPONENTS = 16
CHUNK_ROWS = 250_000  # 32 MB, as `generate` makes them
THREADS = 2
TURNS = 3

CHILD = """
import sys
from pathlib import Path
from benchmarks.predict import Wanted, density, predict
predict(Path(sys.argv[1]), Path(sys.argv[2]), density(), Wanted(labels=True))
"""
NOTHING = "from benchmarks.predict import density; density()"


def parameters() -> tuple[Array, Array, Array]:
    """Weights, means and factors of precisions of the mixture that all use."""
    generator = np.random.default_rng(0)
    means = 1.5 * generator.standard_normal((COMPONENTS, FEATURES))
    square = 0.2 * generator.standard_normal((COMPONENTS, FEATURES, FEATURES))
    factors = np.triu(square, 1) + np.eye(FEATURES)
    return np.full(COMPONENTS, 1 / COMPONENTS), means, factors


def density() -> JointDensity:
    """The mixture, in this package."""
    return density_of(*parameters(), "full")


def model() -> Any:
    """The mixture, in scikit-learn."""
    made = GaussianMixture(COMPONENTS)
    made.weights_, made.means_, made.precisions_cholesky_ = parameters()
    made.covariances_, made.converged_ = np.empty_like(made.precisions_cholesky_), True
    return made


def generate(path: Path, rows: int) -> None:
    """Write rows of the mixture."""
    weights, means, factors = parameters()
    covariances = np.linalg.inv(factors @ factors.transpose(0, 2, 1))
    covariances = (covariances + covariances.transpose(0, 2, 1)) / 2
    generate_gmm_data(rows, weights, means, covariances, seed=1, store=path, chunk_rows=CHUNK_ROWS)


def predict(data: Path, out: Path, prepared: JointDensity, wanted: Wanted) -> None:
    """Describe stored rows in another store, anew."""
    shutil.rmtree(out, ignore_errors=True)
    describe_store(open_source(data), prepared, wanted, out, ThreadRunner(THREADS))


def seconds(run: Callable[..., object], *arguments: object) -> float:
    """Time one call."""
    started = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - started


def compare(data: Path, out: Path) -> None:
    """Print a line for each kind of answer."""
    x, theirs, prepared = np.asarray(open_rows(data)), model(), density()
    asked: tuple[tuple[str, Wanted, Callable[[Array], object]], ...] = (
        ("labels", Wanted(labels=True), theirs.predict),
        ("probabilities", Wanted(probabilities=True), theirs.predict_proba),
        ("log density", Wanted(log_density=True), theirs.score_samples),
    )
    print("                 ours s  sklearn s  ratio")
    for name, wanted, method in asked:
        turns = []
        for _ in range(TURNS + 1):
            mine = seconds(predict, data, out, prepared, wanted)
            with threadpool_limits(THREADS):
                turns.append((mine, seconds(method, x)))
        mine, other = (statistics.median(column) for column in zip(*turns[1:], strict=True))
        ratio = statistics.median(other / mine for mine, other in turns[1:])
        print(f"{name:15s}  {mine:6.3f}  {other:9.3f}  {ratio:5.1f}", flush=True)


def open_rows(data: Path) -> Array:
    """All rows of a store."""
    source = open_source(data)
    reader = source.open()
    return np.concatenate([reader.read(i).rows.copy() for i in range(len(source.layout))])


def main() -> None:
    """Compare, then measure memory for few and many rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/predict"))
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--times", type=int, default=4)
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    out = arguments.folder / "out"
    for rows in (arguments.rows, arguments.times * arguments.rows):
        data = arguments.folder / f"{rows}.zarr"
        if not data.exists():
            generate(data, rows)
        if rows == arguments.rows:
            compare(data, out)
            print(f"a process that only imports: peak {watch_code(NOTHING) / 1e6:,.0f} MB")
        taken = seconds(predict, data, out, density(), Wanted(labels=True))
        shutil.rmtree(out)
        peak = watch_code(CHILD, data, out)
        print(f"labels of {rows:,} rows: {taken:.2f} s, peak {peak / 1e6:,.0f} MB", flush=True)
        if not arguments.keep:
            shutil.rmtree(data)


def watch_code(code: str, *arguments: Path) -> int:
    """Peak memory of a program."""
    return watch([sys.executable, "-c", code, *map(str, arguments)])


if __name__ == "__main__":
    main()
