"""Lazy answers: nothing is read before it is asked for, once then, and the bytes are the same."""

import pickle
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
from distributed import Client

from dask_gmm.data.open import open_source
from dask_gmm.data.source import Block, Layout
from dask_gmm.errors import DataError, InputError
from dask_gmm.passes.fold import BadRowError, Tile
from dask_gmm.passes.lazy import lazy_answers, lazy_answers_of_dask
from tests.data.arrays import chunk_file, foreign
from tests.passes.rows import RowsInMemory

Values = npt.NDArray[Any]

ROWS: Values = np.random.default_rng(0).standard_normal((1000, 3))
EXAMPLES: dict[str, Values] = {"double": np.empty((0, 3)), "sign": np.empty(0, np.int8)}


@dataclass(frozen=True, slots=True)
class Double:
    """A fold that gives all rows times two, and the sign of their first column."""

    def begin(self, block: Block) -> "DoubleMeter":
        return DoubleMeter(block)

    def tile_bytes(self, n_features: int) -> int:
        return 0


class DoubleMeter:
    def __init__(self, block: Block) -> None:
        self._rows = block.rows

    def add(self, tile: Tile) -> None:
        bad = ~np.isfinite(tile.rows)
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            raise BadRowError(tile.start + row, column, float(tile.rows[row, column]))

    def answer(self) -> Any:
        return {"double": self._rows * 2, "sign": np.sign(self._rows[:, 0]).astype(np.int8)}


@dataclass(frozen=True, slots=True, eq=False)
class Counted(RowsInMemory):
    """Rows that leave a file behind whenever a leaf is read."""

    folder: Path = Path()

    def open(self) -> "Counted":
        return self

    def read(self, index: int) -> Block:
        (self.folder / uuid.uuid4().hex).touch()
        return RowsInMemory.read(self, index)


def counted(folder: Path) -> Counted:
    regular = RowsInMemory.of(ROWS, 300)
    return Counted(ROWS, regular.layout, folder=folder)


def counting(folder: Path) -> Callable[[Values], Values]:
    """A function of blocks that leaves a file behind whenever it is called."""

    def block(values: Values) -> Values:
        (folder / uuid.uuid4().hex).touch()
        return values

    return block


def check(found: dict[str, da.Array]) -> None:
    double, sign = da.compute(found["double"], found["sign"])
    assert np.array_equal(double, ROWS * 2)
    assert np.array_equal(sign, np.sign(ROWS[:, 0]))
    assert (double.dtype, sign.dtype) == (found["double"].dtype, found["sign"].dtype)


def test_a_source_is_read_when_asked_and_once_for_all_answers(tmp_path: Path) -> None:
    found = lazy_answers(counted(tmp_path), Double(), EXAMPLES)
    assert found["double"].chunks == ((300, 300, 300, 100), (3,))
    assert found["sign"].chunks == ((300, 300, 300, 100),)
    assert list(tmp_path.iterdir()) == []
    check(found)
    assert len(list(tmp_path.iterdir())) == 4
    assert np.array_equal(found["sign"][:10].compute(), np.sign(ROWS[:10, 0]))
    assert len(list(tmp_path.iterdir())) == 5


def test_a_dask_array_is_computed_when_asked_and_once_for_all_answers(tmp_path: Path) -> None:
    blocks = da.from_array(ROWS, chunks=(300, 3)).map_blocks(
        counting(tmp_path), meta=np.empty((0, 3))
    )
    found = lazy_answers_of_dask(blocks, Double(), EXAMPLES)
    assert found["double"].chunks == ((300, 300, 300, 100), (3,))
    assert list(tmp_path.iterdir()) == []
    check(found)
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("chunks", [(300, 3), (1000, 1), ((1, 0, 899, 100), (2, 1))], ids=str)
def test_blocks_of_any_shape_have_the_same_answers(chunks: Any) -> None:
    found = lazy_answers_of_dask(da.from_array(ROWS, chunks=chunks), Double(), EXAMPLES)
    check(found)


def test_blocks_of_unknown_sizes_are_answered() -> None:
    array = da.from_array(ROWS, chunks=(300, 3))
    positive = array[array[:, 0] > 0]
    found = lazy_answers_of_dask(positive, Double(), EXAMPLES)
    assert np.isnan(found["sign"].shape[0])
    assert np.array_equal(found["double"].compute(), ROWS[ROWS[:, 0] > 0] * 2)
    assert (found["sign"].compute() == 1).all()


def test_rows_of_other_types_become_floats() -> None:
    whole = da.from_array(np.arange(12).reshape(4, 3), chunks=(2, 3))
    examples = {"double": np.empty((0, 3))}
    found = lazy_answers_of_dask(whole, Double(), examples)["double"].compute()
    assert found.dtype == np.float64
    assert found.tolist() == (np.arange(12.0).reshape(4, 3) * 2).tolist()


def test_the_question_is_one_task_that_all_others_depend_on() -> None:
    class Large(Double):
        pass

    fold = Large()
    source = RowsInMemory.of(ROWS, 100)
    graph = dict(lazy_answers(source, fold, EXAMPLES)["sign"].__dask_graph__())
    holders = [key for key, task in graph.items() if "Large" in repr(task)]
    assert len(holders) == 1
    assert len(graph) == 1 + 2 * len(source.layout)


def test_workers_give_the_same(client: Client, tmp_path: Path) -> None:
    with client.as_current():
        check(lazy_answers(counted(tmp_path), Double(), EXAMPLES))
        check(lazy_answers_of_dask(da.from_array(ROWS, chunks=(300, 3)), Double(), EXAMPLES))
    assert len(list(tmp_path.iterdir())) == 4


def test_graphs_travel(tmp_path: Path) -> None:
    found = lazy_answers(counted(tmp_path), Double(), EXAMPLES)
    check(pickle.loads(pickle.dumps(found)))


def test_a_bad_row_is_named_when_it_is_computed(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[650, 2] = np.nan
    source = replace(RowsInMemory.of(ROWS, 300), rows=rows)
    with pytest.raises(DataError, match="row 650, column 2 is nan"):
        lazy_answers(source, Double(), EXAMPLES)["sign"].compute()
    array = da.from_array(rows, chunks=(300, 3), name="mine")
    found = lazy_answers_of_dask(array, Double(), EXAMPLES)["sign"]
    assert np.array_equal(found[:600].compute(), np.sign(ROWS[:600, 0]))
    with pytest.raises(DataError, match="row 50 of block 2, column 2, of dask array mine is nan"):
        found.compute()


def test_a_damaged_chunk_is_refused_when_it_is_computed(tmp_path: Path) -> None:
    array = foreign(tmp_path, "crc32c")
    source = open_source(array)
    chunk_file(array).unlink()
    with pytest.raises(DataError, match="c/2/0"):
        lazy_answers(source, Double(), {"sign": EXAMPLES["sign"]})["sign"].compute()


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.zeros((300, 2)), r"ndarray of float64 and shape \(300, 2\)"),
        (np.zeros((5, 3)), r"ndarray of float64 and shape \(5, 3\)"),
        (np.full((300, 3), "a"), r"ndarray of <U1 and shape \(300, 3\)"),
        (
            np.ma.MaskedArray(np.zeros((300, 3)), mask=True),
            r"MaskedArray of float64 and shape \(300, 3\)",
        ),
    ],
)
def test_a_block_that_is_not_what_the_array_says_is_refused(values: Any, found: str) -> None:
    array = da.from_array(ROWS[:300], chunks=(300, 3)).map_blocks(
        lambda block: values, meta=np.empty((0, 3))
    )
    with pytest.raises(DataError, match=rf"shape \(300, 3\), but block 0 of dask array .* {found}"):
        lazy_answers_of_dask(array, Double(), EXAMPLES)["sign"].compute(scheduler="sync")


def test_arrays_that_are_no_rows_are_refused_at_once() -> None:
    for array, said in (
        (da.zeros(5), "two axes"),
        (da.zeros((5, 2), dtype=complex), "complex128"),
        (da.ma.masked_equal(da.zeros((5, 2)), 0), "masked"),
    ):
        with pytest.raises(InputError, match=said):
            lazy_answers_of_dask(array, Double(), EXAMPLES)


def test_leaves_of_no_common_size_are_blocks_as_they_are() -> None:
    source = RowsInMemory(ROWS, Layout(np.array([0, 1, 999, 1000])))
    found = lazy_answers(source, Double(), EXAMPLES)
    assert found["sign"].chunks == ((1, 998, 1),)
    check(found)
