"""Which runner makes a pass, and in how many tasks, changes no byte of an answer."""

import numpy as np
import pytest
from distributed import Client

from dask_gmm.errors import ClusterError, MemoryLimitError
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.fold import Workspace, measure, tile_rows
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.passes.tree import fold_in_order
from tests.passes.rows import Refuse, RowsInMemory, Spell, Text, Total


class Counted:
    """A progress that counts."""

    def __init__(self) -> None:
        self.rows = 0

    def start_pass(self, name: str, rows: int) -> None: ...

    def advance(self, rows: int) -> None:
        self.rows += rows

    def end_pass(self, note: str) -> None: ...


def source(rows: int = 1000, leaf_rows: int = 7, reading: int = 0) -> RowsInMemory:
    values = np.random.default_rng(0).standard_normal((rows, 3)) * 10.0 ** np.arange(3)
    return RowsInMemory.of(values, leaf_rows, reading)


def one_by_one(rows: RowsInMemory) -> Text:
    """What every runner must spell: the leaves in the fixed tree."""
    n_leaves = len(rows.layout)
    spelled: Text = fold_in_order(
        measure([Spell()], rows.read(i), Workspace())[0] for i in range(n_leaves)
    )
    return spelled


@pytest.mark.parametrize("leaf_rows", [1, 7, 333, 2000])
def test_leaves_are_added_in_the_fixed_tree(runner: Runner, leaf_rows: int) -> None:
    rows = source(leaf_rows=leaf_rows)
    (spelled,) = runner.run(rows, [Spell()], Silent())
    assert spelled == one_by_one(rows)


def test_the_bytes_do_not_depend_on_the_runner(runner: Runner) -> None:
    rows = source()
    (expected,) = ThreadRunner(1).run(rows, [Total()], Silent())
    for _ in range(2):  # the second pass is cut into tasks by the time of the first
        (total,) = runner.run(rows, [Total()], Silent())
        assert total.tobytes() == expected.tobytes()


def test_several_folds_share_one_reading(runner: Runner) -> None:
    rows = source()
    total, spelled = runner.run(rows, [Total(), Spell()], Silent())
    assert spelled == one_by_one(rows)
    np.testing.assert_allclose(total, rows.rows.sum(axis=0))


def test_a_single_leaf_is_answered_fold_by_fold(runner: Runner) -> None:
    rows = source(leaf_rows=1000)
    answers = runner.run(rows, [Spell(), Total(), Spell()], Silent())
    assert answers[0] == answers[2] == one_by_one(rows)
    assert answers[1].shape == (3,)


def test_progress_hears_of_every_row(runner: Runner) -> None:
    progress = Counted()
    runner.run(source(), [Total()], progress)
    assert progress.rows == 1000


def test_the_error_of_a_leaf_is_the_error_of_the_pass(runner: Runner) -> None:
    with pytest.raises(ValueError, match="leaf 5 is refused"):
        runner.run(source(), [Total(), Refuse(5)], Silent())


def test_a_pass_that_cannot_be_held_is_refused_before_it_is_read(runner: Runner) -> None:
    rows = source(reading=2**50)
    with pytest.raises(MemoryLimitError, match="1,073,741,824 MiB to read chunks"):
        runner.run(rows, [Refuse(0)], Silent())


def test_the_memory_of_tiles_counts_too() -> None:
    with pytest.raises(MemoryLimitError, match="smaller chunks"):
        ThreadRunner(2, memory_limit=2**30).run(source(), [Spell(tile=2**29)], Silent())
    ThreadRunner(1, memory_limit=2**30).run(source(), [Spell(tile=2**29)], Silent())


def test_what_this_process_holds_beside_a_pass_counts_too(client: Client) -> None:
    runner = ThreadRunner(1, memory_limit=2**30)
    runner.outlook(source(), [Total()]).require("rows")
    later = runner.beside(2**30)
    with pytest.raises(MemoryLimitError, match=r"1,024 MiB for a sample. Store the rows"):
        later.run(source(), [Total()], Silent())
    later.beside(0).run(source(), [Total()], Silent())
    elsewhere = DistributedRunner(client)
    assert elsewhere.beside(2**60).outlook(source(), [Total()]).fits


def test_a_pass_in_which_nothing_ends_is_given_up(client: Client) -> None:
    runner = DistributedRunner(client, stall_seconds=0.0)
    with pytest.raises(ClusterError, match="found none"):
        runner.run(source(), [Total()], Silent())


def test_machines_at_work_are_named(runner: Runner) -> None:
    (machine,) = runner.machines()
    assert np.__version__ in machine


def test_tiles_are_powers_of_two_and_follow_the_columns_alone() -> None:
    sizes = [tile_rows(n) for n in range(1, 400)]
    assert all(size & (size - 1) == 0 for size in sizes)
    assert sizes == sorted(sizes, reverse=True)
