"""What a pass takes as workers and rows grow: constants, predictions beside measurements, sizes.

    python -m benchmarks.scaling                      all tables of docs/scaling.md
    python -m benchmarks.scaling constants measured   some of them
    python -m benchmarks.scaling sizes                from the constants that docs/scaling.md says

``constants`` measures those of computing, reading and Dask, the last with a simulated pass of
100,000 tasks on 200 workers (`benchmarks.simulated`; ``--tasks`` and ``--workers`` give others).
``measured`` makes passes on clusters of 1 to 4 workers of one thread, which take turns, and sets
them beside what the constants say; ``--rows`` gives millions of rows of 16 columns, and four times
as many are read of two. ``between`` measures what a fit takes between its passes.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.scaling_constants import (
    SMALL_CHUNK_BYTES,
    between,
    between_iterations,
    computing,
    dask,
    e_step,
    reading,
    wall,
    write_plain,
    write_rows,
)
from benchmarks.scaling_model import Constants, Job, Shape, one_pass
from benchmarks.scaling_tables import (
    SHAPES,
    computing_table,
    constants_in,
    dask_table,
    markdown,
    sizes_table,
)
from benchmarks.simulated import table as simulated_table
from dask_gmm.data.open import open_source
from dask_gmm.passes.cluster import open_runner
from dask_gmm.passes.cluster_spec import ClusterSpec
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import available_processors

PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
PARTS = ("constants", "measured", "sizes", "between")
WORKERS = (1, 2, 3, 4)
TURNS = 5
# So many rows, and the largest sample of the solver ``fast`` is as large as it ever is.
MANY_ROWS = 5_300_000


def rows_of(shape: Shape, million: float) -> int:
    """Rows of a shape: four times as many of two columns, which take less."""
    return int(million * 1e6) * (4 if shape.columns == 2 else 1)


def measure_constants(folder: Path, asked: argparse.Namespace) -> Constants:
    """Measure all constants, and print them."""
    # The simulation first, since what this process grows by counts there.
    found, simulated = dask(asked.tasks, asked.workers)
    print(dask_table(found), simulated_table(simulated), sep="\n\n", flush=True)
    ways = {}
    for shape in SHAPES:
        with tempfile.TemporaryDirectory(dir=folder) as inside:
            paths = write_rows(Path(inside), shape, rows_of(shape, asked.rows))
            ways.update({(shape, name): reading(path) for name, path in paths.items()})
    constants = Constants({shape: computing(shape) for shape in SHAPES}, ways, found)
    print("", computing_table(constants), sep="\n", flush=True)
    # From here on those that are printed, with as many digits.
    return constants_in(computing_table(constants) + "\n" + dask_table(found))


def measured(folder: Path, constants: Constants, asked: argparse.Namespace) -> str:
    """Passes on clusters of one to four workers, predicted and measured."""
    cores, lines = available_processors(), []
    for shape in SHAPES:
        with tempfile.TemporaryDirectory(dir=folder) as inside:
            paths = write_rows(Path(inside), shape, rows_of(shape, asked.rows))
            for name, path in paths.items():
                lines += list(_beside(path, name, shape, constants, cores))
    head = ("D, K", "chunks", "workers", "tasks", "predicted s", "measured s", "ratio")
    return markdown((*head, "times as fast as one: predicted", "measured"), lines)


def _beside(
    path: Path, name: str, shape: Shape, constants: Constants, cores: int
) -> Iterator[tuple[str, ...]]:
    source = open_source(str(path))
    row = constants.computing[shape].row(shape)
    read = constants.reading[shape, name] * shape.row_bytes
    times, tasks = on_clusters(path, shape)
    foreseen = []
    for workers in WORKERS:
        job = Job(shape, source.layout.rows, SMALL_CHUNK_BYTES, workers, cores, shared=True)
        foreseen.append(one_pass(job, tasks[workers], row, read, constants.dask).seconds)
    for workers, predicted in zip(WORKERS, foreseen, strict=True):
        ratio = times[workers] / predicted
        gains = foreseen[0] / predicted, times[WORKERS[0]] / times[workers]
        yield (
            f"{shape.columns}, {shape.components}",
            name,
            str(workers),
            str(tasks[workers]),
            f"{predicted:.2f}",
            f"{times[workers]:.2f}",
            f"{ratio:.2f}",
            *(f"{gain:.2f}" for gain in gains),
        )


def on_clusters(path: Path, shape: Shape) -> tuple[dict[int, float], dict[int, int]]:
    """Median seconds of a pass, and its tasks, by workers; clusters take turns."""
    source = open_source(str(path))
    fold = e_step(shape, source.open().read(0).rows)  # type: ignore[arg-type]  # float64
    with ExitStack() as opened:
        runners = {n: opened.enter_context(open_runner(ClusterSpec(workers=n))) for n in WORKERS}
        for runner in runners.values():  # the first pass imports, and the second settles the tasks
            runner.run(source, [fold], Silent())
        tasks = {n: each.run(source, [fold], Silent()).cost.tasks for n, each in runners.items()}
        turns = [{n: wall(each, source, fold) for n, each in runners.items()} for _ in range(TURNS)]
    return {n: statistics.median(turn[n] for turn in turns) for n in WORKERS}, tasks


def print_between(folder: Path, rows: int) -> None:
    """Say what a fit takes between its passes, with both solvers."""
    shape = SHAPES[0]
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        path = write_plain(Path(inside), shape, rows)
        iteration = between_iterations(path, shape)
        passes, whole = between(path, shape)
    print(f"between two passes of em: {iteration:.2f} s")
    print(f"a fit of fast in {passes} passes: {whole:.0f} s besides, on samples and for the start")


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--rows", type=float, default=2.0)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=200)
    asked = parser.parse_args()
    parts = asked.parts or PARTS
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        parser.error(f"wanted parts among {', '.join(PARTS)}, found {', '.join(unknown)}")
    print(f"load at the beginning: {os.getloadavg()[0]:.1f}\n")
    if "constants" in parts:
        constants = measure_constants(asked.folder, asked)
    else:
        constants = constants_in(PAGE.read_text(encoding="utf-8"))
    if "measured" in parts:
        print("", measured(asked.folder, constants, asked), sep="\n", flush=True)
    if "sizes" in parts:
        print("", sizes_table(constants), sep="\n", flush=True)
    if "between" in parts:
        print_between(asked.folder, MANY_ROWS)
    print(f"\nload at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
