"""The plan of a fit that keeps statistics of partitions, and of an incremental step from them."""

from pathlib import Path
from typing import Any

import pytest

from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import read_history
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.plan import plan
from dask_gmm.workflows.plan_text import step_text
from dask_gmm.workflows.planned import DONE, PlannedStep
from dask_gmm.workflows.refresh import FIRST_READING
from tests.workflows.refreshing import (
    CHUNK_ROWS,
    SIZE,
    Counting,
    days,
    fitted,
    stepped,
    stored,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days, and a fit to them, in a folder."""
    folder = tmp_path_factory.mktemp("run")
    data = stored(folder / "x.zarr", 1, 2)
    fitted(str(data), folder / "run", days("mon", "tue"))
    return folder


def planned(*asked: FitRequest, probe: int = 0) -> PlannedStep:
    *_, last = plan(asked, ThreadRunner(2), probe).steps
    return last


def step_of(data: Path, run: Path, out: Path, *names: str, **asked: Any) -> FitRequest:
    return FitRequest(
        str(data), None, out, warm_start=run, incremental=True, partitions=days(*names), **asked
    )


def test_partitions_take_one_more_reading(run: Path, tmp_path: Path) -> None:
    knobs: dict[str, Any] = {"solver": "em", "max_iter": 3, "tol": 0.0}
    data = str(run / "x.zarr")
    alone = planned(FitRequest(data, 3, tmp_path / "a", **knobs))
    parts = days("mon", "tue")
    kept = planned(FitRequest(data, 3, tmp_path / "b", partitions=parts, **knobs), probe=1)
    assert (kept.least, kept.most) == (alone.least + 1, (alone.most or 0) + 1)
    assert kept.probed is not None
    assert len(kept.probed.seconds) == 3
    assert min(kept.probed.seconds) > 0
    assert fitted(data, tmp_path / "b", parts, **knobs).passes == kept.most
    *_, last = read_history(tmp_path / "b")
    found = kept.passes[-1]
    assert (found.name, found.questions, found.outlook.tasks) == (last["name"], 2, last["tasks"])


def test_a_step_reads_what_its_plan_says(run: Path, tmp_path: Path) -> None:
    data, counting = stored(tmp_path / "x.zarr", 1, -2, 3), Counting()
    names = ("mon", "tue", "wed")
    step = planned(step_of(data, run / "run", tmp_path / "a", *names))
    assert step.note == "reads the partitions tue, wed"
    assert step.size is not None
    assert (step.size.rows, step.least, step.most) == (2 * SIZE, 2, 2)
    assert "\n2 passes\n" in step_text(2, step)
    assert [(each.name, each.questions) for each in step.passes] == [
        (FIRST_READING, 3),
        ("partitions", 1),
    ]
    stepped(str(data), tmp_path / "a", run / "run", days(*names), counting)
    assert counting.read[:2] == [(SIZE, 3 * SIZE)] * 2
    again = planned(step_of(data, run / "run", tmp_path / "a", *names))
    assert (again.note, again.passes) == (DONE, ())


def test_partitions_apart_are_read_together(run: Path, tmp_path: Path) -> None:
    data = stored(tmp_path / "x.zarr", -1, 2, 3)
    step = planned(step_of(data, run / "run", tmp_path / "a", "mon", "tue", "wed"))
    one = planned(step_of(data, run / "run", tmp_path / "b", "mon", "tue", "wed", changed=["mon"]))
    assert step.note == "reads the partitions mon, wed"
    assert one.note == step.note
    assert step.size is not None
    assert (step.size.rows, step.size.chunks) == (2 * SIZE, 2 * SIZE // CHUNK_ROWS)
    assert step.passes[0].outlook.task_rows <= SIZE


def test_a_step_that_reads_nothing_has_no_passes(run: Path, tmp_path: Path) -> None:
    step = planned(step_of(run / "x.zarr", run / "run", tmp_path / "a", "mon", "tue"))
    assert (step.passes, step.note) == ((), "reads no partition")


def test_what_a_step_reads_is_not_known_before_its_start_is_there(
    run: Path, tmp_path: Path
) -> None:
    first = FitRequest(str(run / "x.zarr"), 2, tmp_path / "a", partitions=days("mon", "tue"))
    step = planned(first, step_of(run / "x.zarr", tmp_path / "a", tmp_path / "b", "mon", "tue"))
    assert step.note == "which partitions are others is not known before they are there"
