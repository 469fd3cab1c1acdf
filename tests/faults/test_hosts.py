"""Commands on several hosts that write one output, of which some die and some are only frozen."""

import signal

import pytest

from tests.faults.programs import Place, ended
from tests.faults.within import HOST

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def hosts(place: Place) -> tuple[dict[str, str], dict[str, str]]:
    """What makes processes believe that they are on one host, or on another."""
    names = ("here", "there")
    for name in names:
        (place.folder / f"{name}.id").write_text(name)
    here, there = ({HOST: str(place.folder / f"{name}.id")} for name in names)
    return here, there


def test_a_run_whose_holder_died_on_another_host_goes_on(
    place: Place, oracle: str, hosts: tuple[dict[str, str], dict[str, str]]
) -> None:
    here, there = hosts
    place.armed.arm("pass-5", "kill")
    assert place.fit(**there).code == -signal.SIGKILL
    done = place.fit(**here)
    assert done.code == 0, done.errors
    assert "this call has taken over" in done.errors
    assert "EM pass 1 " not in done.errors
    assert place.digest() == oracle
    assert [each for each in place.aside if each != ".out.wip-lock"] == []


def test_a_holder_that_was_frozen_finds_that_another_has_taken_over(
    place: Place, oracle: str, hosts: tuple[dict[str, str], dict[str, str]]
) -> None:
    """On a disk whose locks are not seen from other hosts."""
    here, there = hosts
    place.armed.arm("pass-5", "stop")
    with place.armed.listening() as ear, place.fitting(**there) as frozen:
        ear.skip()
        (place.folder / ".out.wip-lock").unlink()
        assert place.fit(**here).code == 0
        frozen.send_signal(signal.SIGCONT)
        ended(frozen).says(75, "another one has taken over")
    assert place.digest() == oracle
