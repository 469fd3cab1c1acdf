"""What a model says of rows is written by a command's twin, each answer where it is asked for."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from dask_gmm import GaussianMixtureModel
from dask_gmm.errors import DataError, InputError, OutputExistsError
from dask_gmm.records.run_folder import MODEL, read_manifest
from tests.data.arrays import files_of
from tests.workflows.asking import FITTED, FRESH, D, predicted, reference
from tests.workflows.asking import fresh as fresh
from tests.workflows.asking import run as run
from tests.workflows.predicting import stored

EVERYTHING: dict[str, Any] = {
    "labels": True,
    "probabilities": True,
    "log_density": True,
    "top": 2,
    "anomaly_quantile": 0.01,
}


def test_it_is_what_scikit_learn_says(run: Path, fresh: Path, tmp_path: Path) -> None:
    result = predicted(str(fresh), run, tmp_path / "out", **EVERYTHING)
    found, model = stored(tmp_path / "out"), reference(run)
    log_density = model.score_samples(FRESH)
    below = read_manifest(run)["log_density_quantiles"]["0.01"]
    assert np.array_equal(found["labels"], model.predict(FRESH))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(FRESH), atol=1e-10)
    np.testing.assert_allclose(found["log_density"], log_density, rtol=1e-10)
    assert found["anomaly"].dtype == np.bool_
    assert np.array_equal(found["anomaly"], log_density < below)
    assert found["anomaly"].mean() == pytest.approx(0.01, abs=0.003)
    assert (result.rows, result.below) == (len(FRESH), below)


@pytest.mark.usefixtures("small_leaves")
def test_threads_change_no_byte(run: Path, fresh: Path, tmp_path: Path) -> None:
    for threads in (1, 2):
        predicted(fresh, run, tmp_path / str(threads), threads, **EVERYTHING)
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")


@pytest.mark.parametrize(
    ("asked", "arrays"),
    [
        ({}, {"labels"}),
        ({"labels": True}, {"labels"}),
        ({"probabilities": True}, {"probabilities"}),
        ({"log_density": True}, {"log_density"}),
        ({"top": 1}, {"top_components", "top_probabilities"}),
        ({"anomaly_quantile": 0.05}, {"anomaly"}),
        ({"labels": True, "anomaly_quantile": 0.05}, {"labels", "anomaly"}),
    ],
)
def test_each_answer_is_given_where_it_is_asked_for(
    run: Path, fresh: Path, tmp_path: Path, asked: dict[str, Any], arrays: set[str]
) -> None:
    result = predicted(fresh, run, tmp_path / "out", **asked)
    assert set(stored(tmp_path / "out")) == arrays == set(result.to_json()["arrays"])


def test_a_larger_quantile_marks_more(run: Path, fresh: Path, tmp_path: Path) -> None:
    marked = []
    for share in (0.001, 0.01, 0.05, 0.5):
        predicted(fresh, run, tmp_path / str(share), anomaly_quantile=share)
        marked.append(stored(tmp_path / str(share))["anomaly"])
    assert all((few <= many).all() for few, many in pairwise(marked))
    assert [marks.mean() for marks in marked] == pytest.approx([0.001, 0.01, 0.05, 0.5], abs=0.02)


def test_columns_rows_and_array_are_chosen(run: Path, tmp_path: Path) -> None:
    other = np.column_stack([np.full(len(FRESH), 9.0), FRESH[:, ::-1]])
    group = zarr.create_group(tmp_path / "group")
    group.create_array("y", data=other, chunks=(3000, D + 1))
    group.create_array("z", data=other + 1, chunks=(3000, D + 1))
    asked: dict[str, Any] = {"array": "y", "columns": (3, 2, 1), "rows": slice(100, 5000)}
    predicted(tmp_path / "group", run, tmp_path / "out", log_density=True, **asked)
    wanted = reference(run).score_samples(FRESH[100:5000])
    np.testing.assert_allclose(stored(tmp_path / "out")["log_density"], wanted, rtol=1e-10)


def test_missing_chunks_are_filled_where_that_is_asked_for(run: Path, tmp_path: Path) -> None:
    array = zarr.create_array(
        tmp_path / "x", shape=(4000, D), chunks=(1000, D), dtype="f8", fill_value=0.0
    )
    array[:1000] = FRESH[:1000]
    with pytest.raises(DataError, match="c/1/0"):
        predicted(tmp_path / "x", run, tmp_path / "out")
    predicted(tmp_path / "x", run, tmp_path / "out", missing_chunks="fill")
    assert len(set(stored(tmp_path / "out")["labels"][1000:])) == 1


def test_what_is_done_is_not_done_again(run: Path, fresh: Path, tmp_path: Path) -> None:
    first = predicted(fresh, run, tmp_path / "out")
    before = files_of(tmp_path / "out")
    again = predicted(fresh, run / MODEL, tmp_path / "out")  # the same model by another path
    assert (first.stored.kept, again.stored.kept) == (0, again.stored.chunks)
    assert files_of(tmp_path / "out") == before
    assert "all of" in again.to_text()
    with pytest.raises(OutputExistsError, match="differ in wanted"):
        predicted(fresh, run, tmp_path / "out", top=1)
    predicted(fresh, run, tmp_path / "out", top=1, overwrite=True)
    assert "top_components" in stored(tmp_path / "out")


def test_the_group_says_which_model_it_is_of(run: Path, fresh: Path, tmp_path: Path) -> None:
    result = predicted(fresh, run, tmp_path / "out", anomaly_quantile=0.01)
    facts: Any = zarr.open_group(tmp_path / "out", mode="r").attrs["dask_gmm"]
    assert facts["about"] == {"model": str(run), "anomaly_quantile": 0.01}
    assert facts["wanted"]["below"] == result.below == result.to_json()["anomaly_below"]
    assert "anomaly: log density below" in result.to_text()
    assert json.loads(json.dumps(result.to_json()))["chunks"] == result.stored.chunks


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"top": -1}, "at least 0, found -1 as top"),
    ({"top": 3}, "Wanted top to be at most the number of components, 2, found 3"),
    ({"anomaly_quantile": 0.02}, "one of 0.0001, 0.001, 0.01, 0.05, 0.5.* found 0.02"),
    ({"anomaly_quantile": True}, "found True as anomaly_quantile"),
    ({"anomaly_quantile": 0.0001}, r"fewer below 0.0001 of the 12,000 rows .* \(0.001, 0.01"),
    ({"columns": (0, 1)}, "Wanted rows of 3 columns, as the mixture has, found 2"),
    ({"missing_chunks": "ignore"}, "found 'ignore' as missing_chunks"),
]


@pytest.mark.parametrize(("asked", "match"), REFUSED)
def test_what_cannot_be_said_is_refused(
    run: Path, fresh: Path, tmp_path: Path, asked: dict[str, Any], match: str
) -> None:
    with pytest.raises(InputError, match=match):
        predicted(fresh, run, tmp_path / "out", **asked)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_quantiles_refuses_them_alone(fresh: Path, tmp_path: Path) -> None:
    GaussianMixtureModel(2, 3).fit(FITTED).save(tmp_path / "model")
    with pytest.raises(InputError, match=r"knows the quantiles .* found none in .*/model"):
        predicted(fresh, tmp_path / "model", tmp_path / "out", anomaly_quantile=0.01)
    predicted(fresh, tmp_path / "model", tmp_path / "out")


def test_no_model_is_refused(fresh: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Wanted a model written by save_model"):
        predicted(fresh, tmp_path / "nowhere", tmp_path / "out")
