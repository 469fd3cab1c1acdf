"""Bayesian fits of stored rows: what a run folder keeps of them, and what goes on from there."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm import BayesianGaussianMixture, load_model
from dask_gmm.errors import DataError, InputError, OutputExistsError
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.posterior_file import POSTERIOR, read_posterior
from dask_gmm.records.run_folder import MODEL, read_history, read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_result import FitResult
from dask_gmm.workflows.inspect import inspect
from dask_gmm.workflows.plan import plan
from dask_gmm.workflows.report import report
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.row_requests import ScoreRequest
from dask_gmm.workflows.score import score
from tests.workflows.predicting import ours
from tests.workflows.resuming import clusters

ROWS = clusters(12_000)
PRIORS = {"weight_concentration_prior": 0.01, "mean_precision_prior": 2.0}


class Unreadable(ThreadRunner):
    """Makes no pass."""

    def run(self, *args: Any) -> Any:
        raise AssertionError("a pass was made")


def fitted(data: object, out: Path, runner: ThreadRunner | None = None, **asked: Any) -> FitResult:
    usual = {"components": 8, "solver": "em", "bayesian": "dirichlet_process"}
    return fit(FitRequest(data, out=out, **{**usual, **asked}), runner or ThreadRunner(2), Silent())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(ours(tmp_path_factory.mktemp("rows") / "x.zarr", ROWS))


@pytest.fixture(scope="module")
def run(data: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    fitted(data, out, components=4, init="k-means++", max_iter=1000, bayesian=PRIORS)
    return out


def test_the_model_is_the_mixture_of_the_posterior_measured_on_all_rows(
    data: str, run: Path
) -> None:
    model, kept = load_model(run / MODEL), read_posterior(run)
    assert kept is not None
    np.testing.assert_array_equal(model.weights, kept.posterior.mixture.weights)
    np.testing.assert_array_equal(model.means, kept.posterior.means)
    np.testing.assert_array_equal(model.covariances, kept.posterior.covariances)
    assert (np.diff(model.weights) <= 0).all()
    told = score(ScoreRequest(data, run), ThreadRunner(2), Silent())
    assert model.log_likelihood == pytest.approx(told.log_likelihood, rel=1e-12)
    assert model.weights[:3].sum() > 0.99


def test_it_is_where_scikit_learns_iterations_lead(data: str, tmp_path: Path) -> None:
    steps: dict[str, Any] = {"max_iter": 30, "tol": 0.0, "init": "kmeans"}
    result = fitted(data, tmp_path / "run", bayesian="dirichlet_distribution", **steps)
    order = result.model.inference
    assert order is not None
    expected = BayesianGaussianMixture(
        n_components=8,
        max_iter=30,
        tol=0.0,
        random_state=result_seed(),
        weight_concentration_prior_type="dirichlet_distribution",
    )
    with pytest.warns(match="did not converge"):
        expected.fit(ROWS)
    by_mass = np.argsort(-expected.mean_precision_)
    np.testing.assert_allclose(order.posterior.means, expected.means_[by_mass], atol=1e-6)
    np.testing.assert_allclose(
        order.posterior.concentration, expected.weight_concentration_[by_mass], rtol=1e-6
    )
    assert order.lower_bound == pytest.approx(expected.lower_bound_, rel=1e-9)
    assert result.model.n_iter == expected.n_iter_ == 30
    assert result.passes == 32


def result_seed() -> np.random.RandomState:
    """The random state of the first start of a fit with the seed 0."""
    return np.random.RandomState(0)


def test_priors_decide_and_are_kept(data: str, run: Path, tmp_path: Path) -> None:
    kept = read_posterior(run)
    assert kept is not None
    assert (kept.prior.concentration, kept.prior.mean_precision) == (0.01, 2.0)
    assert kept.prior.process
    np.testing.assert_allclose(kept.prior.mean, ROWS.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(kept.prior.covariance, np.cov(ROWS.T), rtol=1e-10)
    settings = read_manifest(run)["settings"]["bayesian"]
    assert settings == {"weight_concentration_prior_type": "dirichlet_process", **PRIORS}
    asked: dict[str, Any] = {"components": 5, "max_iter": 3}
    other = fitted(data, tmp_path / "run", **asked, bayesian={"degrees_of_freedom_prior": 500})
    assert other.model.log_likelihood != load_model(run / MODEL).log_likelihood


def test_the_estimator_is_had_back(run: Path) -> None:
    estimator = BayesianGaussianMixture.from_run(run)
    model, manifest = load_model(run / MODEL), read_manifest(run)
    np.testing.assert_array_equal(estimator.weights_, model.weights)
    assert estimator.converged_
    assert estimator.n_iter_ == manifest["iterations"]
    assert estimator.lower_bound_ == manifest["bayesian"]["lower_bound"]
    assert estimator.weight_concentration_prior == 0.01
    assert estimator.get_params()["mean_precision_prior"] == 2.0
    theirs = estimator.to_sklearn()
    np.testing.assert_allclose(theirs.predict_proba(ROWS), estimator.predict_proba(ROWS), atol=1e-9)
    again = estimator.set_params(warm_start=True).fit(ROWS)
    assert again.n_iter_ <= 2
    assert 0 <= again.lower_bound_ - manifest["bayesian"]["lower_bound"] < 0.01


def test_only_bayesian_runs_have_an_estimator(data: str, tmp_path: Path) -> None:
    fitted(data, tmp_path / "em", bayesian=None, components=3)
    with pytest.raises(InputError, match="found that of another one"):
        BayesianGaussianMixture.from_run(tmp_path / "em")
    with pytest.raises(DataError, match="Wanted a run folder"):
        BayesianGaussianMixture.from_run(tmp_path / "nowhere")


def test_the_solver_fast_finds_as_many_as_there_are_in_few_readings(
    data: str, tmp_path: Path
) -> None:
    rows = clusters(120_000)
    slow = fitted(rows, tmp_path / "em", max_iter=60, tol=1e-12)
    fast = fitted(rows, tmp_path / "fast", solver="fast", max_iter=60)
    assert slow.model.inference is not None
    assert fast.model.inference is not None
    assert fast.model.converged
    assert fast.passes < slow.passes / 3
    assert fast.model.inference.lower_bound > slow.model.inference.lower_bound
    assert (fast.model.weights > 1e-3).sum() == 3
    assert "statistical errors" in fast.summary()
    told = score(ScoreRequest(rows, tmp_path / "fast"), ThreadRunner(2), Silent())
    assert fast.model.log_likelihood == pytest.approx(told.log_likelihood, rel=1e-12)


def test_what_is_tried_and_not_kept_is_marked(data: str, tmp_path: Path) -> None:
    found = fitted(data, tmp_path / "run", solver="fast", components=6)
    bounds = [each.maximized for each in found.model.history if each.kept]
    assert (np.diff(bounds) >= -1e-12 * np.abs(bounds[1:])).all()
    assert found.model.rejected == sum(not each.kept for each in found.model.history)
    limited = fitted(data, tmp_path / "limited", solver="fast", components=6, max_passes=6)
    assert limited.passes == 6


def test_the_same_again_is_read_and_says_the_same(data: str, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"bayesian": "dirichlet_process", "max_iter": 5}
    first = fitted(data, tmp_path / "run", **asked)
    spelled = {"weight_concentration_prior_type": "dirichlet_process"}
    again = fitted(data, tmp_path / "run", Unreadable(1), **{**asked, "bayesian": spelled})
    assert again.done_before
    told, before = again.to_json(), first.to_json()
    assert {k for k in told if told[k] != before[k]} <= {"done_before", "seconds"}
    assert "components have a row or more" in again.summary()
    with pytest.raises(OutputExistsError, match="bayesian"):
        fitted(data, tmp_path / "run", bayesian="dirichlet_distribution", max_iter=5)


def test_a_warm_start_goes_on_from_the_posterior(data: str, tmp_path: Path) -> None:
    whole = fitted(data, tmp_path / "whole", max_iter=12, tol=0.0)
    fitted(data, tmp_path / "half", max_iter=6, tol=0.0)
    on: dict[str, Any] = {
        "components": None,
        "max_iter": 6,
        "tol": 0.0,
        "warm_start": tmp_path / "half",
    }
    second = fitted(data, tmp_path / "second", **on)
    assert whole.model.inference is not None
    assert second.model.inference is not None
    # The order in which sticks are broken is another for the second half.
    bounds = [each.model.inference.lower_bound for each in (whole, second)]  # type: ignore[union-attr]
    assert bounds[1] == pytest.approx(bounds[0], rel=1e-4)
    # A mixture alone says less than a posterior.
    posterior = (tmp_path / "half" / POSTERIOR).rename(tmp_path / "moved")
    alone = fitted(data, tmp_path / "alone", **on)
    assert alone.model.log_likelihood != second.model.log_likelihood
    posterior.rename(tmp_path / "half" / POSTERIOR)
    (tmp_path / "half" / POSTERIOR / "means" / "c" / "0" / "0").write_bytes(b"")
    with pytest.raises(DataError, match="Wanted the posterior"):
        fitted(data, tmp_path / "damaged", **on)


def test_a_start_at_a_plain_model_has_as_many_rows_as_its_weights_say(
    data: str, tmp_path: Path
) -> None:
    plain = fitted(data, tmp_path / "em", bayesian=None, components=3)
    on: dict[str, Any] = {"components": None, "warm_start": tmp_path / "em"}
    found = fitted(data, tmp_path / "run", **on, tol=1e-6)
    np.testing.assert_allclose(found.model.means, plain.model.means, atol=0.02)
    np.testing.assert_allclose(found.model.weights, plain.model.weights, atol=0.01)
    assert found.model.n_iter < 20


def test_limits_leave_room_for_the_pass_that_measures(data: str, tmp_path: Path) -> None:
    result = fitted(data, tmp_path / "run", max_passes=4)
    assert result.passes == 4
    assert not result.model.converged
    assert "max_passes" in result.model.reason
    told = score(ScoreRequest(data, tmp_path / "run"), ThreadRunner(2), Silent())
    assert result.model.log_likelihood == pytest.approx(told.log_likelihood, rel=1e-12)


@pytest.mark.usefixtures("small_leaves")
def test_threads_do_not_change_a_byte_and_starts_are_compared_by_the_bound(
    data: str, tmp_path: Path
) -> None:
    results = [
        fitted(data, tmp_path / str(n), ThreadRunner(n), n_init=3, init="random", max_iter=25)
        for n in (1, 3)
    ]
    arrays = [
        (each.model.means.tobytes(), each.model.inference.posterior.mean_precision.tobytes())  # type: ignore[union-attr]
        for each in results
    ]
    assert arrays[0] == arrays[1]
    dropped = results[0].model.dropped
    assert len(dropped) == 2
    assert all(each.below >= 0 for each in dropped)


def test_inspect_report_and_plan_know_it(data: str, run: Path, tmp_path: Path) -> None:
    facts = inspect(run).facts
    assert facts["converged"]
    page = report(ReportRequest(run, tmp_path / "page.html")).out.read_text()
    assert "lower bound" in page
    request = FitRequest(data, 8, tmp_path / "planned", solver="em", bayesian=PRIORS, max_iter=7)
    (step,) = plan((request,), ThreadRunner(1)).steps
    result = fit(request, ThreadRunner(1), Silent())
    assert result.passes == step.most


def test_the_history_has_a_line_per_pass(run: Path) -> None:
    manifest, history = read_manifest(run), read_history(run)
    assert len(history) == manifest["passes"] == manifest["iterations"] + 2
    assert json.dumps(manifest["bayesian"])
    assert manifest["bayesian"]["components_with_rows"] >= 3


BAD: list[tuple[dict[str, Any], str]] = [
    ({"solver": "fast", "init": "merge"}, "init of a single start"),
    ({"solver": "fast", "merge_from": 9}, "Wanted merge_from without bayesian"),
    ({"solver": "fast", "repair": "drop"}, "Wanted repair without bayesian"),
    ({"held_out": 0.1}, "Wanted held_out without bayesian"),
    ({"match": "other"}, "Wanted match without bayesian"),
    ({"partitions": {"a": slice(0, 12_000)}}, "Wanted partitions without bayesian"),
    ({"max_passes": 2}, "at least 3"),
    ({"bayesian": "stick"}, "one of dirichlet_distribution"),
    ({"bayesian": {"concentration": 2}}, "found concentration"),
    ({"bayesian": 3}, "or as priors by their names, found 3"),
    ({"bayesian": [("mean_precision_prior", 2)]}, "as priors by their names"),
    ({"init": ["kmeans"]}, r"found \['kmeans'\] as init"),
    ({"bayesian": {"mean_precision_prior": 0}}, "above 0"),
    ({"bayesian": {"covariance_prior": "wide"}}, "real numbers as covariance_prior"),
]


@pytest.mark.parametrize(("asked", "message"), BAD)
def test_what_does_not_go_together_is_refused(asked: dict[str, Any], message: str) -> None:
    usual = {"components": 2, "solver": "em", "bayesian": "dirichlet_process"}
    with pytest.raises(InputError, match=message):
        FitRequest("x.zarr", out=Path("run"), **{**usual, **asked})


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ({"degrees_of_freedom_prior": 2.0}, "above 2"),
        ({"mean_prior": [0.0, 1.0]}, "found shape"),
        ({"covariance_prior": [[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]]}, "definite"),
    ],
)
def test_priors_of_other_columns_are_refused_before_a_pass(
    data: str, tmp_path: Path, priors: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fitted(data, tmp_path / "run", Unreadable(1), bayesian=priors)
    assert not (tmp_path / "run").exists()
