"""Time of a pass over weighed rows, against the same pass without weights.

    python -m benchmarks.weights [--rows N] [--features D] [--components K] [--zeros SHARE]

Rows lie in memory and, in chunks of 8 MB with their checksums, in zarr, with weights in an array
beside them; a mixture of full covariances, two threads. Passes without weights, with weights and
with labels besides take turns; ratios are taken turn by turn, and their medians given.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.open import open_source
from dask_gmm.data.open_beside import with_beside
from dask_gmm.data.row_data import RowData
from dask_gmm.data.source import Source
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner

CHUNK_BYTES = 8_000_000
TURNS = 9


def seconds(source: Source, fold: EStep, runner: ThreadRunner) -> float:
    """Time one pass."""
    started = time.perf_counter()
    runner.run(source, [fold], Silent())
    return time.perf_counter() - started


def stored(folder: Path, name: str, values: np.ndarray, chunk_rows: int) -> Path:
    """Write an array as this package would, but for digests."""
    array = zarr.open_group(folder, mode="a").create_array(
        name,
        shape=values.shape,
        chunks=(chunk_rows, *values.shape[1:]),
        dtype=values.dtype,
        compressors=[Crc32cCodec()],
        config={"write_empty_chunks": True},
    )
    array[...] = values
    return folder / name


def main() -> None:
    """Draw rows, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=16)
    parser.add_argument("--components", type=int, default=16)
    parser.add_argument("--zeros", type=float, default=0.0)
    asked = parser.parse_args()
    generator = np.random.default_rng(0)
    means = generator.standard_normal((asked.components, asked.features)) * 3
    numbers = generator.integers(0, asked.components, asked.rows)
    rows = means[numbers] + generator.standard_normal((asked.rows, asked.features))
    weights = generator.uniform(0.1, 3, asked.rows)
    weights[generator.random(asked.rows) < asked.zeros] = 0
    labels = np.where(generator.random(asked.rows) < 0.05, numbers, -1)
    known = Survey.of(summarize(rows[:100_000]))
    covariances = np.stack([np.eye(asked.features)] * asked.components)
    shares = np.full(asked.components, 1 / asked.components)
    centered = Mixture.of(shares, means, covariances).moved(-known.frame.shift)
    fold = EStep.at(centered, known.frame, "float64")
    runner = ThreadRunner(2)
    with tempfile.TemporaryDirectory() as name:
        folder, chunk_rows = Path(name), CHUNK_BYTES // (8 * asked.features)
        x = open_source(str(stored(folder, "x", rows, chunk_rows)))
        w, k = (
            stored(folder, key, values, chunk_rows)
            for key, values in (("w", weights), ("l", labels))
        )
        sources: dict[str, tuple[Source, ...]] = {
            "memory": (
                ArraySource.of(rows),
                ArraySource.of(rows, beside=RowData(weights)),
                ArraySource.of(rows, beside=RowData(weights, labels, asked.components)),
            ),
            "zarr": (
                x,
                with_beside(x, RowData(w)),
                with_beside(x, RowData(w, k, asked.components)),
            ),
        }
        for place, several in sources.items():
            turns = [[seconds(each, fold, runner) for each in several] for _ in range(TURNS)][1:]
            plain = asked.rows / statistics.median(turn[0] for turn in turns) / 1e6
            weighed, both = (statistics.median(turn[i] / turn[0] for turn in turns) for i in (1, 2))
            print(
                f"{place}: {plain:.2f} million rows per second; with weights {weighed:.3f} times "
                f"the seconds, with labels besides {both:.3f} times"
            )


if __name__ == "__main__":
    main()
