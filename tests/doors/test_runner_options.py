"""Where passes run is asked for in the same way by all commands."""

from pathlib import Path

import pytest

from tests.doors.conftest import Invoke
from tests.doors.test_commands import FIT, GENERATE, SELECT
from tests.doors.test_row_commands import PREDICT, SCORE
from tests.doors.twins import Twins


@pytest.mark.parametrize("command", [GENERATE, FIT, SELECT, PREDICT, SCORE])
@pytest.mark.parametrize(
    ("args", "opened"),
    [
        ((), (None, None)),
        (("--workers", "3"), (3, None)),
        (("--scheduler", "tcp://host:8786"), (None, "tcp://host:8786")),
    ],
)
def test_the_runner_is_the_one_asked_for_and_is_closed(
    twins: Twins,
    invoke: Invoke,
    command: tuple[str, ...],
    args: tuple[str, ...],
    opened: tuple[int | None, str | None],
) -> None:
    assert invoke(*command, *args).exit_code == 0
    assert (twins.opened, twins.closed) == ([opened], 1)


@pytest.mark.parametrize("command", [GENERATE, FIT, SELECT, PREDICT, SCORE])
def test_workers_and_scheduler_exclude_each_other(
    twins: Twins, invoke: Invoke, command: tuple[str, ...]
) -> None:
    result = invoke(*command, "--workers", "2", "--scheduler", "tcp://host:8786")
    assert result.exit_code == 2
    assert "found workers and the address of a scheduler. Give one" in result.stderr
    assert twins.opened == []


@pytest.mark.parametrize("command", [GENERATE, FIT, SELECT, PREDICT, SCORE])
def test_a_performance_report_is_one_of_a_cluster(
    twins: Twins, invoke: Invoke, command: tuple[str, ...]
) -> None:
    assert invoke(*command, "--workers", "2", "--performance-report", "p.html").exit_code == 0
    assert [spec.performance_report for spec in twins.specs] == [Path("p.html")]
    result = invoke(*command, "--performance-report", "p.html")
    assert result.exit_code == 2
    assert "beside performance_report, found none of them" in result.stderr
    assert len(twins.opened) == 1
