"""A mixture as a data set of xarray."""

import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from dask_gmm.errors import DaskGMMError, InputError, MissingExtraError
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.model import Mixture
from dask_gmm.workflows.export import mixture_dataset
from tests.mixture.examples import start_of

X = np.random.default_rng(0).standard_normal((50, 3))
NAMES = ("length", "width", "mass")
DIMENSIONS = {
    "full": ("component", "feature", "feature_2"),
    "tied": ("feature", "feature_2"),
    "diag": ("component", "feature"),
    "spherical": ("component",),
    "lowrank-2": ("component", "feature", "noise_and_factor"),
}


def mixture(name: str = "full") -> Mixture:
    """Of as many components as columns, so that no size tells one from the other."""
    return start_of(X, 3, name)


@pytest.mark.parametrize("name", DIMENSIONS)
def test_parameters_have_their_names_and_shapes(name: str) -> None:
    dataset = mixture_dataset(mixture(name))
    for variable in ("weights", "means", "covariances", "precisions"):
        assert np.array_equal(dataset[variable], getattr(mixture(name), variable))
    assert dataset["weights"].dims == ("component",)
    assert dataset["means"].dims == ("component", "feature")
    assert dataset["covariances"].dims == dataset["precisions"].dims == DIMENSIONS[name]
    assert dataset["covariances"].shape == family_of(name).shape(3, 3)
    assert dataset.attrs == {"covariance_type": name}


def test_columns_are_chosen_by_name_and_else_by_number() -> None:
    named, numbered = mixture_dataset(mixture(), NAMES), mixture_dataset(mixture())
    assert named["means"].sel(feature="mass", component=1) == mixture().means[1, 2]
    chosen = named["covariances"].sel(component=0, feature="length", feature_2="width")
    assert chosen == mixture().covariances[0, 0, 1]
    assert numbered["feature"].values.tolist() == [0, 1, 2]
    assert numbered["component"].values.tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", DIMENSIONS)
def test_it_comes_back_from_zarr_to_the_byte(name: str, tmp_path: Path) -> None:
    dataset = mixture_dataset(mixture(name))
    dataset.to_zarr(tmp_path / "m.zarr", zarr_format=3, consolidated=False)
    with xr.open_zarr(tmp_path / "m.zarr", consolidated=False) as found:
        xr.testing.assert_identical(found.load(), dataset)


def test_there_is_a_name_for_each_column() -> None:
    with pytest.raises(InputError, match="of the 3 columns of the mixture, found 2"):
        mixture_dataset(mixture(), NAMES[:2])


def test_an_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(
        MissingExtraError, match=r"needs xarray, .*pip install 'dask-gmm\[xarray\]'"
    ):
        mixture_dataset(mixture())
    assert issubclass(MissingExtraError, DaskGMMError)
    assert issubclass(MissingExtraError, ImportError)
