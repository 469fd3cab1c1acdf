"""When a fit ends: tolerances, rows that it does not see, and limits to what it may cost."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.source import Layout
from dask_gmm.errors import DataError, InputError
from dask_gmm.fitting.held_out import HeldOut
from dask_gmm.fitting.members import Why
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.fitting.stopping import statistical_error
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.mixture.features import Array
from dask_gmm.passes.fold import Tile, Workspace
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_rows import FitOutcome, fit_rows
from dask_gmm.workflows.limits import NO_LIMITS, Limits

GENERATOR: Final = np.random.default_rng(5)
CENTERS: Final = 2.5 * GENERATOR.standard_normal((3, 2))
X: Final = CENTERS[GENERATOR.integers(0, 3, 60_000)] + GENERATOR.standard_normal((60_000, 2))
FEW: Final = X[:150]
SHARE: Final = HeldOut(0.25)
SOLVERS: Final[dict[str, dict[str, Any]]] = {"em": {}, "fast": {"solver": "fast", "init": MERGE}}


def fitted(
    spec: Spec, rows: Array = X, limits: Limits = NO_LIMITS, layout: Layout | None = None
) -> FitOutcome:
    source = ArraySource.of(rows, layout=layout)
    return fit_rows(source, spec, 1, ThreadRunner(2), Silent(), limits=limits)


def marked(rows: int, share: HeldOut = SHARE) -> npt.NDArray[np.bool_]:
    """Which of so many rows are held out."""
    return share.marks(Tile(np.empty((rows, 1)), 0, Workspace()))


def test_a_larger_share_holds_a_smaller_one_and_has_its_size() -> None:
    small, large = marked(100_000, HeldOut(0.1)), marked(100_000, HeldOut(0.3))
    assert (large[small]).all()
    assert small.mean() == pytest.approx(0.1, abs=0.01)
    assert large.mean() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_rows_held_out_are_not_seen_and_judge_the_model(solver: str, family: str) -> None:
    options: dict[str, Any] = {"tol": 1e-6, "max_iter": 200, **SOLVERS[solver]}
    outcome = fitted(Spec(3, family, held_out=SHARE, **options))
    marks = marked(len(X))
    assert outcome.model.rows == (~marks).sum()
    model, last = outcome.model.mixture, outcome.model.last
    densities = log_densities(model.weights, model.means, model.full_covariances())
    judged = densities[marks]
    assert last.held_out == pytest.approx(judged.mean(), abs=1e-9)
    assert last.held_out_error == pytest.approx(judged.std() / np.sqrt(len(judged)), rel=1e-6)
    assert last.log_likelihood == pytest.approx(densities[~marks].mean(), abs=1e-9)


def log_densities(weights: Array, means: Array, covariances: Array) -> Array:
    parts = zip(weights, means, covariances, strict=True)
    joint = [np.log(w) + multivariate_normal(m, c).logpdf(X) for w, m, c in parts]
    return np.asarray(logsumexp(joint, axis=0))


@pytest.mark.parametrize("solver", SOLVERS)
def test_rows_held_out_that_change_change_no_step(solver: str) -> None:
    marks = marked(len(X))
    others = X.copy()
    others[marks] = CENTERS[0]
    spec = Spec(3, held_out=SHARE, tol=0.0, max_iter=1, **{**SOLVERS[solver], "init": "kmeans"})
    one, other = fitted(spec).model, fitted(spec, others).model
    np.testing.assert_allclose(one.log_likelihoods, other.log_likelihoods, rtol=0, atol=1e-9)
    assert one.last.held_out != other.last.held_out


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_fit_that_learns_too_much_ends_where_it_described_other_rows_best(solver: str) -> None:
    options: dict[str, Any] = {"tol": 1e-12, "max_iter": 300, **SOLVERS[solver]}
    options["init"] = "random_from_data"
    stopped = fitted(Spec(12, held_out=SHARE, **options), FEW).model
    assert stopped.reason == Why.HELD_OUT.value
    assert not stopped.converged
    seen = [each.held_out for each in stopped.history if each.held_out is not None]
    assert stopped.last.held_out == max(seen)
    kept = [each.kept for each in stopped.history]
    assert kept[-1] is False


@pytest.mark.parametrize("solver", SOLVERS)
def test_values_that_are_not_finite_are_refused_in_rows_held_out_too(solver: str) -> None:
    rows = X.copy()
    rows[np.flatnonzero(marked(len(X)))[0], 1] = np.nan
    with pytest.raises(DataError, match="Wanted finite values"):
        fitted(Spec(3, held_out=SHARE, **SOLVERS[solver]), rows)


@pytest.mark.parametrize("share", [0.0001, 0.5])
def test_shares_that_leave_too_few_rows_are_refused_before_a_pass(share: float) -> None:
    records: list[Any] = []
    source, runner = ArraySource.of(X[:8]), ThreadRunner(1)
    with pytest.raises(InputError, match="Wanted held_out to leave at least 5 rows to the fit and"):
        fit_rows(source, Spec(5, held_out=HeldOut(share)), 1, runner, Silent(), records.append)
    assert records == []


def test_a_share_outside_its_range_is_refused() -> None:
    with pytest.raises(InputError, match="held_out"):
        Spec(3, held_out=HeldOut(0.6))


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_relative_tolerance_ends_it_earlier(solver: str) -> None:
    options: dict[str, Any] = {"tol": 1e-10, "max_iter": 300, **SOLVERS[solver]}
    options["init"] = "kmeans"
    tight = fitted(Spec(3, **options)).model
    loose = fitted(Spec(3, relative_tol=1e-3, **options)).model
    assert loose.converged
    assert len(loose.history) < len(tight.history)


@pytest.mark.parametrize("passes", [2, 3, 4])
@pytest.mark.parametrize("solver", SOLVERS)
def test_no_more_passes_than_are_allowed(solver: str, passes: int) -> None:
    spec = Spec(3, tol=0.0, max_iter=300, **SOLVERS[solver])
    outcome = fitted(spec, limits=Limits(max_passes=passes))
    assert len(outcome.passes) == passes
    assert outcome.model.reason == Why.MAX_PASSES.value
    assert not outcome.model.converged
    assert outcome.model.log_likelihood == max(outcome.model.log_likelihoods)
    assert outcome.model.left is None or outcome.model.left > 0


@pytest.mark.parametrize("solver", SOLVERS)
def test_when_time_is_up_the_model_has_been_measured_once(solver: str) -> None:
    outcome = fitted(Spec(3, **SOLVERS[solver]), limits=Limits(max_seconds=0.0))
    assert len(outcome.passes) == 2
    assert outcome.model.reason == Why.MAX_SECONDS.value


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_deadline_ends_a_fit_that_goes_on_beyond_it(solver: str) -> None:
    spec, now = Spec(3, **SOLVERS[solver]), datetime.now(UTC)
    late = fitted(spec, limits=Limits(deadline=now))
    assert len(late.passes) == 2
    assert late.model.reason == Why.DEADLINE.value
    early = fitted(spec, limits=Limits(deadline=now + timedelta(days=1)))
    assert early.model.log_likelihoods == fitted(spec).model.log_likelihoods


@pytest.mark.parametrize("solver", SOLVERS)
def test_restarts_end_together(solver: str) -> None:
    source, spec = ArraySource.of(X), Spec(3, tol=0.0, max_iter=300, **SOLVERS[solver])
    limits = Limits(max_passes=4)
    outcome = fit_rows(source, spec, 2, ThreadRunner(2), Silent(), limits=limits)
    assert len(outcome.passes) == 4


@pytest.mark.parametrize(
    ("options", "floor"),
    [
        ({"tol": 1e-14}, "1e-13"),
        ({"relative_tol": 1e-15}, "1e-13"),
        ({"tol": 1e-8, "precision": "float32"}, "1e-06"),
    ],
)
def test_a_tolerance_below_rounding_is_refused_with_the_floor(
    options: dict[str, Any], floor: str
) -> None:
    name = next(iter(options))
    with pytest.raises(InputError, match=f"Wanted {name} of 0 or at least {floor}, below which"):
        FitRequest(data="x.zarr", components=3, out=Path("run"), **options)


def test_the_objective_of_what_is_kept_never_falls() -> None:
    model = fitted(Spec(3, solver="fast", init="kmeans", tol=1e-12, max_iter=100)).model
    kept = [each.objective for each in model.history if each.kept and each.objective is not None]
    assert len(kept) > 2
    assert (np.diff(kept) > -1e-12).all()
    assert statistical_error(model.mixture.n_parameters, model.rows) == model.statistical_error
