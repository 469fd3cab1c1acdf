"""Ingesting from and to addresses: groups of zarr may lie there, files of other formats may not."""

import uuid
from pathlib import Path

import pytest

from dask_gmm.errors import DataError, InputError
from dask_gmm.objects.address import Address
from dask_gmm.objects.location import location
from dask_gmm.passes.progress import Silent
from dask_gmm.workflows.ingest import ingest
from dask_gmm.workflows.requests import IngestRequest
from tests.data.arrays import files_of
from tests.data.ingestible import some_rows, write
from tests.whole.refusals import says


@pytest.fixture
def bucket() -> Address:
    found = location(f"memory://{uuid.uuid4().hex}")
    assert isinstance(found, Address)
    return found


def objects_of(group: Address) -> dict[str, bytes]:
    return {name: group.joinpath(name).read_bytes() for name in group.sizes()}


def test_a_group_at_an_address_has_the_bytes_of_one_on_a_disk(
    bucket: Address, tmp_path: Path
) -> None:
    source = write(tmp_path, "x.parquet", some_rows(1_000))
    there, here = bucket / "x.zarr", tmp_path / "x.zarr"
    for out in (there, here):
        ingest(IngestRequest(source, out, chunk_rows=70, standardize=True), Silent())
    assert objects_of(there) == files_of(here)
    again = ingest(IngestRequest(source, there, chunk_rows=70, standardize=True), Silent())
    assert again.done_before


@pytest.mark.parametrize("variables", [None, ("x",)])
def test_a_group_at_an_address_is_a_source(
    bucket: Address, tmp_path: Path, variables: tuple[str, ...] | None
) -> None:
    first = write(tmp_path, "x.npy", some_rows(100))
    there, back = bucket / "x.zarr", tmp_path / "back.zarr"
    ingest(IngestRequest(first, there, chunk_rows=30), Silent())
    asked = IngestRequest(there, back, chunk_rows=30, variables=variables)
    if variables is None:
        made = ingest(asked, Silent())
        assert made.facts["source"]["path"] == str(there)
        rows = {name: each for name, each in files_of(back).items() if name != "zarr.json"}
        assert rows == {name: each for name, each in objects_of(there).items() if name in rows}
        assert ingest(asked, Silent()).done_before
    else:
        assert ingest(asked, Silent()).facts["rows"] == 300
    there.joinpath("x", "c", "1", "0").write_bytes(b"other")
    with pytest.raises(DataError) as refused:
        ingest(IngestRequest(there, tmp_path / "other", variables=variables), Silent())
    says(refused.value, str(there))


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "folder"])
def test_files_at_an_address_are_to_be_copied_first(bucket: Address, name: str) -> None:
    (bucket / name).joinpath("x.csv").write_bytes(b"a,b\n1,2\n")
    with pytest.raises(InputError) as refused:
        ingest(IngestRequest(bucket / name, bucket / "out"), Silent())
    says(refused.value, bucket / name, "Copy")
