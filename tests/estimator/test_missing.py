"""scikit-learn's estimator on rows of which values are missing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from dask_gmm import BayesianGaussianMixture, GaussianMixture
from dask_gmm.mixture.model import Mixture
from tests.estimator.rows import groups
from tests.fitting.lacking import with_gaps
from tests.mixture.plain_missing import plain

ROWS = groups(900)
LACKING = with_gaps(ROWS, 0.15)
FITTED = GaussianMixture(3, random_state=0, missing="em", tol=1e-6, max_iter=300).fit(LACKING)


def test_a_fit_takes_what_is_there() -> None:
    whole = GaussianMixture(3, random_state=0, tol=1e-6, max_iter=300).fit(ROWS)
    found = GaussianMixture(3, missing="em", tol=1e-6, max_iter=300)
    found.set_params(weights_init=whole.weights_, means_init=whole.means_)
    found.set_params(precisions_init=whole.precisions_).fit(LACKING)
    np.testing.assert_allclose(found.means_, whole.means_, atol=0.5)
    assert np.abs(found.means_ - whole.means_).max() > 1e-6
    assert found.converged_
    assert (np.diff(found.lower_bounds_) > -1e-12).all()


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("solver", ["em", "fast"])
def test_without_nan_it_is_the_default_to_the_byte(kind: str, solver: str) -> None:
    one = GaussianMixture(3, covariance_type=kind, solver=solver, random_state=0).fit(ROWS)
    other = clone(one).set_params(missing="em").fit(ROWS)
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    assert one.lower_bounds_ == other.lower_bounds_
    assert one.score(ROWS) == other.score(ROWS)
    assert np.array_equal(one.predict_proba(ROWS), other.predict_proba(ROWS))


def test_all_methods_take_what_is_there(tmp_path: Path) -> None:
    parameters = FITTED.weights_, FITTED.means_, FITTED.covariances_
    values, known = FITTED.score_samples(LACKING), plain(LACKING, Mixture.of(*parameters))
    np.testing.assert_allclose(values, known.log_densities, rtol=1e-9)
    assert FITTED.score(LACKING) == pytest.approx(values.mean(), rel=1e-12)
    probabilities = FITTED.predict_proba(LACKING)
    assert np.array_equal(FITTED.predict(LACKING), probabilities.argmax(axis=1))
    found = FITTED.impute(LACKING)
    np.testing.assert_allclose(found, known.mean(), rtol=1e-8, atol=1e-9)
    there = ~np.isnan(LACKING)
    assert found[there].tobytes() == LACKING[there].tobytes()
    assert np.abs(found - ROWS)[~there].mean() < np.abs(ROWS - ROWS.mean(axis=0))[~there].mean()
    out = FITTED.impute(LACKING, out=tmp_path / "out")
    assert np.array_equal(np.asarray(zarr.open_array(out / "x")[...]), found)
    assert np.array_equal(FITTED.impute(pd.DataFrame(LACKING)), found)


def test_by_default_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="contains NaN"):
        GaussianMixture(3).fit(LACKING)
    usual = GaussianMixture(3, random_state=0).fit(ROWS)
    with pytest.raises(ValueError, match="contains NaN"):
        usual.predict(LACKING)
    assert np.isfinite(usual.impute(LACKING)).all()


def test_infinities_are_refused_as_ever() -> None:
    rows = LACKING.copy()
    rows[3, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        GaussianMixture(3, missing="em").fit(rows)


def test_the_parameter_is_one_of_two() -> None:
    with pytest.raises(InvalidParameterError, match="missing"):
        GaussianMixture(3, missing="drop").fit(ROWS)
    assert clone(FITTED).missing == "em"
    assert GaussianMixture(missing="em").__sklearn_tags__().input_tags.allow_nan
    assert not GaussianMixture().__sklearn_tags__().input_tags.allow_nan
    assert "missing" not in FITTED.to_sklearn().get_params()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_posterior_is_asked_of_what_is_there() -> None:
    model = BayesianGaussianMixture(n_components=4, random_state=0, tol=1e-9, max_iter=60)
    found = model.set_params(missing="em").fit(LACKING)
    there = ~np.isnan(LACKING)
    filled = found.impute(LACKING)
    assert filled[there].tobytes() == LACKING[there].tobytes()
    assert found.score(LACKING) == pytest.approx(found.score_samples(LACKING).mean())


def test_rows_without_any_value_are_in_no_score_and_in_no_criterion() -> None:
    rows = np.insert(LACKING, [0, 400, 900], np.nan, axis=0)
    for name in ("score", "aic", "bic"):
        found, known = (getattr(FITTED, name)(each) for each in (rows, LACKING))
        assert found == pytest.approx(known, rel=1e-12)
    assert FITTED.score_samples(rows)[0] == pytest.approx(0.0, abs=1e-12)
