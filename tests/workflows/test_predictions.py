"""Predictions are written once, taken up again, never mixed, and replace nothing else."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.blocks import irregular_layout
from dask_gmm.data.open import open_source
from dask_gmm.data.plain import write_plain
from dask_gmm.data.source import Source
from dask_gmm.errors import (
    DataError,
    InputError,
    OutputError,
    OutputExistsError,
)
from dask_gmm.outputs.wanted import Wanted
from dask_gmm.passes.cost import Reading
from dask_gmm.passes.dask_source import DaskSource
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.workflows.describe import (
    describe_rows,
)
from dask_gmm.workflows.describe_store import describe_store
from dask_gmm.workflows.predictions import in_whole_chunks, largest_divisor
from tests.data.arrays import files_of
from tests.passes.conftest import client as client
from tests.passes.conftest import runner as runner
from tests.workflows.predicting import (
    CHUNK_ROWS,
    DENSITY,
    EVERYTHING,
    MODEL,
    OTHER,
    ROWS,
    RUNNER,
    D,
    Failing,
    Forbidden,
    N,
    Values,
    foreign,
    left_aside,
    ours,
    same,
    store,
    stored,
)
from tests.workflows.predicting import data as data
from tests.workflows.predicting import source as source


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
    copy = open_source(tmp_path / "copy.zarr")
    found = describe_store(copy, DENSITY, EVERYTHING, out, Forbidden())
    assert found.kept == found.chunks == found.arrays[0].n_chunks


def test_another_spelling_of_a_path_is_the_same_rows(tmp_path: Path) -> None:
    """Without digests, the place of the rows is part of what tells them from others."""
    path, link = foreign(tmp_path / "data"), tmp_path / "link"
    link.symlink_to(tmp_path)
    out = store(open_source(path), tmp_path / "out")
    for spelling in (link / "data", tmp_path / "out" / ".." / "data"):
        describe_store(open_source(spelling), DENSITY, EVERYTHING, out, Forbidden())


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
    labels = left_aside(out) / "labels"
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
    found = describe_store(source, DENSITY, EVERYTHING, out, runner)
    assert found.kept == found.chunks - 1
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
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "out"]


def test_rows_that_change_meanwhile_are_refused(tmp_path: Path) -> None:
    path = foreign(tmp_path / "data")

    class Meddling(ThreadRunner):
        def run(self, *args: Any) -> Reading:
            answers = super().run(*args)
            chunk = path / "c" / "0" / "0"
            chunk.write_bytes(chunk.read_bytes()[::-1])
            return answers

    with pytest.raises(DataError, match="changed meanwhile"):
        describe_store(open_source(path), DENSITY, EVERYTHING, tmp_path / "out", Meddling(2))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("inside", ["", "x", "x/deep/er", "digests", "digests/x", "digests/y"])
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
