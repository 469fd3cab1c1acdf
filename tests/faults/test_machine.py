"""Whatever happens in whatever order, the bytes at the end are those of a run that nothing met."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from dask_gmm.records.run_folder import read_manifest
from tests.data.arrays import DAMAGES
from tests.faults.clusters import Cluster, cluster_of
from tests.faults.nursery import Nursery
from tests.faults.programs import BLOCKS, FIT, Ended, Place

COMMANDS: Final = 12
SETTINGS: Final = settings(
    deadline=None,
    derandomize=True,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)


class Run:
    """A fit that is commanded again and again.

    Parameters
    ----------
    place : Place
    born : Nursery
    oracle : str
        What must come of it.
    cluster : Cluster, optional
        Where its passes run; or in its own threads.
    """

    def __init__(self, place: Place, born: Nursery, oracle: str, cluster: Cluster | None) -> None:
        self.place, self._born, self._oracle, self._cluster = place, born, oracle, cluster

        self.commands, self.happened, self.gone_on = 0, 0, 0

    def begin(self) -> None:
        """Forget all that was done."""
        self.place.armed.disarm()
        for each in (self.out, *self.place.folder.glob(".out.*")):
            shutil.rmtree(each) if each.is_dir() else each.unlink(missing_ok=True)

    @property
    def out(self) -> Path:
        """Where it is to be."""
        return self.place.folder / "out"

    def kept(self, suffix: str = ".json") -> list[Path]:
        """The checkpoints that were written last, the newest at the end."""
        return sorted(self.place.folder.glob(f".out.wip-*/checkpoints/checkpoint-*{suffix}"))

    @property
    def next(self) -> int:
        """The number of the next checkpoint, and of the next pass."""
        return int(self.kept()[-1].stem[-6:]) + 1 if self.kept() else 1

    def command(self, point: str = "", *faults: str) -> Ended:
        """Command it once, with faults at a point; anew if it has ended.

        It does what it is told, is killed, or says that workers are gone. Where a checkpoint is
        there, it goes on.
        """
        if self.out.exists():
            self.begin()
        self.place.armed.disarm()
        self.place.armed.arm(point, *faults)
        begun = bool(self.kept())
        where = ("--scheduler", self._cluster.address) if self._cluster else ()
        done = self._born.run(self.place, "fit", "d.zarr", *FIT, "--out", "out", *where)
        self.commands += 1
        self.happened += bool(faults) and not self.place.armed.left
        if done.code == 0:
            assert (len(read_manifest(self.out)["parts"]) > 1) == begun
            self.gone_on += begun
        elif done.code != -signal.SIGKILL:
            assert self._cluster, done.errors
            done.says(75)
            self._cluster.worker()
        return done

    def damage(self, damage: str) -> None:
        """Damage its newest checkpoint, if another one is there."""
        found = self.kept(".npz")
        if len(found) > 1:
            DAMAGES[damage](found[-1])

    def end(self) -> None:
        """See that it ends, and in the right bytes."""
        if not self.out.exists():
            assert any(self.command().code == 0 for _ in range(COMMANDS))
        assert self.place.digest() == self._oracle


def machine_of(run: Run) -> type[RuleBasedStateMachine]:
    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            run.begin()

        @rule(passes=st.integers(0, 2))
        def kill_the_driver_after_a_pass(self, passes: int) -> None:
            run.command(f"pass-{run.next + passes}", "kill")

        @rule(chunk=st.integers(0, BLOCKS - 1), readings=st.integers(0, 1))
        def kill_who_reads_a_chunk(self, chunk: int, readings: int) -> None:
            run.command(f"chunk-{chunk}", *["pass"] * readings, "kill")

        @rule(step=st.sampled_from(["write", "flush", "place"]), passes=st.integers(0, 2))
        def kill_the_driver_at_a_checkpoint(self, step: str, passes: int) -> None:
            run.command(f"{step}:checkpoint-{run.next + passes:06d}.json", "kill")

        @rule(damage=st.sampled_from(["absent", "flipped", "truncated", "empty"]))
        def kill_the_driver_and_damage_its_newest_checkpoint(self, damage: str) -> None:
            run.command(f"pass-{run.next + 2}", "kill")
            run.damage(damage)

        def teardown(self) -> None:
            run.end()

    return Machine


@contextmanager
def two_workers(place: Place) -> Iterator[Cluster]:
    with cluster_of(place) as cluster:
        cluster.scheduler()
        cluster.worker()
        cluster.worker()
        yield cluster


@pytest.mark.timeout(400)
def test_a_fit_in_threads_ends_in_the_same_bytes(place: Place, born: Nursery, oracle: str) -> None:
    run = Run(place, born, oracle, None)
    chosen = settings(SETTINGS, max_examples=4, stateful_step_count=5)
    run_state_machine_as_test(machine_of(run), settings=chosen)
    assert run.happened > run.commands / 2
    assert run.gone_on >= 3


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_fit_on_workers_ends_in_the_same_bytes(place: Place, born: Nursery, oracle: str) -> None:
    with two_workers(place) as cluster:
        run = Run(place, born, oracle, cluster)
        chosen = settings(SETTINGS, max_examples=6, stateful_step_count=6)
        run_state_machine_as_test(machine_of(run), settings=chosen)
        assert run.happened > run.commands / 2
        assert run.gone_on >= 3
