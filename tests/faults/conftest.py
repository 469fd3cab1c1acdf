import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.codecs import Crc32cCodec

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
    with_numbers(folder / "d.zarr", folder / "beside.zarr")
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


def with_numbers(group: Path, out: Path) -> None:
    """Write a weight and a label for each row of a group, in chunks of the same rows."""
    rows = zarr.open_array(group / "x", mode="r")
    components: Any = zarr.open_array(group / "component", mode="r")[...]
    generator, beside = np.random.default_rng(1), zarr.open_group(out, mode="w")
    labels = np.where(generator.random(len(components)) < 0.02, components, -1)
    for name, values in (("w", generator.gamma(2.0, 0.5, len(components))), ("l", labels)):
        beside.create_array(name, data=values, chunks=rows.chunks[:1], compressors=[Crc32cCodec()])


@pytest.fixture(scope="session")
def oracle(rows: Path) -> str:
    """SHA-256 of that."""
    return digest_of(rows / "whole")


class Oracles(dict[str, str]):
    """SHA-256 of what commands of each kind make of rows, found when it is first asked for."""

    def __init__(self, undisturbed: Place, born: Nursery) -> None:
        super().__init__()
        self._undisturbed, self._born = undisturbed, born

    def __missing__(self, kind: str) -> str:
        assert self._born.run(self._undisturbed, *KINDS[kind], "--out", kind).code == 0
        self[kind] = self._undisturbed.digest(kind)
        return self[kind]


@pytest.fixture(scope="session")
def oracles(rows: Path, born: Nursery) -> Iterator[dict[str, str]]:
    """What commands of all kinds make of the rows, beside the run that some begin with."""
    with armed_faults() as armed:
        undisturbed = Place(rows, armed)
        assert born.run(undisturbed, *BEFORE).code == 0
        yield Oracles(undisturbed, born)


@pytest.fixture
def armed() -> Iterator[Armed]:
    with armed_faults() as armed:
        yield armed


@pytest.fixture
def place(rows: Path, armed: Armed, tmp_path: Path) -> Place:
    """A folder with the same rows."""
    for name in ("d.zarr", "gaps.zarr", "beside.zarr"):
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
