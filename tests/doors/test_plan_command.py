"""A plan is printed by the command of that name and by a dry run, also of what does not fit."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from dask_gmm.errors import MemoryLimitError
from dask_gmm.workflows.fit_request import FitRequest
from tests.doors.conftest import Invoke
from tests.doors.twins import Twins

STEPS = """
steps: [fit: {data: x.zarr, components: 2, out: run}]
cluster: {workers: 4, performance_report: p.html}
"""
COMMANDS = [("plan", (), 0), ("plan", ("--probe", "3"), 3), ("run", ("--dry-run",), 0)]


@pytest.mark.parametrize(("command", "args", "probe"), COMMANDS)
@pytest.mark.parametrize("refused", ["", "It does not fit."])
def test_the_plan_is_printed_also_of_what_does_not_fit(
    twins: Twins,
    invoke: Invoke,
    tmp_path: Path,
    command: str,
    args: tuple[str, ...],
    probe: int,
    refused: str,
) -> None:
    (tmp_path / "steps.yaml").write_text(STEPS)
    twins.refused = refused
    result = invoke(command, str(tmp_path / "steps.yaml"), *args, "--json")
    assert result.exit_code == (MemoryLimitError.exit_code if refused else 0)
    assert json.loads(result.stdout) == {"verb": "plan"}
    assert result.stderr == (f"Error: {refused}\n" if refused else "")
    ((verb, ((fit,), runner, blocks)),) = twins.calls
    assert asdict(fit) == asdict(FitRequest("x.zarr", 2, Path("run")))
    assert (verb, runner, blocks) == ("plan", "the runner", probe)
    assert (twins.opened, twins.closed) == ([(4, None)], 1)
    assert [spec.performance_report for spec in twins.specs] == [None]


def test_a_run_writes_the_performance_report_that_its_settings_name(
    twins: Twins, invoke: Invoke, tmp_path: Path
) -> None:
    (tmp_path / "steps.yaml").write_text(STEPS)
    assert invoke("run", str(tmp_path / "steps.yaml")).exit_code == 0
    assert [spec.performance_report for spec in twins.specs] == [Path("p.html")]
