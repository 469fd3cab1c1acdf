"""Callbacks are made of the import paths that options and settings name."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.doors.conftest import Invoke
from tests.doors.twins import Twins

FIT = ("fit", "x.zarr", "--components", "2", "--out", "run")
SELECT = ("select", "x.zarr", "--components", "2:4", "--out", "run")


class Listener:
    """A callback that hears nothing."""

    def on_pass_end(self, record: Any) -> None: ...

    def on_run_end(self, manifest: Any, folder: Path) -> None: ...


def unreachable() -> Listener:
    """Make a callback of a server that is down."""
    raise OSError("no server at port 9090")


@pytest.fixture
def listeners(monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that can be imported, with a factory of callbacks and other things."""
    module = ModuleType("listeners")
    made = {"Listener": Listener, "numbers": int, "unreachable": unreachable, "inner": module}
    vars(module).update(made)
    monkeypatch.setitem(sys.modules, "listeners", module)
    return "listeners"


@pytest.mark.parametrize("command", [FIT, SELECT])
def test_callbacks_are_made_and_handed_on(
    twins: Twins, invoke: Invoke, listeners: str, command: tuple[str, ...]
) -> None:
    assert invoke(*command).exit_code == 0
    assert twins.callbacks == []
    named = ("--callbacks", "listeners:Listener,listeners:inner.Listener")
    assert invoke(*command, *named).exit_code == 0
    assert [type(each) for each in twins.callbacks] == [Listener, Listener]


def test_a_settings_file_names_callbacks_for_all_its_steps(
    twins: Twins, invoke: Invoke, listeners: str, tmp_path: Path
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "callbacks: ['listeners:Listener']\nsteps: [fit: {data: x, components: 2, out: r}]"
    )
    assert invoke("run", str(config)).exit_code == 0
    assert [type(each) for each in twins.callbacks] == [Listener]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("listeners", "wanted import paths such as 'package.module:factory', found 'listeners'"),
        ("a b:c", "wanted import paths"),
        ("nowhere.there:Listener", "No module named 'nowhere'"),
        ("listeners:Missing", "has no attribute 'Missing'"),
        ("listeners:numbers", "found builtins.int"),
        ("listeners:unreachable", "'listeners:unreachable' (OSError: no server at port 9090)"),
    ],
)
def test_callbacks_that_cannot_be_made_are_refused_before_any_runner(
    twins: Twins, invoke: Invoke, listeners: str, path: str, said: str
) -> None:
    result = invoke(*FIT, "--callbacks", path)
    assert result.exit_code == 2
    assert said in result.stderr
    assert twins.opened == []
