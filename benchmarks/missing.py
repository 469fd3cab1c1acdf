"""What missing values cost: an E-step over rows in memory, complete and with some of them missing.

    python -m benchmarks.missing [--rows 1_000_000] [--columns 16] [--components 16] [--share 0.1]

Both are made in turn, and the ratio of the fastest is printed, family by family; that of processor
time says the same where other work shares the machine.
"""

import argparse
import time

import numpy as np

from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.incomplete import Incomplete
from dask_gmm.fitting.questions import EStep
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.passes.threads import ONE_THREAD


def mixture_of(name: str, n_components: int, n_features: int) -> Mixture:
    """Components of different shapes that overlap a little."""
    generator = np.random.default_rng(0)
    factors = generator.standard_normal((n_components, n_features, n_features))
    matrices = factors @ factors.transpose(0, 2, 1) / n_features + 0.1 * np.eye(n_features)
    means = 2 * generator.standard_normal((n_components, n_features))
    family = Mixture.like(n_components, name, np.ones(n_features)).family
    seen = matrices[0] if family.shared else np.stack([family.seen(each) for each in matrices])
    return Mixture.of(np.full(n_components, 1 / n_components), means, seen, name)


def rows_of(mixture: Mixture, rows: int) -> Array:
    """Rows drawn from a mixture."""
    generator = np.random.default_rng(1)
    labels = generator.integers(mixture.n_components, size=rows)
    drawn = generator.standard_normal((rows, mixture.n_features))
    for k, factor in enumerate(np.linalg.cholesky(mixture.full_covariances())):
        drawn[labels == k] = drawn[labels == k] @ factor.T + mixture.means[k]
    return drawn


def seconds(rows: Array, fold: Fold, runner: ThreadRunner) -> Array:
    """Time one pass, by the clock and by what processors did."""
    source, started = ArraySource.of(rows), (time.perf_counter(), time.process_time())
    runner.run(source, [fold], Silent())
    return np.array([time.perf_counter(), time.process_time()]) - started


def compare(name: str, asked: argparse.Namespace) -> None:
    """Print how long both passes take for a family."""
    mixture = mixture_of(name, asked.components, asked.columns)
    rows, runner = rows_of(mixture, asked.rows), ThreadRunner(asked.threads)
    frame = Frame.of(summarize(rows))
    gone = np.random.default_rng(2).random(rows.shape) < asked.share
    lacking = np.where(gone, np.nan, rows)
    fold = EStep.at(mixture.moved(-frame.shift), frame, "float64")
    taken = [
        (seconds(rows, fold, runner), seconds(lacking, Incomplete(fold), runner))
        for _ in range(asked.repeats)
    ]
    complete, incomplete = np.min(taken, axis=0)
    longer, more = incomplete / complete
    print(
        f"{name:10} complete {complete[0]:.3f} s, {asked.share:.0%} missing {incomplete[0]:.3f} s: "
        f"{longer:.2f} times as long, {more:.2f} times the processor time"
    )


def main() -> None:
    """Compare all families."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=16)
    parser.add_argument("--components", type=int, default=16)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--families", nargs="*", default=list(FAMILIES))
    asked = parser.parse_args()
    with ONE_THREAD:
        for name in asked.families:
            compare(name, asked)


if __name__ == "__main__":
    main()
