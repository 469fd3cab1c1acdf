"""A plan says what then happens, and writes nothing."""

from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from dask_gmm.errors import MemoryLimitError, OutputExistsError
from dask_gmm.fitting.foreseen import asking_at_once, largest_e_step, survey_of
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import read_manifest
from dask_gmm.workflows.about import spec_of
from dask_gmm.workflows.any_request import Request
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.plan import plan
from dask_gmm.workflows.planned import DONE
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest
from dask_gmm.workflows.run import run
from tests.workflows.planning import Steps, Watched, only
from tests.workflows.planning import steps as steps
from tests.workflows.planning import there as there

MIB = 2**20


def test_what_is_planned_is_what_happens(steps: Steps) -> None:
    asked: list[Request] = [
        steps.drawn(),
        steps.fitted(rows=slice(10, 58_000), columns=(2, 0)),
        PredictRequest(
            steps.drawn().out, steps.fitted().out, steps.folder / "y.zarr", True, columns=(2, 0)
        ),
        ScoreRequest(steps.drawn().out, steps.fitted().out, columns=(2, 0)),
        ReportRequest(steps.folder / "run"),
    ]
    runner = Watched()
    planned = plan(asked, runner).steps
    assert runner.passes == []
    assert steps.names == []
    drawn, fitted, predicted, scored, reported = planned
    run(asked, runner, Silent())
    passes = read_manifest(steps.folder / "run")["passes"]
    assert fitted.least <= passes <= (fitted.most or 0)
    survey, e_step = fitted.passes
    foreseen = [drawn.passes[0], survey, *[e_step] * (passes - 1), predicted.passes[0]]
    for one, (outlook, tasks) in zip([*foreseen, scored.passes[0]], runner.passes, strict=True):
        assert (one.outlook.tasks, one.outlook.task_rows) == (tasks, outlook.task_rows)
        assert one.outlook.room.projection.reading == outlook.room.projection.reading
        assert one.outlook.room.left <= outlook.room.left
    assert (reported.passes, reported.out) == ((), steps.folder / "run" / "report.html")
    for step, name in ((drawn, "x.zarr"), (predicted, "y.zarr")):
        files = [
            each
            for array in step.outputs
            for each in (steps.folder / name / array.name).rglob("*")
            if each.is_file() and each.name != "zarr.json"
        ]
        assert sum(each.stat().st_size for each in files) == step.written_bytes
        assert len(files) == sum(array.n_chunks for array in step.outputs)


def test_a_folder_in_which_a_run_is_to_be_need_not_be_there(there: Steps) -> None:
    request = FitRequest(there.drawn().out, 2, there.folder / "no" / "where" / "run")
    assert only(request).least >= 2
    assert not (there.folder / "no").exists()


def test_a_plan_of_a_fit_has_its_blocks_chunks_and_bytes(there: Steps) -> None:
    step = only(there.fitted())
    assert step.size is not None
    found = step.size.to_json()
    assert (found["rows"], found["features"], found["chunks"]) == (60_000, 3, 9)
    assert (found["blocks"], found["bytes_per_pass"]) == (2, 60_000 * 3 * 8)
    survey = step.to_json()["pass"][0]
    assert survey["memory"]["limit"] == ThreadRunner().memory_limit
    assert (survey["tasks"], survey["bytes_per_task"]) == (2, 7 * 7_001 * 3 * 8)


def test_limits_bound_the_number_of_passes(there: Steps) -> None:
    assert [only(there.fitted(max_iter=7)).most, only(there.fitted(max_iter=7)).least] == [10, 2]
    assert only(there.fitted(max_iter=7, solver="em")).most == 9
    assert only(there.fitted(max_iter=7, repair="drop")).most == 12
    limited = only(there.fitted(max_iter=7, max_passes=4))
    assert (limited.most, limited.bounded_by) == (4, "max_passes")
    timed = only(there.fitted(max_seconds=10))
    assert timed.bounded_by == "max_iter or max_seconds"


def test_on_few_rows_races_and_escapes_are_not_bounded_beforehand(there: Steps) -> None:
    few = only(there.fitted(rows=slice(0, 30_000)))
    assert few.most is None
    assert (
        "from 2 to any number of passes"
        in plan([there.fitted(rows=slice(0, 30_000))], ThreadRunner(2)).to_text()
    )
    assert only(there.fitted(rows=slice(0, 30_000), max_passes=9)).most == 9


def test_a_cohort_that_does_not_fit_is_read_in_as_many_groups_as_planned(there: Steps) -> None:
    alone = only(there.selected()).passes[-1]
    assert (alone.questions, alone.readings) == (2, 1)
    limit = alone.outlook.room.projection.total - 1
    runner = Watched(memory_limit=limit)
    step = only(there.selected(), runner)
    assert (step.passes[-1].questions, step.passes[-1].readings, step.most) == (2, 2, 9)
    assert step.passes[-1].outlook.fits
    run([there.selected()], runner, Silent())
    assert len(runner.passes) == step.most


def test_more_starts_are_more_questions(there: Steps) -> None:
    alone, more = (only(there.fitted(solver="em", n_init=n)).passes[-1] for n in (1, 5))
    assert (alone.questions, more.questions) == (1, 5)
    assert more.outlook.room.projection.tile > 4 * alone.outlook.room.projection.tile


def test_a_run_that_cannot_fit_is_refused_before_its_first_step(steps: Steps) -> None:
    asked: list[Request] = [steps.drawn(), steps.fitted(components=20)]
    room = plan(asked, ThreadRunner(2)).steps[1].passes[-1].outlook.room
    runner = Watched(memory_limit=room.projection.total - 1)
    result = plan(asked, runner)
    assert not result.fits
    assert [each.outlook.fits for each in result.steps[1].passes] == [True, False]
    assert ": does not fit" in result.to_text()
    with pytest.raises(MemoryLimitError, match="projected") as caught:
        run(asked, runner, Silent())
    assert f"{room.projection.total / MIB:,.0f} MiB" in str(caught.value)
    assert caught.value.__notes__ == ["That is step 2, fit; none was begun."]
    assert (steps.names, runner.passes) == ([], [])
    run(asked[:1], runner, Silent())
    assert plan(asked[:1], runner).fits


def test_rows_that_are_kept_are_counted(there: Steps, client: Client) -> None:
    for runner, most in ((ThreadRunner(2), 1.0), (DistributedRunner(client), 0.75)):
        found = only(there.fitted(cache="memory"), runner).to_json()["pass"][0]["memory"]
        assert found["held"] == pytest.approx(most * 60_000 * 3 * 8)


def test_the_workers_change_the_plan(there: Steps, client: Client) -> None:
    here = only(there.fitted(), ThreadRunner(3)).passes[0].outlook
    assert (here.processes, here.threads, here.room.projection.threads) == (1, 3, 3)
    spread = only(there.fitted(), DistributedRunner(client)).passes[0].outlook
    assert (spread.processes, spread.threads, spread.room.projection.threads) == (2, 2, 1)


def test_what_was_done_before_is_said_to_be_done(there: Steps) -> None:
    asked: list[Request] = [there.drawn(), there.fitted(), there.predicted()]
    run(asked, ThreadRunner(2), Silent())
    names = there.names
    result = plan(asked, ThreadRunner(2), probe=2)
    assert [(each.note, each.passes) for each in result.steps] == [(DONE, ())] * 3
    assert result.to_text().count(DONE) == 3
    again = plan([there.drawn(), there.fitted(overwrite=True)], ThreadRunner(2)).steps
    assert [each.note for each in again] == [DONE, ""]
    with pytest.raises(OutputExistsError, match="components 2 there, 3 here"):
        plan([there.fitted(components=3)], ThreadRunner(2))
    assert there.names == names


def test_what_was_interrupted_is_said_to_go_on(there: Steps) -> None:
    class Stopping(Watched):
        def run(self, *args: Any) -> Any:
            if len(self.passes) == 3:
                raise KeyboardInterrupt
            return super().run(*args)

    asked = there.fitted(solver="em", max_iter=9, tol=0.0)
    whole = only(asked)
    with pytest.raises(KeyboardInterrupt):
        run([asked], Stopping(), Silent())
    result = plan([asked], ThreadRunner(2))
    (step,) = result.steps
    assert (step.kept, step.least, step.most) == (3, 0, (whole.most or 0) - 3)
    assert "goes on after pass 3: from 0 to 8 more passes" in result.to_text()
    probed = only(asked, probe=1)
    assert probed.probed is not None
    (seconds,) = probed.probed.seconds
    assert probed.seconds == pytest.approx((0, 8 * seconds))
    assert only(there.fitted(solver="em", max_iter=9, overwrite=True)).kept == 0


def test_candidates_say_beforehand_what_they_will_ask() -> None:
    spec = spec_of(FitRequest("x.zarr", 3, Path("run"), n_init=2))
    assert len(asking_at_once([spec], 2, 10**6, 4)) == 1
    assert len(asking_at_once([spec], 2, 1_000, 4)) == len(spec.candidates(2)) == 8
    assert len(largest_e_step([spec], 4).density.constants) == spec.most_components == 6
    assert survey_of([spec], 10**6, 4).size == spec.sample_rows(10**6, 4)


def test_predictions_that_were_interrupted_are_said_to_go_on(there: Steps) -> None:
    class Stopping(Watched):
        def run(self, *args: Any) -> Any:
            super().run(*args)
            raise KeyboardInterrupt

    run([there.fitted(max_iter=1)], ThreadRunner(2), Silent())
    with pytest.raises(KeyboardInterrupt):
        run([there.predicted(top=2)], Stopping(), Silent())
    (chunk,) = there.folder.glob(".predicted.zarr.wip-*/top_components/c/0/0")
    chunk.unlink()
    assert only(there.predicted(top=2)).note == "goes on: 1 of 2 chunks are there"
    assert only(there.predicted(top=1)).note == ""


def test_a_plan_calls_each_step_by_its_command(there: Steps) -> None:
    asked: list[tuple[dict[str, Any], str]] = [
        ({}, "predict"),
        ({"imputed": True, "missing": "em"}, "impute"),
        ({"imputed": True, "labels": True}, "predict"),
    ]
    for more, verb in asked:
        planned = plan([there.fitted(), there.predicted(**more)], ThreadRunner(1))
        assert planned.to_json()["steps"][1]["verb"] == verb
        assert f"step 2: {verb}, into" in planned.to_text()
