"""Rows per second of generating to zarr, beside drawing standard normals alone, on two threads.

    python benchmarks/generation.py [--folder FOLDER]

The two take turns, so that a drift of the machine hits both alike. Normals are drawn by numpy's
default generator into arrays that are used again, and go nowhere. Generating draws a mixture and
writes checksummed chunks of rows and of components, 512 MB of rows in all, into the page cache. A
first turn, in which the system finds the
memory, does not count. The ratio is given by the clock and, for a machine that does other work
too, by the processors' time.
"""

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from dask_gmm.data.sink import Sink
from dask_gmm.mixture.sampling import block_rows
from dask_gmm.mixture.truth import random_mixture
from dask_gmm.outputs.drawn import COMPONENTS, ROWS, GroupTarget
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.passes.seeds import generator
from dask_gmm.workflows.drawing import RowsToDraw, arrays_of

SIZES = ((2, 3), (2, 16), (16, 3), (16, 16))
ROW_BYTES_IN_ALL = 512 * 2**20
THREADS = 2
TURNS = 7


def rows_to_draw(n_features: int, n_components: int) -> RowsToDraw:
    """512 MB of rows in chunks of 32 MB."""
    truth = random_mixture(
        n_components,
        n_features,
        overlap=0.01,
        imbalance=1.0,
        condition=10.0,
        generator=generator(0, "truth"),
    )
    return RowsToDraw.of(truth, ROW_BYTES_IN_ALL // (8 * n_features), seed=0)


def draw_normals(n_rows: int, n_features: int) -> None:
    """As many standard normals, block by block, on as many threads."""
    block = block_rows(n_features)
    kept = threading.local()

    def draw(number: int) -> None:
        if not hasattr(kept, "block"):
            kept.block = np.empty((block, n_features))
            kept.generator = np.random.default_rng(number)
        kept.generator.standard_normal(out=kept.block)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(draw, range(n_rows // block)))


def generate(rows: RowsToDraw, folder: Path) -> None:
    """Draw the rows and write them, to the last chunk and digest."""
    sink = Sink(folder, arrays_of(rows))
    sink.create({})
    receipt = rows.draw(GroupTarget(sink), ThreadRunner(THREADS), Silent())
    sink.finalize({ROWS: receipt.rows, COMPONENTS: receipt.components})


def seconds(work: Callable[[], None]) -> tuple[float, float]:
    """Time a call: by the clock, and of all processors."""
    clock, processors = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processors


def compare(n_features: int, n_components: int, folder: Path) -> str:
    """Measure both in turns and give a line of the table."""
    rows = rows_to_draw(n_features, n_components)
    turns = []
    for _ in range(1 + TURNS):
        normals = seconds(lambda: draw_normals(rows.n_rows, n_features))
        generated = seconds(lambda: generate(rows, folder / "data.zarr"))
        shutil.rmtree(folder / "data.zarr")
        turns.append((normals, generated))
    times = np.array(turns[1:])
    speeds = rows.n_rows / np.median(times[:, :, 0], axis=0) / 1e6
    ratios = times[:, 0] / times[:, 1]
    clock, processors = np.median(ratios, axis=0)
    return (
        f"{n_features:8} {n_components:10} {speeds[0]:9.1f} {speeds[1]:11.1f} {clock:7.2f} "
        f"{ratios[:, 0].min():6.2f} to {ratios[:, 0].max():.2f} {processors:8.2f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where to write; by default a temporary one")
    folder = parser.parse_args().folder
    print(f"million rows per second, {THREADS} threads, median of {TURNS}")
    print("features components   normals  generating   ratio    from to    processors' ratio")
    with tempfile.TemporaryDirectory(dir=folder) as place:
        for n_features, n_components in SIZES:
            print(compare(n_features, n_components, Path(place)), flush=True)


if __name__ == "__main__":
    main()
