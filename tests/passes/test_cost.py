"""What a pass is said to have cost is what it took."""

from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

from dask_gmm.passes import cost
from dask_gmm.passes.attempt import Attempt, Outcome
from dask_gmm.passes.cost import Cost, Peak, Spent
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.losses import Losses, LossLog
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.passes.sizing import FIRST_PER_THREAD
from dask_gmm.passes.tree import level_for, nodes
from tests.passes.rows import RowsInMemory, Spell, Total

ROWS, LEAF_ROWS = np.random.default_rng(0).standard_normal((1000, 3)), 7
# The system counts what a process holds to some pages for each of its threads.
SLACK = 2**23
LEAVES = -(-1000 // LEAF_ROWS)


def asked(runner: Runner, leaf_rows: int = LEAF_ROWS, *folds: Fold) -> Cost:
    source = RowsInMemory.of(ROWS, leaf_rows)
    return runner.run(source, folds or (Total(),), Silent()).cost


def threads_of(runner: Runner) -> int:
    return runner.threads if isinstance(runner, ThreadRunner) else 2


def test_tasks_are_the_nodes_of_the_tree(runner: Runner) -> None:
    wanted = FIRST_PER_THREAD * threads_of(runner)
    assert asked(runner).tasks == len(nodes(LEAVES, level_for(LEAVES, wanted)))
    assert asked(runner, 1000, Total(), Spell(), Total()).tasks == 3
    assert asked(runner, 1000).tasks == 1


def test_threads_and_workers_are_those_at_work(runner: Runner) -> None:
    found = asked(runner)
    assert found.threads == threads_of(runner)
    assert found.workers == (0 if isinstance(runner, ThreadRunner) else 2)


def test_a_quiet_pass_is_begun_once_and_loses_nothing(runner: Runner) -> None:
    found = asked(runner)
    assert (found.attempts, found.retries, found.workers_lost) == (1, 0, 0)


def test_a_pass_that_is_begun_again_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Attempt.run

    def lost_at_first(self: Attempt, *args: Any) -> Outcome:
        if self.prefix.endswith("-0"):
            raise CancelledError
        return real(self, *args)

    monkeypatch.setattr(Attempt, "run", lost_at_first)
    found = asked(DistributedRunner(client))
    assert (found.attempts, found.tasks) == (2, asked(DistributedRunner(client)).tasks)


def test_bytes_are_those_of_the_rows(runner: Runner) -> None:
    assert asked(runner).decoded_bytes == ROWS.nbytes


def test_the_peak_is_that_of_the_process(runner: Runner) -> None:
    before, found = Peak.here().held, asked(runner)
    assert SLACK < before - SLACK < found.peak_bytes < Peak.here().held + SLACK
    if isinstance(runner, ThreadRunner):
        assert found.worker_peak_bytes is None
    else:  # its workers are in this process
        assert found.worker_peak_bytes is not None
        assert before - SLACK < found.worker_peak_bytes < Peak.here().held + SLACK


def test_a_peak_stays_where_memory_is_given_back() -> None:
    before = Peak.here().held
    block = np.ones(before // 8)
    block = block[:1].copy()
    assert Peak.here().held > before + 6 * SLACK
    assert len(block) == 1


def test_the_peak_is_known_where_the_system_does_not_tell_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = Peak.here().held
    monkeypatch.setattr(cost, "STATUS", tmp_path / "none")
    assert there - SLACK < Peak.here().held < 1000 * there


def test_the_largest_peak_goes_up_the_tree() -> None:
    assert Peak(3) + Peak(5) + Peak(4) == Peak(5)
    assert Spent(2.0, Peak(3)) + Spent(0.5, Peak(1)) == Spent(2.5, Peak(3))


class Scheduler:
    """Events of workers that end, as the scheduler logs them; 0.5 s after the one before."""

    def __init__(self) -> None:
        self.logged: list[tuple[float, object]] = [(0.0, {"action": "add-worker"})]
        self.gone = False

    def lose(self, processing: object, computed: object = (), expected: bool = False) -> None:
        what = {
            "action": "remove-worker",
            "processing-tasks": processing,
            "lost-computed-tasks": computed,
            "expected": expected,
        }
        self.logged.append((self.logged[-1][0] + 0.5, what))

    @property
    def scheduler(self) -> "Scheduler":
        return self

    def events(self, topic: str) -> object:
        return self.logged

    def sync(self, function: object, topic: str, callback_timeout: float) -> object:
        if self.gone:
            raise OSError("no answer")
        return self.logged


def log_of(scheduler: Scheduler) -> LossLog:
    log = LossLog(scheduler)  # type: ignore[arg-type]
    log.begin()
    return log


def test_what_was_lost_is_told_once_and_of_our_tasks_alone() -> None:
    scheduler = Scheduler()
    scheduler.lose({("ours", 0)})  # before the first pass
    log, groups = log_of(scheduler), frozenset({"ours"})
    assert log.of(groups) == Losses(0, 0)
    scheduler.lose({("ours", 1), ("theirs", 1), "other"}, {("ours", 2)})
    scheduler.lose(set(), {("ours", 3)})
    scheduler.lose({("ours", 4)}, expected=True)
    assert log.of(groups) == Losses(2, 3)
    assert log.of(groups) == Losses(0, 0)


def test_a_log_that_cannot_be_read_loses_no_pass() -> None:
    scheduler = Scheduler()
    log = log_of(scheduler)
    scheduler.lose({("ours", 1)})
    scheduler.gone = True
    assert log.of(frozenset({"ours"})) == Losses(0, 0)
    scheduler.gone = False
    assert log.of(frozenset({"ours"})) == Losses(1, 1)


def test_the_events_of_a_real_scheduler_are_read(client: Client) -> None:
    DistributedRunner(client).run(RowsInMemory.of(ROWS, LEAF_ROWS), [Total()], Silent())
    assert LossLog(client).of(frozenset()).workers >= 0
