"""The same command goes on where it was interrupted, does nothing when done, and knows others."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm import generate_gmm_data
from dask_gmm.errors import OutputError, OutputExistsError
from dask_gmm.objects.either import remove
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records import run_folder
from dask_gmm.records.exclusive import only_writer
from dask_gmm.records.run_folder import CHECKPOINTS, read_history, read_manifest
from dask_gmm.records.store import FolderStore
from dask_gmm.workflows import going_on
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_result import FitResult
from dask_gmm.workflows.fit_rows import DataWarning
from dask_gmm.workflows.plan import plan
from dask_gmm.workflows.requests import GenerateRequest
from dask_gmm.workflows.run import run
from dask_gmm.workflows.select import SelectResult, select
from dask_gmm.workflows.select_request import SelectRequest

LEASE = ".wip-lease"
CENTERS = [[0.0, 0.0], [2.0, 0.5], [0.0, 3.0]]
EM: dict[str, Any] = {"solver": "em", "max_iter": 6, "tol": 1e-9}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    draw(tmp_path / "x.zarr", 0)
    return tmp_path / "x.zarr"


def draw(path: Path, seed: int) -> None:
    covariances = [np.eye(2)] * 3
    generate_gmm_data(6_000, [0.5, 0.3, 0.2], CENTERS, covariances, seed=seed, store=path)


class Unreadable(ThreadRunner):
    """Makes no pass."""

    def run(self, *args: Any) -> Any:
        raise AssertionError("a pass was made")


def fitted(data: object, out: Path, runner: ThreadRunner | None = None, **asked: Any) -> FitResult:
    request = FitRequest(data, out=out, **{"components": 3, **EM, **asked})
    return fit(request, runner or ThreadRunner(2), Silent())


def selected(data: Path, out: Path, runner: ThreadRunner | None = None) -> SelectResult:
    return select(SelectRequest(str(data), (2, 3), out, **EM), runner or ThreadRunner(2), Silent())


def interrupted(monkeypatch: pytest.MonkeyPatch, at: int, make: Callable[[], object]) -> bool:
    """Whether it came to the operation of that number, at which the process is as good as dead."""
    calls = 0

    def dying(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            nonlocal calls
            calls += not args[0].path.name.endswith(LEASE)
            if calls == at:
                calls += 1
                raise KeyboardInterrupt
            return method(*args)

        return call

    with monkeypatch.context() as patch:
        for name in ("put", "put_if_absent", "get", "remove"):
            patch.setattr(FolderStore, name, dying(getattr(FolderStore, name)))
        try:
            make()
        except KeyboardInterrupt:
            return True
    return False


def test_a_fit_interrupted_at_each_operation_on_its_records_has_the_same_bytes(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(going_on, "SECONDS", 0.02)
    fast: dict[str, Any] = {"solver": "fast", "max_iter": 100, "tol": 1e-4}
    whole = fitted(data, tmp_path / "whole", **fast)
    out, at, stopped = tmp_path / "out", 1, 0
    while interrupted(monkeypatch, at, lambda: fitted(data, out, **fast)):
        assert not out.exists()
        at, stopped = at + 3, stopped + 1
    assert stopped > 10
    ours, theirs = fitted(data, out, Unreadable(), **fast), whole
    assert ours.model.means.tobytes() == theirs.model.means.tobytes()
    assert ours.model.log_likelihoods == theirs.model.log_likelihoods
    ways = (tmp_path / "whole", out)
    passes, others = ([each["log_likelihoods"] for each in read_history(way)] for way in ways)
    assert passes == others
    assert not (out / CHECKPOINTS).exists()
    assert list(tmp_path.glob(".out.*")) == []


def test_a_finished_fit_is_not_made_again(data: Path, tmp_path: Path) -> None:
    first = fitted(data, tmp_path / "out", held_out=0.1)
    again = fitted(data, tmp_path / "out", Unreadable(), held_out=0.1)
    assert (first.done_before, again.done_before) == (False, True)
    told, before = again.to_json(), first.to_json()
    same = set(told) - {"done_before"}
    assert {name: told[name] for name in same} == {name: before[name] for name in same}
    assert again.to_text().startswith("nothing to do")


def test_a_finished_selection_is_not_made_again(data: Path, tmp_path: Path) -> None:
    first = selected(data, tmp_path / "out")
    again = selected(data, tmp_path / "out", Unreadable())
    assert again.done_before
    assert again.to_json()["candidates"] == first.to_json()["candidates"]
    assert again.to_text().startswith("nothing to do")
    assert again.model.means.tobytes() == first.model.means.tobytes()


def test_an_interrupted_selection_goes_on_with_the_same_bytes(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = selected(data, tmp_path / "whole"), tmp_path / "out"
    assert interrupted(monkeypatch, 9, lambda: selected(data, out))
    ours = selected(data, out)
    assert [each.means.tobytes() for each in ours.models] == [
        each.means.tobytes() for each in whole.models
    ]
    assert ours.to_json()["candidates"] == whole.to_json()["candidates"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"components": 2}, "components 3 there, 2 here"), ({"seed": 5}, "seed 0 there, 5 here")],
)
def test_other_settings_are_refused_and_said(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], said: str
) -> None:
    fitted(data, tmp_path / "done")
    with pytest.raises(OutputExistsError, match=f"was asked something else: {said}. Choose"):
        fitted(data, tmp_path / "done", **asked)
    assert interrupted(monkeypatch, 9, lambda: fitted(data, tmp_path / "half"))
    with pytest.raises(OutputExistsError, match=f"interrupted one has left .*: {said}. Ask the"):
        fitted(data, tmp_path / "half", **asked)
    anew = fitted(data, tmp_path / "half", overwrite=True, **asked)
    assert not anew.done_before
    assert list(tmp_path.glob(".half.*")) == []


def test_what_an_interrupted_run_has_left_is_found_before_the_first_step(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, first = tmp_path / "half", GenerateRequest(tmp_path / "y.zarr", 100, 2, 2)
    assert interrupted(monkeypatch, 9, lambda: fitted(data, out))
    other = FitRequest(str(data), 4, out)
    said = "interrupted one has left .*: components 3"
    with pytest.raises(OutputExistsError, match=said):
        run([first, other], ThreadRunner(1), Silent())
    with pytest.raises(OutputExistsError, match=said):
        plan([first, other], ThreadRunner(1))
    assert not first.out.exists()
    plan([first, replace(other, overwrite=True)], ThreadRunner(1))
    plan([first, replace(other, components=3, **EM)], ThreadRunner(1))


def test_overwriting_makes_the_same_again(data: Path, tmp_path: Path) -> None:
    fitted(data, tmp_path / "out")
    before = read_manifest(tmp_path / "out")["started"]
    assert not fitted(data, tmp_path / "out", overwrite=True).done_before
    assert read_manifest(tmp_path / "out")["started"] != before


def test_rows_that_were_written_again_are_others(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted(data, tmp_path / "done")
    assert interrupted(monkeypatch, 9, lambda: fitted(data, tmp_path / "half"))
    data.rename(tmp_path / "old.zarr")
    draw(data, 1)
    for out in ("done", "half"):
        with pytest.raises(OutputExistsError, match="rows, or a model to match or start"):
            fitted(data, tmp_path / out)


def test_a_model_to_match_that_is_another_is_something_else(data: Path, tmp_path: Path) -> None:
    reference = tmp_path / "reference"
    fitted(data, reference, components=2)
    first = fitted(data, tmp_path / "out", match=reference)
    again = fitted(data, tmp_path / "out", Unreadable(), match=reference)
    assert again.done_before
    assert again.to_json()["match"] == first.to_json()["match"]
    fitted(data, reference, components=3, overwrite=True)
    with pytest.raises(OutputExistsError, match="a model to match or start from, that are others"):
        fitted(data, tmp_path / "out", match=reference)


def test_a_run_that_could_not_be_published_is_published_by_the_same_command(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*args: object) -> None:
        raise OutputError("the disk is full")

    whole = fitted(data, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "publish", failing)
        for _ in range(2):
            with pytest.raises(OutputError, match="the disk is full"):
                fitted(data, tmp_path / "out")
    ours = fitted(data, tmp_path / "out")
    assert ours.model.means.tobytes() == whole.model.means.tobytes()
    assert not (tmp_path / "out" / CHECKPOINTS).exists()


def test_a_run_killed_while_its_checkpoints_are_removed_is_done(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(path: Path) -> None:
        if path.name == CHECKPOINTS:
            raise KeyboardInterrupt
        remove(path)

    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "remove", dying)
        with pytest.raises(KeyboardInterrupt):
            fitted(data, tmp_path / "out")
    assert fitted(data, tmp_path / "out", Unreadable()).done_before


def test_what_another_verb_left_unfinished_is_left_alone(data: Path, tmp_path: Path) -> None:
    theirs = tmp_path / ".out.wip-0123456789abcdef" / "zarr.json"
    theirs.parent.mkdir()
    theirs.write_text("{}")
    fitted(data, tmp_path / "out")
    assert theirs.exists()


def test_another_verb_is_something_else(data: Path, tmp_path: Path) -> None:
    fitted(data, tmp_path / "out")
    with pytest.raises(OutputExistsError, match="fit there, select here"):
        selected(data, tmp_path / "out")


def test_rows_in_memory_are_never_known_again(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((500, 2))
    fitted(rows, tmp_path / "out")
    with pytest.raises(OutputExistsError, match="rows of which nothing is known beforehand"):
        fitted(rows, tmp_path / "out")


def test_one_call_at_a_time(data: Path, tmp_path: Path) -> None:
    with only_writer(tmp_path / "out"), pytest.raises(OutputError, match="the only call that wri"):
        fitted(data, tmp_path / "out", Unreadable())


def test_a_damaged_checkpoint_is_passed_over(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fitted(data, tmp_path / "whole")
    assert interrupted(monkeypatch, 14, lambda: fitted(data, tmp_path / "out"))
    (wip,) = tmp_path.glob(".out.wip-*")
    newest = max((wip / CHECKPOINTS).glob("checkpoint-*.json"))
    newest.write_bytes(newest.read_bytes()[:-9])
    with pytest.warns(DataWarning, match="was passed over"):
        ours = fitted(data, tmp_path / "out")
    assert ours.model.means.tobytes() == whole.model.means.tobytes()
    (told,) = read_manifest(tmp_path / "out")["warnings"]
    assert "was passed over" in told
    assert ours.warnings == (told,)


def test_what_was_asked_is_in_the_folder(data: Path, tmp_path: Path) -> None:
    fitted(data, tmp_path / "out")
    asked = json.loads((tmp_path / "out" / "asked.json").read_text())
    assert (asked["verb"], asked["settings"]["components"]) == ("fit", 3)
