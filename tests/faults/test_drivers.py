"""Commands that are killed wherever they keep what they have done, or told to stop."""

import os
import select
import shutil
import signal
from pathlib import Path

import pytest

from dask_gmm.records.run_folder import read_manifest
from tests.data.arrays import DAMAGES
from tests.faults.nursery import Nursery
from tests.faults.programs import DRAW, FIT, SECONDS, Place, ended

OUTS = ("out", "other")
WORDS = ("fit", "d.zarr", *FIT, "--out", "out")
pytestmark = pytest.mark.timeout(300)

# In the order in which they happen; older checkpoints are removed from the fourth on.
STEPS = (
    "write:survey.npz",
    "flush:survey.npz",
    "place:survey.npz",
    "write:checkpoint-000004.npz",
    "flush:checkpoint-000004.npz",
    "place:checkpoint-000004.npz",
    "clear:checkpoint-000004.npz",
    "write:checkpoint-000004.json",
    "flush:checkpoint-000004.json",
    "place:checkpoint-000004.json",
    "flush:checkpoints",
    "remove:checkpoint-000001.json",
    "remove:checkpoint-000001.npz",
    "write:asked.json",
    "place:asked.json",
    "pass-1",
    "pass-5",
    "place:model.zarr",
)


# Of which no checkpoint is left; a command that is killed at another step goes on.
BEFORE_THE_FIRST = (
    "write:survey.npz",
    "flush:survey.npz",
    "place:survey.npz",
    "flush:checkpoints",
    "write:asked.json",
    "place:asked.json",
    "pass-1",
)


@pytest.mark.parametrize("step", STEPS)
def test_a_command_that_is_killed_at_a_step_of_its_records_goes_on_to_the_same_bytes(
    anywhere: Place, born: Nursery, oracle: str, step: str
) -> None:
    place = anywhere
    if place.root != place.folder and step.startswith(("clear:", "flush:")):
        pytest.skip("an object is written nowhere else first, nor flushed")
    place.armed.arm(step, "kill")
    assert born.run(place, *place.words()).code == -signal.SIGKILL
    assert place.armed.left == []
    done = born.run(place, *place.words())
    assert done.code == 0, done.errors
    assert place.digest() == oracle
    assert place.aside == []
    begun = read_manifest(place.root / "out")["parts"]
    assert len(begun) == (1 if step in BEFORE_THE_FIRST else 2)


def test_a_command_that_is_killed_when_its_output_is_in_its_place_is_done(
    place: Place, born: Nursery, oracle: str
) -> None:
    place.armed.arm("place:out", "kill")
    assert born.run(place, *WORDS).code == -signal.SIGKILL
    place.armed.arm("chunk-7", "kill")
    assert born.run(place, *WORDS).code == 0
    assert len(place.armed.left) == 1
    assert place.digest() == oracle


@pytest.mark.slow
@pytest.mark.parametrize("step", ["place:.out.wip-half", "remove:.out.wip-half"])
@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_a_command_that_is_killed_while_it_publishes_below_an_address_goes_on(
    below: Place, born: Nursery, oracle: str, step: str, more: tuple[str, ...]
) -> None:
    if more:
        assert born.run(below, *below.words(), "--seed", 1).code == 0
    below.armed.arm(step, "kill")
    assert born.run(below, *below.words(), *more).code == -signal.SIGKILL
    done = born.run(below, *below.words(), *more)
    assert done.code == 0, done.errors
    assert below.digest() == oracle
    # One that is killed when all is done leaves its lease.
    assert below.aside == ([".out.wip-lease"] if step.startswith("remove") and not more else [])


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)]
)
def test_a_command_that_is_stopped_in_a_pass_takes_its_workers_with_it(
    anywhere: Place, born: Nursery, oracle: str, number: signal.Signals
) -> None:
    place = anywhere
    place.armed.arm("chunk-7", "pass", "pass", "wait")
    with place.armed.listening() as ear, place.fitting("--workers", 2) as fit:
        ear.skip()
        ear.skip()
        with ear.next() as (_, worker):
            end = os.pidfd_open(worker)
            fit.send_signal(number)
            assert select.select([end], [], [], SECONDS)[0] == [end]
            os.close(end)
        done = ended(fit)
        if number == signal.SIGTERM:
            done.says(75, "SIGTERM", "the same command goes on")
        else:
            assert done.code == -number
    assert born.run(place, *place.words()).code == 0
    assert place.digest() == oracle


def test_a_command_in_threads_that_is_stopped_in_a_block_ends_when_that_is_read(
    anywhere: Place, born: Nursery, oracle: str
) -> None:
    place = anywhere
    place.armed.arm("chunk-7", "pass", "pass", "wait")
    with place.armed.listening() as ear, place.fitting() as fit:
        ear.skip()
        ear.skip()
        with ear.next():
            fit.send_signal(signal.SIGTERM)
        assert fit.wait(timeout=10) == 75
        ended(fit).says(75, "SIGTERM", "the same command goes on")
    assert born.run(place, *place.words()).code == 0
    assert place.digest() == oracle
    assert len(read_manifest(place.root / "out")["parts"]) == 2


def test_of_two_commands_on_one_folder_the_second_is_refused(
    anywhere: Place, born: Nursery, oracle: str
) -> None:
    place = anywhere
    place.armed.arm("pass-3", "wait")
    with place.armed.listening() as ear, place.fitting() as fit:
        with ear.next():
            born.run(place, *place.words()).says(
                75, "the only call that writes", "out", "Wait until"
            )
        assert ended(fit).code == 0
    assert place.digest() == oracle


@pytest.fixture
def stopped(place: Place, born: Nursery) -> Place:
    """A folder in which a command was killed after five passes."""
    place.armed.arm("pass-5", "kill")
    assert born.run(place, *WORDS).code == -signal.SIGKILL
    return place


def kept(place: Place) -> list[Path]:
    """The files of its checkpoints, pointers before arrays, the newest first."""
    (folder,) = place.folder.glob(".out.wip-*/checkpoints")
    found = [*folder.glob("checkpoint-*.json"), *folder.glob("checkpoint-*.npz")]
    return sorted(found, key=lambda each: (each.suffix, each.stem), reverse=True)


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".json", "absent"),
        (".json", "half"),
        (".json", "directory"),
        (".npz", "absent"),
        (".npz", "flipped"),
        (".npz", "directory"),
    ],
)
def test_a_newest_checkpoint_that_is_damaged_is_passed_over(
    stopped: Place, born: Nursery, oracle: str, suffix: str, damage: str
) -> None:
    newest = next(each for each in kept(stopped) if each.suffix == suffix)
    DAMAGES[damage](newest)
    done = born.run(stopped, *WORDS)
    if damage == "directory":
        done.says(65, newest, "Is a directory", "remove it, and run the same command again")
        newest.rmdir()
        done = born.run(stopped, *WORDS)
    assert done.code == 0, done.errors
    # Without its pointer it is as if it had not been finished.
    unfinished = suffix == ".json" and damage in ("absent", "directory")
    assert ("was passed over" in done.errors) == (not unfinished), done.errors
    assert stopped.digest() == oracle


def test_checkpoints_that_are_all_damaged_are_an_error_that_says_so(
    stopped: Place, born: Nursery
) -> None:
    for each in kept(stopped):
        DAMAGES["flipped"](each)
    born.run(stopped, *WORDS).says(65, "a checkpoint that is whole", "found none", "begin again")


def test_checkpoints_of_another_run_are_refused(stopped: Place, born: Nursery, oracle: str) -> None:
    other = (*WORDS[:-1], "other", "--seed", 1)
    stopped.armed.arm("pass-5", "kill")
    assert born.run(stopped, *other).code == -signal.SIGKILL
    (ours,), (theirs,) = (stopped.folder.glob(f".{out}.wip-*/checkpoints") for out in OUTS)
    own = ours.rename(stopped.folder / "own")
    shutil.copytree(theirs, ours)
    born.run(stopped, *WORDS).says(65, "checkpoints of this run", ours, "those of another")
    shutil.rmtree(ours)
    own.rename(ours)
    assert born.run(stopped, *WORDS).code == 0
    assert stopped.digest() == oracle


def test_rows_that_are_rewritten_before_a_run_goes_on_are_refused(
    stopped: Place, born: Nursery, oracle: str
) -> None:
    rows, chunk = stopped.folder / "d.zarr", stopped.folder / "d.zarr/x/c/7/0"
    whole = chunk.read_bytes()
    DAMAGES["swapped"](chunk)
    born.run(stopped, *WORDS).says(65, "chunk c/7/0", "is not the one that was written there")
    chunk.write_bytes(whole)
    own = rows.rename(stopped.folder / "own.zarr")
    assert born.run(stopped, "generate", "d.zarr", *DRAW, "--seed", 1).code == 0
    born.run(stopped, *WORDS).says(73, "rows, or a model to match", "that are others")
    shutil.rmtree(rows)
    own.rename(rows)
    assert born.run(stopped, *WORDS).code == 0
    assert stopped.digest() == oracle


def test_rows_without_digests_that_change_between_two_commands_are_noticed(
    place: Place, born: Nursery
) -> None:
    """Though the sizes and times of their files are what they were."""
    shutil.rmtree(place.folder / "d.zarr" / "digests")
    place.armed.arm("pass-5", "kill")
    assert born.run(place, *WORDS).code == -signal.SIGKILL
    chunk = place.folder / "d.zarr/x/c/7/0"
    times = chunk.stat()
    DAMAGES["swapped"](chunk)
    os.utime(chunk, ns=(times.st_atime_ns, times.st_mtime_ns))
    born.run(place, *WORDS).says(65, "chunk c/7/0", "another digest than in the first pass")
