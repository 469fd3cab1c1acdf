"""Fits of which something is known before any row: priors, a background, parameters that stay."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm import MixturePrior, load_model
from dask_gmm.errors import InputError, OutputExistsError
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import MODEL, read_manifest
from dask_gmm.workflows.asked_before import in_few_words
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_result import FitResult
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest
from tests.workflows.predicting import ours
from tests.workflows.resuming import clusters

ROWS = clusters(3_000)
SOLVERS = ("em", "fast")
FIT: dict[str, Any] = {"data": "x.zarr", "components": 3, "out": Path("run")}


def fitted(data: object, out: Path, **asked: Any) -> FitResult:
    request = FitRequest(data, out=out, **{"components": None, **asked})
    return fit(request, ThreadRunner(2), Silent())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where rows and a run lie."""
    path = tmp_path_factory.mktemp("known")
    fitted(str(ours(path / "x.zarr", ROWS)), path / "run", components=3, tol=1e-9)
    return path


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_prior_changes_the_fit_and_is_told(folder: Path, tmp_path: Path, solver: Any) -> None:
    strong = {"alpha": 900.0, "nu": 4000.0, "scatter": 4000.0}
    asked: dict[str, Any] = {"components": 3, "solver": solver, "tol": 1e-9, "max_iter": 500}
    told = fitted(str(folder / "x.zarr"), tmp_path / "told", prior=strong, **asked)
    plain = fitted(str(folder / "x.zarr"), tmp_path / "plain", **asked)
    assert np.ptp(told.model.weights) < 0.9 * np.ptp(plain.model.weights)
    assert told.model.objective is not None
    assert told.model.objective != told.model.log_likelihood
    assert f"with the log prior {told.model.objective:.6f} nats per row" in told.summary()
    manifest = read_manifest(tmp_path / "told")
    assert manifest["objective"] == told.model.objective == told.to_json()["objective"]
    assert manifest["settings"]["prior"]["nu"] == 4000.0
    lines = (tmp_path / "told" / "history.jsonl").read_text().splitlines()
    assert f'"objective": {told.model.objective!r}' in lines[-1]
    loaded = load_model(tmp_path / "told" / MODEL)
    assert [each.objective for each in loaded.history] == [
        each.objective for each in told.model.history
    ]
    assert np.diff([each.objective for each in loaded.history if each.kept]).min() > -1e-12


def test_plain_em_without_a_prior_maximizes_the_likelihood_alone(
    folder: Path, tmp_path: Path
) -> None:
    plain = fitted(str(folder / "x.zarr"), tmp_path / "plain", components=3, solver="em")
    assert plain.model.objective is None
    assert "log prior" not in plain.summary()
    assert read_manifest(tmp_path / "plain")["objective"] is None


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_background_is_adapted_and_stays_where_there_are_no_rows(
    folder: Path, tmp_path: Path, solver: Any
) -> None:
    world = load_model(folder / "run" / MODEL)
    near = ROWS[np.abs(ROWS - world.means[0]).max(axis=1) < 2][:60] + 0.5
    result = fitted(near, tmp_path / "out", adapt=folder / "run", solver=solver)
    assert result.model.weights.tobytes() == world.weights.tobytes()
    assert result.model.covariances.tobytes() == world.covariances.tobytes()
    moved = np.abs(result.model.means - world.means).max(axis=1)
    assert moved[0] > 0.2
    assert moved[1:].max() < 0.5 * moved[0]
    held = fitted(near, tmp_path / "held", adapt=folder / "run", solver=solver, relevance=1e5)
    assert np.abs(held.model.means - world.means).max() < 0.01
    both: dict[str, Any] = {"adapt": folder / "run", "adapted": ("covariances", "means")}
    wider = fitted(near, tmp_path / "both", solver=solver, **both)
    assert wider.model.covariances.tobytes() != world.covariances.tobytes()
    assert read_manifest(tmp_path / "both")["settings"]["adapted"] == ["means", "covariances"]


@pytest.mark.parametrize("solver", SOLVERS)
def test_what_is_fixed_has_its_bytes_and_its_number(
    folder: Path, tmp_path: Path, solver: Any
) -> None:
    start, rows = load_model(folder / "run" / MODEL), ROWS + np.array([5.0, 0, 0])
    asked: dict[str, Any] = {"warm_start": folder / "run", "solver": solver}
    result = fitted(rows, tmp_path / "out", fixed={"means": [0], "weights": "all"}, **asked)
    assert result.model.means[0].tobytes() == start.means[0].tobytes()
    assert result.model.weights.tobytes() == start.weights.tobytes()
    assert result.model.means[1].tobytes() != start.means[1].tobytes()
    assert result.ordered.order == (0, 1, 2)
    loaded = load_model(tmp_path / "out" / MODEL)
    assert loaded.n_parameters == start.n_parameters - 2 - 3
    assert loaded.bic == result.model.bic
    assert read_manifest(tmp_path / "out")["match"]["map"] == [0, 1, 2]


def test_components_that_change_places_keep_their_numbers(folder: Path, tmp_path: Path) -> None:
    start = load_model(folder / "run" / MODEL)
    rows = start.means[[1, 0, 2]].repeat(20, axis=0) + clusters(60) * 0.01
    asked: dict[str, Any] = {"adapt": folder / "run", "solver": "em", "relevance": 1e-3}
    result = fitted(rows, tmp_path / "out", max_iter=1, **asked)
    assert result.ordered.order == (0, 1, 2)
    again = fitted(rows, tmp_path / "other", max_iter=1, **asked)
    assert again.model.means.tobytes() == result.model.means.tobytes()


def test_the_same_is_not_made_again_and_other_knowledge_is_something_else(
    folder: Path, tmp_path: Path
) -> None:
    data = str(folder / "x.zarr")
    asked: dict[str, Any] = {"components": 3, "prior": "mclust"}
    first = fitted(data, tmp_path / "out", **asked)
    assert not first.done_before
    again = fitted(data, tmp_path / "out", components=3, prior={"kappa": 0.01})
    assert again.done_before
    assert again.model.objective == first.model.objective
    for other in ({}, {"prior": {"kappa": 0.02}}):
        with pytest.raises(OutputExistsError, match="prior"):
            fitted(data, tmp_path / "out", **{"components": 3, **other})
    adapted: dict[str, Any] = {"adapt": folder / "run", "fixed": {"weights": [0]}}
    one = fitted(data, tmp_path / "adapted", **adapted)
    usual = fitted(data, tmp_path / "adapted", relevance=16, adapted="means", **adapted)
    assert usual.done_before
    assert usual.model.means.tobytes() == one.model.means.tobytes()
    with pytest.raises(OutputExistsError, match=r"relevance None there, 8\.0 here"):
        fitted(data, tmp_path / "adapted", relevance=8, **adapted)


@pytest.mark.parametrize("solver", SOLVERS)
def test_what_is_added_to_the_variances_of_a_posterior_can_be_said(
    folder: Path, tmp_path: Path, solver: Any
) -> None:
    asked: dict[str, Any] = {"components": 3, "solver": solver, "bayesian": "dirichlet_process"}
    usual = fitted(str(folder / "x.zarr"), tmp_path / "usual", **asked)
    same = fitted(str(folder / "x.zarr"), tmp_path / "usual", reg_covar=1e-6, **asked)
    assert same.done_before
    wide = fitted(str(folder / "x.zarr"), tmp_path / "wide", reg_covar=0.5, **asked)
    grown = np.diagonal(wide.model.covariances - usual.model.covariances, axis1=1, axis2=2)
    assert (grown > 0.3).all()


def test_a_model_to_adapt_is_something_else_than_one_to_start_from() -> None:
    ways = [FitRequest(**{**FIT, name: "model"}) for name in ("adapt", "warm_start")]
    assert in_few_words(ways[0]) != in_few_words(ways[1])


def test_a_selection_has_a_prior(folder: Path, tmp_path: Path) -> None:
    def selected(out: Path, prior: Any) -> Any:
        request = SelectRequest(str(folder / "x.zarr"), (2, 3), out, prior=prior)
        return select(request, ThreadRunner(2), Silent())

    told = selected(tmp_path / "told", MixturePrior(alpha=100.0))
    plain = selected(tmp_path / "plain", None)
    values = [each.selected.winner.log_likelihood for each in (told, plain)]
    assert values[0] < values[1]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "prior": ({"prior": "bayes"}, "as a prior"),
    "value": ({"prior": {"alpha": 0.0}}, "alpha as finite numbers of at least 1"),
    "relevance alone": ({"relevance": 3.0}, "Wanted relevance with a model to adapt"),
    "adapted alone": ({"adapted": ("means",)}, "Wanted adapted with a model to adapt"),
    "relevance": ({"adapt": "m", "relevance": 0.0}, "relevance"),
    "adapted": ({"adapt": "m", "adapted": ("mean",)}, "Wanted one or several of weights, means"),
    "nothing adapted": ({"adapt": "m", "adapted": ()}, r"to adapt, found \(\)"),
    "a number adapted": ({"adapt": "m", "adapted": 3}, "to adapt, found 3"),
    "two starts": ({"adapt": "m", "warm_start": "n"}, "found warm_start beside adapt"),
    "two priors": ({"adapt": "m", "prior": "mclust"}, "found prior beside adapt"),
    "init": ({"adapt": "m", "init": "kmeans"}, "Wanted a model to start from alone"),
    "fixed alone": ({"fixed": {"means": "all"}}, "Wanted a model to start from, whose"),
    "fixed": ({"adapt": "m", "fixed": {"mean": "all"}}, "Wanted fixed as weights, means"),
    "fixed nothing": ({"adapt": "m", "fixed": {}}, "Wanted fixed as weights, means"),
    "fixed no numbers": ({"adapt": "m", "fixed": {"means": [0.5]}}, "numbers of components"),
    "fixed marks": ({"adapt": "m", "fixed": {"means": [True]}}, "numbers of components"),
    "fixed text": ({"adapt": "m", "fixed": {"means": "some"}}, "numbers of components"),
    "fixed array": ({"adapt": "m", "fixed": {"means": np.array([0.5])}}, "numbers of components"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_outside_its_domain_is_refused(name: str) -> None:
    others, said = REFUSED[name]
    with pytest.raises(InputError, match=said):
        FitRequest(**{**FIT, **others})


def test_numbers_of_components_may_come_in_an_array() -> None:
    (plain, found) = (
        FitRequest(**FIT | {"components": None, "adapt": "m", "fixed": {"means": numbers}})
        for numbers in ([0, 2], np.array([2, 0]))
    )
    assert found.fixed == plain.fixed == {"means": (0, 2)}


@pytest.mark.parametrize("name", ["prior", "fixed", "adapt"])
def test_an_incremental_step_knows_nothing_before(name: str) -> None:
    value = {"prior": "mclust", "fixed": {"means": "all"}, "adapt": "m"}[name]
    step: dict[str, Any] = {"partitions": {"a": slice(None)}, "incremental": True}
    step |= {} if name == "adapt" else {"warm_start": "m"}
    with pytest.raises(InputError, match="warm_start" if name == "adapt" else f"Wanted {name}"):
        FitRequest(**{**FIT, **step, name: value})


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"fixed": {"means": [3]}, "warm_start": True}, "from 0 to 2"),
        ({"adapt": True, "adapted": ["weights"]}, "Take solver: em"),
        ({"adapt": True, "repair": "drop"}, "found repair drop"),
        ({"components": 3, "prior": "mclust", "solver": "em", "reg_covar": 1.0}, "reg_covar"),
        ({"components": 3, "prior": {"alpha": [1, 2, 3]}}, "an alpha for each"),
        ({"components": 3, "prior": {"mean": [1.0, 2.0]}}, "a mean of 3 columns"),
    ],
    ids=str,
)
def test_what_does_not_fit_the_model_is_refused_before_any_pass(
    folder: Path, tmp_path: Path, asked: dict[str, Any], said: str
) -> None:
    asked = {n: folder / "run" if v is True else v for n, v in asked.items()}
    with pytest.raises(InputError, match=said):
        fitted(str(folder / "x.zarr"), tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()
