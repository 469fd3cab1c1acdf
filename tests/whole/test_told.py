"""What commands tell programs: strict JSON on stdout alone, and what a run has lost."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dask_gmm.cli import cli
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.own_clusters import local_cluster
from dask_gmm.passes.progress import Silent
from dask_gmm.records.run_folder import HISTORY, read_history, read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from tests.house.tree import ROOT

GENERATE = ("generate", "x.zarr", "--rows", "2000", "--features", "2", "--components", "2")
COMMANDS = (
    GENERATE,
    ("fit", "x.zarr", "--components", "2", "--out", "fit", "--held-out", "0.1"),
    ("select", "x.zarr", "--components", "1:2", "--out", "select"),
    ("predict", "x.zarr", "fit", "--out", "y.zarr", "--labels", "--top", "1"),
    ("score", "x.zarr", "fit"),
    ("report", "fit"),
    ("inspect", "fit"),
    ("inspect", "x.zarr"),
    ("plan", "steps.yaml"),
    ("run", "steps.yaml"),
    ("run", "steps.yaml", "--dry-run"),
)
STEPS = """
steps:
  - fit: {data: x.zarr, components: 2, out: fit, held_out: 0.1}
  - score: {data: x.zarr, model: fit}
"""


def strict(text: str) -> Any:
    """Read JSON as its standard has it."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_every_command_prints_one_json_value_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("steps.yaml").write_text(STEPS)
    for command in COMMANDS:
        result = CliRunner().invoke(cli, [*command, "--json"], catch_exceptions=False)
        assert result.exit_code == 0, (command, result.stderr)
        assert isinstance(strict(result.stdout), dict), command
    strict(Path("fit/manifest.json").read_text())
    strict(Path("select/selection.json").read_text())
    for line in Path("fit", HISTORY).read_text().splitlines():
        strict(line)


class Killer:
    """A callback that kills a worker after the first pass."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def on_pass_end(self, record: Mapping[str, Any]) -> None:
        if record["pass"] == 1:
            os.kill(self._pid, signal.SIGKILL)

    def on_run_end(self, manifest: Mapping[str, Any], folder: Path) -> None: ...


def test_history_and_manifest_tell_of_a_worker_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = ("--rows", "400_000", "--chunk-rows", "65_536")
    CliRunner().invoke(cli, [*GENERATE, *rows], catch_exceptions=False)
    with local_cluster(2) as client:
        (pid, *_) = client.run(os.getpid).values()
        request = FitRequest("x.zarr", 2, tmp_path / "fit", solver="em", tol=0.0, max_iter=4)
        fit(request, DistributedRunner(client), Silent(), [Killer(pid)])
    lines, cost = read_history(tmp_path / "fit"), read_manifest(tmp_path / "fit")["cost"]
    assert lines[0]["workers_lost"] == 0
    assert cost["workers_lost"] == sum(each["workers_lost"] for each in lines) == 1
    assert cost["retries"] == sum(each["retries"] for each in lines)


def test_a_command_tells_a_callback_that_lies_in_the_current_folder(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "callbacks.md").read_text(encoding="utf-8")
    (block,) = (each for each in page.split("```") if "class Prometheus" in each)
    (tmp_path / "monitoring.py").write_text(block.removeprefix("python\n"))
    fit = ("fit", "x.zarr", "--components", "2", "--out", "run")
    for command in (GENERATE, (*fit, "--callbacks", "monitoring:Prometheus")):
        subprocess.run(
            [sys.executable, "-m", "dask_gmm", *command],
            check=True,
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f".{os.pathsep}{ROOT}"},
        )
    last = read_history(tmp_path / "run")[-1]
    assert f"dask_gmm_pass {float(last['pass'])}" in (tmp_path / "dask_gmm.prom").read_text()
