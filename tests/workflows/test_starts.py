"""How many starts a fit makes."""

import numpy as np

from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.fit_rows import fit_rows

X = np.random.default_rng(0).standard_normal((200, 2))


def candidates_of(start: Mixture | None) -> int:
    """The number of candidates that the first pass of EM measures."""
    spec = Spec(2, max_iter=1, start=start)
    outcome = fit_rows(ArraySource.of(X), spec, 3, ThreadRunner(1), Silent())
    return len(outcome.passes[1].log_likelihoods)


def test_a_given_start_is_made_once_and_others_as_often_as_asked() -> None:
    assert candidates_of(None) == 3
    assert candidates_of(Mixture.of([0.5, 0.5], X[:2], [np.eye(2)] * 2)) == 1
