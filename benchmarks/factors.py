"""Seconds per EM iteration and peak memory of covariances of factors, and of full ones.

    python -m benchmarks.factors [--rows 50000] [--components 8] [--rank 5] [--columns 100 200 400]

Rows of so many columns are drawn from factor analyzers and lie in memory, in chunks of about 8 MB;
two threads. Each fit runs in a process of its own, twice, with two iterations and with six: the
difference is the iterations', and the peak is the largest resident set beside what the process had
before the fit. Full covariances run where they fit into ``--most`` GiB, as they are projected.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings

import numpy as np
import numpy.typing as npt

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.blocks import regular_layout
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.spec import Spec
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.fit_rows import fit_rows

Array = npt.NDArray[np.float64]
FEW, MANY, THREADS = 2, 6, 2
LEAF_BYTES = 8 * 2**20


def drawn(rows: int, components: int, columns: int, rank: int) -> Array:
    """Rows of factor analyzers."""
    generator = np.random.default_rng(0)
    centers = generator.standard_normal((components, columns))
    loadings = generator.standard_normal((components, rank, columns))
    x = generator.standard_normal((rows, columns))
    for k, part in enumerate(np.array_split(x, components)):
        part *= 0.7
        part += centers[k] + generator.standard_normal((len(part), rank)) @ loadings[k]
    return generator.permutation(x)


def resident() -> int:
    """The largest resident set of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def fit(x: Array, components: int, covariance: str) -> tuple[float, int]:
    """Seconds per iteration, and the bytes that the process grew by at most."""
    layout = regular_layout(len(x), max(1, LEAF_BYTES // (8 * x.shape[1])))
    source, before, seconds = ArraySource.of(x, layout=layout), resident(), []
    for iterations in (FEW, MANY):
        spec = Spec(components, covariance, tol=0.0, max_iter=iterations)
        outcome = fit_rows(source, spec, 1, ThreadRunner(THREADS), Silent())
        seconds.append(sum(each.seconds for each in outcome.passes if "EM" in each.name))
    return (seconds[1] - seconds[0]) / (MANY - FEW), resident() - before


def alone(covariance: str, columns: int, given: argparse.Namespace) -> tuple[float, int]:
    """The same in a process of its own."""
    sizes = [given.rows, given.components, columns, given.rank]
    command = [sys.executable, "-m", "benchmarks.factors", "--one", covariance, *map(str, sizes)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, grown = json.loads(done.stdout)
    return seconds, grown


def report(given: argparse.Namespace) -> None:
    """Print a table."""
    print("columns  covariance   seconds per iteration  microseconds per row  peak MiB")
    for columns in given.columns:
        for covariance in ("diag", f"lowrank-{given.rank}", "full"):
            needed = THREADS * EStep.like(given.components, covariance, columns).tile_bytes(columns)
            if needed > given.most * 2**30:
                print(f"{columns:7}  {covariance:11}  {needed / 2**30:.1f} GiB projected")
                continue
            started = time.perf_counter()
            seconds, grown = alone(covariance, columns, given)
            per_row = 1e6 * seconds / given.rows
            print(
                f"{columns:7}  {covariance:11}  {seconds:21.3f}  {per_row:20.2f}  "
                f"{grown / 2**20:8.0f}   ({time.perf_counter() - started:.0f} s)",
                flush=True,
            )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--components", type=int, default=8)
    parser.add_argument("--rank", type=int, default=5)
    parser.add_argument("--columns", type=int, nargs="+", default=[100, 200, 400])
    parser.add_argument("--most", type=float, default=8.0)
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is None:
        report(given)
        return
    rows, components, columns, rank = map(int, given.one[1:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print(json.dumps(fit(drawn(rows, components, columns, rank), components, given.one[0])))


if __name__ == "__main__":
    main()
