"""What a mixture says of rows: everywhere the same, written once, taken up again, never mixed."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
import xarray
import zarr
from distributed import Client
from hypothesis import given
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture
from zarr.storage import MemoryStore

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.blocks import irregular_layout
from dask_gmm.data.open import open_source
from dask_gmm.data.plain import write_plain
from dask_gmm.data.sink import ArraySpec, Sink
from dask_gmm.data.source import Source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import (
    DataError,
    InputError,
    MemoryLimitError,
    OutputError,
    OutputExistsError,
)
from dask_gmm.outputs.wanted import Wanted
from dask_gmm.passes.dask_source import DaskSource
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.fold import Answers
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.workflows.predict import (
    density_of,
    describe_lazily,
    describe_rows,
    describe_store,
    score_rows,
)
from dask_gmm.workflows.predictions import in_whole_chunks, largest_divisor
from dask_gmm.workflows.sources import spread
from tests.data.arrays import files_of, values_of
from tests.passes.conftest import client as client
from tests.passes.conftest import runner as runner
from tests.passes.rows import RowsInMemory

Values = npt.NDArray[Any]

N, D, K, CHUNK_ROWS = 60_000, 8, 3, 4_000
RUNNER = ThreadRunner(2)
EVERYTHING = Wanted(labels=True, probabilities=True, log_density=True, top=2)


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
    return describe_store(source, DENSITY, wanted, out, RUNNER, **knobs)


def stored(out: Path) -> dict[str, Values]:
    group = zarr.open_group(out, mode="r")
    return {name: np.asarray(array[...]) for name, array in group.arrays()}


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

    def run(self, *args: Any) -> Answers:
        super().run(*args)
        raise KeyboardInterrupt


class Forbidden(ThreadRunner):
    """Makes no pass."""

    def run(self, *args: Any) -> Answers:
        raise AssertionError("a pass was made")


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
    out = describe_store(source, DENSITY, EVERYTHING, tmp_path / "out", runner)
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
    found = stored(describe_store(source, DENSITY, wanted, tmp_path / "out", runner))
    assert np.array_equal(found["labels"], MODEL.predict(rows))
    np.testing.assert_allclose(found["probabilities"], MODEL.predict_proba(rows), atol=1e-8)


def test_the_score_is_the_same_from_any_runner(source: Source, runner: Runner) -> None:
    found = score_rows(source, DENSITY, runner)
    assert found == score_rows(source, DENSITY, ThreadRunner(1))
    assert found[0] == N
    assert found[1] == pytest.approx(MODEL.score(ROWS), rel=1e-12)


def test_what_is_finished_is_left_alone(source: Source, tmp_path: Path) -> None:
    out = store(source, tmp_path / "out", about={"by": "me"})
    before = files_of(out)
    for overwrite in (False, True):
        runner = Forbidden()
        describe_store(source, DENSITY, EVERYTHING, out, runner, overwrite=overwrite)
    assert files_of(out) == before
    facts = dict(zarr.open_group(out, mode="r").attrs)["dask_gmm"]
    assert isinstance(facts, dict)
    assert facts["about"] == {"by": "me"}


def test_the_same_rows_elsewhere_are_the_same(data: Path, source: Source, tmp_path: Path) -> None:
    out = store(source, tmp_path / "out")
    shutil.copytree(data, tmp_path / "copy.zarr")
    describe_store(open_source(tmp_path / "copy.zarr"), DENSITY, EVERYTHING, out, Forbidden())


def other_rows(data: Path, folder: Path) -> Source:
    return open_source(ours(folder / "other.zarr", ROWS + 1e-9))


def other_selection(data: Path, folder: Path) -> Source:
    return open_source(data, columns=[1, 0, 2, 3, 4, 5, 6, 7])


def fewer_rows(data: Path, folder: Path) -> Source:
    return open_source(data, rows=slice(0, N - 1))


@pytest.mark.parametrize("change", [other_rows, other_selection, fewer_rows])
def test_predictions_of_other_rows_are_refused_unless_overwritten(
    data: Path, source: Source, tmp_path: Path, change: Callable[[Path, Path], Source]
) -> None:
    out = store(source, tmp_path / "out")
    before, other = files_of(out), change(data, tmp_path)
    with pytest.raises(OutputExistsError, match=rf"{out} differ in data\. Choose"):
        store(other, out)
    assert files_of(out) == before
    store(other, out, overwrite=True)
    same(stored(out), describe_rows(other, DENSITY, EVERYTHING, RUNNER))


def test_other_predictions_are_refused_unless_overwritten(source: Source, tmp_path: Path) -> None:
    out = store(source, tmp_path / "out", Wanted(top=2))
    with pytest.raises(OutputExistsError, match=r"differ in wanted\. Choose"):
        store(source, out, Wanted(top=1))
    with pytest.raises(OutputExistsError, match=r"differ in model\. Choose"):
        describe_store(source, OTHER, Wanted(top=2), out, RUNNER)
    describe_store(source, OTHER, Wanted(labels=True), out, RUNNER, overwrite=True)
    same(stored(out), describe_rows(source, OTHER, Wanted(labels=True), RUNNER))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out"]


def test_finished_predictions_that_lost_a_chunk_are_not_taken_for_whole(
    source: Source, tmp_path: Path
) -> None:
    out = store(source, tmp_path / "out")
    before = files_of(out)
    (out / "labels" / "c" / "1").unlink()
    with pytest.raises(OutputExistsError, match=r"differ in chunks \(some are missing\)"):
        store(source, out)
    store(source, out, overwrite=True)
    assert files_of(out) == before


@pytest.mark.parametrize("kind", ["memory", "dask", "zarr in memory"])
def test_rows_without_an_identity_are_always_described_anew(kind: str, tmp_path: Path) -> None:
    held = MemoryStore()
    zarr.create_array(held, data=ROWS, chunks=(CHUNK_ROWS, D))
    sources: dict[str, Source] = {
        "memory": ArraySource.of(ROWS),
        "dask": DaskSource.of(da.from_array(ROWS, chunks=(CHUNK_ROWS, D))),
        "zarr in memory": open_source(zarr.open_array(held, mode="r")),
    }
    source = sources[kind]
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        describe_store(source, DENSITY, EVERYTHING, out, Failing(2))
    assert list(tmp_path.iterdir()) == []
    store(source, out)
    with pytest.raises(OutputExistsError, match="cannot be compared"):
        store(source, out)
    store(source, out, overwrite=True)


def interrupted(source: Source, out: Path) -> Values:
    """Leave predictions unfinished, with labels of a chunk by which it can be told whether it is
    kept: 100, and the right checksum. The labels of another chunk are lost.

    Gives the labels to come if it is.
    """
    with pytest.raises(KeyboardInterrupt):
        describe_store(source, DENSITY, EVERYTHING, out, Failing(2))
    labels = out.with_name(f".{out.name}.wip") / "labels"
    size = int(zarr.open_array(labels, mode="r").chunks[0])
    marked = np.full(size, 100, np.int8)
    write_plain(labels / "c" / "1", [marked])
    (labels / "c" / "2").unlink()
    wanted = np.asarray(MODEL.predict(ROWS), np.int8)
    wanted[size : 2 * size] = 100
    return wanted


@pytest.mark.parametrize("write", [ours, foreign])
def test_what_an_interrupted_call_finished_is_kept(
    write: Callable[[Path], Path], runner: Runner, tmp_path: Path
) -> None:
    source, out = open_source(write(tmp_path / "data")), tmp_path / "out"
    wanted = interrupted(source, out)
    describe_store(source, DENSITY, EVERYTHING, out, runner)
    assert np.array_equal(stored(out)["labels"], wanted)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "out"]


@pytest.mark.parametrize("change", ["model", "data", "wanted", "versions"])
def test_what_is_about_something_else_is_not_kept(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = foreign(tmp_path / "data")
    source, out = open_source(path), tmp_path / "out"
    interrupted(source, out)
    density, wanted = (OTHER if change == "model" else DENSITY), EVERYTHING
    if change == "data":
        chunk = path / "c" / "3" / "0"
        chunk.write_bytes(chunk.read_bytes())
    elif change == "wanted":
        wanted = replace(EVERYTHING, top=1)
    elif change == "versions":
        monkeypatch.setattr("dask_gmm.workflows.predictions.version", lambda name: "0")
    describe_store(source, density, wanted, out, RUNNER)
    same(stored(out), describe_rows(source, density, wanted, RUNNER))


def test_rows_that_change_meanwhile_are_refused(tmp_path: Path) -> None:
    path = foreign(tmp_path / "data")

    class Meddling(ThreadRunner):
        def run(self, *args: Any) -> Answers:
            answers = super().run(*args)
            chunk = path / "c" / "0" / "0"
            chunk.write_bytes(chunk.read_bytes()[::-1])
            return answers

    with pytest.raises(DataError, match="changed meanwhile"):
        describe_store(open_source(path), DENSITY, EVERYTHING, tmp_path / "out", Meddling(2))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("inside", ["", "x", "x/deep/er"])
def test_predictions_never_replace_their_rows(inside: str, data: Path, source: Source) -> None:
    before = files_of(data)
    for overwrite in (False, True):
        with pytest.raises(InputError, match="must not replace the rows"):
            store(source, data / inside, overwrite=overwrite)
    with pytest.raises(InputError, match="must not replace the rows"):
        store(source, data.parent, overwrite=True)
    assert files_of(data) == before


def test_something_else_is_never_replaced(source: Source, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(OutputExistsError):
            store(source, tmp_path / "out", overwrite=overwrite)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


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


def test_a_place_that_cannot_be_written_is_named(source: Source, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        store(source, tmp_path / "file" / "out")


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_the_largest_divisor_divides_and_none_is_larger(number: int, most: int) -> None:
    found = largest_divisor(number, most)
    assert number % found == 0
    assert found <= most
    later = range(found + 1, min(most, number, found + 1000) + 1)
    assert all(number % each for each in later)


@given(
    st.lists(st.integers(1, 5000), min_size=1, max_size=6),
    st.integers(1, 6000),
    st.booleans(),
)
def test_every_leaf_owns_whole_chunks_of_a_fair_size(
    sizes: list[int], most: int, even: bool
) -> None:
    sizes = [sizes[0]] * len(sizes) if even else sizes
    before = replace(ArraySource.of(np.empty((sum(sizes), 1))), layout=irregular_layout(sizes))
    after, chunk_rows = in_whole_chunks(before, most)
    assert after.layout.rows == sum(sizes)
    assert all(edge % chunk_rows == 0 for edge in after.layout.edges[:-1].tolist())
    assert chunk_rows <= most
    assert 2 * chunk_rows >= min(1024, most, sum(sizes))
