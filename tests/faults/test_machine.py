"""Whatever happens in whatever order, the bytes at the end are those of a run that nothing met."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

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

    def begin(self) -> None:
        """Forget all that was done."""
        self.place.armed.disarm()
        for each in (self.place.folder / "out", *self.place.folder.glob(".out.*")):
            shutil.rmtree(each) if each.is_dir() else each.unlink(missing_ok=True)

    def command(self) -> Ended:
        """Command it once; it does what it is told, is killed, or says that workers are gone."""
        where = ("--scheduler", self._cluster.address) if self._cluster else ()
        done = self._born.run(self.place, "fit", "d.zarr", *FIT, "--out", "out", *where)
        if done.code != -signal.SIGKILL and done.code:
            done.says(75)
            if self._cluster:
                self._cluster.worker()
        return done

    def damage(self, damage: str) -> None:
        """Damage its newest checkpoint, if another one is there."""
        found = sorted(self.place.folder.glob(".out.wip-*/checkpoints/checkpoint-*.npz"))
        if len(found) > 1:
            DAMAGES[damage](found[-1])

    def end(self) -> None:
        """See that it ends, and in the right bytes."""
        self.place.armed.disarm()
        assert any(self.command().code == 0 for _ in range(COMMANDS))
        assert self.place.digest() == self._oracle


def machine_of(run: Run) -> type[RuleBasedStateMachine]:
    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            run.begin()

        @rule(number=st.integers(1, 7))
        def kill_the_driver_after_a_pass(self, number: int) -> None:
            run.place.armed.arm(f"pass-{number}", "kill")
            run.command()

        @rule(chunk=st.integers(0, BLOCKS - 1), readings=st.integers(0, 3))
        def kill_who_reads_a_chunk(self, chunk: int, readings: int) -> None:
            run.place.armed.arm(f"chunk-{chunk}", *["pass"] * readings, "kill")
            run.command()

        @rule(step=st.sampled_from(["write", "flush", "place"]), number=st.integers(1, 7))
        def kill_the_driver_at_a_checkpoint(self, step: str, number: int) -> None:
            run.place.armed.arm(f"{step}:checkpoint-{number:06d}.json", "kill")
            run.command()

        @rule(damage=st.sampled_from(["absent", "flipped", "truncated", "empty"]))
        def damage_the_newest_checkpoint(self, damage: str) -> None:
            run.damage(damage)

        @rule()
        def go_on(self) -> None:
            run.command()

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


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_fit_on_workers_ends_in_the_same_bytes(place: Place, born: Nursery, oracle: str) -> None:
    with two_workers(place) as cluster:
        run = Run(place, born, oracle, cluster)
        chosen = settings(SETTINGS, max_examples=6, stateful_step_count=6)
        run_state_machine_as_test(machine_of(run), settings=chosen)
