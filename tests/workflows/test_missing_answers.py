"""What a model says of rows of which values are missing, and how it fills them in."""

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr

from dask_gmm import load_model
from dask_gmm.errors import DataError
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.gaps import Marks
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import MODEL
from dask_gmm.workflows.plan import plan
from dask_gmm.workflows.row_requests import PredictRequest
from dask_gmm.workflows.run import run as run_steps
from tests.data.arrays import files_of
from tests.fitting.lacking import with_gaps
from tests.mixture.plain_missing import Plain, plain
from tests.workflows.asking import FRESH, D, predicted, scored
from tests.workflows.asking import run as run
from tests.workflows.predicting import ours, stored

EVERYTHING: dict[str, Any] = {
    "labels": True,
    "probabilities": True,
    "log_density": True,
    "top": 2,
    "anomaly_quantile": 0.01,
    "imputed": True,
}
ROWS = with_gaps(FRESH[:3000], 0.2)
ROWS[[17, 2500]] = np.nan


def mixture_at(run: Path) -> Mixture:
    return load_model(run / MODEL).mixture


def wanted(run: Path, rows: Array = ROWS) -> tuple[Plain, Marks]:
    some = np.asarray(~np.isnan(rows).all(axis=1))
    return plain(rows[some], mixture_at(run)), some


@pytest.fixture
def lacking(tmp_path: Path) -> Path:
    return ours(tmp_path / "rows.zarr", ROWS, 700)


def test_all_is_said_of_what_is_there(run: Path, lacking: Path, tmp_path: Path) -> None:
    predicted(str(lacking), run, tmp_path / "out", **EVERYTHING, missing="em")
    found, (known, some) = stored(tmp_path / "out"), wanted(run)
    np.testing.assert_allclose(found["log_density"][some], known.log_densities, rtol=1e-9)
    probabilities = known.responsibilities.T
    np.testing.assert_allclose(found["probabilities"][some], probabilities, atol=1e-9)
    assert np.array_equal(found["labels"][some], probabilities.argmax(axis=1))
    assert np.array_equal(found["top_components"][:, 0], found["labels"])
    np.testing.assert_allclose(found["x"][some], known.mean(), rtol=1e-8, atol=1e-9)
    assert np.array_equal(found["anomaly"], found["log_density"] < found_bound(run))


def found_bound(run: Path) -> float:
    quantiles = load_model(run / MODEL).quantiles
    assert quantiles is not None
    value = quantiles.at(0.01)
    assert value is not None
    return value


def test_a_row_without_any_value_is_a_row_of_the_mixture(
    run: Path, lacking: Path, tmp_path: Path
) -> None:
    predicted(lacking, run, tmp_path / "out", **EVERYTHING, missing="em")
    found, mixture = stored(tmp_path / "out"), mixture_at(run)
    for row in (17, 2500):
        np.testing.assert_allclose(found["probabilities"][row], mixture.weights, rtol=1e-12)
        assert found["labels"][row] == mixture.weights.argmax()
        assert found["log_density"][row] == pytest.approx(0.0, abs=1e-12)
        np.testing.assert_allclose(found["x"][row], mixture.weights @ mixture.means, rtol=1e-9)


def test_rows_of_which_none_has_a_value_have_no_score(run: Path, tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "rows.zarr", data=np.full_like(ROWS[:5], np.nan))
    with pytest.raises(DataError, match="Wanted rows with values"):
        scored(str(tmp_path / "rows.zarr"), run, missing="em")


def test_of_an_infinity_it_is_not_said_that_it_may_be_missing(run: Path, tmp_path: Path) -> None:
    rows = ROWS[:5].copy()
    rows[3, 1] = np.inf
    zarr.create_array(tmp_path / "rows.zarr", data=rows)
    with pytest.raises(DataError, match=r"row 3, column 1.* is inf\. .*or correct them\.$"):
        scored(str(tmp_path / "rows.zarr"), run, missing="em")


def test_labels_alone_are_the_same(run: Path, lacking: Path, tmp_path: Path) -> None:
    predicted(lacking, run, tmp_path / "all", **EVERYTHING, missing="em")
    predicted(lacking, run, tmp_path / "labels", missing="em")
    assert np.array_equal(stored(tmp_path / "labels")["labels"], stored(tmp_path / "all")["labels"])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_there_stays_as_it_is_to_the_bit(run: Path, dtype: str, tmp_path: Path) -> None:
    rows = ROWS.astype(dtype)
    zarr.create_array(tmp_path / "rows.zarr", data=rows)
    predicted(tmp_path / "rows.zarr", run, tmp_path / "out", imputed=True, missing="em")
    found, there = stored(tmp_path / "out")["x"], ~np.isnan(rows)
    assert found.dtype == dtype
    assert found[there].tobytes() == rows[there].tobytes()
    assert np.isfinite(found).all()
    predicted(str(tmp_path / "out"), run, tmp_path / "again")


@pytest.mark.parametrize("asked", [{}, {"imputed": True}, {"log_density": True}])
def test_by_default_nan_is_an_error_that_names_the_place(
    run: Path, lacking: Path, asked: dict[str, Any], tmp_path: Path
) -> None:
    row, column = np.argwhere(np.isnan(ROWS))[0]
    with pytest.raises(DataError, match=f"row {row}, column {column}.* is nan.*missing em"):
        predicted(lacking, run, tmp_path / "out", **asked)
    with pytest.raises(DataError, match="is nan"):
        scored(lacking, run)


def test_where_nothing_is_missing_all_bytes_are_those_of_the_default(
    run: Path, tmp_path: Path
) -> None:
    path = ours(tmp_path / "rows.zarr", FRESH[:3000], 700)
    predicted(path, run, tmp_path / "usual", **EVERYTHING)
    predicted(path, run, tmp_path / "missing", **EVERYTHING, missing="em")
    assert files_of(tmp_path / "usual") == files_of(tmp_path / "missing")


@pytest.mark.usefixtures("small_leaves")
def test_threads_change_no_byte_and_what_is_done_is_kept(
    run: Path, lacking: Path, tmp_path: Path
) -> None:
    for threads in (1, 2):
        predicted(lacking, run, tmp_path / str(threads), threads, **EVERYTHING, missing="em")
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")
    again = predicted(lacking, run, tmp_path / "1", **EVERYTHING, missing="em").stored
    assert again.kept == again.chunks


def test_a_score_is_the_mean_of_what_is_said_of_each_row_that_has_a_value(
    run: Path, lacking: Path, tmp_path: Path
) -> None:
    result = scored(lacking, run, missing="em")
    known, some = wanted(run)
    assert result.examined.rows == some.sum() == len(ROWS) - 2
    assert result.log_likelihood == pytest.approx(known.log_densities.mean(), abs=1e-9)
    shares = known.responsibilities.mean(axis=1)
    np.testing.assert_allclose(result.shares, shares, atol=1e-9)


def test_infinities_are_refused_beside_missing_values(run: Path, tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[1200, D - 1] = np.inf
    path = ours(tmp_path / "rows.zarr", rows, 700)
    with pytest.raises(DataError, match=f"row 1,200, column {D - 1}.* is inf"):
        predicted(path, run, tmp_path / "out", missing="em")


def test_steps_of_a_run_are_planned_and_made_with_missing_values(
    run: Path, lacking: Path, tmp_path: Path
) -> None:
    request = PredictRequest(
        str(lacking), run, tmp_path / "whole", imputed=True, labels=True, missing="em"
    )
    (planned,) = plan([request], ThreadRunner(1), 2).steps
    assert [each.name for each in planned.outputs] == ["labels", "x"]
    run_steps([request], ThreadRunner(1), Silent())
    assert stored(tmp_path / "whole")["x"].shape == ROWS.shape


def test_dask_arrays_are_filled_in_block_by_block(run: Path) -> None:
    from dask_gmm import GaussianMixture

    mixture = mixture_at(run)
    model = GaussianMixture(mixture.n_components, missing="em").fit(ROWS)
    lazy = model.impute(da.from_array(ROWS, chunks=(701, 2)))
    assert isinstance(lazy, da.Array)
    assert lazy.shape == ROWS.shape
    np.testing.assert_allclose(lazy.compute(), model.impute(ROWS), rtol=1e-12)
