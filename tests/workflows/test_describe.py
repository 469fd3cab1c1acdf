"""What a mixture says of rows is the same everywhere, and nothing is said of bad ones."""

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray
import zarr
from distributed import Client

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.blocks import irregular_layout
from dask_gmm.data.open import open_source
from dask_gmm.data.source import Source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import (
    DataError,
    InputError,
    MemoryLimitError,
)
from dask_gmm.outputs.wanted import Wanted
from dask_gmm.passes.dask_source import DaskSource
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.workflows.describe import (
    density_of,
    describe_lazily,
    describe_rows,
    score_rows,
)
from dask_gmm.workflows.describe_store import describe_store
from dask_gmm.workflows.sources import spread
from tests.data.arrays import values_of
from tests.passes.conftest import client as client
from tests.passes.conftest import runner as runner
from tests.passes.rows import RowsInMemory
from tests.workflows.predicting import (
    DENSITY,
    EVERYTHING,
    MODEL,
    ROWS,
    RUNNER,
    D,
    Forbidden,
    K,
    N,
    Values,
    foreign,
    ours,
    same,
    store,
    stored,
)
from tests.workflows.predicting import data as data
from tests.workflows.predicting import expected as expected
from tests.workflows.predicting import source as source


def test_it_is_what_scikit_learn_says(expected: dict[str, Values]) -> None:
    assert np.array_equal(expected["labels"], MODEL.predict(ROWS))
    assert expected["labels"].dtype == MODEL.predict(ROWS[:5]).dtype
    np.testing.assert_allclose(expected["probabilities"], MODEL.predict_proba(ROWS), atol=1e-8)
    np.testing.assert_allclose(expected["log_density"], MODEL.score_samples(ROWS), rtol=1e-8)


def test_lazily_it_is_the_same(source: Source, expected: dict[str, Values]) -> None:
    found = describe_lazily(source, DENSITY, EVERYTHING)
    same(dict(zip(found, da.compute(*found.values()), strict=True)), expected)
    assert {name: each.dtype for name, each in found.items()} == {
        name: each.dtype for name, each in expected.items()
    }
    assert {name: each.shape for name, each in found.items()} == {
        name: each.shape for name, each in expected.items()
    }
    edges = [int(edge) for edge in source.layout.edges]
    blocks = irregular_layout(np.diff(edges).tolist())
    assert found["labels"].chunks[0] == tuple(np.diff(blocks.edges))


def test_dask_arrays_of_the_same_blocks_give_the_same(
    source: Source, expected: dict[str, Values]
) -> None:
    array = da.from_array(ROWS, chunks=(tuple(np.diff(source.layout.edges).tolist()), (5, 3)))
    for rows in (array, DaskSource.of(array)):
        found = describe_lazily(rows, DENSITY, EVERYTHING)
        same(dict(zip(found, da.compute(*found.values()), strict=True)), expected)


def test_a_group_is_the_same_from_any_runner(
    source: Source, expected: dict[str, Values], runner: Runner, tmp_path: Path
) -> None:
    out = describe_store(source, DENSITY, EVERYTHING, tmp_path / "out", runner).path
    assert out == tmp_path / "out"
    same(stored(out), expected)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out"]
    group: Any = zarr.open_group(out, mode="r")
    assert group["labels"].dtype == group["top_components"].dtype == np.int8
    for name in ("probabilities", "top_components", "top_probabilities"):
        read = open_source(out, array=name)
        assert isinstance(read, ZarrSource)
        assert read.verified
        assert np.array_equal(values_of(read), expected[name])


def test_xarray_reads_a_group(source: Source, tmp_path: Path) -> None:
    out = store(source, tmp_path / "out")
    with xarray.open_zarr(out, consolidated=False) as dataset:
        assert dict(dataset.sizes) == {"sample": N, "component": K, "rank": 2}
        assert set(dataset) == set(stored(out))


@pytest.mark.parametrize("kind", ["memory", "dask", "uneven", "cut", "workers"])
def test_rows_in_any_leaves_are_written(
    kind: str, data: Path, client: Client, tmp_path: Path
) -> None:
    rows, wanted = ROWS, Wanted(labels=True, probabilities=True)
    runner: Runner = RUNNER
    if kind == "cut":
        rows = ROWS[1_234:-77]
        source = open_source(data, rows=slice(1_234, N - 77))
    elif kind in ("memory", "workers"):
        source = ArraySource.of(ROWS)
        if kind == "workers":
            runner = DistributedRunner(client)
            source = spread(source, runner)
    else:
        chunks = (7_000, D) if kind == "dask" else ((17_003, 1, 29_997, 12_999), D)
        source = DaskSource.of(da.from_array(ROWS, chunks=chunks))
    describe_store(source, DENSITY, wanted, tmp_path / "out", runner)
    found = stored(tmp_path / "out")
    assert np.array_equal(found["labels"], MODEL.predict(rows))
    np.testing.assert_allclose(found["probabilities"], MODEL.predict_proba(rows), atol=1e-8)


def test_the_score_is_the_same_from_any_runner(source: Source, runner: Runner) -> None:
    found = score_rows(source, DENSITY, runner)
    assert found == score_rows(source, DENSITY, ThreadRunner(1))
    assert found[0] == N
    assert found[1] == pytest.approx(MODEL.score(ROWS), rel=1e-12)


def test_a_bad_row_is_named_and_nothing_is_published(tmp_path: Path, runner: Runner) -> None:
    rows = ROWS.copy()
    rows[33_333, 5] = np.inf
    source = open_source(ours(tmp_path / "data.zarr", rows))
    named = "row 33,333, column 5, in chunk c/8/0 .* is inf"
    with pytest.raises(DataError, match=named):
        describe_store(source, DENSITY, EVERYTHING, tmp_path / "out", runner)
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match=named):
        score_rows(source, DENSITY, runner)
    with pytest.raises(DataError, match=named):
        describe_rows(source, DENSITY, EVERYTHING, RUNNER)
    with pytest.raises(DataError, match=named):
        describe_lazily(source, DENSITY, EVERYTHING)["labels"].compute()


def test_absent_chunks_are_found_before_anything_is_read(tmp_path: Path) -> None:
    path = foreign(tmp_path / "data")
    source = open_source(path)
    (path / "c" / "9" / "0").unlink()
    for ask in (
        lambda: store(source, tmp_path / "out"),
        lambda: describe_lazily(source, DENSITY, EVERYTHING),
        lambda: describe_rows(source, DENSITY, EVERYTHING, Forbidden()),
        lambda: score_rows(source, DENSITY, Forbidden()),
    ):
        with pytest.raises(DataError, match="c/9/0"):
            ask()
    assert not (tmp_path / "out").exists()


def test_rows_of_other_columns_are_refused_with_both_numbers(tmp_path: Path) -> None:
    narrow = ROWS[:, :5]
    source = ArraySource.of(narrow)
    for ask in (
        lambda: store(source, tmp_path / "out"),
        lambda: describe_rows(source, DENSITY, EVERYTHING, RUNNER),
        lambda: describe_lazily(source, DENSITY, EVERYTHING),
        lambda: describe_lazily(da.from_array(narrow), DENSITY, EVERYTHING),
        lambda: score_rows(source, DENSITY, RUNNER),
    ):
        with pytest.raises(InputError, match="rows of 8 columns, as the mixture has, found 5"):
            ask()


def test_more_components_than_there_are_are_refused(tmp_path: Path) -> None:
    source, wanted = ArraySource.of(ROWS), Wanted(top=K + 1)
    for ask in (
        lambda: store(source, tmp_path / "out", wanted),
        lambda: describe_rows(source, DENSITY, wanted, RUNNER),
        lambda: describe_lazily(source, DENSITY, wanted),
    ):
        with pytest.raises(InputError, match="number of components, 3, found 4"):
            ask()
    assert list(tmp_path.iterdir()) == []


def test_answers_that_memory_could_not_hold_are_refused() -> None:
    layout = irregular_layout([2**60])
    source = RowsInMemory(np.empty((0, D)), layout)
    with pytest.raises(MemoryLimitError, match=r"Wanted probabilities of .* rows in memory"):
        describe_rows(source, DENSITY, Wanted(probabilities=True), RUNNER)


def test_labels_of_a_component_that_float32_cannot_hold_are_its_own() -> None:
    factors = np.array([[1.0], [1e20]])
    density = density_of(np.array([0.5, 0.5]), np.zeros((2, 1)), factors, "diag")
    rows = ArraySource.of(np.linspace(-1, 1, 101)[:, None] * 1e-20)
    assert (describe_rows(rows, density, Wanted(labels=True), RUNNER)["labels"] == 1).all()
