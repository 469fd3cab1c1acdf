"""Rows per second of a pass over zarr in the page cache, against the same pass over memory.

    python benchmarks/streaming.py [--rows N] [--folder DIR]

Two million rows of 16 columns in 32 MB chunks ending in a checksum, a mixture of 16 components,
two threads. The two passes take turns; the ratio is taken turn by turn.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import zarr

from dask_gmm import generate_gmm_data
from dask_gmm.data.open import open_source
from dask_gmm.data.source import Source
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner

FEATURES = COMPONENTS = 16
CHUNK_ROWS = 32_000_000 // (8 * FEATURES)
TURNS = 9


def seconds(source: Source, fold: EStep, runner: ThreadRunner) -> float:
    """Time one pass."""
    started = time.perf_counter()
    runner.run(source, [fold], Silent())
    return time.perf_counter() - started


def main() -> None:
    """Write the rows, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    arguments = parser.parse_args()
    generator = np.random.default_rng(0)
    means = generator.standard_normal((COMPONENTS, FEATURES)) * 3
    covariances = np.stack([np.eye(FEATURES)] * COMPONENTS)
    weights = np.full(COMPONENTS, 1 / COMPONENTS)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "x.zarr"
        generate_gmm_data(
            arguments.rows, weights, means, covariances, seed=0, store=path, chunk_rows=CHUNK_ROWS
        )
        values = np.asarray(zarr.open_group(path, mode="r")["x"])
        known = Survey.of(summarize(values[:100_000]))
        centered = Mixture.of(weights, means, covariances).moved(-known.frame.shift)
        fold = EStep.at(centered, known.frame, "float64")
        runner = ThreadRunner(2)
        stored, memory = open_source(str(path)), open_source(values)
        turns = [
            (seconds(memory, fold, runner), seconds(stored, fold, runner)) for _ in range(TURNS)
        ][1:]
    memory_rate, stored_rate = (
        arguments.rows / statistics.median(times) / 1e6 for times in zip(*turns, strict=True)
    )
    ratio = statistics.median(first / second for first, second in turns)
    print(f"memory {memory_rate:.2f}, zarr {stored_rate:.2f} million rows per second")
    print(f"share of the rate over memory: {ratio:.2f}")


if __name__ == "__main__":
    main()
