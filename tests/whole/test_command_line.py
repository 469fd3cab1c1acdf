"""The command line at work, with nothing replaced by a stand-in."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray
import zarr
from click.testing import CliRunner, Result

from dask_gmm import load_model
from dask_gmm.cli import cli
from dask_gmm.workflows.drawing import usual_chunk_rows
from tests.house.tree import ROOT, blocks_of_readme

QUICKSTART = str(ROOT / "configs" / "quickstart.yaml")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*args: str) -> Result:
    return CliRunner().invoke(cli, args, catch_exceptions=False)


def array(path: Path) -> np.ndarray:
    return np.asarray(zarr.open_array(path, mode="r")[...])


def test_the_quickstart_runs_as_it_stands_and_again(folder: Path) -> None:
    assert invoke("run", QUICKSTART).exit_code == 0
    assert invoke("run", QUICKSTART).exit_code == 0
    data, model = folder / "runs/quickstart/data.zarr", folder / "runs/quickstart/fit/model.zarr"
    truth, means = array(data / "means"), array(model / "means")
    distances = np.linalg.norm(truth[:, None] - means[None], axis=-1)
    assert sorted(distances.argmin(axis=1)) == [0, 1, 2]
    assert distances.min(axis=1).max() < 0.05
    np.testing.assert_array_equal(load_model(model).means, means)


def test_a_file_and_the_options_it_stands_for_give_the_same_bytes(folder: Path) -> None:
    result = invoke("run", QUICKSTART, "--json")
    generated, fitted = json.loads(result.stdout)["steps"]
    drawn = invoke(
        "generate", "x.zarr", "--rows", "200000", "--features", "4", "--components", "3", "--json"
    )
    assert json.loads(drawn.stdout)["means"] == generated["means"]
    by_options = invoke(
        "fit", "x.zarr", "--components", "3", "--n-init", "2", "--out", "r", "--json"
    )
    assert json.loads(by_options.stdout)["covariances"] == fitted["covariances"]


def test_what_was_refused_is_left_as_it_was(folder: Path) -> None:
    generate = ("generate", "x.zarr", "--rows", "5000", "--features", "2", "--components", "2")
    assert invoke(*generate).exit_code == 0
    rows = array(folder / "x.zarr" / "x")
    assert invoke(*generate, "--seed", "1").exit_code == 73
    np.testing.assert_array_equal(array(folder / "x.zarr" / "x"), rows)
    assert invoke(*generate, "--seed", "1", "--overwrite").exit_code == 0
    assert not np.array_equal(array(folder / "x.zarr" / "x"), rows)


def test_drift_is_the_exit_code_of_score(folder: Path) -> None:
    options = ("--rows", "20000", "--features", "2", "--components", "2", "--overlap", "0.001")
    assert invoke("generate", "x.zarr", *options).exit_code == 0
    assert invoke("generate", "y.zarr", *options, "--seed", "1").exit_code == 0
    assert invoke("fit", "x.zarr", "--components", "2", "--out", "run").exit_code == 0
    assert invoke("score", "x.zarr", "run", "--fail-below", "0.1").exit_code == 0
    found = invoke("score", "y.zarr", "run", "--fail-below", "0.1", "--json")
    assert found.exit_code == 3
    assert json.loads(found.stdout)["drifted"] is True
    assert "Error: Wanted a log-likelihood at most 0.1 nats per row below" in found.stderr
    asked = ("predict", "y.zarr", "run", "--out", "run/y.zarr", "--labels", "--anomaly-quantile")
    assert invoke(*asked, "0.01").exit_code == 0
    share = array(folder / "run/y.zarr/anomaly").mean()
    assert share > 0.1
    assert len(array(folder / "run/y.zarr/labels")) == 20_000


def commands_of_readme() -> list[str]:
    """Its commands in order, but for those that need a scheduler or the network."""
    lines = [line for block in blocks_of_readme("bash") for line in block.splitlines()]
    return [line for line in lines if line.startswith("dask-gmm") and "--scheduler" not in line]


def write_sources(folder: Path) -> None:
    """Write what the README ingests, and the weights of a million rows of eight columns."""
    rng = np.random.default_rng(0)
    names = ("temperature", "pressure", "a", "b", "c")
    table = pa.table({name: rng.normal(size=5000) for name in names})
    pq.write_table(table, folder / "measured.parquet")
    answers = np.concatenate([rng.normal(size=(700, 3)), rng.normal(5.0, size=(300, 3))])
    answers[rng.random(answers.shape) < 0.1] = np.nan
    header = "age,income,trust"
    np.savetxt(folder / "answers.csv", answers, delimiter=",", header=header, comments="")
    with h5py.File(folder / "simulated.h5", "w") as file:
        file["run3/positions"] = rng.normal(size=(500, 3))
    chunks = (usual_chunk_rows(1_000_000, 8, 8),)
    path = folder / "weights.zarr"
    weights = zarr.create_array(path, shape=(1_000_000,), chunks=chunks, dtype="f8")
    weights[...] = rng.uniform(0.5, 1.5, 1_000_000)
    axes = ("time", "latitude", "longitude")
    fields = {name: (axes, rng.normal(size=(4, 5, 6))) for name in "uvt"}
    xarray.Dataset(fields).to_netcdf(folder / "weather.nc", engine="h5netcdf")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_commands_of_the_readme_run_as_they_stand(folder: Path) -> None:
    (folder / "configs").symlink_to(ROOT / "configs")
    write_sources(folder)
    commands = ["dask-gmm demo", *commands_of_readme()]
    assert len(commands) == 38
    for command in commands:
        _, *args = shlex.split(command)
        subprocess.run([sys.executable, "-m", "dask_gmm", *args], check=True)
    for model in ("demo/run", "fit", "diag", "again"):
        assert load_model(folder / "runs" / model / "model.zarr").converged
