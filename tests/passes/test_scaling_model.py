"""What is said on paper of passes is what passes do."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scaling_model import (
    CHUNK_BYTES,
    Computing,
    Dask,
    Job,
    Shape,
    answer_bytes,
    levels,
    moved,
    one_pass,
    worker_bytes,
)
from benchmarks.simulated import simulate
from dask_gmm.data.blocks import regular_layout
from dask_gmm.data.open import open_source
from dask_gmm.fitting.questions import EStep
from dask_gmm.passes.attempt import Attempt
from dask_gmm.passes.cost import Peak, Spent
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.memory import project
from dask_gmm.passes.patience import Patience
from dask_gmm.passes.progress import Silent
from tests.passes.rows import RowsInMemory

SHAPE = Shape(16, 16)
DASK = Dask(0.001, 0.0005, 0.003, 1e4, 1e4, 0.1, 9.0, 12.0)
FOLD = EStep.like(SHAPE.components, "full", SHAPE.columns)


class Told:
    """A client that is told of tasks, all of which have ended at once."""

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.inputs = 0

    def submit(self, function: object, *arguments: Any, key: Any) -> "Told":
        self.keys.append(key)
        self.inputs += len(arguments[0]) if "-sums" in str(key[0]) else 0
        return self

    status = "finished"

    def add_done_callback(self, call: Any) -> None:
        call(self)

    def result(self, timeout: float) -> tuple[int, Spent]:
        return (0, Spent(0.0, Peak(0)))

    def release(self) -> None:
        pass


@settings(deadline=None)
@given(st.integers(2, 2000))
def test_so_many_answers_travel_as_tasks_have_inputs(n_leaves: int) -> None:
    rows = RowsInMemory.of(np.zeros((n_leaves, 1)), 1)
    client: Any = Told()
    Attempt(client, "a", Patience(client)).run(rows, (), n_leaves, Silent())
    sums = [key for key in client.keys if key[0] == "a-sums"]
    assert moved(n_leaves) == client.inputs
    assert levels(n_leaves) == max(level for _, level, _ in sums)


@settings(deadline=None)
@given(
    leaves=st.integers(2, 100_000),
    threads=st.integers(1, 2000),
    seconds=st.none() | st.floats(0, 1e5),
)
def test_tasks_are_those_that_a_runner_foresees(
    leaves: int, threads: int, seconds: float | None
) -> None:
    job = Job(SHAPE, leaves * 1000, 1000 * SHAPE.row_bytes, threads, threads)
    worker = {"nthreads": threads, "memory_limit": 0}
    client: Any = SimpleNamespace(
        wait_for_workers=lambda *_, **__: None,
        scheduler_info=lambda **_: {"workers": {"one": worker}},
        scheduler=SimpleNamespace(versions=None, broadcast=None),
        sync=lambda *_, **__: {},
    )
    runner = DistributedRunner(client)
    runner._thread_seconds = seconds
    source: Any = Sized(leaves)
    assert job.leaves == leaves
    assert job.tasks(seconds) == runner.outlook(source, [FOLD]).tasks


class Sized:
    """So many leaves of a thousand rows, as far as a runner asks for them."""

    n_features, dtype, shareable = SHAPE.columns, np.dtype("float64"), True

    def __init__(self, leaves: int) -> None:
        self.layout = regular_layout(leaves * 1000, 1000)

    def task_bytes(self) -> int:
        return 0


def test_a_worker_holds_what_is_projected_for_stored_rows(tmp_path: Path) -> None:
    chunk = (CHUNK_BYTES // SHAPE.row_bytes, SHAPE.columns)
    codecs: Any = {"compressors": None}
    zarr.create_array(tmp_path, shape=(10 * chunk[0], 16), chunks=chunk, dtype="float64", **codecs)
    source = open_source(str(tmp_path))
    job = Job(SHAPE, source.layout.rows, CHUNK_BYTES, 2, 2)
    checksums = 3 * 4  # behind each of three chunks that are held
    assert job.leaves == len(source.layout)
    assert worker_bytes(job) + checksums == project(source, [FOLD], 1).total


def test_the_constants_of_computing_add_up_to_a_row() -> None:
    parts = Computing(1, 10, 100, 1000, 10_000, 100_000)
    assert parts.row(Shape(1, 2)) == 1 * 1 + 10 * 3 + 100 * 12 + 1000 * 2 + 10_000 * 2 + 100_000


@given(st.integers(1, 64), st.floats(1e-9, 1e-5), st.floats(1e-9, 1e-5))
def test_a_pass_takes_as_long_as_its_slowest_part(threads: int, row: float, read: float) -> None:
    tasks, rows = 64 * threads, 64_000 * threads
    free = Dask(0, 0, 0, 0, 0, 0, 0, 0)
    alone = one_pass(Job(SHAPE, rows, 1000, threads, 2 * threads), tasks, row, read, free)
    assert alone.seconds == pytest.approx(64_000 * max(row, read))
    shared = one_pass(Job(SHAPE, rows, 1000, threads, threads), tasks, row, read, free)
    assert shared.seconds == pytest.approx(64_000 * (row + read))
    busy = replace(free, scheduler=1e3)
    bound = one_pass(Job(SHAPE, rows, 1000, threads, threads), tasks, row, read, busy)
    assert (bound.bound, bound.seconds) == ("scheduler", tasks * 1e3)


@given(st.integers(1, 50), st.integers(1, 50))
def test_a_pass_ends_with_the_last_turn_of_its_threads(threads: int, tasks: int) -> None:
    free = Dask(0, 0, 0, 0, 0, 0, 0, 0)
    found = one_pass(Job(SHAPE, tasks * 10, 1000, threads, threads), tasks, 1.0, 0.0, free)
    assert found.seconds == pytest.approx(10 * -(-tasks // threads))


@pytest.mark.slow
def test_a_simulated_pass_has_the_tasks_the_bytes_and_the_answer_of_the_model() -> None:
    tasks, workers = 100, 3
    found = simulate(tasks, workers, SHAPE.components, SHAPE.columns)
    assert (found.tasks, found.workers) == (tasks, workers)
    # What stays with the worker that adds it does not travel; an addition that Dask moves to
    # another worker has its inputs travel twice.
    assert 0 < found.transfers <= 2 * moved(tasks)
    per_number = found.answer / (SHAPE.features * SHAPE.components)
    assert found.answer == pytest.approx(answer_bytes(SHAPE, replace(DASK, answer=per_number)))
    assert 8 <= per_number < 12
    assert all(each > 0 for each in (*found.seconds.values(), *found.peaks.values()))
