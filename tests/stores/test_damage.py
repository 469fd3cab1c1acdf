"""Objects of ours that are damaged between two commands: checkpoints and chunks."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dask_gmm.objects.address import Address
from tests.faults.armed import armed_faults
from tests.faults.nursery import Nursery, nursery
from tests.faults.programs import DRAW, Place
from tests.stores.server import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
OTHERS: dict[str, Callable[[bytes], bytes]] = {
    "flipped": lambda data: data[:-9] + bytes([data[-9] ^ 16]) + data[-8:],
    "half": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
}
DAMAGES = ["absent", *OTHERS]


@pytest.fixture(scope="module")
def born() -> Iterator[Nursery]:
    with nursery() as born:
        yield born


@pytest.fixture
def stopped(born: Nursery, server: Server, bucket: Address, tmp_path: Path) -> Iterator[Place]:
    """A bucket in which a fit is whole, and another of the same was killed after five passes."""
    with armed_faults() as armed:
        place = Place(tmp_path, armed, bucket, server.environment())
        assert born.run(place, "generate", bucket / "d.zarr", *DRAW).code == 0
        assert born.run(place, *place.words("whole")).code == 0
        armed.arm("pass-5", "kill")
        assert born.run(place, *place.words()).code == -signal.SIGKILL
        yield place


def damaged(address: Address, damage: str) -> None:
    if damage == "absent":
        address.unlink()
    else:
        address.write_bytes(OTHERS[damage](address.read_bytes()))


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_a_newest_checkpoint_that_is_damaged_is_passed_over(
    stopped: Place, born: Nursery, bucket: Address, suffix: str
) -> None:
    for damage in DAMAGES:
        names = [each for each in bucket.sizes() if "checkpoints/checkpoint-" in each]
        newest = bucket / max(each for each in names if each.endswith(suffix))
        whole = newest.read_bytes()
        damaged(newest, damage)
        stopped.armed.arm("pass-6", "kill")
        done = born.run(stopped, *stopped.words())
        assert done.code == -signal.SIGKILL, done.errors
        # Without its pointer it is as if it had not been finished.
        unfinished = suffix == ".json" and damage == "absent"
        assert ("was passed over" in done.errors) == (not unfinished), done.errors
        newest.write_bytes(whole)
    done = born.run(stopped, *stopped.words())
    assert done.code == 0, done.errors
    assert stopped.digest() == stopped.digest("whole")


def test_every_damage_of_a_chunk_is_named_until_it_is_mended(
    stopped: Place, born: Nursery, bucket: Address
) -> None:
    chunk = bucket / "d.zarr/x/c/7/0"
    whole = chunk.read_bytes()
    for damage in DAMAGES:
        damaged(chunk, damage)
        born.run(stopped, *stopped.words()).says(65, "c/7/0", f"{bucket}/d.zarr/x")
        chunk.write_bytes(whole)
    chunk.write_bytes((bucket / "d.zarr/x/c/0/0").read_bytes())
    born.run(stopped, *stopped.words()).says(65, "c/7/0", "is not the one that was written there")
    chunk.write_bytes(whole)
    done = born.run(stopped, *stopped.words())
    assert done.code == 0, done.errors
    assert stopped.digest() == stopped.digest("whole")
