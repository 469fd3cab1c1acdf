"""Schedulers that are killed or frozen, and workers that a network cuts off."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.faults.clusters import QUICK, cluster_of
from tests.faults.programs import Place, ended

pytestmark = pytest.mark.timeout(400)

HERE, THERE = "10.211.77.1", "10.211.77.2"


@pytest.mark.slow
def test_a_scheduler_that_is_killed_is_named_and_another_one_goes_on(
    place: Place, oracle: str
) -> None:
    place.armed.arm("chunk-7", "pass", "pass", "wait")
    with cluster_of(place) as cluster:
        scheduler = cluster.scheduler()
        cluster.worker()
        with place.armed.listening() as ear, place.fitting("--scheduler", cluster.address) as fit:
            ear.skip()
            ear.skip()
            with ear.next():
                scheduler.kill()
                ended(fit).says(
                    75, f"the scheduler at {cluster.address} was lost", "the same command"
                )
    with cluster_of(place) as cluster:
        cluster.scheduler()
        cluster.worker()
        assert place.fit("--scheduler", cluster.address).code == 0
    assert place.digest() == oracle


@pytest.mark.slow
def test_a_scheduler_that_is_frozen_is_given_up(place: Place) -> None:
    place.armed.arm("chunk-7", "pass", "pass", "wait")
    with cluster_of(place) as cluster:
        scheduler = cluster.scheduler()
        cluster.worker()
        with place.armed.listening() as ear, place.fitting("--scheduler", cluster.address) as fit:
            ear.skip()
            ear.skip()
            with ear.next():
                scheduler.send_signal(signal.SIGSTOP)
                ended(fit).says(75, "no answer from", cluster.address, "the scheduler's log")


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Another network, which a cable leads to: its name."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("only root makes networks, with ip")
    name, cable = f"faults{os.getpid()}", f"f{os.getpid()}"
    steps = (
        f"netns add {name}",
        f"link add {cable} type veth peer name there netns {name}",
        f"addr add {HERE}/30 dev {cable}",
        f"link set {cable} up",
        f"-n {name} addr add {THERE}/30 dev there",
        f"-n {name} link set there up",
        f"-n {name} link set lo up",
    )
    try:
        for step in steps:
            if subprocess.run(["ip", *step.split()], check=False, capture_output=True).returncode:
                pytest.skip(f"no network can be made here: ip {step}")
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


@pytest.mark.slow
def test_a_worker_that_a_network_cuts_off_is_done_without(
    place: Place, oracle: str, elsewhere: str
) -> None:
    place.armed.arm("chunk-7", "pass", "pass", "wait")
    inside = ("ip", "netns", "exec", elsewhere)
    with cluster_of(place, HERE) as cluster:
        cluster.scheduler(**QUICK)
        cluster.worker("--host", THERE, inside=inside)
        with place.armed.listening() as ear, place.fitting("--scheduler", cluster.address) as fit:
            ear.skip()
            ear.skip()
            with ear.next():
                cut = ["ip", "-n", elsewhere, "link", "set", "there", "down"]
                subprocess.run(cut, check=True)
                cluster.worker("--host", HERE)
                assert ended(fit).code == 0
    assert place.digest() == oracle
