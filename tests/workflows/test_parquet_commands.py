"""What commands say and write of rows in parquet files."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import zarr

from dask_gmm import GaussianMixture, load_model
from dask_gmm.errors import InputError
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.inspect import inspect
from tests.data.tables import table_of, write, write_table
from tests.whole.refusals import command, refused, says
from tests.workflows.parquet_rows import (
    ROWS,
    X,
    in_zarr,
    parameters,
)
from tests.workflows.parquet_rows import data as data
from tests.workflows.parquet_rows import small_leaves as small_leaves

pytestmark = pytest.mark.usefixtures("small_leaves")


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
