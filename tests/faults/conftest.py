import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr

from tests.data.arrays import files_of
from tests.faults.armed import Armed, armed_faults
from tests.faults.nursery import Nursery, nursery
from tests.faults.programs import BEFORE, DRAW, FIT, KINDS, Place, digest_of
from tests.stores.conftest import server as server
from tests.stores.server import Server
from tests.whole.refusals import command


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows in twelve leaves, a chunk each, and what a run that nothing disturbs makes of them."""
    folder = tmp_path_factory.mktemp("rows")
    assert command("generate", folder / "d.zarr", *DRAW).exit_code == 0
    without_some(folder / "d.zarr", folder / "gaps.zarr")
    whole = command("fit", folder / "d.zarr", *FIT, "--out", folder / "whole")
    assert whole.exit_code == 0, whole.output
    return folder


def without_some(group: Path, out: Path) -> None:
    """Write the rows of a group, of which some values are missing in half of the chunks."""
    rows = zarr.open_array(group / "x", mode="r")
    values = np.asarray(rows[...])
    gone = np.random.default_rng(0).random(values.shape) < 0.1
    gone[: len(values) // 2] = False
    zarr.create_array(out, data=np.where(gone, np.nan, values), chunks=rows.chunks)


@pytest.fixture(scope="session")
def oracle(rows: Path) -> str:
    """SHA-256 of that."""
    return digest_of(rows / "whole")


@pytest.fixture(scope="session")
def oracles(rows: Path, born: Nursery) -> dict[str, str]:
    """SHA-256 of what commands of all kinds make of the rows, and the run that one begins with."""
    with armed_faults() as armed:
        undisturbed = Place(rows, armed)
        assert born.run(undisturbed, *BEFORE).code == 0
        for kind, words in KINDS.items():
            assert born.run(undisturbed, *words, "--out", kind).code == 0
        return {kind: undisturbed.digest(kind) for kind in KINDS}


@pytest.fixture
def armed() -> Iterator[Armed]:
    with armed_faults() as armed:
        yield armed


@pytest.fixture
def place(rows: Path, armed: Armed, tmp_path: Path) -> Place:
    """A folder with the same rows."""
    for name in ("d.zarr", "gaps.zarr"):
        shutil.copytree(rows / name, tmp_path / name)
    return Place(tmp_path, armed)


@pytest.fixture
def below(rows: Path, armed: Armed, server: Server, tmp_path: Path) -> Place:
    """An address with the same rows."""
    bucket = server.bucket()
    for name, data in files_of(rows / "d.zarr").items():
        (bucket / "d.zarr" / name).write_bytes(data)
    return Place(tmp_path, armed, bucket, server.environment())


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.slow)])
def anywhere(request: pytest.FixtureRequest) -> Place:
    """A folder with the same rows, or an address."""
    place: Place = request.getfixturevalue("place" if request.param == "folder" else "below")
    return place


@pytest.fixture(scope="session")
def born() -> Iterator[Nursery]:
    """Where commands are born quickly."""
    with nursery() as born:
        yield born
