"""What users of scikit-learn do with an estimator besides fitting it."""

import copy
import io
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn.mixture
from distributed import Client
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dask_gmm import GaussianMixture
from dask_gmm.errors import InputError
from tests.estimator.rows import FAMILIES, both, groups

ROWS = groups(400)


def test_parameters_and_defaults_are_scikit_learns_and_two_more() -> None:
    ours, theirs = GaussianMixture().get_params(), sklearn.mixture.GaussianMixture().get_params()
    known = {"prior": None, "fixed": None}
    assert ours == {**theirs, **known, "solver": "em", "missing": "error", "client": None}
    changed = GaussianMixture().set_params(n_components=4, tol=0.5)
    assert (changed.n_components, changed.tol) == (4, 0.5)


def test_public_names_are_all_there() -> None:
    ours, theirs = both(ROWS, n_components=2, random_state=0)
    public = {name for name in dir(theirs) if not name.startswith("_")}
    assert public <= set(dir(ours))
    assert {name for name in vars(ours) if name.endswith("_")} == {
        name for name in vars(theirs) if name.endswith("_")
    }
    assert isinstance(ours, sklearn.mixture.GaussianMixture)
    assert theirs.get_metadata_routing()._serialize() == {}
    routed = ours.get_metadata_routing()._serialize()
    assert {name: sorted(each) for name, each in routed.items()} == {
        "fit": ["labels", "sample_weight"],
        "score": ["sample_weight"],
    }


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_components", 2),
        ("covariance_type", "diag"),
        ("tol", 1.0),
        ("reg_covar", 0.5),
        ("max_iter", 1),
        ("n_init", 20),
        ("init_params", "random"),
        ("weights_init", [0.9, 0.05, 0.03, 0.02]),
        ("means_init", np.zeros((4, 3)) + np.arange(4)[:, None]),
        ("precisions_init", np.stack([np.eye(3)] * 4)),
        ("random_state", 5),
    ],
)
def test_every_parameter_changes_the_answer(name: str, value: Any) -> None:
    params: dict[str, Any] = {"n_components": 4, "random_state": 0, "tol": 1e-3}
    usual = GaussianMixture(**params).fit(ROWS).score(ROWS)
    changed = GaussianMixture(**{**params, name: value}).fit(ROWS).score(ROWS)
    assert changed != usual


def test_verbose_prints_every_so_many_iterations(capsys: pytest.CaptureFixture[str]) -> None:
    params: dict[str, Any] = {"n_components": 3, "tol": 0, "max_iter": 7, "random_state": 0}
    printed = []
    for verbose, interval in ((0, 2), (1, 2), (1, 3), (2, 3)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            GaussianMixture(**params, verbose=verbose, verbose_interval=interval).fit(ROWS)
        printed.append(capsys.readouterr().out)
    assert printed[0] == ""
    assert printed[1].split("\n") == [
        "survey",
        "sample",
        *(f"  iteration {i}" for i in (2, 4, 6)),
        "",
    ]
    assert printed[2].split("\n") == ["survey", "sample", "  iteration 3", "  iteration 6", ""]
    assert "s\tlog-likelihood -" in printed[3]


def test_not_to_converge_is_a_warning() -> None:
    with pytest.warns(ConvergenceWarning, match="initialization did not converge"):
        fitted = GaussianMixture(3, max_iter=1, random_state=0).fit(ROWS)
    assert not fitted.converged_


@pytest.mark.parametrize("family", FAMILIES)
def test_dumps_copies_and_clones(family: str) -> None:
    fitted = GaussianMixture(3, covariance_type=family, random_state=0).fit(ROWS)
    file = io.BytesIO()
    joblib.dump(fitted, file)
    file.seek(0)
    for twin in (joblib.load(file), copy.deepcopy(fitted)):
        assert twin.get_params() == fitted.get_params()
        np.testing.assert_array_equal(twin.predict_proba(ROWS), fitted.predict_proba(ROWS))
    fresh = clone(fitted)
    assert not hasattr(fresh, "means_")
    assert fresh.get_params() == fitted.get_params()


def test_clones_share_the_client_and_dumps_go_without(client: Client) -> None:
    fitted = GaussianMixture(3, random_state=0, client=client).fit(ROWS)
    here = GaussianMixture(3, random_state=0).fit(ROWS)
    np.testing.assert_array_equal(fitted.means_, here.means_)
    assert clone(fitted).client is client
    assert clone(make_pipeline(fitted))[-1].client is client
    file = io.BytesIO()
    joblib.dump(fitted, file)
    file.seek(0)
    assert joblib.load(file).client is None
    assert fitted.client is client


def test_pipelines_and_frames() -> None:
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(3, random_state=0))
    theirs = make_pipeline(StandardScaler(), sklearn.mixture.GaussianMixture(3, random_state=0))
    labels = pipeline.set_output(transform="pandas").fit(frame).predict(frame)
    np.testing.assert_array_equal(labels, theirs.fit(frame).predict(frame))
    assert pipeline[-1].feature_names_in_.tolist() == ["a", "b", "c"]
    assert pipeline.score(frame) == pytest.approx(theirs.score(frame), rel=1e-10)
    np.testing.assert_array_equal(pipeline.fit_predict(frame), labels)


def test_grid_search_chooses_the_same() -> None:
    grid = {"n_components": [1, 3, 6], "covariance_type": ["full", "spherical"]}
    found = [
        GridSearchCV(estimator(random_state=0, reg_covar=1e-3), grid, cv=3).fit(ROWS)
        for estimator in (GaussianMixture, sklearn.mixture.GaussianMixture)
    ]
    assert found[0].best_params_ == found[1].best_params_
    scores = [search.cv_results_["mean_test_score"] for search in found]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-8)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_way_to_scikit_learn_and_back(family: str) -> None:
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    ours = GaussianMixture(3, covariance_type=family, random_state=0).fit(frame)
    theirs = ours.to_sklearn()
    assert type(theirs) is sklearn.mixture.GaussianMixture
    np.testing.assert_allclose(theirs.predict_proba(frame), ours.predict_proba(frame), atol=1e-10)
    assert theirs.bic(frame) == pytest.approx(ours.bic(frame), rel=1e-12)
    again = GaussianMixture.from_sklearn(theirs)
    np.testing.assert_array_equal(again.score_samples(frame), ours.score_samples(frame))
    for name, value in vars(ours).items():
        np.testing.assert_array_equal(getattr(again, name), value)
    theirs.means_[:] = 0
    assert ours.means_.any()


class Derived(sklearn.mixture.GaussianMixture):  # type: ignore[misc]  # it has no types
    def __init__(self, n_components: int = 1, *, other: int = 1) -> None:
        super().__init__(n_components)
        self.other = other


def test_parameters_that_only_a_derived_class_has_are_left_out() -> None:
    assert GaussianMixture.from_sklearn(Derived(3, other=2)).n_components == 3


def test_unfitted_ones_are_converted_too() -> None:
    theirs = GaussianMixture(4, tol=0.1).to_sklearn()
    assert (theirs.n_components, theirs.tol, hasattr(theirs, "means_")) == (4, 0.1, False)
    ours = GaussianMixture.from_sklearn(sklearn.mixture.GaussianMixture(5))
    assert (ours.n_components, hasattr(ours, "means_")) == (5, False)
    with pytest.raises(InputError, match="found int"):
        GaussianMixture.from_sklearn(5)


def test_parameters_as_a_dataset_of_xarray() -> None:
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    fitted = GaussianMixture(2, random_state=0).fit(frame)
    dataset = fitted.to_xarray()
    np.testing.assert_array_equal(dataset["means"].sel(feature="b"), fitted.means_[:, 1])
    np.testing.assert_array_equal(dataset["covariances"], fitted.covariances_)


def test_parameters_that_were_set_by_hand_count(tmp_path: Path) -> None:
    fitted = GaussianMixture(2, random_state=0).fit(ROWS)
    made = GaussianMixture(2)
    for name in ("weights_", "means_", "precisions_cholesky_"):
        setattr(made, name, getattr(fitted, name))
    np.testing.assert_array_equal(made.predict_proba(ROWS), fitted.predict_proba(ROWS))
    made.means_ = fitted.means_ + 1
    assert made.score(ROWS) < fitted.score(ROWS)
