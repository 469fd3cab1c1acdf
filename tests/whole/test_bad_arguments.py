"""Arguments outside their domain, at each door: the value found and its name are said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import dask.array as da
import numpy as np
import pytest
import zarr

from dask_gmm import GaussianMixtureModel, Mixture, checked_mixture, generate_gmm_data
from dask_gmm.errors import InputError
from tests.whole.refusals import command, nothing_at, refused, says

X = np.random.default_rng(0).standard_normal((200, 3))
EYES = [np.eye(3)] * 2
INDEFINITE = [[[1, 0], [0, 1]], [[1, 2], [2, 1]]]
FIT = ("fit", "x.zarr", "--out", "run")

Given: TypeAlias = Callable[[], object]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"num_components": 0}, "at least 1, found 0 as num_components"),
    ({"num_components": -1}, "at least 1, found -1 as num_components"),
    ({"num_components": 2.0}, "whole number of at least 1, found 2.0 as num_components"),
    ({"num_components": True}, "found True as num_components"),
    ({"num_components": None}, "found None as num_components"),
    ({"num_iters": 0}, "at least 1, found 0 as num_iters"),
    ({"tol": -1.0}, "finite number of at least 0, found -1.0 as tol"),
    ({"tol": float("nan")}, "found nan as tol"),
    ({"tol": float("inf")}, "found inf as tol"),
    ({"tol": 10**400}, "finite number of at least 0, found 1000"),
    ({"tol": "small"}, "found 'small' as tol"),
    ({"tol": True}, "found True as tol"),
    ({"reg_covar": -1e-9}, "found -1e-09 as reg_covar"),
    ({"reg_covar": float("nan")}, "found nan as reg_covar"),
    ({"n_init": 0}, "found 0 as n_init"),
    ({"seed": -1}, "found -1 as seed"),
    ({"seed": None}, "found None as seed"),
    ({"precision": "float16"}, "one of float32, float64, found 'float16' as precision"),
    ({"covariance_type": "round"}, "found 'round' as covariance_type"),
    ({"covariance_type": ["full"]}, "found ['full'] as covariance_type"),
    ({"client": "tcp://here"}, "Wanted a distributed.Client as client, found 'tcp://here'"),
]


@pytest.mark.parametrize(("given", "found"), WRONG)
def test_a_wrong_parameter_of_a_model_is_named(given: dict[str, Any], found: str) -> None:
    with pytest.raises(InputError) as caught:
        GaussianMixtureModel(**{"num_components": 2, **given}).fit(X)
    says(caught.value, found)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--components", "0"), "found 0 as components"),
        (("--components", "2", "--tol", "-1"), "found -1.0 as tol"),
        (("--components", "2", "--reg-covar", "nan"), "wanted a finite number, found nan"),
        (("--components", "2", "--max-iter", "0"), "found 0 as max_iter"),
        (("--components", "2", "--n-init", "0"), "found 0 as n_init"),
        (("--components", "2", "--rows", "-5:"), "found '-5:'"),
        (("--components", "2", "--columns", "0,-1"), "found '0,-1'"),
    ],
)
def test_a_wrong_option_is_named(options: tuple[str, ...], found: str, folder: Path) -> None:
    says(refused(*FIT, *options, code=2), found)
    nothing_at(folder / "run")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("{data: x, componets: 2, out: r}", ("found 'componets'", "mean 'components'")),
        ("{data: x, components: 0, out: r}", ("steps[0] of c.yaml", "found 0 as components")),
        ("{data: x, components: yes, out: r}", ("steps[0].fit.components", "found True")),
        ("{data: x, components: 2, out: r, tol: .nan}", ("steps[0].fit.tol", "found nan")),
        ("{data: x, components: 2, out: r, 5: 6}", ("steps[0].fit[5]", "a text, found 5")),
        ("{data: x, components: 2}", ("steps[0].fit.out of c.yaml", "found none")),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(
    text: str, parts: tuple[str, ...], folder: Path
) -> None:
    (folder / "c.yaml").write_text(f"steps: [{{fit: {text}}}]")
    says(refused("run", "c.yaml", code=78), *parts)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "c.yaml"),
        (b"steps: []", "at least one step, found none"),
        (b"step: [{generate: {}}]", "found 'step'. Did you mean 'steps'"),
        (b"steps: [{", "something else in c.yaml"),
        (b"\xff\xfe\x00", "something else in c.yaml"),
        (b"[1, 2]", "wanted a mapping"),
        (b"{[1]: 2}", "something else in c.yaml"),
        (b"steps: [{demo: {}}]", "found 'demo'"),
    ],
)
def test_a_file_that_holds_no_settings_is_refused(content: bytes, found: str, folder: Path) -> None:
    (folder / "c.yaml").write_bytes(content)
    assert found in refused("run", "c.yaml", code=78)


def test_a_settings_file_that_is_not_there_is_refused(folder: Path) -> None:
    says(refused("run", "no.yaml", code=78), "no.yaml", "No such file")
    says(refused("run", folder, code=78), folder, "Is a directory")


STARTS: list[tuple[Given, str]] = [
    (lambda: ([0.5, 0.5], X[:2], EYES), "Wanted a Mixture as start, found tuple"),
    (lambda: Mixture.of([1, 1], X[:2], EYES), "a sum of 1; found 2"),
    (lambda: Mixture.of([1.5, -0.5], X[:2], EYES), "none below 0; found -0.5 at index 1"),
    (lambda: Mixture.of([0.5, 0.5], X[:2], [np.eye(2)] * 2), "found (2, 2, 2)"),
    (lambda: Mixture.of([0.5, 0.5], X[:2] * np.nan, EYES), "found nan at index (0, 0)"),
    (lambda: Mixture.of([0.5, 0.5], X[:2], -np.stack(EYES)), "the variance -1 in column 0"),
    (lambda: Mixture.of([0.5, 0.5], X[:2], np.ones((2, 3, 3)) - 2 * np.eye(3)), "component 0"),
    (lambda: Mixture.of([0.5, 0.5], X[:2], np.tril(np.ones((2, 3, 3))) + np.eye(3)), "symmetric"),
    (lambda: Mixture.of([1.0], X[:1], EYES[:1]), "2 components, as are to be fitted; found 1"),
    (lambda: Mixture.of([0.5, 0.5], X[:2, :2], [np.eye(2)] * 2), "3 columns"),
    (lambda: checked_mixture([0.5, 0.5], X[:2], np.eye(3), "tied"), "found 'tied'"),
    (lambda: checked_mixture([0.5, 0.5], X[:2] + 1e200, EYES), "component 0 in column 0 is 1e+200"),
    (lambda: checked_mixture([0.5, 0.5], X[:2], np.stack(EYES) * 1e-300), "1e-150 of them wide"),
]


@pytest.mark.parametrize(("start", "found"), STARTS)
def test_a_start_at_which_there_is_no_density_is_refused(start: Given, found: str) -> None:
    with pytest.raises(InputError) as caught:
        GaussianMixtureModel(2, start=start()).fit(X)  # type: ignore[arg-type]
    says(caught.value, found)


def test_parameters_from_which_rows_cannot_be_drawn_leave_no_store(folder: Path) -> None:
    with pytest.raises(InputError, match=r"sum of 1; found 0\.9"):
        generate_gmm_data(9, [0.5, 0.4], X[:2], EYES, store=folder / "x.zarr")
    with pytest.raises(InputError, match="one of component 1 has the eigenvalue -1 among"):
        generate_gmm_data(9, [0.5, 0.5], X[:2, :2], INDEFINITE, store=folder / "x.zarr")
    masked = np.ma.masked_less(X[:2], 0)
    with pytest.raises(InputError, match="means: wanted all numbers; found a masked array"):
        generate_gmm_data(9, [0.5, 0.5], masked, EYES, store=folder / "x.zarr")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_covariances_of_any_size_are_judged_by_their_shape(scale: float) -> None:
    eyes = np.stack([np.eye(2)] * 2)
    rows = generate_gmm_data(1000, [0.5, 0.5], np.zeros((2, 2)), eyes * scale, seed=0)
    plain = generate_gmm_data(1000, [0.5, 0.5], np.zeros((2, 2)), eyes, seed=0)
    assert rows == pytest.approx(plain * np.sqrt(scale), rel=1e-12)
    with pytest.raises(InputError, match=r"the eigenvalue -0\.5 among its correlations"):
        generate_gmm_data(9, [1], [[0, 0]], np.array([[[1, 1.5], [1.5, 1]]]) * scale)


def test_whole_numbers_of_numpy_are_whole_numbers(folder: Path) -> None:
    eight: Any = np.int64(8)
    seed: Any = np.uint8(3)
    kinds: list[Any] = [int, np.int64, np.uint8]
    stored = generate_gmm_data(
        eight, [0.5, 0.5], X[:2], EYES, seed=seed, store=folder / "x.zarr", chunk_rows=eight
    )
    plain = generate_gmm_data(8, [0.5, 0.5], X[:2], EYES, seed=3)
    assert np.array_equal(np.asarray(stored), plain)
    means = [
        GaussianMixtureModel(kind(2), kind(9), n_init=kind(2), seed=kind(7)).fit(X).means
        for kind in kinds
    ]
    assert means[0].tobytes() == means[1].tobytes() == means[2].tobytes()


OPENED: dict[str, Callable[[Path], Any]] = {
    "numpy": lambda folder: X,
    "dask": lambda folder: da.from_array(X, chunks=(60, 2)),
    "zarr": lambda folder: _written(folder),
    "path": lambda folder: _written(folder) and folder / "x.zarr",
}


def _written(folder: Path) -> Any:
    array = zarr.create_array(folder / "x.zarr", shape=X.shape, chunks=(60, 2), dtype="f8")
    array[...] = X
    return array


SELECTIONS: list[tuple[dict[str, Any], str]] = [
    ({"columns": ()}, "different numbers from 0 to 2, but none was given"),
    ({"columns": (1, 1)}, "but 1 was given twice"),
    ({"columns": (-1,)}, "from 0 to 2, but -1 was given"),
    ({"columns": (0, 3)}, "from 0 to 2, but 3 was given"),
    ({"columns": (0.5,)}, "but (0.5,) was given"),
    ({"columns": (True, False, True)}, "but (True, False, True) was given"),
    ({"columns": X[0] > 0}, "was given"),
    ({"columns": "01"}, "but '01' was given"),
    ({"columns": 1}, "but 1 was given"),
    ({"rows": slice(5, 5)}, "slice(5, 5, None) selects none, of the 200 rows"),
    ({"rows": slice(200, 300)}, "selects none, of the 200 rows"),
    ({"rows": slice(0, 9, 2)}, "has a step of 2"),
    ({"rows": slice(None, None, -1)}, "has a step of -1"),
    ({"rows": slice(0.5, 9)}, "but slice(0.5, 9, None) was given"),
    ({"rows": 0}, "but 0 was given"),
    ({"rows": (0, 10)}, "but (0, 10) was given"),
    ({"rows": slice(7, 8)}, "at least 2 rows to fit 2 components, found 1"),
]


@pytest.mark.parametrize(("selection", "found"), SELECTIONS)
@pytest.mark.parametrize("kind", OPENED)
def test_rows_and_columns_that_are_not_there_are_refused_alike(
    kind: str, selection: dict[str, Any], found: str, folder: Path
) -> None:
    with pytest.raises(InputError) as caught:
        GaussianMixtureModel(2).fit(OPENED[kind](folder), **selection)
    says(caught.value, found, {"numpy": "the array", "dask": "dask array"}.get(kind, "x.zarr"))


@pytest.mark.parametrize("kind", OPENED)
def test_an_array_has_no_arrays_to_choose_among(kind: str, folder: Path) -> None:
    with pytest.raises(InputError, match="array='y' was given with data of type"):
        GaussianMixtureModel(2).fit(OPENED[kind](folder), array="y")


@pytest.mark.parametrize("kind", OPENED)
def test_selected_rows_and_columns_are_those_of_numpy(kind: str, folder: Path) -> None:
    model = GaussianMixtureModel(2).fit(OPENED[kind](folder), rows=slice(-90, -7), columns=[2, 0])
    expected = GaussianMixtureModel(2).fit(X[-90:-7, [2, 0]])
    assert model.means == pytest.approx(expected.means, rel=1e-12)


def test_more_components_than_rows_are_refused_before_any_pass(folder: Path) -> None:
    _written(folder)
    message = refused(*FIT, "--components", "201", code=2)
    says(message, "at least 201 rows to fit 201 components", "found 200", folder / "x.zarr")
    nothing_at(folder / "run")
    assert command(*FIT, "--components", "2").exit_code == 0
