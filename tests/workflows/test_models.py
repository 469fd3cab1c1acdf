"""A fit says which log densities were usual for the rows that it was made of."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from dask_gmm import GaussianMixture, GaussianMixtureModel, load_model, save_model
from dask_gmm.errors import DataError
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.candidates import CANDIDATES
from dask_gmm.records.run_folder import MODEL, read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.models import model_at
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest

GENERATOR = np.random.default_rng(0)
ROWS = GENERATOR.standard_normal((12_000, 3)) + 4.0 * GENERATOR.integers(0, 2, (12_000, 1))
NAMES = ("log_density_quantiles", "log_density_rows")


def fitted(out: Path, **asked: Any) -> Path:
    fit(FitRequest(ROWS, 2, out, max_iter=3, **asked), ThreadRunner(2), Silent())
    return out


def log_densities(path: Path, rows: np.ndarray) -> np.ndarray:
    """Give what the estimator says of rows."""
    mixture = load_model(path).mixture
    estimator = GaussianMixture(mixture.n_components).fit(rows[:10])
    estimator.weights_, estimator.means_ = mixture.weights, mixture.means
    estimator.precisions_cholesky_ = mixture.precisions_cholesky
    return np.asarray(estimator.score_samples(rows))


@pytest.mark.parametrize("solver", ["fast", "em"])
def test_manifest_and_model_have_the_quantiles_of_the_rows(tmp_path: Path, solver: str) -> None:
    out = fitted(tmp_path / "run", solver=solver)
    manifest, attributes = read_manifest(out), zarr.open_group(out / MODEL, mode="r").attrs
    for name in NAMES:
        assert manifest[name] == attributes.asdict()["dask_gmm"][name]  # type: ignore[index,call-overload]
    assert manifest["log_density_rows"] == len(ROWS)  # all of them are in the sample
    expected = log_densities(out / MODEL, ROWS)
    for name, value in manifest["log_density_quantiles"].items():
        if name == "0.0001":
            assert value is None
        else:
            assert value == pytest.approx(np.quantile(expected, float(name)), rel=1e-12)


def test_rows_held_out_are_not_among_them(tmp_path: Path) -> None:
    manifest = read_manifest(fitted(tmp_path / "run", held_out=0.25))
    assert manifest["log_density_rows"] == manifest["levels"][-1]["rows"] < len(ROWS)


@pytest.mark.usefixtures("small_leaves")
def test_threads_change_no_byte_of_them(tmp_path: Path) -> None:
    found = []
    for threads in (1, 2):
        request = FitRequest(ROWS, 2, tmp_path / str(threads), max_iter=3)
        fit(request, ThreadRunner(threads), Silent())
        found.append(read_manifest(tmp_path / str(threads))["log_density_quantiles"])
    assert found[0] == found[1]


def test_every_candidate_of_a_selection_has_its_own(tmp_path: Path) -> None:
    request = SelectRequest(ROWS, (1, 2), tmp_path / "run", max_iter=2)
    result = select(request, ThreadRunner(2), Silent())
    paths = sorted((tmp_path / "run" / CANDIDATES).iterdir())
    found = [load_model(path).quantiles for path in paths]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].values != found[1].values
    chosen = found[result.chosen]
    assert chosen is not None
    assert read_manifest(tmp_path / "run")["log_density_quantiles"] == chosen.values


def test_a_model_that_is_saved_again_keeps_them(tmp_path: Path) -> None:
    model = model_at(fitted(tmp_path / "run"))
    save_model(model, tmp_path / "again")
    again = model_at(tmp_path / "again")
    assert model.quantiles is not None
    assert again.quantiles is not None
    assert again.quantiles.to_json() == model.quantiles.to_json()


def test_a_model_without_them_is_a_model(tmp_path: Path) -> None:
    GaussianMixtureModel(2, 3).fit(ROWS).save(tmp_path / "model")
    assert model_at(tmp_path / "model").quantiles is None


def test_damaged_ones_are_named(tmp_path: Path) -> None:
    path = fitted(tmp_path / "run") / MODEL
    document = path / "zarr.json"
    document.write_text(document.read_text().replace('"log_density_rows": 12000', '"a": 0', 1))
    with pytest.raises(DataError, match="'log_density_rows' is missing"):
        model_at(path)
