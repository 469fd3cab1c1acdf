"""Workers of a command that are killed, stopped, told to stop, or run out of memory."""

import os

import pytest

from tests.faults.clusters import QUICK, cluster_of, kill_group
from tests.faults.programs import KINDS, Place, ended
from tests.faults.within import CHAOS

pytestmark = pytest.mark.timeout(300)

WORKERS = ("--workers", 2)


@pytest.mark.slow
def test_a_worker_that_is_killed_in_a_pass_costs_no_byte(place: Place, oracle: str) -> None:
    """It is at the first attempt of a block in the third reading."""
    place.armed.arm("chunk-7", "pass", "pass", "kill")
    assert place.fit(*WORKERS).code == 0
    assert place.armed.left == []
    assert place.digest() == oracle


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "before"), [("weighed", 6), ("missing", 2)])
def test_a_worker_that_is_killed_costs_no_byte_of_fits_of_other_kinds(
    place: Place, oracles: dict[str, str], kind: str, before: int
) -> None:
    """Of weighed rows a reading of weights comes first, and each reading comes to three chunks."""
    place.armed.arm("chunk-7", *["pass"] * before, "kill")
    with place.running(*KINDS[kind], *WORKERS, "--out", "out") as fit:
        assert ended(fit).code == 0
    assert place.armed.left == []
    assert place.digest() == oracles[kind]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_block_that_always_kills_its_worker_is_named(place: Place) -> None:
    place.armed.always("chunk-7", "kill")
    place.fit(*WORKERS).says(75, "again at its rows 114,688 to 131,072, from", "c/7/0", "logs")
    assert place.aside == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_workers_that_die_again_and_again_end_in_the_same_bytes(place: Place, oracle: str) -> None:
    """A command either survives them, or says so; the same command goes on."""
    for _ in range(20):
        done = place.fit(*WORKERS, **{CHAOS: "4s"})
        if done.code == 0:
            break
        done.says(75)
    assert len(list(place.armed.folder.glob("born-*"))) > 2
    assert place.digest() == oracle


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_is_done_without(place: Place, oracle: str) -> None:
    with cluster_of(place) as cluster:
        cluster.scheduler()
        workers = {each.pid: each for each in (cluster.worker(), cluster.worker())}
        place.armed.arm("chunk-7", "pass", "pass", "wait")
        with place.armed.listening() as ear, place.fitting("--scheduler", cluster.address) as fit:
            for fault in ("pass", "pass", "wait"):
                with ear.next() as (_, process):
                    if fault == "wait":
                        workers[os.getpgid(process)].terminate()
            assert ended(fit).code == 0
    assert place.digest() == oracle


@pytest.mark.slow
def test_a_worker_that_is_frozen_is_done_without(place: Place, oracle: str) -> None:
    place.armed.arm("chunk-7", "pass", "pass", "stop")
    with cluster_of(place) as cluster:
        cluster.scheduler(**QUICK)
        cluster.worker()
        cluster.worker()
        assert place.fit("--scheduler", cluster.address).code == 0
    assert place.armed.left == []
    assert place.digest() == oracle


@pytest.mark.slow
def test_a_worker_of_this_machine_that_is_frozen_is_replaced(place: Place, oracle: str) -> None:
    place.armed.arm("chunk-7", "pass", "pass", "stop")
    assert place.fit(*WORKERS).code == 0
    assert place.armed.left == []
    assert place.digest() == oracle


@pytest.mark.slow
def test_a_worker_that_runs_out_of_memory_costs_no_byte(place: Place, oracle: str) -> None:
    with cluster_of(place) as cluster:
        cluster.scheduler()
        cluster.worker("--memory-limit", "800MB")
        place.armed.arm("chunk-7", "pass", "eat")
        assert place.fit("--scheduler", cluster.address).code == 0
    assert place.armed.left == []
    assert place.digest() == oracle


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_pass_that_has_lost_all_its_workers_is_given_up(place: Place, oracle: str) -> None:
    with cluster_of(place) as cluster:
        cluster.scheduler()
        worker = cluster.worker()
        place.armed.arm("chunk-7", "pass", "pass", "wait")
        with place.armed.listening() as ear, place.fitting("--scheduler", cluster.address) as fit:
            for _ in range(3):
                ear.skip()
            kill_group(worker)
            ended(fit).says(75, "at least one worker", "found none at", "the same command goes on")
        cluster.worker()
        assert place.fit("--scheduler", cluster.address).code == 0
    assert place.digest() == oracle
