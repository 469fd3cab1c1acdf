"""A grid of mixtures is fitted together, and the folder holds all of them and the choice."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from dask_gmm import load_model
from dask_gmm.errors import InputError
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.candidates import CANDIDATES
from dask_gmm.records.run_folder import MODEL, read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.select import PLOT, SelectResult, select
from dask_gmm.workflows.select_request import SelectRequest
from dask_gmm.workflows.selection_file import TABLE

GENERATOR: Final = np.random.default_rng(3)
CENTERS: Final = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
X: Final = CENTERS[GENERATOR.integers(0, 3, 4000)] + GENERATOR.standard_normal((4000, 2))


def selected(out: Path, **options: Any) -> SelectResult:
    asked = {"components": (2, 3, 4), "covariance": ("full", "spherical"), **options}
    return select(SelectRequest(X, out=out, **asked), ThreadRunner(2), Silent())


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> SelectResult:
    return selected(tmp_path_factory.mktemp("select") / "run", held_out=0.2)


def test_the_right_number_and_family_are_chosen(done: SelectResult) -> None:
    assert done.selected.winner.n_components == 3
    assert done.selected.winner.covariance_type == "spherical"
    assert done.model.mixture.n_components == 3


def test_the_folder_holds_the_choice_the_table_and_all_candidates(done: SelectResult) -> None:
    table = json.loads((done.out / TABLE).read_text())
    assert len(table["candidates"]) == len(table["models"]) == 6
    chosen = load_model(done.out / CANDIDATES / table["models"][table["chosen"]])
    np.testing.assert_array_equal(load_model(done.out / MODEL).means, chosen.means)
    for name, model in zip(table["models"], done.models, strict=True):
        np.testing.assert_array_equal(load_model(done.out / CANDIDATES / name).means, model.means)
    assert (done.out / PLOT).read_text().lstrip().startswith("<?xml")
    manifest = read_manifest(done.out)
    assert (manifest["passes"], manifest["merged_from"]) == (done.passes, 8)
    assert manifest["selection"] == TABLE


def test_each_candidate_is_what_fit_gives(done: SelectResult, tmp_path: Path) -> None:
    for entry, model in zip(done.selected.entries, done.models, strict=True):
        request = FitRequest(
            X,
            components=entry.n_components,
            covariance=entry.covariance_type,
            out=tmp_path / f"{entry.covariance_type}{entry.n_components}",
            merge_from=8,
            held_out=0.2,
        )
        alone = fit(request, ThreadRunner(1), Silent()).model
        assert alone.means.tobytes() == model.means.tobytes()
        assert alone.log_likelihoods == model.log_likelihoods


def test_the_criterion_decides(tmp_path: Path) -> None:
    by_icl = selected(tmp_path / "icl", criterion="icl", components=(1, 3))
    by_aic = selected(tmp_path / "aic", criterion="aic", components=(1, 3))
    assert by_icl.selected.criterion == "icl"
    assert by_aic.to_json()["criterion"] == "aic"
    assert "chosen by ICL" in by_icl.to_text()


def test_inits_are_candidates_of_their_own(tmp_path: Path) -> None:
    result = selected(tmp_path / "run", components=(3,), init=("merge", "kmeans"))
    assert [each.init for each in result.selected.entries] == ["merge"] * 2 + ["kmeans"] * 2


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"components": ()}, "Wanted at least one value of components, each once"),
        ({"components": (2, 2)}, "Wanted at least one value of components, each once"),
        ({"covariance": ("round",)}, "covariance"),
        ({"criterion": "held_out"}, "Wanted a share of rows held out for the criterion held_out"),
        ({"criterion": "best"}, "criterion"),
        ({"components": (2, 0)}, "components"),
        ({"merge_from": 3}, "Wanted .* 4, found 3 as merge_from"),
        (
            {"criterion": "held_out", "held_out": 0.1, "drop_hopeless": True},
            "Wanted drop_hopeless with a criterion that the log-likelihood bounds",
        ),
    ],
)
def test_a_grid_that_cannot_be_fitted_is_refused_before_anything_is_done(
    tmp_path: Path, options: dict[str, Any], match: str
) -> None:
    with pytest.raises(InputError, match=match):
        selected(tmp_path / "run", **options)
    assert list(tmp_path.iterdir()) == []
