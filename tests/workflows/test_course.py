"""History and manifest say what a run took, part by part."""

import json
import platform
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

from dask_gmm import generate_gmm_data
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.losses import Losses, LossLog
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.records.run_folder import HISTORY, read_history, read_manifest
from dask_gmm.workflows import course
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_result import FitResult
from dask_gmm.workflows.select import SelectResult, select
from dask_gmm.workflows.select_request import SelectRequest

CENTERS = [[0.0, 0.0], [2.0, 0.5], [0.0, 3.0]]
# A leaf for each chunk.
ROWS, CHUNK_ROWS = 5_000, 1_024
LEAVES = 5
EM: dict[str, Any] = {"solver": "em", "max_iter": 4, "tol": 1e-9}
pytestmark = pytest.mark.usefixtures("small_leaves")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("course") / "x.zarr"
    weights, eye = [0.5, 0.3, 0.2], [np.eye(2)] * 3
    generate_gmm_data(ROWS, weights, CENTERS, eye, store=path, chunk_rows=CHUNK_ROWS)
    return str(path)


def fitted(data: str, out: Path, runner: Runner) -> FitResult:
    return fit(FitRequest(data, 3, out, **EM), runner, Silent())


class Stopped(Exception):
    """Raised where a process is killed."""


class Dying(ThreadRunner):
    """Reads all rows so many times, and no more; and says where it runs."""

    def __init__(self, passes: int, kind: str = "a processor") -> None:
        super().__init__(2)
        self._left, self._kind = passes, kind

    def run(self, *args: Any) -> Any:
        if isinstance(args[0], ZarrSource):
            if not self._left:
                raise Stopped
            self._left -= 1
        return super().run(*args)

    def machines(self) -> tuple[str, ...]:
        return (self._kind,)


def interrupted(make: Callable[[Runner], object], passes: int, kind: str) -> None:
    with pytest.raises(Stopped):
        make(Dying(passes, kind))


def test_a_line_of_the_history_says_what_its_pass_took(data: str, tmp_path: Path) -> None:
    fitted(data, tmp_path / "out", ThreadRunner(2))
    lines, before = read_history(tmp_path / "out"), None
    for number, each in enumerate(lines, start=1):
        assert each["pass"] == number
        assert (each["threads"], each["workers"], each["worker_peak_bytes"]) == (2, 0, None)
        assert (each["attempts"], each["retries"], each["workers_lost"]) == (1, 0, 0)
        assert each["decoded_bytes"] == ROWS * 2 * 8
        assert each["peak_bytes"] > 0
        best = max(each["log_likelihoods"], default=None)
        assert each["log_likelihood"] == best
        assert each["change"] == (None if best is None or before is None else best - before)
        before = best if best is not None else before
    assert sum(each["change"] is not None for each in lines) >= 1
    assert all(each["tasks"] == LEAVES for each in lines)


def test_a_line_says_what_workers_took(data: str, tmp_path: Path, client: Client) -> None:
    fitted(data, tmp_path / "out", DistributedRunner(client))
    for each in read_history(tmp_path / "out"):
        assert (each["workers"], each["threads"], each["tasks"]) == (2, 2, LEAVES)
        assert each["worker_peak_bytes"] > 0
    assert read_manifest(tmp_path / "out")["cost"]["worker_peak_bytes"] > 0


@pytest.mark.parametrize("lost", [Losses(1, 3), Losses(2, 0)])
def test_what_was_lost_with_workers_is_in_history_and_manifest(
    data: str, tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch, lost: Losses
) -> None:
    monkeypatch.setattr(LossLog, "of", lambda log, groups: lost)
    fitted(data, tmp_path / "out", DistributedRunner(client))
    lines, cost = read_history(tmp_path / "out"), read_manifest(tmp_path / "out")["cost"]
    assert {(each["workers_lost"], each["retries"]) for each in lines} == {
        (lost.workers, lost.tasks)
    }
    assert cost["workers_lost"] == lost.workers * len(lines)
    assert cost["retries"] == lost.tasks * len(lines)


def test_the_manifest_adds_up_what_the_passes_took(data: str, tmp_path: Path) -> None:
    result = fitted(data, tmp_path / "out", ThreadRunner(2))
    manifest, lines = read_manifest(tmp_path / "out"), read_history(tmp_path / "out")
    cost = manifest["cost"]
    assert manifest["passes"] == len(lines) == result.passes
    for name in ("tasks", "retries", "workers_lost", "attempts", "decoded_bytes"):
        assert cost[name] == sum(each[name] for each in lines), name
    assert cost["seconds"] == pytest.approx(sum(each["seconds"] for each in lines), abs=1e-4)
    assert cost["peak_bytes"] == max(each["peak_bytes"] for each in lines)
    assert cost["worker_peak_bytes"] is None


@pytest.mark.parametrize("verb", ["fit", "select"])
def test_a_run_that_went_on_names_all_its_parts(data: str, tmp_path: Path, verb: str) -> None:
    def make(runner: Runner, out: str = "out") -> FitResult | SelectResult:
        if verb == "fit":
            return fitted(data, tmp_path / out, runner)
        return select(SelectRequest(data, (2, 3), tmp_path / out, **EM), runner, Silent())

    whole = make(ThreadRunner(2), "whole")
    interrupted(make, 0, "none, since nothing was kept")
    interrupted(make, 1, "the first")
    interrupted(make, 1, "the second")
    result = make(Dying(100, "the last"))
    manifest = read_manifest(tmp_path / "out")
    parts = manifest["parts"]
    assert [each["machines"] for each in parts] == [["the first"], ["the second"], ["the last"]]
    assert manifest["machines"] == ["the first", "the last", "the second"]
    spans = [(each["first_pass"], each["last_pass"]) for each in parts]
    assert spans == [(1, 1), (2, 2), (3, manifest["passes"])]
    assert [each["interrupted"] for each in parts] == [True, True, False]
    assert {each["host"] for each in parts} == {platform.node()}
    assert all(each["versions"] == manifest["versions"] for each in parts)
    times = [datetime.fromisoformat(each[name]) for each in parts for name in ("started", "until")]
    assert times == sorted(times)
    assert (manifest["started"], manifest["ended"]) == (parts[0]["started"], parts[-1]["until"])
    assert len(read_history(tmp_path / "out")) == manifest["passes"] == result.passes
    assert result.model.means.tobytes() == whole.model.means.tobytes()
    assert manifest["cost"]["tasks"] == read_manifest(tmp_path / "whole")["cost"]["tasks"]


def test_lines_of_passes_made_before_are_kept_as_they_were(data: str, tmp_path: Path) -> None:
    def make(runner: Runner) -> FitResult:
        return fitted(data, tmp_path / "out", runner)

    interrupted(make, 2, "a")
    (half,) = tmp_path.glob(".out.wip-*")
    before = (half / HISTORY).read_text().splitlines()
    assert len(before) == 2
    make(ThreadRunner(1))
    after = (tmp_path / "out" / HISTORY).read_text().splitlines()
    assert after[:2] == before
    assert json.loads(after[2])["threads"] == 1


def test_seconds_of_a_run_that_is_there_are_those_of_all_its_parts(
    data: str, tmp_path: Path
) -> None:
    def make(runner: Runner) -> FitResult:
        return fitted(data, tmp_path / "out", runner)

    interrupted(make, 1, "a")
    last = make(ThreadRunner(2))
    parts = read_manifest(tmp_path / "out")["parts"]
    again = make(ThreadRunner(2))
    assert again.done_before
    assert len(parts) == 2
    assert again.seconds == last.seconds == course.seconds_of({"parts": parts})
