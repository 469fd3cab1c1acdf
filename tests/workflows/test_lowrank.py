"""Covariances of factors from the request to the run folder, and back."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from dask_gmm import load_model
from dask_gmm.errors import DataError, InputError
from dask_gmm.mixture.projection import principal_axes
from dask_gmm.passes.fold import tile_rows
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import MODEL
from dask_gmm.settings_fit import FitSettings, SelectSettings
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.inspect import inspect
from dask_gmm.workflows.plan import plan
from dask_gmm.workflows.predict import predict
from dask_gmm.workflows.report import report
from dask_gmm.workflows.report_facts import components
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.report_run import kept_run
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest
from dask_gmm.workflows.score import score
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest
from tests.estimator.test_lowrank import planted

X = planted(1200, 2, 8, 2, apart=1.5)[0]
RUNNER = ThreadRunner(2)


def fitted(out: Path, **asked: Any) -> Any:
    usual: dict[str, Any] = {"covariance": "lowrank-2", "solver": "em", "max_iter": 40}
    return fit(FitRequest(X, 2, out, **(usual | asked)), RUNNER, Silent())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("lowrank") / "run"
    fitted(out)
    return out


def test_a_model_file_gives_back_what_was_fitted(run: Path, tmp_path: Path) -> None:
    model = fitted(tmp_path / "again").model
    found = load_model(run / MODEL).mixture
    assert found.covariance_type == "lowrank-2"
    assert found.covariances.tobytes() == model.mixture.covariances.tobytes()
    group: Any = zarr.open_group(run / MODEL, mode="r")
    assert group["covariances"].shape == group["precisions"].shape == (2, 8, 3)
    names = group["covariances"].metadata.dimension_names
    assert names == ("component", "feature", "noise_and_factor")
    assert found.weights[0] >= found.weights[1]


def test_a_damaged_noise_is_no_model(tmp_path: Path) -> None:
    fitted(tmp_path / "run")
    group: Any = zarr.open_group(tmp_path / "run" / MODEL, mode="r+")
    values = np.asarray(group["covariances"][...])
    values[1, 3, 0] = -1.0
    group["covariances"][...] = values
    with pytest.raises(DataError, match="the noise -1 in column 3"):
        load_model(tmp_path / "run" / MODEL)


def test_rows_are_described_by_it(run: Path, tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "x.zarr", data=X)
    asked = PredictRequest(tmp_path / "x.zarr", run, tmp_path / "y.zarr", log_density=True)
    predict(asked, RUNNER, Silent())
    group: Any = zarr.open_group(tmp_path / "y.zarr", mode="r")
    log_density = np.asarray(group["log_density"][...])
    assert log_density.mean() == pytest.approx(load_model(run / MODEL).log_likelihood, abs=1e-9)


def test_what_inspect_and_report_say(run: Path, tmp_path: Path) -> None:
    said = inspect(run)
    assert said.facts["covariance"] == "lowrank-2"
    deviations = np.sqrt(load_model(run / MODEL).mixture.variances())
    assert f"{deviations[0, 0]:.3f}"[:4] in said.to_text()
    page = tmp_path / "r.html"
    report(ReportRequest(run, page))
    assert "lowrank-2" in page.read_text()


def test_a_warm_start_goes_on_in_its_family(run: Path, tmp_path: Path) -> None:
    again = fitted(tmp_path / "run", covariance=None, warm_start=run).model
    assert again.mixture.covariance_type == "lowrank-2"
    assert again.log_likelihood >= load_model(run / MODEL).log_likelihood - 1e-6
    with pytest.raises(InputError, match="found lowrank-2"):
        fitted(tmp_path / "fast", covariance=None, warm_start=run, solver="fast")


def test_components_are_matched_to_those_of_another_family(run: Path, tmp_path: Path) -> None:
    other = fitted(tmp_path / "run", covariance="diag", match=run)
    reference = load_model(run / MODEL).means
    apart = np.linalg.norm(other.model.means[:, None] - reference, axis=2)
    assert (apart.argmin(axis=1) == [0, 1]).all()


def test_ranks_are_cells_of_a_grid(tmp_path: Path) -> None:
    families = ("diag", "lowrank-1", "lowrank-2", "lowrank-3")
    asked = SelectRequest(X, (1, 2), tmp_path / "s", families, solver="em", max_iter=200)
    done = select(asked, RUNNER, Silent())
    assert done.selected.winner.covariance_type == "lowrank-2"
    assert done.selected.winner.n_components == 2
    alone = fitted(tmp_path / "f", max_iter=200).model
    families_of = [each.covariance_type for each in done.selected.entries]
    model = done.models[families_of.index("lowrank-2") + 1]
    assert model.mixture.covariances.tobytes() == alone.mixture.covariances.tobytes()


def test_float32_products_lead_to_the_same_optimum(tmp_path: Path) -> None:
    fits = [
        fitted(tmp_path / each, precision=each, tol=1e-8, max_iter=300).model
        for each in ("float64", "float32")
    ]
    assert fits[1].log_likelihood == pytest.approx(fits[0].log_likelihood, abs=1e-5)
    assert {each.precision for each in fits[1].history} == {"float32", "float64"}


def test_rows_held_out_judge_it(tmp_path: Path) -> None:
    last = fitted(tmp_path / "run", held_out=0.2).model.last
    assert last.held_out == pytest.approx(last.log_likelihood, abs=0.5)


def test_what_needs_other_covariances_is_refused_before_rows_are_read(tmp_path: Path) -> None:
    for request, found in (
        ({"solver": "fast"}, r"solver fast, found lowrank-2\. Take the solver em"),
        ({"covariance": "lowrank-8"}, r"fewer factors than columns, found the covariance lowr"),
        ({"covariance": "lowrank"}, r"lowrank-RANK.*found 'lowrank' as covariance"),
        ({"bayesian": "dirichlet_process"}, r"with priors of all parameters, found lowrank-2"),
        ({"missing": "em"}, r"with missing em, found lowrank-2\. Leave missing out"),
        ({"partitions": {"a": slice(0, 1200)}}, r"partitions that add whatever the parameters"),
    ):
        with pytest.raises(InputError, match=found):
            fitted(tmp_path / "run", **request)
    with pytest.raises(InputError, match="solver fast, found lowrank-2"):
        SelectRequest(X, (1, 2), tmp_path / "s", ("full", "lowrank-2"))
    assert not list(tmp_path.iterdir())


def test_a_plan_grows_with_the_rank_and_not_with_squares_of_columns(tmp_path: Path) -> None:
    columns = 400
    rows = zarr.create_array(tmp_path / "x.zarr", shape=(100_000, columns), dtype="f8")
    rows[:10] = 1.0

    def needed(covariance: str) -> tuple[int, int]:
        request = FitRequest(
            tmp_path / "x.zarr", 8, tmp_path / "run", covariance, solver="em", missing_chunks="fill"
        )
        (step,) = plan([request], RUNNER).steps
        survey, e_step = (each.outlook.room.projection.tile for each in step.passes)
        return survey, e_step

    (few, *firsts), (more, *others), full = map(needed, ("lowrank-2", "lowrank-40", "full"))
    assert few == more < full[0] / 2
    assert firsts < others
    assert others[0] < full[1] / 2
    sums, products = 8 * 8 * columns * 38, 8 * tile_rows(columns) * 38 * 8
    assert sums < others[0] - firsts[0] < 4 * (sums + products)


def test_settings_know_names_with_a_rank() -> None:
    told: dict[str, Any] = {"data": "x.zarr", "components": 2, "out": "run", "solver": "em"}
    assert FitSettings(**told, covariance="lowrank-5").request().covariance == "lowrank-5"
    several = SelectSettings(**(told | {"components": "2:3"}), covariance="diag,lowrank-5")
    assert several.request().covariance == ("diag", "lowrank-5")
    with pytest.raises(ValueError, match="lowrank-RANK"):
        FitSettings(**told, covariance="lowrank-0")
    schema = json.dumps(FitSettings.model_json_schema())
    assert "^(full|tied|diag|spherical|lowrank-[1-9][0-9]{0,5})$" in schema


def test_thousands_of_columns_take_no_matrix_from_the_fit_to_the_report(tmp_path: Path) -> None:
    columns = 2000
    rows = planted(160, 4, columns, 3)[0]
    store, run = tmp_path / "x.zarr", tmp_path / "run"
    zarr.create_array(store, data=rows)
    usual: dict[str, Any] = {"covariance": "lowrank-3", "solver": "em", "max_iter": 1}
    tracemalloc.start()
    try:
        for match in (None, run):
            out = tmp_path / "again" if match else run
            fit(FitRequest(store, 4, out, **usual, match=match), RUNNER, Silent())
        kept = kept_run(ReportRequest(run, tmp_path / "r.html", features=(0, 1)), run)
        lines = components(kept).lines
        view = principal_axes(kept.model.mixture, 2).of(kept.model.mixture)
        asked = PredictRequest(store, run, tmp_path / "y.zarr", labels=True, anomaly_quantile=0.5)
        predict(asked, RUNNER, Silent())
        scored = score(ScoreRequest(store, run), RUNNER, Silent())
        said = inspect(run).to_text()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * 8 * columns**2 / 3
    assert len(lines) == len(view.covariances) == 4
    assert scored.examined.mean == pytest.approx(0.0, abs=1e-6)
    assert "lowrank-3" in said
