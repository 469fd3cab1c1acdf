"""A mixture and rows to describe, and ways to do it."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.mixture import GaussianMixture

from dask_gmm.data.groups import open_written
from dask_gmm.data.sink import ArraySpec, Sink
from dask_gmm.data.source import Layout
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.scoring import scoring_density
from dask_gmm.outputs.described import Describe
from dask_gmm.outputs.shelves import MemoryTarget
from dask_gmm.outputs.wanted import Wanted
from dask_gmm.passes.fold import Fold, Workspace, measure, tile_rows
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.passes.tree import fold_in_order
from tests.passes.rows import RowsInMemory

Values = dict[str, npt.NDArray[Any]]

N_FEATURES, K, TOP = 40, 5, 3

# A fifth of the rows or so are below.
BELOW = -64.0

EVERYTHING = Wanted(labels=True, probabilities=True, log_density=True, top=TOP, below=BELOW)

NUMBERS = np.dtype(np.int8)

OUTPUTS = EVERYTHING.outputs(K, NUMBERS)


def parameters() -> tuple[Array, Array, Array]:
    generator = np.random.default_rng(3)
    weights = generator.dirichlet(np.full(K, 5.0))
    means = 0.5 * generator.standard_normal((K, N_FEATURES))
    return weights, means, 1 / np.sqrt(generator.uniform(0.5, 2, (K, N_FEATURES)))


DENSITY = scoring_density(*parameters(), "diag")

ROWS = np.random.default_rng(0).standard_normal((3 * tile_rows(N_FEATURES) + 77, N_FEATURES))


def reference() -> Any:
    model = GaussianMixture(K, covariance_type="diag")
    model.weights_, model.means_, model.precisions_cholesky_ = parameters()
    model.covariances_, model.converged_ = model.precisions_cholesky_**-2, True
    return model


def answer(fold: Fold, layout: Layout, rows: Array = ROWS, order: int = 1) -> Any:
    """Answer leaf by leaf, forward or backward, and add in the tree."""
    reader, answers = RowsInMemory(rows, layout), {}
    with ONE_THREAD:
        for index in range(len(layout))[::order]:
            (answers[index],) = measure([fold], reader.read(index), Workspace())
    return fold_in_order(answers[index] for index in sorted(answers))


def in_memory(layout: Layout, wanted: Wanted = EVERYTHING, order: int = 1) -> Values:
    arrays = {each.name: each.empty(layout.rows) for each in wanted.outputs(K, NUMBERS)}
    answer(Describe(DENSITY, wanted, MemoryTarget(arrays)), layout, order=order)
    return arrays


def same(found: Values, wanted: Values) -> None:
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        assert found[name].tobytes() == values.tobytes(), name


def sink_for(folder: Path, n_rows: int, chunk_rows: int) -> Sink:
    specs = (ArraySpec(o.name, o.shape(n_rows), str(o.dtype), chunk_rows) for o in OUTPUTS)
    sink = Sink(folder, tuple(specs))
    sink.create({})
    return sink


def stored(folder: Path) -> Values:
    return {each.name: np.asarray(open_written(folder, each.name)[...]) for each in OUTPUTS}
