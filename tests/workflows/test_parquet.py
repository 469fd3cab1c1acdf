"""What is done with rows in zarr is done with those of parquet files, to the same ends."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from distributed import Client

from dask_gmm import GaussianMixture, GaussianMixtureModel, load_model
from dask_gmm.errors import DataError
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.records.run_folder import read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_rows import DataWarning
from tests.data.tables import flip_in, table_of, write, write_table
from tests.whole.refusals import command, refused, says
from tests.workflows.parquet_rows import (
    EM,
    EQUAL,
    ROWS,
    X,
    as_bytes,
    in_folder,
    in_zarr,
    parameters,
)
from tests.workflows.parquet_rows import data as data
from tests.workflows.parquet_rows import small_leaves as small_leaves

pytestmark = pytest.mark.usefixtures("small_leaves")


@pytest.mark.parametrize("asked", [{}, EM], ids=["fast", "em"])
def test_the_same_leaves_give_the_same_bytes_as_in_zarr(
    data: Path, tmp_path: Path, asked: dict[str, Any]
) -> None:
    expected = as_bytes(parameters(in_zarr(tmp_path / "x.zarr"), tmp_path / "zarr", **asked))
    assert as_bytes(parameters(data, tmp_path / "one", **asked)) == expected
    folder = in_folder(tmp_path / "folder")
    assert as_bytes(parameters(folder, tmp_path / "four", **asked)) == expected


@pytest.mark.parametrize("groups", [(), (1, 0, 2_000, 17), (50,) * 20])
def test_other_leaves_give_the_same_to_rounding(tmp_path: Path, groups: tuple[int, ...]) -> None:
    path = write(tmp_path / "x.parquet", X, groups)
    expected = parameters(in_zarr(tmp_path / "x.zarr"), tmp_path / "zarr", **EM)
    found = parameters(path, tmp_path / "parquet", **EM)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cache", ["none", "memory"])
def test_threads_and_workers_give_the_same_bytes(
    data: Path, tmp_path: Path, client: Client, cache: str
) -> None:
    runners: list[Runner] = [ThreadRunner(1), ThreadRunner(3), DistributedRunner(client)]
    found = {
        as_bytes(parameters(data, tmp_path / str(i), runner, cache=cache))
        for i, runner in enumerate(runners)
    }
    assert found == {as_bytes(parameters(data, tmp_path / "expected"))}


def test_rows_are_read_once_with_the_cache(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    real = Path.open

    def counting(path: Path, *args: Any, **options: Any) -> Any:
        opened.append(path)
        return real(path, *args, **options)

    monkeypatch.setattr(Path, "open", counting)
    for cache in ("memory", "none"):
        opened.clear()
        parameters(data, tmp_path / cache, **EM, cache=cache)
        leaves = opened.count(data) - 1  # once for what its end says
        assert (leaves == 10) == (cache == "memory")


class Stopped(Exception):
    """Raised where a process is killed."""


class StoppedAfter:
    """Stops a fit after so many passes over all rows."""

    def __init__(self, passes: int) -> None:
        self._left = passes

    def start_pass(self, name: str, rows: int) -> None: ...

    def advance(self, rows: int) -> None: ...

    def end_pass(self, note: str) -> None:
        if note:
            self._left -= 1
        if not self._left:
            raise Stopped


def test_an_interrupted_fit_goes_on_to_the_same_bytes(data: Path, tmp_path: Path) -> None:
    request = FitRequest(str(data), 3, tmp_path / "run", **EM)
    for _ in range(2):
        with pytest.raises(Stopped):
            fit(request, ThreadRunner(2), StoppedAfter(2))
    found = parameters(data, tmp_path / "run", **EM)
    assert len(read_manifest(tmp_path / "run")["parts"]) == 3
    assert as_bytes(found) == as_bytes(parameters(data, tmp_path / "whole", **EM))


def test_a_file_that_is_changed_between_two_passes_ends_the_fit(data: Path, tmp_path: Path) -> None:
    class Changing(Silent):
        def end_pass(self, note: str) -> None:
            write(data, X + 1, EQUAL, write_page_checksum=True)

    with pytest.raises(DataError, match=r"row group \d \(rows .*changed"):
        fit(FitRequest(str(data), 3, tmp_path / "run", **EM), ThreadRunner(1), Changing())


def test_what_is_null_is_named_or_dropped(tmp_path: Path) -> None:
    table = table_of(X).set_column(1, "b", [pa.array(X[:, 1], mask=np.arange(ROWS) == 750)])
    path = write_table(tmp_path / "x.parquet", table, EQUAL)
    message = refused("fit", path, "--components", 3, "--out", tmp_path / "run", code=65)
    says(message, f"row 750, column b, in row group 2 (rows 600 to 900 of {path})", "nonfinite")
    with pytest.warns(DataWarning, match="1 of 3,000 rows"):
        dropped = parameters(path, tmp_path / "dropped", **EM, nonfinite="drop")
    assert np.isfinite(dropped[1]).all()
    assert read_manifest(tmp_path / "dropped")["dropped_rows"] == 1


@pytest.mark.filterwarnings("always::dask_gmm.workflows.fit_rows.DataWarning")
def test_a_bad_row_group_is_an_error_or_left_out(data: Path, tmp_path: Path) -> None:
    flip_in(data, 4)
    asked = ("fit", data, "--components", 3, "--out", tmp_path / "run")
    says(refused(*asked, code=65), f"row group 4 (rows 1,200 to 1,500 of {data})", "Restore it")
    done = command(*asked, "--on-bad-chunk", "skip", "--max-bad-share", 0.2)
    assert done.exit_code == 0, done.output
    (bad,) = read_manifest(tmp_path / "run")["bad_chunks"]
    assert (bad["chunk"], bad["rows"]) == ("x.parquet/4", [1200, 1500])
    array = in_zarr(tmp_path / "x.zarr")
    (array / "c" / "4" / "0").unlink()
    expected = parameters(array, tmp_path / "zarr", on_bad_chunk="skip", max_bad_share=0.2)
    model = load_model(tmp_path / "run" / "model.zarr")
    assert model.means.tobytes() == expected[1].tobytes()


def test_estimators_take_the_path_of_a_file(data: Path) -> None:
    model = GaussianMixture(3, random_state=0).fit(str(data))
    assert np.array_equal(model.predict(data).compute(), model.predict(X))
    other = GaussianMixtureModel(2).fit(data, columns=["c", 0], rows=slice(100, 2_000))
    expected = GaussianMixtureModel(2).fit(X[100:2_000, [2, 0]])
    np.testing.assert_allclose(other.means, expected.means, rtol=1e-9)


def test_partitions_of_a_file_are_kept_and_stepped_from(data: Path, tmp_path: Path) -> None:
    partitions = {"mon": slice(0, 2_000), "tue": slice(2_000, 3_000)}
    parameters(data, tmp_path / "run", partitions=partitions)
    asked: dict[str, Any] = {"partitions": partitions, "changed": ["tue"], "incremental": True}
    request = FitRequest(str(data), None, tmp_path / "step", warm_start=tmp_path / "run", **asked)
    result = fit(request, ThreadRunner(1), Silent())
    assert result.model.rows_read == 1_000


def test_a_row_group_that_does_not_fit_is_refused_before_it_is_read(
    data: Path, tmp_path: Path
) -> None:
    runner = ThreadRunner(1, memory_limit=300 * 2**20)
    with pytest.raises(MemoryError, match="smaller row groups"):
        fit(FitRequest(str(data), 3, tmp_path / "run"), runner, Silent())
