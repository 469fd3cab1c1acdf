"""Components keep their identity from fit to fit, and all else stays to the byte."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm import GaussianMixtureModel, load_model, save_model
from dask_gmm.errors import DataError, InputError
from dask_gmm.fitting.members import Evaluation
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.mixture.matching import reordered
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.cost import Reading
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.progress import Progress, Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_result import FitResult

PLACES = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0], [20.0, 20.0]])
SIZES = (50, 200, 100, 150)


def drawn(sizes: Sequence[int] = SIZES) -> Any:
    generator = np.random.default_rng(0)
    parts = [
        place + generator.standard_normal((size, 2))
        for place, size in zip(PLACES, sizes, strict=False)
    ]
    return generator.permutation(np.concatenate(parts))


X = drawn()


def fitted(out: Path, components: int = 4, rows: Any = X, **asked: Any) -> FitResult:
    return fit(FitRequest(rows, components, out, **asked), ThreadRunner(1), Silent())


def manifest(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "manifest.json").read_text()))


def parameters(model: FittedMixture) -> list[bytes]:
    return [each.tobytes() for each in (model.weights, model.means, model.covariances)]


@pytest.mark.parametrize("solver", ["fast", "em"])
@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical"])
def test_weights_decrease_whatever_the_start_was(
    tmp_path: Path, solver: Any, covariance: Any
) -> None:
    for seed in range(3):
        out = tmp_path / str(seed)
        result = fitted(out, seed=seed, solver=solver, covariance=covariance)
        np.testing.assert_allclose(result.model.weights, [0.4, 0.3, 0.2, 0.1], atol=1e-6)
        np.testing.assert_allclose(result.model.means, PLACES[[1, 3, 2, 0]], atol=0.5)
        assert parameters(load_model(out / "model.zarr")) == parameters(result.model)
        assert manifest(out)["match"] is None


def test_equal_weights_are_ordered_by_means(tmp_path: Path) -> None:
    rows = drawn((60, 60, 60, 60))
    for seed in range(3):
        result = fitted(tmp_path / str(seed), rows=rows, seed=seed, solver="em")
        nearest = [int(np.abs(PLACES - mean).sum(axis=1).argmin()) for mean in result.model.means]
        first = result.model.means[:, 0]
        assert sorted(nearest) == [0, 1, 2, 3]
        assert (np.diff(first) > 0).all()


def test_all_but_the_order_is_what_the_other_door_gives_to_the_byte(tmp_path: Path) -> None:
    result = fitted(tmp_path / "a", solver="em", tol=1e-3, seed=1)
    other = GaussianMixtureModel(4, seed=1).fit(X).result
    order = np.array(manifest(tmp_path / "a")["order"])
    assert order.tolist() == list(result.ordered.order) != [0, 1, 2, 3]
    again = reordered(other.mixture, order)
    assert again.weights.tobytes() == result.model.weights.tobytes()
    assert again.means.tobytes() == result.model.means.tobytes()
    assert again.covariances.tobytes() == result.model.covariances.tobytes()
    assert other.log_likelihoods == result.model.log_likelihoods


def of_places(path: Path, places: list[int]) -> Path:
    """A model whose components lie where those of the rows do, in some order."""
    count = len(places)
    mixture = Mixture.of(np.full(count, 1 / count), PLACES[places], np.ones(count), "spherical")
    save_model(FittedMixture(mixture, (Evaluation(0.0, "float64", ()),), True, "", 100), path)
    return path


def test_components_are_in_the_order_of_the_model_they_are_matched_to(tmp_path: Path) -> None:
    other = of_places(tmp_path / "m", [2, 0, 1, 3])
    plain, result = fitted(tmp_path / "a"), fitted(tmp_path / "b", match=other)
    np.testing.assert_allclose(result.model.means, PLACES[[2, 0, 1, 3]], atol=0.5)
    said = manifest(tmp_path / "b")
    assert said["match"]["map"] == [0, 1, 2, 3]
    assert said["match"]["model"] == said["settings"]["match"] == str(other)
    assert said["match"]["unmatched"] == []
    assert said["match"] == result.to_json()["match"]
    assert "matched to" in result.to_text()
    back = np.argsort(plain.ordered.order)[list(result.ordered.order)]
    assert plain.model.means[back].tobytes() == result.model.means.tobytes()
    assert plain.model.covariances[back].tobytes() == result.model.covariances.tobytes()
    assert plain.model.log_likelihoods == result.model.log_likelihoods


def test_a_run_folder_is_matched_by_its_model_even_if_it_is_replaced(tmp_path: Path) -> None:
    other = fitted(tmp_path / "a")
    rows = drawn((150, 50, 200, 100))
    result = fitted(tmp_path / "a", rows=rows, match=tmp_path / "a", overwrite=True)
    np.testing.assert_allclose(result.model.means, other.model.means, atol=0.5)
    assert result.model.weights.argmax() != 0
    assert manifest(tmp_path / "a")["match"]["model"] == str(tmp_path / "a")


def test_new_components_come_last_by_weight(tmp_path: Path) -> None:
    other = of_places(tmp_path / "m", [3, 0])
    result = fitted(tmp_path / "a", match=str(other))
    np.testing.assert_allclose(result.model.means, PLACES[[3, 0, 1, 2]], atol=0.5)
    said = result.to_json()["match"]
    assert said["map"] == [0, 1, None, None]
    assert [each is None for each in said["distances"]] == [False, False, True, True]
    assert "without a partner there: 2, 3" in result.to_text()


def test_components_that_are_missing_are_named(tmp_path: Path) -> None:
    other = of_places(tmp_path / "m", [3, 1, 2, 0])
    two = drawn((50, 200))
    result = fitted(tmp_path / "a", 2, two, match=other)
    np.testing.assert_allclose(result.model.means, PLACES[[1, 0]], atol=0.5)
    said = result.to_json()["match"]
    assert (said["map"], said["unmatched"]) == ([1, 3], [0, 2])
    assert "without a partner here: 0, 2 of those there" in result.to_text()
    assert "the components here are 1, 3 there" in result.to_text()


class Unasked(ThreadRunner):
    """Refuses every pass."""

    def run(self, source: Any, folds: Sequence[Fold], progress: Progress) -> Reading:
        raise AssertionError("a pass has begun")


def test_a_model_that_cannot_be_matched_is_refused_before_any_pass(tmp_path: Path) -> None:
    other = of_places(tmp_path / "m", [0, 1])
    with pytest.raises(InputError, match=r"Wanted a model of 4 columns to match.*found one of 2"):
        fit(FitRequest(np.c_[X, X], 2, tmp_path / "a", match=other), Unasked(1), Silent())
    with pytest.raises(DataError, match="Wanted a model written by save_model"):
        fit(FitRequest(X, 2, tmp_path / "a", match=tmp_path / "no"), Unasked(1), Silent())
    with pytest.raises(InputError, match="one that fsspec knows"):
        fit(FitRequest(X, 2, tmp_path / "a", match="nowhere://b/m"), Unasked(1), Silent())
    assert sorted(each.name for each in tmp_path.iterdir()) == ["m"]


def test_repairs_have_the_numbers_of_the_fit(tmp_path: Path) -> None:
    twice = np.repeat([[0.0], [5.0], [9.0]], [5, 50, 20], axis=0)
    asked = FitRequest(twice, 3, tmp_path / "a", solver="em", reg_covar=0)
    result = fit(asked, ThreadRunner(1), Silent())
    assert result.model.repairs
    assert "numbers of components during the fit" in result.summary()
