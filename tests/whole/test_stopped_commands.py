"""A command that is told to stop, or killed: what it says, and that the same command goes on."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dask_gmm import load_model
from dask_gmm.records.run_folder import CHECKPOINTS
from tests.whole.refusals import command

# The command line in a process that sends a signal to its group before an operation on its records.
PROGRAM = """
import os, signal, sys
from dask_gmm.records.store import FolderStore
from dask_gmm.cli import main

calls, at, number = 0, int(sys.argv.pop(1)), int(sys.argv.pop(1))

def counted(method):
    def call(*args):
        global calls
        calls += not args[0].path.name.endswith(".wip-lease")
        if calls == at:
            calls += 1
            os.kill(0, number)
        return method(*args)
    return call

for name in ("put", "put_if_absent", "get", "remove"):
    setattr(FolderStore, name, counted(getattr(FolderStore, name)))
main()
"""
# ... before a module of it is imported.
LOADING = """
import os, sys
from dask_gmm.cli import main

module, number, said = sys.argv.pop(1), int(sys.argv.pop(1)), sys.argv.pop(1)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            try:
                os.kill(os.getpid(), number)
            except BaseException:
                if said:
                    raise ImportError(said)
                raise

sys.meta_path.insert(0, Finder())
main()
"""
ROWS = ("--rows", 6_000, "--features", 3, "--components", 2, "--overlap", 0.3)
EM = ("--solver", "em", "--max-iter", 6, "--tol", "1e-9")
FIT = ("fit", "d.zarr", "--components", 2, *EM, "--out")
FAILING = ("dask_gmm.workflows.report", "initialization failed")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows, and what a command that nothing stops makes of them."""
    folder = tmp_path_factory.mktemp("rows")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert command("generate", "d.zarr", *ROWS).exit_code == 0
        assert command(*FIT, "whole").exit_code == 0
    return folder


@pytest.fixture
def folder(rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(rows, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(at: int, number: int, *args: object) -> subprocess.CompletedProcess[str]:
    """Run a command that gets a signal at an operation on its records."""
    words = [sys.executable, "-c", PROGRAM, str(at), str(number), *map(str, args)]
    return subprocess.run(
        words, check=False, capture_output=True, text=True, start_new_session=True
    )


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_command_that_is_told_to_stop_says_how_to_go_on(
    folder: Path, number: signal.Signals
) -> None:
    stopped = told(8, number, *FIT, "out")
    assert (stopped.returncode, stopped.stdout) == (75, "")
    assert f"Stopped by {number.name}.\n" in stopped.stderr
    assert "the same command goes on there." in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert not (folder / "out").exists()
    gone_on(folder)


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGINT]
)
def test_workers_that_are_told_to_stop_too_say_nothing(
    folder: Path, number: signal.Signals
) -> None:
    stopped = told(8, number, *FIT, "out", "--workers", 1)
    assert (stopped.returncode, stopped.stdout) == (75, "")
    *passes, said, kept = stopped.stderr.splitlines()
    assert said == f"Stopped by {number.name}."
    assert kept.endswith("the same command goes on there.")
    assert all(each.startswith(("survey", "sample", "EM pass")) for each in passes), stopped.stderr
    gone_on(folder)


def test_a_command_that_is_told_to_stop_before_its_first_checkpoint_begins_anew(
    folder: Path,
) -> None:
    stopped = told(1, signal.SIGTERM, *FIT, "out")
    assert stopped.returncode == 75
    assert "The same command goes on with what is kept, or begins anew." in stopped.stderr
    assert list(folder.glob(".out.*")) == []


@pytest.mark.parametrize(
    ("module", "said", "number"),
    [
        ("dask_gmm.settings", "", signal.SIGTERM),
        pytest.param("dask_gmm.settings", "", signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(*FAILING, signal.SIGTERM, marks=pytest.mark.slow),
        (*FAILING, signal.SIGINT),
    ],
)
def test_a_command_that_is_told_to_stop_while_it_is_loaded_ends_in_order(
    tmp_path: Path, module: str, said: str, number: signal.Signals
) -> None:
    told = [module, str(int(number)), said]
    words = [sys.executable, "-c", LOADING, *told, "report", str(tmp_path)]
    stopped = subprocess.run(words, check=False, capture_output=True, text=True)
    assert (stopped.returncode, stopped.stdout) == (75, "")
    assert stopped.stderr.startswith(f"Stopped by {number.name}.\nThe same command goes on")


def test_a_command_that_is_killed_goes_on(folder: Path) -> None:
    assert told(8, signal.SIGKILL, *FIT, "out").returncode == -signal.SIGKILL
    gone_on(folder)


def gone_on(folder: Path) -> None:
    """See that the same command ends with the bytes of one that nothing stopped."""
    assert command(*FIT, "out").exit_code == 0
    ours, whole = load_model("out/model.zarr"), load_model("whole/model.zarr")
    assert ours.means.tobytes() == whole.means.tobytes()
    assert ours.log_likelihoods == whole.log_likelihoods
    assert not (folder / "out" / CHECKPOINTS).exists()
    assert {each.name for each in folder.iterdir()} == {"d.zarr", "out", "whole"}


def test_a_run_goes_on_with_the_step_that_was_stopped(folder: Path) -> None:
    (folder / "c.yaml").write_text(
        "steps:\n"
        "  - generate: {out: n.zarr, rows: 6000, features: 3, components: 2}\n"
        "  - fit: {data: n.zarr, components: 2, out: one}\n"
        "  - fit: {data: n.zarr, components: 3, out: two}\n"
    )
    assert told(20, signal.SIGTERM, "run", "c.yaml").returncode == 75
    assert (folder / "n.zarr").exists()
    again = command("run", "c.yaml")
    assert again.exit_code == 0
    assert "nothing to do: the data set is there" in again.stdout
    assert (folder / "two" / "model.zarr").exists()
    assert command("run", "c.yaml").stdout.count("nothing to do") == 3
