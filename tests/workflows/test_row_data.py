"""Weights beside rows, in fits, selections and scores; resumed, refused, and told."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from distributed import Client

from dask_gmm import GaussianMixtureModel, load_model
from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.row_data import RowData
from dask_gmm.errors import DataError, InputError, OutputExistsError
from dask_gmm.fitting.held_out import HeldOut
from dask_gmm.fitting.spec import Spec
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.records.run_folder import MODEL, read_manifest
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_rows import fit_rows
from dask_gmm.workflows.inspect import inspect
from dask_gmm.workflows.left_out import Allowed
from dask_gmm.workflows.plan import plan
from dask_gmm.workflows.row_requests import ScoreRequest
from dask_gmm.workflows.score import score
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest
from tests.records.stored import differences
from tests.workflows.beside import (
    BESIDE,
    EM,
    FAST,
    LABELS,
    SPECS,
    WEIGHTS,
    N,
    bytes_of,
    fitted,
)
from tests.workflows.beside import _small as _small
from tests.workflows.beside import data as data
from tests.workflows.resuming import (
    ONE,
    TWO,
    X,
    assert_same,
    checkpoints,
    interrupted_after_each,
    resumed,
)


@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE)
@pytest.mark.parametrize("solver", SPECS)
def test_fits_go_on_with_the_same_bytes(solver: str, beside: RowData) -> None:
    source = ArraySource.of(X, beside=beside)
    spec = replace(SPECS[solver], n_labels=beside.n_labels)
    undisturbed = checkpoints(spec, source=source)
    steps = list(interrupted_after_each(undisturbed[0], source))
    assert_same(undisturbed, steps)
    whole = fit_rows(source, spec, 1, ONE, Silent()).model
    assert list(differences(resumed(undisturbed[1], source).model, whole)) == []


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("sample_weight", FAST),
        pytest.param("sample_weight", EM, marks=pytest.mark.slow),
        pytest.param("labels", FAST, marks=pytest.mark.slow),
        ("labels", EM),
    ],
    ids=["weights, fast", "weights, em", "labels, fast", "labels, em"],
)
def test_it_is_the_same_wherever_passes_run(
    data: Path, tmp_path: Path, client: Client, asked: dict[str, Any], name: str
) -> None:
    beside = {name: data / ("w" if name == "sample_weight" else "l")}
    runners: Sequence[Runner] = (ONE, ThreadRunner(3), DistributedRunner(client))
    first, *others = (
        bytes_of(fitted(data, tmp_path / str(i), each, **beside, **asked))
        for i, each in enumerate(runners)
    )
    assert all(each == first for each in others)
    for cached, on in enumerate(runners):
        out = tmp_path / f"cached {cached}"
        assert bytes_of(fitted(data, out, on, **beside, **asked, cache="memory")) == first
    assert bytes_of(fitted(data, tmp_path / "plain", **asked)) != first


def test_a_run_says_what_counted(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = fitted(data, out, sample_weight=data / "w", **EM)
    model, manifest = load_model(out / MODEL), read_manifest(out)
    counted = int((WEIGHTS > 0).sum())
    assert (model.rows, model.mass) == (counted, WEIGHTS.sum())
    assert model.bic == result.model.bic
    twice = GaussianMixtureModel(3, 6, tol=0, start=result.model.mixture)
    repeated = twice.fit(np.repeat(X, WEIGHTS.astype(int), axis=0)).result
    assert model.bic == pytest.approx(
        repeated.mixture.n_parameters * np.log(WEIGHTS.sum())
        - 2 * model.log_likelihood * WEIGHTS.sum()
    )
    assert manifest["settings"]["sample_weight"] == str(data / "w")
    assert manifest["data"]["sum_of_weights"] == WEIGHTS.sum()
    assert manifest["data"]["rows_without_weight"] == N - counted
    assert manifest["data"]["weights"] == str(data / "w")
    assert result.to_json()["sum_of_weights"] == WEIGHTS.sum()
    assert f"{counted:,} rows that count {WEIGHTS.sum():,.6g} times" in result.to_text()
    assert inspect(out / MODEL).to_json()["sum of weights"] == WEIGHTS.sum()
    plain = fitted(data, tmp_path / "plain", **EM)
    assert plain.model.mass is None
    facts = {**plain.to_json(), **read_manifest(tmp_path / "plain")["data"]}
    assert not {"sum_of_weights", "weights of rows", "labels", "labeled_rows"} & set(facts)


def test_other_weights_are_another_run(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    fitted(data, out, sample_weight=data / "w", **EM)
    assert fitted(data, out, sample_weight=data / "w", **EM).done_before
    other = zarr.open_group(data).create_array("v", shape=(N,), chunks=(300,), dtype="f8")
    other[...] = WEIGHTS + 1
    for weights in (data / "v", WEIGHTS, None):
        with pytest.raises(OutputExistsError):
            fitted(data, out, sample_weight=weights, **EM)
    inside = tmp_path / "memory"
    fitted(data, inside, sample_weight=WEIGHTS, **EM)
    assert fitted(data, inside, sample_weight=WEIGHTS, **EM).done_before
    with pytest.raises(OutputExistsError):
        fitted(data, inside, sample_weight=WEIGHTS + 1, **EM)
    assert read_manifest(inside)["settings"]["sample_weight"] == "in memory"


def test_a_weight_that_changes_during_a_fit_is_an_error(data: Path, tmp_path: Path) -> None:
    class Writing(ThreadRunner):
        passes = 0

        def run(self, *args: Any) -> Any:
            self.passes += 1
            if self.passes == 4:
                zarr.open_array(data / "w")[700] = 9.0
            return super().run(*args)

    with pytest.raises(DataError, match=r"chunk c/2 \(rows 600 to 900 of .*w\) .*changed"):
        fitted(data, tmp_path / "run", Writing(1), sample_weight=data / "w", **EM)


@pytest.mark.filterwarnings("ignore:35 of 3,000 rows")
def test_weights_go_with_all_that_leaves_rows_out(data: Path) -> None:
    rows = X.copy()
    rows[5:50, 1] = np.nan
    fine = np.isfinite(rows).all(axis=1)
    allowed, spec = Allowed(nonfinite=True), Spec(3, max_iter=4, tol=0.0)
    on = (1, ONE, Silent())
    holed = ArraySource.of(rows, beside=RowData(WEIGHTS))
    with pytest.raises(DataError, match="finite values"):
        fit_rows(holed, spec, *on)
    found = fit_rows(holed, spec, *on, allowed=allowed).model
    beside = RowData(WEIGHTS[fine])
    assert found.rows == fit_rows(ArraySource.of(rows[fine], beside=beside), spec, *on).model.rows
    masked = np.where(fine, WEIGHTS, 0)
    other = fit_rows(ArraySource.of(rows, beside=RowData(masked)), spec, *on).model
    np.testing.assert_allclose(other.means, found.means, rtol=1e-10)


def test_rows_held_out_count_as_often_as_they_weigh() -> None:
    spec = Spec(3, max_iter=6, tol=0.0, held_out=HeldOut(0.3))
    times = WEIGHTS.astype(int)
    source = ArraySource.of(X, beside=RowData(WEIGHTS))
    last = fit_rows(source, spec, 1, ONE, Silent()).model.last
    plain = fit_rows(ArraySource.of(X[times > 0]), spec, 1, ONE, Silent()).model.last
    assert last.held_out is not None
    assert plain.held_out is not None
    assert last.held_out == pytest.approx(plain.held_out, abs=0.2)
    assert last.held_out_error is not None
    assert plain.held_out_error is not None
    assert last.held_out_error < plain.held_out_error


def test_a_selection_weighs_rows(data: Path, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"solver": "em", "max_iter": 5, "init": "random_from_data"}
    request = SelectRequest(data, (2, 3), tmp_path / "s", sample_weight=data / "w", **asked)
    result = select(request, TWO, Silent())
    alone = fitted(data, tmp_path / "run", sample_weight=data / "w", **asked)
    assert bytes_of(alone)[1] == result.models[1].means.tobytes()
    assert result.selected.entries[1].bic == alone.model.bic
    assert result.to_json()["sum_of_weights"] == WEIGHTS.sum()
    labeled = SelectRequest(data, (2, 3), tmp_path / "l", labels=data / "l", **asked)
    with pytest.raises(DataError, match=r"0 to 1, or -1 where that is not known, found 2 at row"):
        select(labeled, TWO, Silent())


@pytest.mark.parametrize("asked", [EM, FAST], ids=["em", "fast"])
def test_a_score_weighs_rows(data: Path, tmp_path: Path, asked: dict[str, Any]) -> None:
    out, times = tmp_path / "run", WEIGHTS.astype(int)
    result = fitted(data, out, sample_weight=data / "w", **asked)
    found = score(ScoreRequest(data, out, sample_weight=data / "w"), TWO, Silent())
    assert found.log_likelihood == pytest.approx(result.model.log_likelihood, rel=1e-10)
    repeated = score(ScoreRequest(np.repeat(X, times, axis=0), out), TWO, Silent())
    for name in ("log_likelihood", "share_below", "shares"):
        assert getattr(found, name) == pytest.approx(getattr(repeated, name), rel=1e-9), name
    assert found.examined.standard_error == pytest.approx(repeated.examined.standard_error)
    told = found.to_json()
    assert (told["rows"], told["sum_of_weights"]) == ((WEIGHTS > 0).sum(), WEIGHTS.sum())
    assert "that count" in found.to_text()
    with pytest.raises(DataError, match="a number above zero as sum"):
        score(ScoreRequest(data, out, sample_weight=np.zeros(N)), TWO, Silent())


def test_quantiles_are_of_the_weight_of_rows(tmp_path: Path) -> None:
    weights = np.where(np.arange(N) < N // 2, 1e-3, 1.0)
    model = fitted(X, tmp_path / "run", sample_weight=weights, **EM).model
    counted = fitted(X[N // 2 :], tmp_path / "half", **EM).model
    assert model.quantiles is not None
    assert counted.quantiles is not None
    found, wanted = model.quantiles.at(0.5), counted.quantiles.at(0.5)
    assert found == pytest.approx(wanted, abs=0.1)


def test_partitions_of_weighed_rows_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found sample_weight beside them"):
        FitRequest(data, 3, tmp_path, sample_weight=data / "w", partitions={"a": slice(None)})


def test_a_plan_knows_what_lies_beside_rows(data: Path, tmp_path: Path) -> None:
    beside: dict[str, Any] = {"sample_weight": data / "w", "labels": data / "l"}
    request = FitRequest(data, 3, tmp_path / "run", **beside)
    planned, plain = (
        plan([each], TWO, 2) for each in (request, FitRequest(data, 3, tmp_path / "run"))
    )
    size = planned.to_json()["steps"][0]
    assert [Path(each).name for each in size["beside"]] == ["w", "l"]
    assert "beside" not in plain.to_json()["steps"][0]
    assert "l beside them" in planned.to_text()
    here = FitRequest(data, 3, tmp_path / "run", sample_weight=WEIGHTS, labels=LABELS)
    assert "with weights in memory and labels in memory beside" in plan([here], TWO).to_text()
    held = [
        json.dumps(each.to_json()["steps"][0]["pass"][0]["memory"]) for each in (planned, plain)
    ]
    assert held[0] != held[1]


def test_rows_on_a_cluster_come_with_their_data(client: Client) -> None:
    beside = RowData(WEIGHTS, LABELS, 3)
    spec = replace(SPECS["em"], n_labels=3)
    from dask_gmm.passes.dask_source import DaskSource
    from dask_gmm.workflows.sources import spread

    on = DistributedRunner(client)
    here = ArraySource.of(X, beside=beside)
    there = spread(here, on)
    found = fit_rows(there, spec, 1, on, Silent()).model
    assert list(differences(found, fit_rows(here, spec, 1, ONE, Silent()).model)) == []
    lazy = DaskSource.of(
        da.from_array(X, chunks=(450, 3)),
        rows=slice(100, 2900),
        beside=RowData(da.from_array(WEIGHTS, chunks=700), LABELS, 3),
    )
    other = fit_rows(lazy, spec, 1, on, Silent()).model
    cut = ArraySource.of(X, rows=slice(100, 2900), beside=beside)
    wanted = fit_rows(cut, spec, 1, ONE, Silent()).model
    np.testing.assert_allclose(other.means, wanted.means, rtol=0.05, atol=0.05)
    assert other.mass == wanted.mass
