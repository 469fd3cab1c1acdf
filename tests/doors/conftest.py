from collections.abc import Callable
from typing import TypeAlias

import pytest
from click.testing import CliRunner, Result

from dask_gmm.cli import cli
from tests.doors.twins import Twins

Invoke: TypeAlias = Callable[..., Result]


@pytest.fixture
def twins(monkeypatch: pytest.MonkeyPatch) -> Twins:
    twins = Twins()
    twins.install(monkeypatch)
    return twins


@pytest.fixture
def invoke() -> Invoke:
    def invoke(*args: str) -> Result:
        return CliRunner().invoke(cli, args, catch_exceptions=False)

    return invoke
