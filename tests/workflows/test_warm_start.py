"""A fit that begins with yesterday's model: its components stay, and few readings are needed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm import load_model, save_model
from dask_gmm.errors import DataError, InputError, OutputExistsError
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.mixture.matching import reordered
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import MODEL, read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_result import FitResult
from tests.workflows.predicting import ours
from tests.workflows.resuming import clusters

ROWS = clusters(60_000)
PLACES = np.array([[0.0, 0, 0], [4, 0, 2], [0, 3, -3]])


class Unreadable(ThreadRunner):
    """Makes no pass."""

    def run(self, *args: Any) -> Any:
        raise AssertionError("a pass was made")


def fitted(data: object, out: Path, runner: ThreadRunner | None = None, **asked: Any) -> FitResult:
    request = FitRequest(data, out=out, **{"components": None, **asked})
    return fit(request, runner or ThreadRunner(2), Silent())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where rows, a run, and a model in another order lie."""
    path = tmp_path_factory.mktemp("yesterday")
    result = fitted(str(ours(path / "x.zarr", ROWS)), path / "run", components=3)
    other = reordered(result.model.mixture, np.array([1, 2, 0]))
    model = result.model
    save_model(
        FittedMixture(other, model.history, model.converged, model.reason, model.rows),
        path / "turned.zarr",
    )
    return path


@pytest.mark.parametrize("solver", ["fast", "em"])
def test_components_are_those_of_the_start_in_its_order(
    folder: Path, tmp_path: Path, solver: Any
) -> None:
    start, tol = load_model(folder / "turned.zarr"), 1e-9 if solver == "em" else "auto"
    asked: dict[str, Any] = {"solver": solver, "tol": tol, "warm_start": folder / "turned.zarr"}
    result = fitted(ROWS[:50_000], tmp_path / "out", **asked)
    np.testing.assert_allclose(result.model.means, start.means, atol=0.05)
    assert result.model.mixture.n_components == 3
    manifest = read_manifest(tmp_path / "out")
    assert manifest["match"]["map"] == [0, 1, 2]
    assert manifest["order"] == [0, 1, 2]
    assert manifest["settings"]["warm_start"] == str(folder / "turned.zarr")


def test_the_same_rows_take_a_reading_to_see_them_and_two_to_be_sure(
    folder: Path, tmp_path: Path
) -> None:
    data, cold = str(folder / "x.zarr"), load_model(folder / "run" / MODEL)
    warm = fitted(data, tmp_path / "out", warm_start=folder / "run")
    assert warm.passes == 3
    assert warm.model.converged
    assert warm.model.log_likelihoods[0] == pytest.approx(cold.log_likelihood, abs=1e-12)


def test_a_start_elsewhere_leads_elsewhere(folder: Path, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"max_iter": 1, "solver": "em", "tol": 0}
    warm = fitted(ROWS, tmp_path / "warm", warm_start=folder / "run", **asked)
    cold = fitted(ROWS, tmp_path / "cold", components=3, **asked)
    assert warm.model.log_likelihood > cold.model.log_likelihood


@pytest.mark.parametrize("family", ["tied", "diag"])
def test_the_family_is_that_of_the_model(folder: Path, tmp_path: Path, family: Any) -> None:
    fitted(ROWS, tmp_path / "first", components=2, covariance=family)
    result = fitted(ROWS, tmp_path / "out", warm_start=tmp_path / "first")
    assert result.model.mixture.covariance_type == family
    assert result.model.mixture.n_components == 2
    same = fitted(
        ROWS, tmp_path / "same", warm_start=tmp_path / "first", components=2, covariance=family
    )
    assert same.model.means.tobytes() == result.model.means.tobytes()


def test_a_component_without_rows_may_be_dropped(folder: Path, tmp_path: Path) -> None:
    mixture = load_model(folder / "run" / MODEL).mixture
    near = ROWS[np.abs(ROWS - mixture.means[1]).max(axis=1) < 1.5]
    with pytest.warns(UserWarning, match="2 of 3 components were dropped"):
        result = fitted(near[:50], tmp_path / "out", warm_start=folder / "run", repair="drop")
    assert result.ordered.to_json()["match"]["unmatched"] == [0, 2]


def test_the_same_is_not_made_again_and_another_model_is_something_else(
    folder: Path, tmp_path: Path
) -> None:
    data, start = str(folder / "x.zarr"), tmp_path / "start"
    fitted(ROWS[:30_000], start, components=3)
    first = fitted(data, tmp_path / "out", warm_start=start)
    again = fitted(data, tmp_path / "out", Unreadable(), warm_start=start)
    assert again.done_before
    assert again.to_json()["match"] == first.to_json()["match"]
    fitted(ROWS[:31_000], start, components=3, overwrite=True)
    with pytest.raises(OutputExistsError, match="a model to match or start from, that are others"):
        fitted(data, tmp_path / "out", warm_start=start)


def test_a_run_may_take_the_place_of_the_one_it_starts_from(tmp_path: Path) -> None:
    fitted(ROWS[:30_000], tmp_path / "run", components=3)
    result = fitted(ROWS, tmp_path / "run", warm_start=tmp_path / "run", overwrite=True)
    assert load_model(tmp_path / "run" / MODEL).means.tobytes() == result.model.means.tobytes()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"init": "kmeans"}, "init kmeans beside warm_start"),
        ({"merge_from": 6}, "merge_from 6 beside"),
        ({"match": "m"}, "match m beside"),
        ({"n_init": 2}, "n_init 2 beside"),
    ],
)
def test_another_start_beside_it_is_refused(asked: dict[str, Any], found: str) -> None:
    with pytest.raises(InputError, match=found):
        FitRequest("x", None, Path("out"), warm_start="m", **asked)


def test_neither_a_number_nor_a_model_is_refused() -> None:
    with pytest.raises(InputError, match="Wanted a number of components, or a model"):
        FitRequest("x", None, Path("out"))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"components": 2}, "Wanted components 2, .*, found 3 in .*run. Leave components out"),
        ({"covariance": "diag"}, "Wanted covariance diag, .*, found full in"),
        ({"columns": (0, 1)}, "Wanted a model of 2 columns to start from, .* of 3 in"),
    ],
)
def test_a_start_of_another_mixture_is_refused(
    folder: Path, tmp_path: Path, asked: dict[str, Any], found: str
) -> None:
    with pytest.raises(InputError, match=found):
        fitted(ROWS, tmp_path / "out", Unreadable(), warm_start=folder / "run", **asked)


def test_a_start_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Wanted a model written by save_model"):
        fitted(ROWS, tmp_path / "out", Unreadable(), warm_start=tmp_path / "no")
