"""Model files and run folders that are damaged, foreign or of another release."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from dask_gmm import GaussianMixtureModel, load_model
from dask_gmm.errors import DataError
from tests.data.arrays import DAMAGES
from tests.whole.refusals import command, refused, says

X = np.random.default_rng(0).standard_normal((300, 3))
ARRAYS = ("weights", "means", "covariances", "log_likelihoods")
NO_METADATA = {
    "nothing": b"",
    "cut": b'{"zarr_format": 3, "node_type": "gr',
    "a list": b"[]",
    "no keys": b"{}",
    "no text": b"\xff\xfe\x00",
    "another format": b'{"zarr_format": 9, "node_type": "group"}',
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model as `save_model` writes it."""
    GaussianMixtureModel(2).fit(X).save(tmp_path / "m")
    return tmp_path / "m"


def unloadable(path: Path, *parts: object) -> None:
    """See that a model is not loaded, and that its path is said."""
    with pytest.raises(DataError) as caught:
        load_model(path)
    says(caught.value, path, *parts)


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name != "swapped"])
@pytest.mark.parametrize("name", ARRAYS)
def test_a_damaged_array_is_named(model: Path, name: str, damage: str) -> None:
    file = next(each for each in (model / name / "c").rglob("*") if each.is_file())
    DAMAGES[damage](file)
    unloadable(model, f"the array '{name}'", "Restore the model from a copy, or fit it again")
    assert name in refused("inspect", model, code=65)


@pytest.mark.parametrize("content", NO_METADATA)
@pytest.mark.parametrize("name", ["", *ARRAYS])
def test_damaged_metadata_are_named(model: Path, name: str, content: str) -> None:
    (model / name / "zarr.json").write_bytes(NO_METADATA[content])
    unloadable(model, f"the array '{name}'" if name else "written by save_model")


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_that_is_gone_or_another_is_named(model: Path, name: str) -> None:
    values = np.asarray(zarr.open_array(model / name, mode="r")[...])
    shutil.rmtree(model / name)
    unloadable(model, f"the array '{name}'", "missing")
    zarr.open_group(model).create_array(name, data=values[:-1])
    unloadable(model, "found contents of no such model")


def test_parameters_of_no_mixture_are_named(model: Path) -> None:
    array: Any = zarr.open_array(model / "weights", mode="r+")
    array[...] = [0.7, 0.7]
    unloadable(model, "weights: wanted a sum of 1; found 1.4")


FACTS: list[tuple[dict[str, Any], str]] = [
    ({"format": "rows"}, "a zarr group of another kind"),
    ({"version": 2}, "found version 2. Read it with the release that wrote it"),
    ({"version": None}, "found version None"),
    ({"rows": None}, "found None as rows"),
    ({"rows": -1}, "found -1 as rows"),
    ({"rows": ...}, "'rows' is missing"),
    ({"precisions": []}, "found contents of no such model"),
    ({"precisions": 3}, "found contents of no such model"),
    ({"repairs": [None]}, "found contents of no such model"),
    ({"repairs": ...}, "'repairs' is missing"),
    ({"covariance_type": "round"}, "found 'round'"),
    ({"covariance_type": ["full"]}, "found contents of no such model"),
    ({"covariance_type": "diag"}, "covariances: wanted shape (2, 3)"),
    ({"converged": ...}, "'converged' is missing"),
    ({"reason": ...}, "'reason' is missing"),
]


@pytest.mark.parametrize(("facts", "found"), FACTS)
def test_facts_of_no_model_are_named(model: Path, facts: dict[str, Any], found: str) -> None:
    document = json.loads((model / "zarr.json").read_text())
    said = document["attributes"]["dask_gmm"] | facts
    document["attributes"]["dask_gmm"] = {k: v for k, v in said.items() if v is not ...}
    (model / "zarr.json").write_text(json.dumps(document))
    unloadable(model, found)


NO_MODELS: dict[str, Callable[[Path], object]] = {
    "nothing": lambda path: None,
    "a file": lambda path: path.write_text("pickle"),
    "a folder": lambda path: path.mkdir(),
    "a group": lambda path: zarr.create_group(path),
    "an array": lambda path: zarr.create_array(path, shape=(2, 2), dtype="f8"),
}


@pytest.mark.parametrize("kind", NO_MODELS)
def test_what_is_no_model_is_refused(kind: str, tmp_path: Path) -> None:
    NO_MODELS[kind](tmp_path / "m")
    unloadable(tmp_path / "m", "written by save_model", "Check the path")


def test_a_component_as_thin_as_numbers_allow_is_loaded(tmp_path: Path) -> None:
    """Few rows far away lie on a plane: what is given is refused there, what was fitted is not."""
    r = np.random.default_rng(0)
    plane = np.concatenate([r.standard_normal((20_000, 2)), 1e3 * r.standard_normal((5, 2))])
    rows = np.column_stack([plane, plane.sum(axis=1)])
    model = GaussianMixtureModel(2, 30, reg_covar=0, tol=1e-6).fit(rows)
    model.save(tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert loaded.covariances.tobytes() == model.result.covariances.tobytes()
    again = GaussianMixtureModel(2, 1, reg_covar=0, start=loaded.mixture).fit(rows)
    assert np.isfinite(again.result.log_likelihood)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", "{"),
        ("manifest.json", "[]"),
        ("manifest.json", '{"version": 1}'),
        ("manifest.json", '{"version": 1, "data": 3}'),
        ("manifest.json", '{"version": 2}'),
        ("history.jsonl", "{"),
        ("history.jsonl", '{"seconds": "long"}'),
        ("history.jsonl", "[1]"),
    ],
)
def test_a_damaged_run_folder_is_named(tmp_path: Path, name: str, content: str) -> None:
    zarr.create_group(tmp_path).create_array("x", data=X)
    run = tmp_path / "run"
    assert command("fit", tmp_path, "--components", 2, "--out", run).exit_code == 0
    assert command("inspect", run).exit_code == 0
    (run / name).write_text(content)
    says(refused("inspect", run, code=65), run, name.split(".")[0])
