"""What is done with rows in zarr is done with those of parquet files, to the same ends."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from distributed import Client

from dask_gmm import GaussianMixture, GaussianMixtureModel, load_model
from dask_gmm.data import blocks
from dask_gmm.errors import DataError, InputError
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.records.run_folder import read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_rows import DataWarning
from dask_gmm.workflows.inspect import inspect
from tests.data.tables import flip_in, table_of, write, write_table
from tests.whole.refusals import command, refused, says
from tests.workflows.resuming import clusters

ROWS, GROUP = 3_000, 300
X = clusters(ROWS)
EQUAL = (GROUP,) * 9
EM: dict[str, Any] = {"solver": "em", "max_iter": 5, "tol": 0.0, "init": "random_from_data"}


@pytest.fixture(autouse=True)
def _leaf_for_each_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "LEAF_BYTES", 1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Ten row groups in one file."""
    return write(tmp_path / "x.parquet", X, EQUAL, write_page_checksum=True)


def in_folder(folder: Path) -> Path:
    """The same ten row groups in four files, one of which has no rows."""
    for name, first, last in (("a", 0, 3), ("b", 3, 4), ("c", 4, 4), ("d", 4, 10)):
        rows = X[first * GROUP : last * GROUP]
        write(folder / f"{name}.pq", rows, (GROUP,) * max(last - first - 1, 0))
    return folder


def in_zarr(path: Path) -> Path:
    array = zarr.create_array(path, shape=X.shape, chunks=(GROUP, 3), dtype="f8")
    array[...] = X
    return path


def parameters(
    data: Path, out: Path, runner: Runner | None = None, **asked: Any
) -> tuple[np.ndarray[Any, Any], ...]:
    request = FitRequest(str(data), 3, out, **asked)
    model = fit(request, runner or ThreadRunner(2), Silent()).model
    mixture = model.mixture
    gains = np.array(model.log_likelihoods)
    return mixture.weights, mixture.means, mixture.covariances, gains


def as_bytes(found: tuple[np.ndarray[Any, Any], ...]) -> bytes:
    return b"".join(each.tobytes() for each in found)


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


def test_the_same_command_does_nothing_until_the_file_is_another(
    data: Path, tmp_path: Path
) -> None:
    asked = ("fit", data, "--components", 3, "--out", tmp_path / "run")
    assert command(*asked).exit_code == 0
    again = command(*asked, "--columns", "a,b,c")
    assert "nothing to do" in again.output
    found = data.stat()
    os.utime(data, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    says(refused(*asked, code=73), tmp_path / "run")


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


def test_a_model_says_the_same_of_rows_in_zarr_and_in_parquet(data: Path, tmp_path: Path) -> None:
    array, run = in_zarr(tmp_path / "x.zarr"), tmp_path / "run"
    parameters(data, run)
    scores = [json.loads(command("score", each, run, "--json").stdout) for each in (data, array)]
    assert scores[0]["log_likelihood"] == scores[1]["log_likelihood"]
    for each, out in ((data, "parquet"), (array, "zarr")):
        done = command("predict", each, run, "--out", tmp_path / out, "--labels", "--log-density")
        assert done.exit_code == 0
    found, expected = (zarr.open_group(tmp_path / name, mode="r") for name in ("parquet", "zarr"))
    for name in ("labels", "log_density"):
        assert np.array_equal(np.asarray(found[name]), np.asarray(expected[name]))
    again = ("predict", data, run, "--out", tmp_path / "parquet", "--labels")
    assert command(*again, "--log-density").exit_code == 0
    says(refused(*again, code=73), "differ in wanted")


@pytest.mark.parametrize("groups", [(7, 1_500, 11), (1_000, 1_000)])
def test_labels_are_written_whatever_the_row_groups(
    tmp_path: Path, groups: tuple[int, ...]
) -> None:
    model = GaussianMixture(3, random_state=0).fit(X)
    model.predict(write(tmp_path / "x.parquet", X, groups), out=tmp_path / "labels")
    found = zarr.open_array(tmp_path / "labels" / "labels", mode="r")
    assert np.array_equal(found[:], model.predict(X))


def test_estimators_take_the_path_of_a_file(data: Path) -> None:
    model = GaussianMixture(3, random_state=0).fit(str(data))
    assert np.array_equal(model.predict(data).compute(), model.predict(X))
    other = GaussianMixtureModel(2).fit(data, columns=["c", 0], rows=slice(100, 2_000))
    expected = GaussianMixtureModel(2).fit(X[100:2_000, [2, 0]])
    np.testing.assert_allclose(other.means, expected.means, rtol=1e-9)


def test_columns_are_given_by_name_in_commands_and_settings(data: Path, tmp_path: Path) -> None:
    by_name, by_number, run = (tmp_path / each for each in ("name", "number", "run"))
    common = ("fit", data, "--components", 2)
    assert command(*common, "--columns", "c,a", "--out", by_name).exit_code == 0
    assert command(*common, "--columns", "2,0", "--out", by_number).exit_code == 0
    step = {"data": str(data), "components": 2, "columns": ["c", 0], "out": str(run)}
    (tmp_path / "steps.yaml").write_text(json.dumps({"steps": [{"fit": step}]}))
    assert command("run", tmp_path / "steps.yaml").exit_code == 0
    models = [load_model(each / "model.zarr").means for each in (by_name, by_number, run)]
    assert models[0].tobytes() == models[1].tobytes() == models[2].tobytes()
    assert read_manifest(by_name)["settings"]["columns"] == ["c", "a"]
    assert read_manifest(by_name)["versions"]["pyarrow"]
    for wrong in ("c,", "a-b", "1,x"):
        refused(*common, "--columns", wrong, "--out", tmp_path / "wrong", code=2)
    stored = ("fit", in_zarr(tmp_path / "z"), "--components", 2, "--out", tmp_path / "wrong")
    message = refused(*stored, "--columns", "a", code=2)
    says(message, "columns must be different numbers from 0 to 2")


def test_a_plan_knows_rows_and_row_groups(data: Path, tmp_path: Path) -> None:
    step = {"data": str(data), "components": 2, "out": str(tmp_path / "run")}
    (tmp_path / "steps.yaml").write_text(json.dumps({"steps": [{"fit": step}]}))
    (planned,) = json.loads(command("plan", tmp_path / "steps.yaml", "--json").stdout)["steps"]
    found = {name: planned[name] for name in ("rows", "features", "blocks", "chunks")}
    assert found == {"rows": ROWS, "features": 3, "blocks": 10, "chunks": 10}


def test_partitions_of_a_file_are_kept_and_stepped_from(data: Path, tmp_path: Path) -> None:
    partitions = {"mon": slice(0, 2_000), "tue": slice(2_000, 3_000)}
    parameters(data, tmp_path / "run", partitions=partitions)
    asked: dict[str, Any] = {"partitions": partitions, "changed": ["tue"], "incremental": True}
    request = FitRequest(str(data), None, tmp_path / "step", warm_start=tmp_path / "run", **asked)
    result = fit(request, ThreadRunner(1), Silent())
    assert result.model.rows_read == 1_000


def test_inspect_says_what_a_fit_would_read(data: Path, tmp_path: Path) -> None:
    text = table_of(X).append_column("s", [["x"] * ROWS])
    path = write_table(tmp_path / "more" / "text.parquet", text, (2_000,), compression="zstd")
    pq.write_table(text.slice(0, 0), tmp_path / "more" / "a.parquet", compression="none")
    report = inspect(tmp_path / "more")
    facts = report.to_json()
    assert (facts["kind"], facts["path"]) == ("parquet", str(path.parent))
    assert {name: facts[name] for name in ("files", "rows", "columns", "row groups")} == {
        "files": 2,
        "rows": ROWS,
        "columns": 4,
        "row groups": 2,
    }
    assert facts["types"] == {"a": "double", "b": "double", "c": "double", "s": "string"}
    assert facts["rows of the largest row group"] == 2_000
    assert (facts["columns of numbers"], facts["leaves"]) == (3, 2)
    assert "zstd" in facts["codecs"]
    assert "flipped bits in pages without checksums" in facts["damage that passes unseen"]
    assert "types" in report.to_text()
    only_text = write_table(tmp_path / "s.parquet", text.select(["s"]))
    with pytest.raises(InputError, match=r"column s of .* is of type string"):
        inspect(only_text)


@pytest.mark.parametrize("out", ["x.parquet", ".", "x.parquet/run"])
def test_a_file_is_not_replaced_by_what_is_made_of_it(data: Path, tmp_path: Path, out: str) -> None:
    before = data.read_bytes()
    request = FitRequest(str(data), 3, tmp_path / out, overwrite=True)
    with pytest.raises((InputError, OSError)):
        fit(request, ThreadRunner(1), Silent())
    model = GaussianMixture(3, random_state=0).fit(X)
    with pytest.raises((InputError, OSError)):
        model.predict(data, out=tmp_path / out)
    assert data.read_bytes() == before


def test_the_extra_that_is_missing_is_named(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    message = refused("fit", data, "--components", 2, "--out", tmp_path / "run", code=69)
    says(message, "pip install 'dask-gmm[parquet]'")


def test_a_row_group_that_does_not_fit_is_refused_before_it_is_read(
    data: Path, tmp_path: Path
) -> None:
    runner = ThreadRunner(1, memory_limit=300 * 2**20)
    with pytest.raises(MemoryError, match="smaller row groups"):
        fit(FitRequest(str(data), 3, tmp_path / "run"), runner, Silent())
