"""A run in the place of the one it begins with, which others may replace, and crashes move."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dask_gmm.errors import BusyError, DataError
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records import run_folder
from dask_gmm.records.exclusive import only_writer
from dask_gmm.records.lease import Lease
from dask_gmm.records.partitions_file import read_partitions
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest
from tests.workflows.refreshing import THREE, TWO, fitted, model_of, stepped, stored


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two days, beside the rows of three."""
    fitted(str(stored(tmp_path / "12", 1, 2)), tmp_path / "run", TWO, solver="em", max_iter=2)
    stored(tmp_path / "123", 1, 2, 3)
    return tmp_path / "run"


def step(run: Path, **asked: Any) -> Any:
    """Take one with the third day, in the place of a run."""
    return stepped(str(run.parent / "123"), run, run, THREE, overwrite=True, **asked)


def refit(run: Path, start: Path) -> Any:
    data = str(run.parent / "123")
    request = FitRequest(data, None, run, warm_start=start, max_iter=2, overwrite=True)
    return fit(request, ThreadRunner(2), Silent())


def rematched(run: Path) -> Any:
    data = str(run.parent / "123")
    request = SelectRequest(data, (2, 3), run, max_iter=2, match=run, overwrite=True)
    return select(request, ThreadRunner(2), Silent())


WAYS: dict[str, Callable[[Path], Any]] = {
    "a step": step,
    "a fit": lambda run: refit(run, run),
    "a fit from the model": lambda run: refit(run, run / "model.zarr"),
    "a selection": rematched,
}


def before_the_lease(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Have something happen when a run has been read, and before it is held."""

    @contextlib.contextmanager
    def after(path: Path) -> Iterator[Lease]:
        monkeypatch.undo()
        happens()
        with only_writer(path) as held:
            yield held

    monkeypatch.setattr(run_folder, "only_writer", after)


@pytest.mark.parametrize("way", WAYS)
def test_what_another_call_has_replaced_meanwhile_is_not_begun_with(
    run: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    before_the_lease(monkeypatch, lambda: step(run, forgetting=0.5))
    with pytest.raises(BusyError, match=r"Wanted the run in .*/run as it was .* Run the same"):
        WAYS[way](run)
    kept = read_partitions(run, model_of(run).mixture)
    assert [each.weight for each in kept.parts] == [0.5, 0.5, 1.0]
    assert [each.name for each in run.parent.iterdir() if each.name.startswith(".")] == []
    WAYS[way](run)


def test_statistics_that_another_call_has_replaced_are_not_begun_with(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is the same to the byte, and what is kept beside it is not."""
    other = run.with_name("other")
    stepped(str(run.parent / "12"), other, run, TWO, forgetting=0.5)

    def replaced() -> None:
        (run / "partitions.zarr").rename(run.with_name("before"))
        (other / "partitions.zarr").rename(run / "partitions.zarr")

    before_the_lease(monkeypatch, replaced)
    with pytest.raises(BusyError, match="another call has replaced it meanwhile"):
        step(run)


def test_a_run_elsewhere_may_be_replaced_meanwhile(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = stepped(str(run.parent / "123"), run.with_name("a"), run, THREE)
    before_the_lease(monkeypatch, lambda: step(run, forgetting=0.5))
    found = stepped(str(run.parent / "123"), run.with_name("b"), run, THREE)
    assert found.model.means.tobytes() == expected.model.means.tobytes()


def killed_between_two_names(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step in place, killed when the old run has gone from its place and the new one is aside."""
    rename = Path.replace

    def dying(self: Path, target: Path) -> Path:
        if target == run:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dying)
        with pytest.raises(KeyboardInterrupt):
            step(run)
    assert not run.exists()
    assert run.with_name(".run.old").is_dir()


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_a_crash_moved_is_put_back_first(
    run: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    killed_between_two_names(run, monkeypatch)
    assert not WAYS[way](run).done_before
    assert [each.name for each in run.parent.iterdir() if each.name.startswith(".")] == []


def test_the_step_leads_where_it_would_have_led(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = stepped(str(run.parent / "123"), run.with_name("a"), run, THREE)
    killed_between_two_names(run, monkeypatch)
    assert step(run).model.means.tobytes() == expected.model.means.tobytes()


def test_a_run_that_is_being_replaced_is_left_to_who_does_it(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_between_two_names(run, monkeypatch)
    with only_writer(run), pytest.raises(BusyError, match="another one at work on it"):
        step(run)
    assert run.with_name(".run.old").is_dir()


def test_a_run_elsewhere_that_was_moved_is_not_touched(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_between_two_names(run, monkeypatch)
    with pytest.raises(DataError, match="/run"):
        stepped(str(run.parent / "123"), run.with_name("a"), run, THREE)
    assert run.with_name(".run.old").is_dir()
