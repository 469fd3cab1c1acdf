"""What goes to which stream, and with which code the command line ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dask_gmm.cli import COMMANDS, cli
from dask_gmm.errors import ClusterError, DaskGMMError, DataError, InputError, OutputExistsError
from tests.doors.conftest import Invoke
from tests.doors.twins import Twins

FIT = ("fit", "x.zarr", "--components", "2", "--out", "run")
GENERATE = ("generate", "x.zarr", "--rows", "9", "--features", "3", "--components", "2")


@pytest.mark.parametrize("args", [FIT, GENERATE, ("demo",)])
def test_the_result_alone_goes_to_stdout(
    twins: Twins, invoke: Invoke, args: tuple[str, ...]
) -> None:
    result = invoke(*args)
    assert result.stdout == f"the result of {args[0]}\n"
    assert result.stderr.startswith("a pass ")
    assert "a note" in result.stderr


@pytest.mark.parametrize("args", [FIT, GENERATE, ("inspect", "x.zarr")])
def test_json_is_all_there_is_on_stdout(
    twins: Twins, invoke: Invoke, args: tuple[str, ...]
) -> None:
    assert json.loads(invoke(*args, "--json").stdout) == {"verb": args[0]}


@pytest.mark.parametrize("error", [InputError, DataError, OutputExistsError, ClusterError])
def test_an_error_is_one_message_on_stderr_and_its_exit_code(
    twins: Twins, invoke: Invoke, error: type[DaskGMMError]
) -> None:
    twins.error = error("chunk 3 is damaged")
    result = invoke(*FIT)
    assert result.exit_code == error.exit_code
    assert result.stderr == "Error: chunk 3 is damaged\n"
    assert result.stdout == ""
    assert twins.closed == 1


def test_a_bug_is_not_dressed_as_an_error_of_ours(twins: Twins) -> None:
    twins.error = RuntimeError("a bug")  # type: ignore[assignment]
    result = CliRunner().invoke(cli, FIT)
    assert isinstance(result.exception, RuntimeError)


@pytest.mark.filterwarnings("always:column 3 is constant")
def test_a_warning_is_one_line_on_stderr(twins: Twins, invoke: Invoke) -> None:
    twins.warning = "column 3 is constant"
    result = invoke(*FIT)
    assert "Warning: column 3 is constant\n" in result.stderr
    assert result.stdout == "the result of fit\n"


def test_what_is_waited_for_is_said_on_stderr(twins: Twins, invoke: Invoke) -> None:
    twins.waits = "0 of 2 workers are there"
    result = invoke(*FIT)
    assert result.stderr.startswith("0 of 2 workers are there\n")
    assert result.stdout == "the result of fit\n"


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("--components", "0"), "found 0 as components"),
        (("--components", "two"), "--components"),
        (("--tol", "nan"), "found nan"),
        (("--covariance", "round"), "covariance of the command line"),
        (("--columns", "5-8"), "columns of the command line"),
        (("--rows", "7"), "rows of the command line"),
        (("--workers", "0"), "at least 1 as workers"),
        (("--component", "3"), "--components"),
    ],
)
def test_a_wrong_option_is_named_with_code_2(
    twins: Twins, invoke: Invoke, args: tuple[str, ...], named: str
) -> None:
    result = invoke(*FIT, *args)
    assert result.exit_code == 2
    assert named in result.stderr
    assert twins.calls == []


def test_a_wrong_settings_file_has_code_78(twins: Twins, invoke: Invoke, tmp_path: Path) -> None:
    config = tmp_path / "wrong.yaml"
    config.write_text("steps: [{fitt: {}}]")
    result = invoke("run", str(config))
    assert result.exit_code == 78
    assert "Did you mean 'fit'" in result.stderr


def test_an_unknown_command_is_a_usage_error(invoke: Invoke) -> None:
    assert invoke("fitt").exit_code == 2


def test_help_lists_every_command(invoke: Invoke) -> None:
    printed = invoke("--help").stdout
    assert all(f"\n  {name}" in printed for name in COMMANDS)


def shell(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(args, capture_output=True, text=True, check=True)


def test_python_m_prints_the_version() -> None:
    assert shell(sys.executable, "-m", "dask_gmm", "--version").stdout.startswith("dask-gmm, ver")


def test_dask_knows_the_group() -> None:
    assert "--reg-covar" in shell(sys.executable, "-m", "dask", "gmm", "fit", "--help").stdout


def test_loading_the_group_loads_click_alone() -> None:
    heavy = {"numpy", "zarr", "dask", "pydantic", "rich", "yaml"}
    code = f"import sys, dask_gmm.cli; print({heavy!r} & set(sys.modules))"
    assert shell(sys.executable, "-c", code).stdout == "set()\n"


@pytest.mark.parametrize("args", [("fit", "--help"), (*FIT, "--seed", "-1")])
def test_neither_help_nor_a_mistake_waits_for_dask(args: tuple[str, ...]) -> None:
    code = (
        "import sys; from dask_gmm.cli import cli\n"
        f"cli({args!r}, standalone_mode=False)\n"
        "print({'dask', 'numpy'} & set(sys.modules), file=sys.stderr)"
    )
    assert shell(sys.executable, "-c", code).stderr.endswith("set()\n")
