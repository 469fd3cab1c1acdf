"""Objects that somebody else wrote, or writes: what tells them apart, and what is noticed."""

import signal
from pathlib import Path
from typing import Any

import pytest
import zarr

from dask_gmm.objects.address import Address
from tests.data.arrays import files_of
from tests.faults.armed import armed_faults
from tests.faults.nursery import Nursery, nursery
from tests.faults.programs import BLOCK_ROWS, DRAW, Place, ended
from tests.stores.server import Server
from tests.whole.refusals import command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="session")
def values(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("values")
    assert command("generate", folder / "d.zarr", *DRAW).exit_code == 0
    rows: Any = zarr.open_array(folder / "d.zarr/x", mode="r")
    return rows[...]


@pytest.fixture(params=[2, 3])
def place(request: pytest.FixtureRequest, values: Any, server: Server, tmp_path: Path) -> Any:
    """An array of either format of zarr, compressed, in a bucket: no digests tell of it."""
    group = zarr.open_group(tmp_path / "d.zarr", mode="w", zarr_format=request.param)
    array = group.create_array(
        "x", shape=values.shape, dtype=values.dtype, chunks=(BLOCK_ROWS, values.shape[1])
    )
    array[...] = values
    bucket = server.bucket()
    for name, data in files_of(tmp_path / "d.zarr").items():
        (bucket / "d.zarr" / name).write_bytes(data)
    with armed_faults() as armed:
        yield Place(tmp_path, armed, bucket, server.environment())


@pytest.fixture(scope="module")
def born() -> Any:
    with nursery() as born:
        yield born


def chunk_of(place: Place, number: int) -> Address:
    """One of its chunks, as the format names it."""
    ends = (f"c/{number}/0", f"/{number}.0")
    rows = place.root / "d.zarr"
    assert isinstance(rows, Address)
    (name,) = [each for each in rows.sizes() if each.endswith(ends)]
    return rows / name


def test_a_fit_that_was_killed_knows_them_by_their_tags(place: Place, born: Nursery) -> None:
    """A tag is made of the bytes, so that those that are put back are known again."""
    assert born.run(place, *place.words("whole")).code == 0
    place.armed.arm("pass-4", "kill")
    assert born.run(place, *place.words()).code == -signal.SIGKILL
    chunk = chunk_of(place, 7)
    whole = chunk.read_bytes()
    chunk.write_bytes(chunk_of(place, 0).read_bytes())
    born.run(place, *place.words()).says(73, "that are others or were written again")
    chunk.write_bytes(whole)
    done = born.run(place, *place.words())
    assert done.code == 0, done.errors
    assert place.digest() == place.digest("whole")


@pytest.mark.parametrize(
    ("change", "said"), [("swapped", "changed during the run"), ("absent", "is missing")]
)
def test_one_that_changes_during_a_fit_is_noticed(place: Place, change: str, said: str) -> None:
    place.armed.arm("pass-3", "wait")
    chunk = chunk_of(place, 7)
    with place.armed.listening() as ear, place.fitting() as fit:
        with ear.next():
            if change == "absent":
                chunk.unlink()
            else:
                chunk.write_bytes(chunk_of(place, 0).read_bytes())
        ended(fit).says(65, chunk.key.removeprefix("d.zarr/x/"), said)


def test_one_that_was_never_there_is_an_error_before_anything_is_read(
    place: Place, born: Nursery
) -> None:
    chunk_of(place, 7).unlink()
    done = born.run(place, *place.words())
    done.says(65, "is missing", "missing_chunks")
    assert "survey" not in done.errors
