"""An ingestion that is killed, or told to stop, in a process of its own; it goes on when asked."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import zarr

from dask_gmm import load_model
from tests.data.arrays import files_of
from tests.data.ingestible import some_rows, write
from tests.whole.refusals import command, refused

# The command line in a process that gets a signal before a chunk is written.
PROGRAM = """
import os, sys
from dask_gmm.data import sink
from dask_gmm.cli import main

number, left = int(sys.argv.pop(1)), int(sys.argv.pop(1))
write = sink.write_plain

def counted(path, pieces):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), number)
    return write(path, pieces)

sink.write_plain = counted
main()
"""
SOURCES = ("x.parquet", "x.csv", "x.h5", "two.zarr")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in SOURCES:
        write(tmp_path, name, some_rows(1_000))
    return tmp_path


def words(name: str, out: str) -> tuple[str, ...]:
    return ("ingest", name, out, "--chunk-rows", "90", "--standardize")


@pytest.mark.parametrize(
    ("name", "number", "code"),
    [
        ("x.parquet", signal.SIGKILL, -signal.SIGKILL),
        ("x.csv", signal.SIGTERM, 75),
        pytest.param("x.h5", signal.SIGKILL, -signal.SIGKILL, marks=pytest.mark.slow),
        pytest.param("two.zarr", signal.SIGTERM, 75, marks=pytest.mark.slow),
    ],
)
def test_the_same_command_goes_on_with_the_chunks_that_are_there(
    folder: Path, name: str, number: signal.Signals, code: int
) -> None:
    assert command(*words(name, "whole")).exit_code == 0
    program = [sys.executable, "-c", PROGRAM, str(int(number)), "6", *words(name, "out")]
    stopped = subprocess.run(program, check=False, capture_output=True, text=True)
    assert (stopped.returncode, stopped.stdout) == (code, ""), stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert not (folder / "out").exists()
    again = command(*words(name, "out"))
    assert "(5 kept from an interrupted run)" in again.stdout
    assert "first reading" not in again.stderr
    assert files_of(folder / "out") == files_of(folder / "whole")
    assert {each.name for each in folder.iterdir()} == {*SOURCES, "out", "whole"}
    assert "nothing to do" in command(*words(name, "out")).stdout


def test_a_run_ingests_and_fits_columns_by_their_names(folder: Path) -> None:
    (folder / "c.yaml").write_text(
        "steps:\n"
        "  - ingest: {source: x.parquet, out: i.zarr, standardize: true}\n"
        "  - fit: {data: i.zarr, components: 2, out: fit, columns: '2,0'}\n"
    )
    planned = command("plan", "c.yaml")
    assert planned.exit_code == 0
    assert "step 1: ingest, into i.zarr" in planned.stdout
    assert "1,000 rows x 3 columns of float64" in planned.stdout
    assert "first reading" in planned.stdout
    assert "1,000 rows x 2 columns of float64" in planned.stdout
    assert not (folder / "i.zarr").exists()
    assert command("run", "c.yaml").exit_code == 0
    assert (folder / "fit" / "model.zarr").exists()
    assert "done before" in command("plan", "c.yaml").stdout
    assert command("run", "c.yaml").stdout.count("nothing to do") == 2


def test_columns_of_an_ingested_group_have_names(folder: Path) -> None:
    steps = (
        "steps:\n"
        "  - ingest: {source: x.parquet, out: i.zarr}\n"
        "  - fit: {data: i.zarr, components: 2, out: fit, columns: 'c,a'}\n"
    )
    (folder / "c.yaml").write_text(steps)
    assert "names of columns" in command("plan", "c.yaml").stdout
    assert command("run", "c.yaml").exit_code == 0
    again = ("fit", "i.zarr", "--components", 2, "--out", "two", "--columns", "2,0")
    assert command(*again).exit_code == 0
    ours, theirs = load_model("fit/model.zarr"), load_model("two/model.zarr")
    assert ours.means.tobytes() == theirs.means.tobytes()
    wrong = refused("fit", "i.zarr", "--components", 2, "--out", "no", "--columns", "d", code=2)
    assert "a, b, c" in wrong


@pytest.mark.parametrize(
    ("source", "note"),
    [("x.csv", "counted when they are read"), ("g.zarr", "not known before they are made")],
)
def test_a_plan_says_what_it_cannot_know(folder: Path, source: str, note: str) -> None:
    (folder / "c.yaml").write_text(
        "steps:\n"
        "  - generate: {out: g.zarr, rows: 1000, features: 3, components: 2}\n"
        f"  - ingest: {{source: {source}, out: i.zarr}}\n"
        "  - fit: {data: i.zarr, components: 2, out: fit}\n"
    )
    planned = command("plan", "c.yaml")
    assert planned.exit_code == 0
    assert note in planned.stdout
    assert command("run", "c.yaml").exit_code == 0
    assert zarr.open_array("i.zarr/x", mode="r").shape == (1_000, 3)


def test_what_would_be_replaced_is_refused_before_the_first_step(folder: Path) -> None:
    (folder / "i.zarr").mkdir()
    (folder / "i.zarr" / "thesis").touch()
    (folder / "c.yaml").write_text(
        "steps:\n"
        "  - generate: {out: g.zarr, rows: 1000, features: 3, components: 2}\n"
        "  - ingest: {source: g.zarr, out: i.zarr, overwrite: true}\n"
    )
    message = refused("run", "c.yaml", code=73)
    assert "i.zarr" in message
    assert not (folder / "g.zarr").exists()


def test_a_missing_package_is_named_with_its_extra(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, extra in (
        ("pyarrow.parquet", "x.parquet", "parquet"),
        ("pyarrow.csv", "x.csv", "parquet"),
        ("h5py", "x.h5", "hdf5"),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            message = refused("ingest", name, "out", code=69)
        assert f"dask-gmm[{extra}]" in message
