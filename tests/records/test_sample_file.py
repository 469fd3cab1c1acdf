"""The rows kept beside a model: the same ones again, whole or not at all."""

import json
from pathlib import Path

import numpy as np
import pytest
import zarr

from dask_gmm.errors import DataError
from dask_gmm.fitting.sample import Sample, keys_of
from dask_gmm.records.sample_file import KEPT_ROWS, SAMPLE, read_sample, write_sample

CHUNK = Path(SAMPLE) / "x" / "c" / "0" / "0"


def sample(n: int, dtype: str = "float64", n_features: int = 3) -> Sample:
    """A sample of rows that are told apart by their first column, the number of the row."""
    keys = keys_of(0, np.arange(n))
    order = np.argsort(keys)
    rows = np.repeat(np.arange(n)[:, np.newaxis], n_features, axis=1).astype(dtype)
    return Sample(n, keys[order], order, rows[order])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [1, 50, 5000])
def test_the_first_rows_come_back_in_the_order_of_the_data(
    tmp_path: Path, n: int, dtype: str
) -> None:
    drawn = sample(n, dtype)
    write_sample(drawn, n, tmp_path)
    rows = read_sample(tmp_path, 3)
    assert rows is not None
    assert rows.dtype == np.float64
    assert rows.tobytes() == drawn.first(KEPT_ROWS).in_row_order().tobytes()
    group = zarr.open_group(tmp_path / SAMPLE, mode="r")
    index = zarr.open_array(tmp_path / SAMPLE / "index", mode="r")
    np.testing.assert_array_equal(np.asarray(index[...]), rows[:, 0])
    assert zarr.open_array(tmp_path / SAMPLE / "x", mode="r").dtype == dtype
    facts = {"format": "sample", "version": 1, "rows": min(n, KEPT_ROWS), "of_rows": n}
    assert group.attrs["dask_gmm"] == facts


def test_a_folder_without_rows_has_none(tmp_path: Path) -> None:
    assert read_sample(tmp_path, 3) is None


def test_rows_of_other_columns_are_refused(tmp_path: Path) -> None:
    write_sample(sample(20), 20, tmp_path)
    with pytest.raises(DataError, match="Wanted finite rows of 4 columns"):
        read_sample(tmp_path, 4)


def test_damaged_rows_are_refused(tmp_path: Path) -> None:
    write_sample(sample(20), 20, tmp_path)
    stored = (tmp_path / CHUNK).read_bytes()
    for damaged in (b"", stored[:-1], bytes([stored[0] ^ 1]) + stored[1:]):
        (tmp_path / CHUNK).write_bytes(damaged)
        with pytest.raises(DataError, match=r"remove sample\.zarr"):
            read_sample(tmp_path, 3)
    (tmp_path / CHUNK).unlink()
    with pytest.raises(DataError, match="a chunk of x is missing"):
        read_sample(tmp_path, 3)


@pytest.mark.parametrize("change", [{"version": 2}, {"format": "model"}])
def test_another_kind_or_version_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    write_sample(sample(20), 20, tmp_path)
    path = tmp_path / SAMPLE / "zarr.json"
    document = json.loads(path.read_text())
    document["attributes"]["dask_gmm"] |= change
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match="another kind of group, or of another version"):
        read_sample(tmp_path, 3)
