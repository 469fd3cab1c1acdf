"""Drawn rows depend on the seed and the mixture, on nothing else; receipts are in row order."""

import pickle
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dask_gmm.data.groups import open_written
from dask_gmm.data.row_grid import RowGrid
from dask_gmm.data.sink import ArraySpec, Sink
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.sampling import Sampler, block_rows
from dask_gmm.outputs.drawn import DrawRows, GroupTarget, MemoryTarget, Piece, Receipt
from dask_gmm.passes.fold import Workspace, measure
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.passes.tree import fold_in_order
from tests.data.arrays import folder_of

Rows = tuple[bytes, bytes]

# So many columns that a block is small, and a test is fast.
N_FEATURES = 128
BLOCK = block_rows(N_FEATURES)


def sampler(n_features: int = N_FEATURES) -> Sampler:
    means = np.repeat([[0.0], [5.0], [-9.0]], n_features, axis=1)
    variances = np.repeat([[1.0], [0.5], [2.0]], n_features, axis=1)
    return Sampler.of(Mixture.of([0.5, 0.3, 0.2], means, variances, "diag"), outliers=0.05)


SAMPLER = sampler()


def sink_for(folder: Path, n_rows: int, chunk_rows: int, dtype: str = "float64") -> Sink:
    sink = Sink(
        folder,
        (
            ArraySpec("x", (n_rows, N_FEATURES), dtype, chunk_rows),
            ArraySpec("component", (n_rows,), "int8", chunk_rows),
        ),
    )
    sink.create({})
    return sink


def answer(fold: DrawRows, n_rows: int, leaf_rows: int, order: int = 1) -> Receipt:
    """Answer leaf by leaf, forward or backward, and add in the tree."""
    reader = RowGrid.of("rows", n_rows, leaf_rows)
    answers: dict[int, Receipt] = {}
    with ONE_THREAD:
        for index in range(len(reader.layout))[::order]:
            (answers[index],) = measure([fold], reader.read(index), Workspace())
    total: Receipt = fold_in_order(answers[index] for index in sorted(answers))
    return total


def in_memory(n_rows: int, leaf_rows: int, seed: int = 1, order: int = 1) -> Rows:
    x, components = np.empty((n_rows, N_FEATURES)), np.empty(n_rows, np.int8)
    answer(DrawRows(SAMPLER, seed, MemoryTarget(x, components)), n_rows, leaf_rows, order)
    return x.tobytes(), components.tobytes()


def stored(folder: Path, name: str) -> npt.NDArray[Any]:
    return np.asarray(open_written(folder, name)[...])


@given(st.integers(1, 4 * BLOCK), st.integers(1, 3 * BLOCK), st.integers(50, 2 * BLOCK))
@settings(deadline=None, max_examples=10)
def test_rows_are_the_same_in_any_leaves_and_chunks_in_memory_and_in_a_store(
    n_rows: int, leaf_rows: int, chunk_rows: int
) -> None:
    expected = in_memory(n_rows, n_rows)
    assert in_memory(n_rows, leaf_rows, order=-1) == expected
    with tempfile.TemporaryDirectory() as folder:
        sink = sink_for(Path(folder), n_rows, chunk_rows)
        fold = pickle.loads(pickle.dumps(DrawRows(SAMPLER, 1, GroupTarget(sink))))
        leaf = chunk_rows * max(1, leaf_rows // chunk_rows)
        receipt = answer(fold, n_rows, leaf, order=-1)
        sink.finalize({"x": receipt.rows, "component": receipt.components})
        found = tuple(stored(folder_of(sink), name).tobytes() for name in ("x", "component"))
        assert found == expected
        assert receipt.kept == 0


def test_more_rows_begin_with_the_same_rows() -> None:
    few, many = in_memory(BLOCK + 7, BLOCK), in_memory(3 * BLOCK, BLOCK)
    assert all(more.startswith(less) for less, more in zip(few, many, strict=True))


def test_another_seed_gives_other_rows() -> None:
    assert in_memory(100, 100, seed=2) != in_memory(100, 100, seed=1)


def test_blocks_are_unrelated() -> None:
    x = np.frombuffer(in_memory(2 * BLOCK, BLOCK)[0]).reshape(2, -1)
    assert abs(np.asarray(np.corrcoef(x))[0, 1]) < 0.01
    assert not np.isin(x[0], x[1]).any()


def test_float32_rows_are_the_float64_rows_rounded(tmp_path: Path) -> None:
    n_rows = BLOCK + 100
    sink = sink_for(tmp_path, n_rows, 700, "float32")
    answer(DrawRows(SAMPLER, 1, GroupTarget(sink)), n_rows, 1400)
    exact = np.frombuffer(in_memory(n_rows, n_rows)[0]).reshape(n_rows, N_FEATURES)
    assert stored(tmp_path, "x").dtype == np.float32
    assert np.array_equal(stored(tmp_path, "x"), exact.astype(np.float32))


@pytest.mark.parametrize("name", ["x", "component"])
@pytest.mark.parametrize("damage", ["lost", "half", "flipped"])
def test_only_what_is_not_finished_is_drawn_again(tmp_path: Path, name: str, damage: str) -> None:
    n_rows, chunk_rows = 5 * 300 - 20, 300
    sink = sink_for(tmp_path, n_rows, chunk_rows)
    fold = DrawRows(SAMPLER, 1, GroupTarget(sink))
    receipt = answer(fold, n_rows, 600)
    before = {path: (path.stat().st_ino, path.read_bytes()) for path in chunks_of(tmp_path)}
    broken = sink.arrays[["x", "component"].index(name)].path(tmp_path, 3)
    break_file(broken, damage)
    again = answer(fold, n_rows, 600)
    after = {path: (path.stat().st_ino, path.read_bytes()) for path in chunks_of(tmp_path)}
    assert (receipt.kept, again.kept) == (0, 4)
    assert {path: content for path, (_, content) in after.items()} == {
        path: content for path, (_, content) in before.items()
    }
    redone = {spec.path(tmp_path, 3) for spec in sink.arrays}
    assert {path for path in after if after[path][0] != before[path][0]} <= redone
    assert again.rows.tolist() == receipt.rows.tolist()
    assert again.components.tolist() == receipt.components.tolist()


def chunks_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("c/*") if path.is_file()) + sorted(
        path for path in folder.rglob("c/*/0")
    )


def break_file(path: Path, damage: str) -> None:
    content = path.read_bytes()
    if damage == "lost":
        path.unlink()
    elif damage == "half":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content[:10] + bytes([content[10] ^ 1]) + content[11:])


def receipts() -> st.SearchStrategy[Receipt]:
    digests = st.lists(st.integers(0, 2**32 - 1), max_size=4)
    return st.builds(
        lambda rows, kept: Receipt(
            np.array(rows, np.uint32), np.array(rows[::-1], np.uint32), kept
        ),
        digests,
        st.integers(0, 9),
    )


def told(receipt: Receipt) -> tuple[list[int], list[int], int]:
    return receipt.rows.tolist(), receipt.components.tolist(), receipt.kept


@given(receipts(), receipts(), receipts())
def test_receipts_add_in_order_however_they_are_bracketed(
    a: Receipt, b: Receipt, c: Receipt
) -> None:
    total = (a + b) + c
    assert told(total) == told(a + (b + c))
    assert total.rows.tolist() == [*a.rows, *b.rows, *c.rows]
    assert total.kept == a.kept + b.kept + c.kept


@pytest.mark.parametrize("n_features", [2, 128, 700])
def test_what_is_held_is_less_than_projected(tmp_path: Path, n_features: int) -> None:
    chunk_rows = 3 * block_rows(n_features) + 5
    specs = (
        ArraySpec("x", (chunk_rows, n_features), "float32", chunk_rows),
        ArraySpec("component", (chunk_rows,), "int8", chunk_rows),
    )
    sink = Sink(tmp_path, specs)
    sink.create({})
    fold = DrawRows(sampler(n_features), 0, GroupTarget(sink))
    for _ in ("written", "found"):
        tracemalloc.start()
        try:
            answer(fold, chunk_rows, chunk_rows)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < fold.tile_bytes(0)


def test_a_target_is_given_no_more_than_it_asks_for() -> None:
    asked: list[tuple[int, int]] = []

    class Odd(MemoryTarget):
        def fill(self, start: int, stop: int, draw: Any) -> Receipt:
            pieces: Iterator[Piece] = draw(BLOCK - 3, 2 * BLOCK + 1)
            asked.extend((len(rows), len(components)) for rows, components in pieces)
            return super().fill(start, stop, draw)

    target = Odd(np.empty((10, N_FEATURES)), np.empty(10, np.int8))
    answer(DrawRows(SAMPLER, 1, target), 10, 10)
    assert asked == [(3, 3), (BLOCK, BLOCK), (1, 1)]
