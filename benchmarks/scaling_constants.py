"""The constants of `benchmarks.scaling_model`, measured with the package's own code."""

import pickle
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from benchmarks.overhead import SameRows
from benchmarks.scaling_model import CHUNK_BYTES, PLAIN, ZSTD, Computing, Dask, Shape
from benchmarks.simulated import Simulated, simulate
from dask_gmm import generate_gmm_data
from dask_gmm.data.open import open_source
from dask_gmm.data.source import Block, Source
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.survey import Survey
from dask_gmm.fitting.tiles import built_features, standardized
from dask_gmm.mixture.estep import normalize
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.cluster import open_runner
from dask_gmm.passes.cluster_spec import ClusterSpec
from dask_gmm.passes.fold import Tile, Workspace, measure, tile_rows
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest

Array = npt.NDArray[np.float64]
TURNS = 9
# So many leaves that some workers of one machine have turns to take.
SMALL_CHUNK_BYTES = 4_000_000
TILES = 16
# What a fit of the solver ``em`` makes more in its second run, to see what an iteration takes.
FEW, MORE = 2, 10


def mixture(shape: Shape) -> Mixture:
    """Components that overlap a little, of equal weights."""
    means = np.random.default_rng(0).standard_normal((shape.components, shape.columns)) * 3
    weights = np.full(shape.components, 1 / shape.components)
    return Mixture.of(weights, means, np.stack([np.eye(shape.columns)] * shape.components))


def write_rows(folder: Path, shape: Shape, rows: int) -> dict[str, Path]:
    """Rows of a mixture, stored in both ways: with two decimals, as zarr compresses by default."""
    plain, zstd = write_plain(folder, shape, rows), folder / ZSTD
    values = np.round(np.asarray(zarr.open_group(plain, mode="r")["x"]), 2)
    chunks = (SMALL_CHUNK_BYTES // shape.row_bytes, shape.columns)
    array = zarr.create_array(zstd, shape=values.shape, chunks=chunks, dtype=values.dtype)
    array[:] = values
    return {PLAIN: plain, ZSTD: zstd}


def write_plain(folder: Path, shape: Shape, rows: int) -> Path:
    """Rows of a mixture, as this package stores them."""
    of, store = mixture(shape), folder / PLAIN
    chunk_rows = SMALL_CHUNK_BYTES // shape.row_bytes
    generate_gmm_data(
        rows, of.weights, of.means, of.covariances, seed=0, store=store, chunk_rows=chunk_rows
    )
    return store


def e_step(shape: Shape, rows: Array) -> EStep:
    """The question that an iteration asks."""
    known = Survey.of(summarize(rows))
    return EStep.at(mixture(shape).moved(-known.frame.shift), known.frame, "float64")


def computing(shape: Shape) -> Computing:
    """Measure the parts of an E-step on a tile, and a whole one on some tiles."""
    n_rows = tile_rows(shape.columns)
    of = mixture(shape)
    drawn = generate_gmm_data(TILES * n_rows, of.weights, of.means, of.covariances, seed=0)
    rows = drawn.astype(np.float64, copy=False)
    fold, workspace = e_step(shape, rows), Workspace()
    tile = Tile(rows[:n_rows], 0, workspace)
    block = Block(0, 0, len(rows), rows, np.empty(0, np.uint32))
    with ONE_THREAD:
        parts = Parts.of(fold, tile)
        whole = seconds(lambda: measure([fold], block, workspace)) / TILES
    found = Computing(
        parts.standardize / n_rows / shape.columns,
        parts.build / n_rows / shape.features,
        parts.product / n_rows / shape.products,
        parts.exponential / n_rows / shape.components,
        (parts.normalize - parts.exponential) / n_rows / shape.components,
        0.0,
    )
    return Computing(**{**asdict(found), "rest": whole / n_rows - found.row(shape)})


@dataclass(frozen=True, slots=True)
class Parts:
    """Seconds of the parts of an E-step on one tile."""

    standardize: float
    build: float
    product: float
    exponential: float
    normalize: float

    @classmethod
    def of(cls, fold: EStep, tile: Tile) -> "Parts":
        """Measure them, one after another."""
        density, n_rows = fold.density, len(tile.rows)
        z: Array = standardized(tile, density.frame, density.dtype).astype(np.float64)
        ((strip, features),) = built_features(tile, density)
        logits = np.empty((len(density.constants), n_rows))
        work, form = np.empty((2, n_rows)), density.form
        assert form is not None  # of components that are not tight
        frame = density.frame
        products = form @ features
        peak = products.max(axis=0)
        return cls(
            seconds(lambda: frame.standardize(tile.rows, z, z)),
            seconds(lambda: density.features.build(z, strip, features)),
            seconds(lambda: np.matmul(form, features, out=logits))
            + seconds(lambda: features @ logits.T),
            seconds(lambda: np.exp(logits, out=logits), lambda: np.copyto(logits, products - peak)),
            seconds(lambda: normalize(logits, work), lambda: np.copyto(logits, products)),
        )


def seconds(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Median seconds of a processor for some work, each time after what comes before it."""
    times = []
    for _ in range(TURNS):
        before()
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return statistics.median(times)


def reading(path: Path) -> float:
    """Seconds of a processor to read and decode a byte of rows that are in the page cache."""
    source = open_source(str(path))
    reader = source.open()
    every = range(len(source.layout))
    return seconds(lambda: [reader.read(i) for i in every]) / (
        source.layout.rows * source.n_features * source.dtype.itemsize
    )


def dask(tasks: int, workers: int) -> tuple[Dask, Simulated]:
    """Simulate a pass, and measure what is left; gives also what was simulated."""
    shape = Shape(16, 16)
    found = simulate(tasks, workers, shape.components, shape.columns)
    constants = Dask(
        scheduler=found.seconds["scheduler"],
        client=found.seconds["client"],
        worker=found.seconds["workers"],
        scheduler_bytes=found.grown["scheduler"] / tasks,
        client_bytes=found.grown["client"] / tasks,
        latency=latency(shape),
        answer=found.answer / (shape.features * shape.components),
        leaf=leaf_bytes(shape),
    )
    return constants, found


def latency(shape: Shape) -> float:
    """Seconds of a pass over no rows in 16 tasks, on one worker."""
    source = SameRows(np.empty((0, shape.columns)), 16)
    fold = EStep.like(shape.components, "full", shape.columns)
    with open_runner(ClusterSpec(workers=1)) as runner:
        return statistics.median(wall(runner, source, fold) for _ in range(TURNS))


def wall(runner: Runner, source: Source, fold: EStep) -> float:
    """Seconds of a pass."""
    started = time.monotonic()
    runner.run(source, [fold], Silent())
    return time.monotonic() - started


def leaf_bytes(shape: Shape) -> float:
    """Bytes by which a question about stored rows grows with each leaf."""
    sizes = []
    for leaves in (1_000, 11_000):
        with tempfile.TemporaryDirectory() as folder:
            chunk = (CHUNK_BYTES // shape.row_bytes, shape.columns)
            size = (leaves * chunk[0], chunk[1])
            zarr.create_array(folder, shape=size, chunks=chunk, dtype="float64")
            source = open_source(folder).pinned(np.arange(leaves, dtype=np.uint32))
            sizes.append(len(pickle.dumps(source)))
    return (sizes[1] - sizes[0]) / 10_000


class Listener:
    """Keeps the seconds of passes."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_pass_end(self, record: Mapping[str, Any]) -> None:
        """Keep those of one."""
        self.seconds.append(record["seconds"])

    def on_run_end(self, manifest: Mapping[str, Any], folder: object) -> None:
        """Keep nothing of it."""


def between(path: Path, shape: Shape, **asked: Any) -> tuple[int, float]:
    """Passes of a fit in this process, and the seconds in which it made none."""
    heard = Listener()
    with tempfile.TemporaryDirectory() as out:
        request = FitRequest(str(path), shape.components, Path(out) / "run", **asked)
        started = time.monotonic()
        fit(request, ThreadRunner(), Silent(), [heard])
        return len(heard.seconds), time.monotonic() - started - sum(heard.seconds)


def between_iterations(path: Path, shape: Shape) -> float:
    """Seconds between two passes of the solver ``em``: the M-step, and a checkpoint."""
    runs = [between(path, shape, solver="em", tol=0, max_iter=n) for n in (FEW, FEW + MORE)]
    (few, first), (many, second) = runs
    return (second - first) / (many - few)
