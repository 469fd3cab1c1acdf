"""A run carries out its steps in order, on one runner, and stops at the first that fails."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dask_gmm.errors import DataError
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows import run as module
from dask_gmm.workflows.requests import FitRequest, GenerateRequest

DRAWN = GenerateRequest(out=Path("x.zarr"), rows=10, features=3, components=2)
FITTED = FitRequest(data="x.zarr", components=2, out=Path("run"))


@dataclass(frozen=True)
class Said:
    verb: str

    def to_json(self) -> dict[str, Any]:
        return {"verb": self.verb}

    def to_text(self) -> str:
        return self.verb


class Carried:
    """Keeps what each verb was asked, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def generate(self, *args: Any) -> Said:
        self.calls.append(args)
        return Said("generated")

    def fit(self, *args: Any) -> Said:
        self.calls.append(args)
        return Said("fitted")

    def fail(self, *args: Any) -> Said:
        raise DataError("no rows")


@pytest.fixture
def carried(monkeypatch: pytest.MonkeyPatch) -> Carried:
    carried = Carried()
    monkeypatch.setattr(module, "generate", carried.generate)
    monkeypatch.setattr(module, "fit", carried.fit)
    return carried


def test_steps_run_in_order_on_one_runner(carried: Carried) -> None:
    runner, progress = ThreadRunner(), Silent()
    result = module.run([DRAWN, FITTED, DRAWN], runner, progress)
    assert [request for request, *_ in carried.calls] == [DRAWN, FITTED, DRAWN]
    assert all(args[1] is runner and args[2] is progress for args in carried.calls)
    assert result.to_text() == "generated\n\nfitted\n\ngenerated"
    assert result.to_json() == {
        "steps": [{"verb": "generated"}, {"verb": "fitted"}, {"verb": "generated"}]
    }


def test_the_first_step_that_fails_ends_the_run(
    carried: Carried, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "fit", carried.fail)
    with pytest.raises(DataError, match="no rows"):
        module.run([DRAWN, FITTED, DRAWN], ThreadRunner(), Silent())
    assert [request for request, *_ in carried.calls] == [DRAWN]
