"""Rows of every kind: the same fit, and answers that follow the rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from dask_gmm import GaussianMixture, generate_gmm_data
from dask_gmm.errors import InputError, OutputExistsError
from tests.estimator.rows import Array, groups

ROWS = groups(900)
NAMES = ["a", "b", "c"]
FITTED = GaussianMixture(3, random_state=0).fit(ROWS)
Make = Callable[[Path], Any]


def stored(folder: Path, rows: Array = ROWS) -> Path:
    path = folder / "rows.zarr"
    zarr.create_array(path, data=rows, chunks=(200, rows.shape[1]))
    return path


IN_MEMORY: dict[str, Make] = {
    "array": lambda folder: ROWS,
    "list": lambda folder: ROWS.tolist(),
    "fortran": lambda folder: np.asfortranarray(ROWS),
    "frame": lambda folder: pd.DataFrame(ROWS),
    "labeled": lambda folder: xr.DataArray(ROWS, dims=("row", "column")),
}
DASK: dict[str, Make] = {
    "dask": lambda folder: da.from_array(ROWS, chunks=(250, 2)),
    "dask frame": lambda folder: dd.from_pandas(pd.DataFrame(ROWS), npartitions=3),
    "labeled dask": lambda folder: xr.DataArray(da.from_array(ROWS, chunks=(300, 3))),
}
STORED: dict[str, Make] = {
    "path": stored,
    "text": lambda folder: str(stored(folder)),
    "zarr": lambda folder: zarr.open_array(stored(folder), mode="r"),
}
EVERY = {**IN_MEMORY, **DASK, **STORED}


@pytest.mark.parametrize("kind", EVERY)
def test_every_kind_of_rows_gives_the_same_fit_and_score(kind: str, tmp_path: Path) -> None:
    rows = EVERY[kind](tmp_path)
    fitted = GaussianMixture(3, random_state=0).fit(rows)
    np.testing.assert_allclose(fitted.means_, FITTED.means_, rtol=1e-10)
    assert (fitted.n_features_in_, fitted.n_iter_) == (3, FITTED.n_iter_)
    for name in ("score", "aic", "bic"):
        value = getattr(fitted, name)(rows)
        assert value == pytest.approx(getattr(FITTED, name)(ROWS), rel=1e-10)


@pytest.mark.parametrize("kind", EVERY)
def test_answers_follow_the_rows(kind: str, tmp_path: Path) -> None:
    rows = EVERY[kind](tmp_path)
    wanted = np.ndarray if kind in IN_MEMORY else da.Array
    for name in ("predict", "predict_proba", "score_samples"):
        answer, expected = getattr(FITTED, name)(rows), getattr(FITTED, name)(ROWS)
        assert isinstance(answer, wanted)
        np.testing.assert_allclose(np.asarray(answer), expected, rtol=1e-9, atol=1e-12)
    components, probabilities = FITTED.predict_top(rows, 2)
    assert isinstance(components, wanted)
    np.testing.assert_array_equal(np.asarray(components)[:, 0], FITTED.predict(ROWS))
    assert np.asarray(probabilities).shape == (len(ROWS), 2)
    labels = GaussianMixture(3, random_state=0).fit_predict(rows)
    assert isinstance(labels, wanted)
    np.testing.assert_array_equal(np.asarray(labels), FITTED.predict(ROWS))


def test_names_of_columns_are_kept_and_compared() -> None:
    frames: list[Any] = [
        pd.DataFrame(ROWS, columns=NAMES),
        dd.from_pandas(pd.DataFrame(ROWS, columns=NAMES), npartitions=2),
        xr.DataArray(ROWS, dims=("row", "column"), coords={"column": NAMES}),
    ]
    for frame in frames:
        fitted = GaussianMixture(3, random_state=0).fit(frame)
        assert fitted.feature_names_in_.tolist() == NAMES
        other = pd.DataFrame(ROWS, columns=["a", "b", "d"])
        with pytest.raises(ValueError, match="feature names should match"):
            fitted.predict(other)
        with pytest.raises(ValueError, match="feature names should match"):
            fitted.predict(dd.from_pandas(other, npartitions=2))
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            fitted.predict(da.from_array(ROWS))


def exploding(columns: int = 3, names: list[str] | None = None) -> Any:
    def explode(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("computed")

    return da.map_blocks(
        explode, chunks=((100, 100), (columns,)), dtype=float, meta=np.empty((0, 0))
    )


def test_nothing_of_a_dask_array_is_computed_until_asked() -> None:
    for name in ("predict", "predict_proba", "score_samples", "predict_top"):
        getattr(FITTED, name)(exploding())
    with pytest.raises(AssertionError, match="computed"):
        FITTED.predict(exploding()).compute()


def test_nothing_of_a_store_is_read_until_asked(tmp_path: Path) -> None:
    path = stored(tmp_path)
    labels = FITTED.predict(path)
    (path / "c" / "1" / "0").write_bytes(b"")
    with pytest.raises(ValueError, match="chunk"):
        labels.compute()


@pytest.mark.parametrize("name", ["predict", "predict_proba", "score_samples"])
def test_answers_written_to_a_store_are_those_in_memory(name: str, tmp_path: Path) -> None:
    path, out = stored(tmp_path), tmp_path / "out.zarr"
    assert getattr(FITTED, name)(path, out=str(out)) == out
    array = {"predict": "labels", "predict_proba": "probabilities"}.get(name, "log_density")
    expected = getattr(FITTED, name)(ROWS)
    written = np.asarray(zarr.open_array(out / array, mode="r"))
    np.testing.assert_allclose(written, expected, rtol=1e-9, atol=1e-12)
    before = sorted(each.stat().st_mtime_ns for each in out.rglob("*"))
    getattr(FITTED, name)(path, out=out)
    assert sorted(each.stat().st_mtime_ns for each in out.rglob("*")) == before
    other = GaussianMixture(2, random_state=0).fit(ROWS)
    with pytest.raises(OutputExistsError):
        getattr(other, name)(path, out=out)
    getattr(other, name)(path, out=out, overwrite=True)
    changed = np.asarray(zarr.open_array(out / array, mode="r"))
    np.testing.assert_allclose(changed, getattr(other, name)(ROWS), rtol=1e-9, atol=1e-12)


def test_several_answers_in_one_reading(tmp_path: Path) -> None:
    path = stored(tmp_path)
    out = FITTED.annotate(path, tmp_path / "a.zarr", probabilities=True, n_top=2)
    group = zarr.open_group(out, mode="r")
    found = {name for name, _ in group.arrays()}
    assert found == {
        "labels",
        "probabilities",
        "log_density",
        "top_components",
        "top_probabilities",
    }
    np.testing.assert_array_equal(group["labels"], FITTED.predict(ROWS))
    np.testing.assert_array_equal(group["top_components"], FITTED.predict_top(ROWS, 2)[0])
    few = FITTED.annotate(path, tmp_path / "b.zarr", labels=False)
    assert [name for name, _ in zarr.open_group(few, mode="r").arrays()] == ["log_density"]


@pytest.mark.parametrize("kind", ["array", "dask", "dask frame"])
def test_any_rows_can_be_answered_in_a_store(kind: str, tmp_path: Path) -> None:
    out = FITTED.predict(EVERY[kind](tmp_path), out=tmp_path / "labels.zarr")
    np.testing.assert_array_equal(zarr.open_array(out / "labels", mode="r"), FITTED.predict(ROWS))


def test_generated_rows_are_fitted_where_they_lie(tmp_path: Path) -> None:
    generate_gmm_data(
        3000, [0.5, 0.5], [[0, 0], [7, 7]], [np.eye(2)] * 2, seed=1, store=tmp_path / "x.zarr"
    )
    fitted = GaussianMixture(2, random_state=0).fit(tmp_path / "x.zarr")
    share = fitted.predict(tmp_path / "x.zarr").mean().compute()
    assert share == pytest.approx(0.5, abs=0.05)


NO_ROWS = exploding()


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"n_components": 0}, "'n_components' parameter .* must be an int in the range"),
        ({"covariance_type": "round"}, "'covariance_type' .*{.*'spherical'.*}"),
        ({"init_params": "best"}, "must be a str among"),
        ({"tol": -1.0}, "'tol' parameter"),
        ({"client": "tcp://here"}, "'client' parameter .* must be an instance of"),
        ({"weights_init": [1.5, -0.5]}, r"'weights' should be in the range \[0, 1\]"),
        ({"weights_init": [0.5, 0.4]}, "'weights' should be normalized"),
        ({"means_init": np.zeros((3, 3))}, "'means' should have the shape of"),
        ({"precisions_init": np.stack([-np.eye(3)] * 2)}, "symmetric, positive-definite"),
    ],
)
def test_bad_parameters_are_refused_before_any_row_is_read(
    params: dict[str, Any], found: str
) -> None:
    with pytest.raises(ValueError, match=found):
        GaussianMixture(**{"n_components": 2, **params}).fit(NO_ROWS)


def test_unknown_options_are_errors_of_scikit_learn() -> None:
    with pytest.raises(InvalidParameterError):
        GaussianMixture(covariance_type="round").fit(ROWS)


@pytest.mark.parametrize("kind", ["array", "frame", "dask", "dask frame", "path", "labeled"])
def test_other_columns_are_refused_with_both_numbers(kind: str, tmp_path: Path) -> None:
    other = GaussianMixture(2, random_state=0).fit(ROWS[:, :2])
    rows = EVERY[kind](tmp_path)
    for name in ("predict", "predict_proba", "score_samples", "score", "bic", "predict_top"):
        with pytest.raises(
            ValueError, match=r"X has 3 features, but GaussianMixture is expecting 2"
        ):
            getattr(other, name)(rows)


@pytest.mark.parametrize("rows", [ROWS, NO_ROWS])
def test_models_that_are_not_fitted_say_so(rows: Any, tmp_path: Path) -> None:
    model = GaussianMixture(2)
    for name in ("predict", "predict_proba", "score_samples", "score", "aic", "bic", "predict_top"):
        with pytest.raises(NotFittedError, match="This GaussianMixture instance is not fitted yet"):
            getattr(model, name)(rows)
    for call in (lambda: model.annotate(rows, tmp_path / "out"), model.to_xarray, model.sample):
        with pytest.raises(NotFittedError):
            call()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("top", [0, 4])
def test_more_components_than_there_are_are_refused(top: int) -> None:
    with pytest.raises(InputError, match=str(top)):
        FITTED.predict_top(ROWS, top)


def test_too_few_rows_are_refused() -> None:
    for rows in (ROWS[:2], da.from_array(ROWS[:2])):
        with pytest.raises(ValueError, match="Expected n_samples >= n_components but got"):
            GaussianMixture(3).fit(rows)
    for one in (ROWS[:1], da.from_array(ROWS[:1])):
        with pytest.raises(ValueError, match="2"):
            GaussianMixture(1).fit(one)


@pytest.mark.parametrize("kind", ["array", "dask", "path"])
def test_rows_that_are_not_finite_get_no_answer(kind: str, tmp_path: Path) -> None:
    bad = ROWS.copy()
    bad[417, 1] = np.nan
    rows: dict[str, Any] = {"array": bad, "dask": da.from_array(bad, chunks=(300, 3))}
    rows["path"] = stored(tmp_path, bad)
    with pytest.raises(ValueError, match=r"NaN"):
        GaussianMixture(3).fit(rows[kind])
    for name in ("predict", "predict_proba", "score_samples"):
        with pytest.raises(ValueError, match=r"NaN|nan"):
            np.asarray(getattr(FITTED, name)(rows[kind]))
    with pytest.raises(ValueError, match=r"NaN|nan"):
        FITTED.score(rows[kind])


@pytest.mark.parametrize(
    "params",
    [
        {"weights_init": [1.5, -0.5]},
        {"means_init": np.zeros((3, 3))},
        {"precisions_init": np.stack([-np.eye(3)] * 2)},
    ],
)
def test_frames_are_not_counted_before_parameters_are_checked(params: dict[str, Any]) -> None:
    def explode(frame: pd.DataFrame) -> pd.DataFrame:
        raise AssertionError("computed")

    frame = dd.from_pandas(pd.DataFrame(ROWS, columns=NAMES), npartitions=2)
    rows = frame.map_partitions(explode, meta=frame._meta)
    with pytest.raises(ValueError, match="should"):
        GaussianMixture(n_components=2, **params).fit(rows)


def test_a_fit_that_fails_leaves_the_last_one_as_it_was(tmp_path: Path) -> None:
    fitted = GaussianMixture(2, random_state=0).fit(pd.DataFrame(ROWS, columns=NAMES))
    bad = ROWS[:, :2].copy()
    bad[5, 0] = np.inf
    with pytest.raises(ValueError, match="finite"):
        fitted.fit(stored(tmp_path, bad))
    assert fitted.feature_names_in_.tolist() == NAMES
    assert fitted.predict(pd.DataFrame(ROWS, columns=NAMES)).shape == (len(ROWS),)


def test_an_output_may_be_given_as_an_address_of_a_file(tmp_path: Path) -> None:
    out = FITTED.predict(ROWS, out=(tmp_path / "labels").as_uri())
    assert out == tmp_path / "labels"
