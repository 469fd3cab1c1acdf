"""Rows that are held are read once, give the same bytes, and are never others than the survey's."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from dask.sizeof import sizeof
from distributed import Client

from dask_gmm.data import blocks
from dask_gmm.data.open import open_source
from dask_gmm.data.zarr_reader import ZarrReader
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import DataError, MemoryLimitError
from dask_gmm.passes.attempt import Attempt
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.held import HeldHere, Piece
from dask_gmm.passes.memory import IMBALANCE, PROCESS_BYTES, bytes_of, project
from dask_gmm.passes.patience import Patience
from dask_gmm.passes.pieces import HeldThere, Pieces
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from tests.data.arrays import digests_of
from tests.passes.rows import Spell, Total

ROWS = np.random.default_rng(0).standard_normal((930, 4)) * 10.0 ** np.arange(4)
CHUNK_ROWS, LEAVES = 50, 19

Held = HeldHere | HeldThere


@pytest.fixture(autouse=True)
def _leaf_for_each_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "LEAF_BYTES", 1)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each leaf is read, by threads and by workers in this process."""
    counted: Counter[int] = Counter()
    read = ZarrReader.read

    def counting(reader: ZarrReader, index: int) -> Any:
        counted[index] += 1
        return read(reader, index)

    monkeypatch.setattr(ZarrReader, "read", counting)
    return counted


def write(path: Path, rows: np.ndarray = ROWS, **how: Any) -> None:
    array = zarr.create_array(
        path, shape=rows.shape, chunks=(CHUNK_ROWS, 4), dtype="f8", overwrite=True, **how
    )
    array[:] = rows


def opened(path: Path, **asked: Any) -> ZarrSource:
    source = open_source(path, **asked)
    assert isinstance(source, ZarrSource)
    return source


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "x.zarr")
    return tmp_path / "x.zarr"


def held(source: ZarrSource, runner: Runner) -> Held:
    if isinstance(runner, DistributedRunner):
        return HeldThere(source, Pieces(runner.client))
    return HeldHere(source)


def asked(source: Any, runner: Runner, folds: Sequence[Any] = (Total(), Spell())) -> list[Any]:
    total, *others = runner.run(source, list(folds), Silent())
    return [total.tobytes(), *others]


def test_every_leaf_is_read_once_for_all_passes(
    path: Path, runner: Runner, readings: Counter[int]
) -> None:
    source = opened(path)
    expected = asked(source, runner)
    readings.clear()
    rows = held(source, runner)
    for _ in range(3):
        assert asked(rows, runner) == expected
    assert readings == dict.fromkeys(range(LEAVES), 1)
    rows.release()


HOW: list[dict[str, Any]] = [
    {"columns": (2, 0)},
    {"rows": slice(120, 701)},
    {"columns": [3], "rows": slice(51, 99)},
]


@pytest.mark.parametrize("how", HOW, ids=str)
@pytest.mark.parametrize("stored", [{}, {"compressors": None}, {"zarr_format": 2, "order": "F"}])
def test_what_is_chosen_of_rows_has_the_same_bytes(
    tmp_path: Path, how: dict[str, Any], stored: dict[str, Any], client: Client
) -> None:
    write(tmp_path / "x.zarr", **stored)
    source = opened(tmp_path / "x.zarr", **how)
    expected = asked(source, ThreadRunner(2))
    for runner in (ThreadRunner(2), DistributedRunner(client)):
        rows = held(source, runner)
        assert [asked(rows, runner), asked(rows, runner)] == [expected, expected]
        rows.release()


def test_rows_that_are_held_take_no_more_than_they_are(path: Path) -> None:
    rows = HeldHere(opened(path, columns=[1]))
    asked(rows, ThreadRunner(2))
    memory = [
        each.rows if each.rows.base is None else each.rows.base for each in rows.blocks.values()
    ]
    assert sum(each.nbytes for each in memory) == bytes_of(rows) == len(ROWS) * 8
    assert rows.task_bytes() == 0
    assert not any(each.rows.flags.writeable for each in rows.blocks.values())


def test_dask_knows_what_a_piece_takes(path: Path) -> None:
    piece = Piece.of(opened(path), range(4))
    assert 4 * CHUNK_ROWS * 4 * 8 <= sizeof(piece) < 4 * CHUNK_ROWS * 4 * 8 + 200


def test_what_changes_afterwards_is_not_noticed_while_rows_are_held(
    path: Path, runner: Runner
) -> None:
    source = opened(path)
    digests, rows = digests_of(source), held(source, runner)
    expected = asked(rows, runner)
    write(path, ROWS + 1)
    assert asked(rows.pinned(digests), runner) == expected
    rows.release()


def test_what_was_lost_and_is_others_now_is_refused(path: Path, runner: Runner) -> None:
    source = opened(path)
    digests, rows = digests_of(source), held(source, runner)
    asked(rows, runner)
    write(path, ROWS + 1)
    forget(rows)
    with pytest.raises(DataError, match=r"c/\d+/0 \(rows .* changed during the run"):
        asked(rows.pinned(digests), runner)
    rows.release()


def test_what_was_lost_is_read_again(path: Path, runner: Runner, readings: Counter[int]) -> None:
    source = opened(path)
    digests, rows = digests_of(source), held(source, runner)
    expected = asked(rows, runner)
    readings.clear()
    forget(rows)
    assert asked(rows.pinned(digests), runner) == expected
    assert readings == dict.fromkeys(range(LEAVES), 1)
    rows.release()


def forget(rows: Held) -> None:
    """Lose what is held."""
    if isinstance(rows, HeldHere):
        rows.blocks.clear()
    else:
        tasks = [rows.pieces.holding(leaf) for leaf in range(LEAVES)]
        tasks[0].client.cancel(tasks, force=True)


def test_a_piece_that_is_made_again_of_others_is_refused_by_who_asks(path: Path) -> None:
    """As Dask makes it again: by the task of the first pass, which knew no digests."""
    source = opened(path)
    pinned = source.pinned(digests_of(source))
    write(path, ROWS + 1)
    again = Piece.of(source, range(3)).held(pinned).open()
    with pytest.raises(DataError, match=r"c/2/0 .* changed during the run"):
        again.read(2)


def test_bad_chunks_that_are_whole_now_are_others_too(path: Path) -> None:
    source = opened(path).skipping()
    whole = Piece.of(source, range(3))
    (path / "c" / "1" / "0").unlink()
    readers = [source.open().read(index) for index in range(LEAVES)]
    pinned = source.pinned(digests_of(source), [bad for each in readers for bad in each.bad_chunks])
    again = whole.held(pinned).open()
    assert again.read(0).digests == readers[0].digests
    with pytest.raises(DataError, match="c/1/0"):
        again.read(1)


def test_leaves_that_cannot_be_read_are_refused_where_they_are_asked_for(
    path: Path, runner: Runner
) -> None:
    (path / "c" / "7" / "0").write_bytes(b"no chunk")
    rows = held(opened(path), runner)
    with pytest.raises(DataError, match="c/7/0"):
        asked(rows, runner)
    rows.release()


def test_a_resumed_fit_compares_what_it_reads_first(path: Path, runner: Runner) -> None:
    digests = digests_of(opened(path))
    write(path, ROWS + 1)
    rows = held(opened(path), runner).pinned(digests)
    with pytest.raises(DataError, match="changed during the run"):
        asked(rows, runner)
    rows.release()


def test_a_single_leaf_is_held_for_all_folds(
    tmp_path: Path, runner: Runner, readings: Counter[int]
) -> None:
    write(tmp_path / "x.zarr", ROWS[:CHUNK_ROWS])
    source = opened(tmp_path / "x.zarr")
    rows, folds = held(source, runner), [Total(), Spell(), Spell(3)]
    expected = asked(rows, runner, folds)
    readings.clear()
    assert asked(rows, runner, folds) == expected == asked(replace(rows), runner, folds)
    assert not readings
    rows.release()


def test_later_tasks_may_be_parts_of_a_piece(
    path: Path, client: Client, readings: Counter[int]
) -> None:
    source = opened(path)
    rows, folds = HeldThere(source, Pieces(client)), (Total(), Spell())
    (total, spelled) = ThreadRunner(1).run(source, folds, Silent())
    readings.clear()
    for n_tasks in (2, 64):
        attempt = Attempt(client, f"parts-{n_tasks}", Patience(client))
        answers = attempt.run(rows, folds, n_tasks, Silent())
        assert (answers.answers[0].tobytes(), answers.answers[1]) == (total.tobytes(), spelled)
        assert len(rows.pieces) == 2
    assert readings == dict.fromkeys(range(LEAVES), 1)
    rows.release()


def test_nothing_is_held_after_release(path: Path, client: Client) -> None:
    rows, runner = HeldThere(opened(path), Pieces(client)), DistributedRunner(client)
    asked(rows, runner)
    keys = {task.key for task in (rows.pieces.holding(leaf) for leaf in range(LEAVES))}
    assert keys <= set(client.futures)
    rows.release()
    client.scheduler_info()  # a round trip, after what is on its way
    assert not keys & set(client.futures)
    assert len(rows.pieces) == 0
    here = HeldHere(opened(path))
    asked(here, ThreadRunner(1))
    here.release()
    assert not here.blocks


def test_all_rows_are_counted_before_they_are_read(path: Path, readings: Counter[int]) -> None:
    rows = HeldHere(opened(path))
    limit = project(rows.source, [Total()], 2).total + bytes_of(rows)
    asked(rows.source, ThreadRunner(2, memory_limit=limit - 1))
    readings.clear()
    with pytest.raises(MemoryLimitError, match=r"for rows that are kept. Set cache to none"):
        ThreadRunner(2, memory_limit=limit - 1).run(rows, [Total()], Silent())
    assert not readings
    asked(rows, ThreadRunner(2, memory_limit=limit))


def test_a_worker_is_counted_its_share_and_a_margin(path: Path) -> None:
    rows = HeldHere(opened(path))
    assert [project(rows, [], threads, of).held for threads, of in ((1, 1), (4, 4))] == [
        bytes_of(rows)
    ] * 2
    assert project(rows, [], 1, 4).held == int(IMBALANCE * bytes_of(rows) / 4)
    assert project(rows, [], 3, 4).held == bytes_of(rows)


def test_workers_too_small_for_their_share_are_refused(
    path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, runner = HeldThere(opened(path), Pieces(client)), DistributedRunner(client)
    alone = project(rows.source, [Total()], 1).total
    limit = alone + int(IMBALANCE * bytes_of(rows) / 2)

    def workers(limit: int) -> Any:
        return lambda: [{"nthreads": 1, "memory_limit": limit}] * 2

    monkeypatch.setattr(runner, "_workers", workers(limit))
    assert runner.outlook(rows, [Total()]).fits
    monkeypatch.setattr(runner, "_workers", workers(limit - 1))
    assert runner.outlook(rows.source, [Total()]).fits
    with pytest.raises(MemoryLimitError, match="Set cache to none"):
        runner.outlook(rows, [Total()]).require(rows.name)
    assert alone > PROCESS_BYTES
