"""Rows of every kind for the Bayesian estimator, and what users do with it besides fitting it."""

import copy
import io
import warnings
from pathlib import Path
from typing import Any

import dask.array as da
import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn.mixture
import zarr
from distributed import Client
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import InvalidParameterError

from dask_gmm import BayesianGaussianMixture, GaussianMixture
from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.source import Layout
from dask_gmm.errors import DataError, InputError
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import Draws, seeded
from dask_gmm.mixture.beliefs import Beliefs
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.iterates import believe
from dask_gmm.workflows.trip import Trip
from tests.estimator.rows import FAMILIES, groups

ROWS = groups(900)
PARAMS: dict[str, Any] = {"n_components": 4, "random_state": 0, "max_iter": 200}
FITTED = BayesianGaussianMixture(**PARAMS).fit(ROWS)


def stored(folder: Path) -> Path:
    path = folder / "rows.zarr"
    zarr.create_array(path, data=ROWS, chunks=(200, 3))
    return path


def test_parameters_and_defaults_are_scikit_learns_and_three_more() -> None:
    theirs = sklearn.mixture.BayesianGaussianMixture().get_params()
    ours = {"missing": "error", "solver": "em", "client": None}
    assert BayesianGaussianMixture().get_params() == {**theirs, **ours}
    assert isinstance(FITTED, sklearn.mixture.BayesianGaussianMixture)
    public = {name for name in dir(sklearn.mixture.BayesianGaussianMixture) if name[0] != "_"}
    assert public <= set(dir(BayesianGaussianMixture))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_components", 2),
        ("covariance_type", "diag"),
        ("tol", 100.0),
        ("reg_covar", 0.5),
        ("max_iter", 1),
        ("n_init", 6),
        ("init_params", "random"),
        ("weight_concentration_prior_type", "dirichlet_distribution"),
        ("weight_concentration_prior", 100.0),
        ("mean_precision_prior", 50.0),
        ("mean_prior", [5.0, 5.0, 5.0]),
        ("degrees_of_freedom_prior", 200.0),
        ("covariance_prior", 100 * np.eye(3)),
        ("random_state", 5),
    ],
)
def test_every_parameter_changes_the_answer(name: str, value: Any) -> None:
    params: dict[str, Any] = {"n_components": 6, "random_state": 0, "max_iter": 30}
    usual = BayesianGaussianMixture(**params).fit(ROWS).score(ROWS)
    changed = BayesianGaussianMixture(**{**params, name: value}).fit(ROWS).score(ROWS)
    assert changed != usual


def test_stored_rows_give_the_same_fit_and_lazy_answers(tmp_path: Path) -> None:
    path = stored(tmp_path)
    fitted = BayesianGaussianMixture(**PARAMS).fit(path)
    np.testing.assert_allclose(fitted.means_, FITTED.means_, rtol=1e-9)
    assert fitted.n_iter_ == FITTED.n_iter_
    assert fitted.score(path) == pytest.approx(FITTED.score(ROWS), rel=1e-10)
    labels = fitted.predict(path)
    assert isinstance(labels, da.Array)
    np.testing.assert_array_equal(labels.compute(), FITTED.predict(ROWS))
    group = fitted.annotate(path, tmp_path / "answers.zarr", n_top=2)
    written: Any = zarr.open_group(group, mode="r")
    np.testing.assert_array_equal(written["labels"][:], FITTED.predict(ROWS))
    np.testing.assert_allclose(written["log_density"][:], FITTED.score_samples(ROWS), rtol=1e-10)


def test_on_a_cluster_the_bytes_are_the_same(client: Client, tmp_path: Path) -> None:
    path = stored(tmp_path)
    here = BayesianGaussianMixture(**PARAMS).fit(path)
    there = BayesianGaussianMixture(**PARAMS, client=client).fit(path)
    for name in ("means_", "covariances_", "mean_precision_", "lower_bounds_"):
        np.testing.assert_array_equal(getattr(there, name), getattr(here, name))
    assert clone(there).client is client
    assert copy.deepcopy(here).client is None


@pytest.mark.parametrize("family", FAMILIES)
def test_threads_do_not_change_a_byte(family: str) -> None:
    edges = np.append(np.arange(0, len(ROWS), 70), len(ROWS))
    source = ArraySource.of(ROWS, layout=Layout(edges))
    spec = Spec(5, family, max_iter=15, beliefs=Beliefs())
    found = [
        believe(Trip(source, ThreadRunner(threads), Silent()), spec, Draws(seeded(0), 2))
        for threads in (1, 3)
    ]
    for name in ("concentration", "mean_precision", "means", "degrees_of_freedom", "covariances"):
        first, second = (getattr(each.found.posterior, name).tobytes() for each in found)
        assert first == second
    assert found[0].lower_bounds == found[1].lower_bounds


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("prior", ["dirichlet_process", "dirichlet_distribution"])
def test_the_way_to_scikit_learn_and_back(family: str, prior: str) -> None:
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    params: dict[str, Any] = {
        **PARAMS,
        "covariance_type": family,
        "weight_concentration_prior_type": prior,
    }
    ours = BayesianGaussianMixture(**params).fit(frame)
    theirs = ours.to_sklearn()
    assert type(theirs) is sklearn.mixture.BayesianGaussianMixture
    np.testing.assert_allclose(theirs.predict_proba(frame), ours.predict_proba(frame), atol=1e-10)
    again = BayesianGaussianMixture.from_sklearn(theirs)
    np.testing.assert_array_equal(again.score_samples(frame), ours.score_samples(frame))
    assert set(vars(again)) == set(vars(ours))
    assert not np.shares_memory(again.weight_concentration_[0], theirs.weight_concentration_[0])
    with pytest.raises(InputError, match="found int"):
        BayesianGaussianMixture.from_sklearn(5)


def test_dumps_say_the_same_of_rows() -> None:
    file = io.BytesIO()
    joblib.dump(FITTED, file)
    file.seek(0)
    twin = joblib.load(file)
    np.testing.assert_array_equal(twin.predict_proba(ROWS), FITTED.predict_proba(ROWS))
    np.testing.assert_array_equal(FITTED.to_xarray()["means"], FITTED.means_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("family", FAMILIES)
def test_values_that_are_missing_leave_the_lower_bound_one(family: str) -> None:
    """It is that of what is there: it never falls, and with nothing missing no byte is another."""
    rows = ROWS.copy()
    rows[np.random.default_rng(0).random(rows.shape) < 0.1] = np.nan
    rows = rows[~np.isnan(rows).all(axis=1)]
    params = {**PARAMS, "covariance_type": family, "missing": "em", "max_iter": 40, "tol": 0.0}
    bounds = np.array(BayesianGaussianMixture(**params).fit(rows).lower_bounds_)
    assert (np.diff(bounds) >= -1e-10 * np.abs(bounds[1:])).all()
    whole = BayesianGaussianMixture(**params).fit(ROWS)
    usual = BayesianGaussianMixture(**{**params, "missing": "error"}).fit(ROWS)
    assert whole.means_.tobytes() == usual.means_.tobytes()
    assert whole.lower_bounds_ == usual.lower_bounds_
    with pytest.raises(ValueError, match="NaN"):
        usual.fit(rows)


def test_drawn_rows_are_scikit_learns() -> None:
    theirs = sklearn.mixture.BayesianGaussianMixture(**PARAMS).fit(ROWS)
    for found, expected in zip(FITTED.sample(50), theirs.sample(50), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"weight_concentration_prior": 0.0}, "weight_concentration_prior"),
    ({"mean_precision_prior": -1.0}, "mean_precision_prior"),
    ({"weight_concentration_prior_type": "stick"}, "weight_concentration_prior_type"),
    ({"degrees_of_freedom_prior": 1.5}, "should be greater than 2"),
    ({"mean_prior": [0.0, 1.0]}, "'means' should have the shape"),
    ({"covariance_prior": np.ones((3, 3))}, "positive-definite"),
    ({"covariance_prior": np.eye(2)}, "covariance_prior"),
]


@pytest.mark.parametrize(("params", "message"), BAD)
def test_priors_outside_their_range_are_refused_before_rows_are_read(
    params: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = stored(tmp_path)
    (path / "c" / "0" / "0").unlink()
    estimator = BayesianGaussianMixture(n_components=2, **params)
    with pytest.raises((InvalidParameterError, ValueError), match=message):
        estimator.fit(path)
    with pytest.raises(DataError):
        BayesianGaussianMixture(n_components=2).fit(path)
    assert [name for name in vars(estimator) if name.endswith("_")] == []


def test_a_warm_start_with_another_number_of_components_is_refused() -> None:
    estimator = BayesianGaussianMixture(**PARAMS, warm_start=True).fit(ROWS)
    with pytest.raises(InputError, match="found 4"):
        estimator.set_params(n_components=5).fit(ROWS)


def test_that_it_has_not_converged_is_told_where_the_fit_was_asked_for() -> None:
    for estimator in (BayesianGaussianMixture, GaussianMixture):
        with pytest.warns(ConvergenceWarning, match="did not converge") as told:
            estimator(n_components=3, max_iter=1, random_state=0).fit(ROWS)
        assert [each.filename for each in told] == [__file__]


def test_verbose_prints_iterations(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        params = {**PARAMS, "max_iter": 4, "tol": 0.0}
        BayesianGaussianMixture(**params, verbose=1, verbose_interval=2).fit(ROWS)
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if "iteration" in line] == [
        "  iteration 2",
        "  iteration 4",
    ]
