"""Rows to predict in every kind of place, and runners that are stopped."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from sklearn.mixture import GaussianMixture

from dask_gmm.data.open import open_source
from dask_gmm.data.sink import ArraySpec, Sink
from dask_gmm.data.source import Source
from dask_gmm.outputs.wanted import Wanted
from dask_gmm.passes.cost import Reading
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.describe import (
    density_of,
    describe_rows,
)
from dask_gmm.workflows.describe_store import describe_store

Values = npt.NDArray[Any]

N, D, K, CHUNK_ROWS = 60_000, 8, 3, 4_000

RUNNER = ThreadRunner(2)

# A fifth of the rows or so are below.
BELOW = -14.0

EVERYTHING = Wanted(labels=True, probabilities=True, log_density=True, top=2, below=BELOW)


def _rows() -> Values:
    generator = np.random.default_rng(0)
    component = generator.integers(0, K, N)
    return np.asarray(generator.standard_normal((N, D)) + 1.5 * component[:, None])


ROWS = _rows()

MODEL = GaussianMixture(K, random_state=0, tol=1).fit(ROWS[:2000])

DENSITY = density_of(MODEL.weights_, MODEL.means_, MODEL.precisions_cholesky_, "full")

OTHER = density_of(MODEL.weights_, MODEL.means_ + 1, MODEL.precisions_cholesky_, "full")


def ours(group: Path, rows: Values = ROWS, chunk_rows: int = CHUNK_ROWS) -> Path:
    """Write rows with digests."""
    sink = Sink(group, (ArraySpec("x", rows.shape, "float64", chunk_rows),))
    sink.create({})
    sink.finalize({"x": sink.write("x", 0, rows)})
    return group


def foreign(path: Path, rows: Values = ROWS) -> Path:
    """Write rows as a stranger would."""
    zarr.create_array(path, data=rows, chunks=(CHUNK_ROWS, D), compressors=None)
    return path


def store(source: Source, out: Path, wanted: Wanted = EVERYTHING, **knobs: Any) -> Path:
    return Path(str(describe_store(source, DENSITY, wanted, out, RUNNER, **knobs).path))


def stored(out: Path) -> dict[str, Values]:
    group = zarr.open_group(out, mode="r")
    return {name: np.asarray(array[...]) for name, array in group.arrays()}


def left_aside(out: Path) -> Path:
    """Give the folder in which an interrupted call wrote predictions."""
    (document,) = out.parent.glob(f".{out.name}.wip-*/zarr.json")
    return document.parent


def same(found: dict[str, Any], wanted: dict[str, Values]) -> None:
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        mine = np.asarray(found[name])
        assert mine.astype(values.dtype).tobytes() == values.tobytes(), name


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ours(tmp_path_factory.mktemp("data") / "data.zarr")


@pytest.fixture(scope="module")
def source(data: Path) -> Source:
    return open_source(data)


@pytest.fixture(scope="module")
def expected(source: Source) -> dict[str, Values]:
    return describe_rows(source, DENSITY, EVERYTHING, RUNNER)


class Failing(ThreadRunner):
    """Fails after all is described, as a program that is stopped before it publishes."""

    def run(self, *args: Any) -> Reading:
        super().run(*args)
        raise KeyboardInterrupt


class Forbidden(ThreadRunner):
    """Makes no pass."""

    def run(self, *args: Any) -> Reading:
        raise AssertionError("a pass was made")
