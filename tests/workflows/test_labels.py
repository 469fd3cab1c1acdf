"""Rows whose components are known: these keep their numbers, and rows count for them alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.row_data import RowData
from dask_gmm.errors import InputError
from dask_gmm.fitting.sample import Sample
from dask_gmm.passes.progress import Silent
from dask_gmm.records.run_folder import read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_rows import fit_rows
from tests.workflows.beside import (
    EM,
    FAST,
    LABELS,
    SPECS,
    TRUTH,
    WEIGHTS,
    N,
    bytes_of,
    fitted,
    written,
)
from tests.workflows.beside import _small as _small
from tests.workflows.beside import data as data
from tests.workflows.resuming import (
    ONE,
    TWO,
    X,
)


@pytest.mark.parametrize("asked", [EM, FAST], ids=["em", "fast"])
def test_labels_of_which_none_is_known_change_no_byte(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    data = written(tmp_path / "x.zarr", labels=np.full(N, -1))
    plain = bytes_of(fitted(data, tmp_path / "plain", **asked))
    assert bytes_of(fitted(data, tmp_path / "run", labels=data / "l", **asked)) == plain


@pytest.mark.parametrize("asked", [EM, FAST], ids=["em", "fast"])
def test_components_keep_the_numbers_of_labels(
    data: Path, tmp_path: Path, asked: dict[str, Any]
) -> None:
    centers = np.array([X[k == (TRUTH + 1) % 3].mean(axis=0) for k in range(3)])
    asked = {**asked, "max_iter": 60, "tol": 1e-4}
    for init in (None, "kmeans", "k-means++", "random_from_data", "random"):
        result = fitted(X, tmp_path / str(init), labels=LABELS, init=init, **asked)
        assert np.abs(result.model.means - centers).max() < 0.5, init
        assert result.ordered.order == (0, 1, 2)
    out = tmp_path / "stored"
    first, again = (fitted(data, out, labels=data / "l", **asked) for _ in range(2))
    assert (first.done_before, again.done_before) == (False, True)
    assert bytes_of(again) == bytes_of(first)
    assert read_manifest(out)["data"]["sum_of_labeled"] == (LABELS >= 0).sum()


def test_where_all_are_labeled_each_component_is_that_of_its_rows(tmp_path: Path) -> None:
    labels = (TRUTH + 1) % 3
    for name, asked in (("em", {**EM, "reg_covar": 0.0}), ("fast", {**FAST, "tol": 0.0})):
        model = fitted(X, tmp_path / name, labels=labels, sample_weight=WEIGHTS, **asked).model
        for k in range(3):
            rows, weights = X[labels == k], WEIGHTS[labels == k]
            mean = np.average(rows, axis=0, weights=weights)
            covariance = np.cov(rows.T, aweights=weights, ddof=0)
            digits = 1e-10 if name == "em" else 1e-5
            assert model.weights[k] == pytest.approx(weights.sum() / WEIGHTS.sum(), rel=digits)
            np.testing.assert_allclose(model.means[k], mean, rtol=digits, atol=digits)
            np.testing.assert_allclose(model.covariances[k], covariance, rtol=digits, atol=digits)


def test_a_labeled_row_is_of_its_component_alone(tmp_path: Path) -> None:
    """The likelihood is that of the rows with what is known of them."""
    from scipy.special import logsumexp
    from scipy.stats import multivariate_normal

    model = fitted(X, tmp_path / "run", labels=LABELS, **EM).model
    logs = np.stack(
        [
            np.log(weight) + multivariate_normal(mean, covariance).logpdf(X)
            for weight, mean, covariance in zip(
                model.weights, model.means, model.covariances, strict=True
            )
        ]
    )
    known = logs[LABELS, np.arange(N)]
    wanted = np.where(LABELS >= 0, known, logsumexp(logs, axis=0)).mean()
    assert model.log_likelihood == pytest.approx(wanted, rel=1e-9)


def test_samples_carry_labels() -> None:
    source = ArraySource.of(X, beside=RowData(WEIGHTS, LABELS, 3))
    spec = replace(SPECS["em"], n_labels=3)
    sample: Sample = fit_rows(source, spec, 1, ONE, Silent()).survey.sample
    assert sample.labels is not None
    assert sample.weights is not None
    np.testing.assert_array_equal(sample.labels, LABELS[sample.index])
    np.testing.assert_array_equal(sample.weights, WEIGHTS[sample.index])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"init": "merge"}, r"a start from labeled rows, found the init merge"),
        ({"init": "short-em"}, r"found the init short-em"),
        ({"match": "other"}, r"labels, or match"),
        ({"merge_from": 9}, r"labels, or merge_from"),
        ({"repair": "drop"}, r"the repair drop, which leaves some out"),
        ({"bayesian": {}}, r"priors with the solver fast, which makes some one. Take solver: em"),
        ({"components": None, "warm_start": "m"}, r"number of components with labels"),
        ({"partitions": {"a": slice(None)}}, r"labels, or partitions"),
    ],
)
def test_what_knows_no_labels_is_refused_before_any_pass(
    data: Path, tmp_path: Path, asked: dict[str, Any], found: str
) -> None:
    options = {"components": 3, "out": tmp_path / "run", "labels": data / "l", **asked}
    with pytest.raises(InputError, match=found):
        fit(FitRequest(data, **options), TWO, Silent())


@pytest.mark.parametrize("asked", [EM, FAST], ids=["em", "fast"])
def test_rows_that_are_known_and_lack_values_keep_the_numbers_of_components(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    rows = X.copy()
    at = np.flatnonzero(LABELS >= 0)
    rows[at, at % 3] = np.nan
    centers = np.array([X[k == (TRUTH + 1) % 3].mean(axis=0) for k in range(3)])
    out, given = tmp_path / "run", {"labels": LABELS, "missing": "em", **asked}
    result = fitted(rows, out, **{**given, "max_iter": 60})
    assert np.abs(result.model.means - centers).max() < 0.5
    assert result.ordered.order == (0, 1, 2)
    facts = read_manifest(out)["data"]
    assert (facts["labeled_rows"], facts["sum_of_labeled"]) == (len(at), len(at))
