"""The digests kept beside an array are those of its chunks, or refused."""

from pathlib import Path

import pytest

from dask_gmm.data.open import open_source
from dask_gmm.errors import DataError
from tests.data.arrays import DAMAGES, chunk_file, ours


@pytest.fixture
def group(tmp_path: Path) -> Path:
    return tmp_path / "a.zarr"


@pytest.mark.parametrize("kind", ["plain", "crc32c", "zstd"])
def test_other_digests_than_of_this_array_are_refused(group: Path, kind: str) -> None:
    array = ours(group, kind)
    document = (array / "zarr.json").read_text()
    (array / "zarr.json").write_text(document.replace("370", "470"))
    with pytest.raises(DataError, match=r"digests/x are of \(4, 1\) chunks, not \(5, 1\)"):
        open_source(group)


@pytest.mark.parametrize("damage", ["absent", "flipped", "half", "empty"])
def test_damaged_digests_are_refused(group: Path, damage: str) -> None:
    ours(group, "crc32c")
    DAMAGES[damage](chunk_file(group / "digests" / "x", 0))
    with pytest.raises(DataError, match=r"digests/x .*delete that to read without digests"):
        open_source(group)


@pytest.mark.parametrize("text", ["", "{}", '{"zarr_format": 3, "node_type": "array"}'])
def test_digests_of_no_kind_are_refused(group: Path, text: str) -> None:
    ours(group, "crc32c")
    (group / "digests" / "x" / "zarr.json").write_text(text)
    with pytest.raises(DataError, match="digests/x"):
        open_source(group)
