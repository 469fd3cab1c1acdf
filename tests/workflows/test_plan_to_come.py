"""What an earlier step makes is planned by its size; what a step would refuse, a plan refuses."""

from dataclasses import replace
from pathlib import Path

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from dask_gmm.errors import InputError, OutputExistsError
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import read_manifest
from dask_gmm.workflows.any_request import Request
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.generate import generate
from dask_gmm.workflows.plan import plan
from dask_gmm.workflows.planned import DONE
from dask_gmm.workflows.row_requests import ScoreRequest
from dask_gmm.workflows.run import run
from tests.workflows.planning import Steps, only
from tests.workflows.planning import steps as steps
from tests.workflows.planning import there as there


def test_rows_that_are_there_are_planned_as_those_that_are_to_come(steps: Steps) -> None:
    asked: list[Request] = [steps.drawn(), steps.fitted(rows=slice(10, 58_000), columns=(2, 0))]
    before = plan(asked, ThreadRunner(2)).steps[1]
    generate(steps.drawn(), ThreadRunner(2), Silent())
    assert plan(asked, ThreadRunner(2)).steps[1].to_json() == before.to_json()


def test_what_lies_in_an_earlier_output_is_planned_where_its_shape_is_known(steps: Steps) -> None:
    drawn, fitted, predicted = steps.drawn(), steps.fitted(), steps.predicted(probabilities=True)
    shares = FitRequest(str(predicted.out), 2, steps.folder / "shares", columns=(0,))
    named = replace(shares, data=str(predicted.out / "probabilities"), out=steps.folder / "b")
    unknown = replace(shares, data=str(fitted.out / "sample.zarr"), out=steps.folder / "c")
    scored = ScoreRequest(str(drawn.out), unknown.out)
    asked: list[Request] = [drawn, fitted, predicted, shares, named, unknown, scored]
    *_, one, other, last, after = plan(asked, ThreadRunner(2)).steps
    assert one.size is not None
    assert other.size is not None
    assert (one.size.features, one.size.to_json()) == (1, other.size.to_json())
    assert (last.size, last.passes) == (None, ())
    assert "the rows in" in last.note
    assert "not known before" in last.note
    assert (after.size, after.note.startswith("the model in")) == (None, True)


def test_a_fit_may_begin_with_a_model_that_is_to_come(steps: Steps) -> None:
    again = FitRequest(
        str(steps.drawn().out), None, steps.folder / "b", warm_start=steps.fitted().out
    )
    matched = replace(steps.fitted(components=3), out=steps.folder / "c", match=again.out)
    asked: list[Request] = [steps.drawn(), steps.fitted(), again, matched]
    before = plan(asked, ThreadRunner(2)).steps
    assert [each.passes[-1].questions for each in before[1:]] == [1, 1, 1]
    run(asked[:2], ThreadRunner(2), Silent())
    after = plan(asked, ThreadRunner(2)).steps
    assert [each.note for each in after] == [DONE, DONE, "", ""]
    assert [each.to_json() for each in after[2:]] == [each.to_json() for each in before[2:]]


def test_a_data_frame_of_dask_is_not_counted_for_a_plan(steps: Steps) -> None:
    frame = dd.from_pandas(pd.DataFrame(np.zeros((10, 2))), npartitions=2)
    step = only(FitRequest(frame, 2, steps.folder / "run"))
    assert (step.size, step.note) == (
        None,
        "the rows of a data frame of Dask are counted when they are read",
    )


def test_what_else_is_wrong_with_a_step_is_for_the_step_to_say(there: Steps) -> None:
    asked: list[Request] = [there.fitted(), replace(there.fitted(), data="no", out=Path("no"))]
    with pytest.raises(InputError, match="is not there"):
        run(asked, ThreadRunner(2), Silent())
    assert read_manifest(there.folder / "run")["converged"]


def test_a_plan_refuses_what_a_step_would_refuse(there: Steps) -> None:
    with pytest.raises(InputError, match="is not there"):
        plan([FitRequest("nowhere.zarr", 2, there.folder / "run")], ThreadRunner(2))
    with pytest.raises(InputError, match="at least 70000 rows"):
        plan([there.drawn(), there.fitted(components=70_000)], ThreadRunner(2))
    (there.folder / "mine").mkdir()
    (there.folder / "mine" / "notes").write_text("mine")
    with pytest.raises(OutputExistsError, match="neither"):
        plan([replace(there.fitted(overwrite=True), out=there.folder / "mine")], ThreadRunner(2))
    with pytest.raises(InputError, match="probe"):
        plan([], ThreadRunner(2), probe=-1)
