"""A run carries out its steps in order, on one runner, and stops at the first that fails."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm.errors import DataError, DriftError, OutputExistsError
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows import run as module
from dask_gmm.workflows.any_request import Request
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.requests import GenerateRequest
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest

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


def test_predictions_lie_beside_the_model_that_an_earlier_step_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).standard_normal((500, 3))
    steps: list[Request] = [
        FitRequest(rows, 2, Path("run"), max_iter=2),
        PredictRequest(rows, Path("run"), Path("run/labels.zarr")),
        ScoreRequest(rows, Path("run")),
    ]
    fitted, predicted, scored = module.run(steps, ThreadRunner(1), Silent()).steps
    assert predicted.to_json()["rows"] == 500
    assert scored.to_json()["log_likelihood"] == pytest.approx(fitted.to_json()["log_likelihood"])
    assert (tmp_path / "run" / "labels.zarr").is_dir()


def test_predictions_that_would_replace_something_else_are_refused_first(
    tmp_path: Path, carried: Carried
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("mine")
    asked = PredictRequest("x.zarr", "run", tmp_path / "mine", overwrite=True)
    with pytest.raises(OutputExistsError):
        module.run([DRAWN, asked], ThreadRunner(), Silent())
    assert carried.calls == []


def test_a_drift_ends_the_run_with_the_results_until_then(
    carried: Carried, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drifted(*args: Any) -> Said:
        raise DriftError("they have drifted", Said("scored"))

    monkeypatch.setattr(module, "score", drifted)
    with pytest.raises(DriftError) as caught:
        module.run([DRAWN, ScoreRequest("x.zarr", "run"), FITTED], ThreadRunner(), Silent())
    assert caught.value.result.to_json() == {"steps": [{"verb": "generated"}, {"verb": "scored"}]}
    assert [request for request, *_ in carried.calls] == [DRAWN]
