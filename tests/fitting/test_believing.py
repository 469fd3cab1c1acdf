"""A candidate that knows priors, on its way."""

from dataclasses import replace
from typing import Any

import numpy as np

from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.believing import Believing, Uniting
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.beliefs import Beliefs
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from tests.workflows.resuming import clusters

X = clusters(600)
SURVEY = Survey.of(summarize(X))


def answered(candidate: Believing) -> Any:
    (answer,) = ThreadRunner(1).run(ArraySource.of(X), [candidate.ask().fold], Silent())
    return answer


def test_what_is_tried_is_compared_with_a_bound_of_its_own_precision() -> None:
    means = np.array([[0.0, 0, 0], [4, 0, 2], [0, 3, -3], [0, 3, -3]]) - SURVEY.frame.shift
    start = Mixture.of([1 / 3, 1 / 3, 1 / 6, 1 / 6], means, [np.eye(3)] * 4, "full")
    spec = Spec(4, tol=None, solver="fast", precision="float32", beliefs=Beliefs())
    first = Believing.begun(spec, SURVEY, start)
    answer = answered(first)
    bound = first.measured(answer, first.step)[0].maximized
    (after,) = replace(first, before=bound, rest=1).tell(answer)
    assert isinstance(after, Believing)
    assert after.precision == "float64"
    (trial,) = after.tell(answered(after))
    assert isinstance(trial, Uniting)
    assert trial.base.made[-1].precision == trial.base.precision == "float64"
