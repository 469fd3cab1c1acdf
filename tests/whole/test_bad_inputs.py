"""Paths that are none, clients that are closed, arrays with an unknown number of columns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from distributed import Client, LocalCluster

from dask_gmm import GaussianMixture, GaussianMixtureModel, generate_gmm_data
from dask_gmm.errors import InputError
from tests.passes.conftest import client as client
from tests.whole.refusals import says

X = np.random.default_rng(0).standard_normal((200, 3))
FITTED = GaussianMixture(2, max_iter=2, tol=1, random_state=0).fit(X)
UNKNOWN = da.from_array(X)[:, da.from_array(X[0]) > -np.inf]


@pytest.mark.parametrize("path", [b"out", 3, True, "o\0ut", Path("o\0ut")])
def test_what_is_no_path_is_refused(
    path: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = GaussianMixtureModel(2).fit(X)
    calls: list[Callable[[], object]] = [
        lambda: FITTED.predict(X, out=path),
        lambda: FITTED.annotate(X, path),
        lambda: model.save(path),
        lambda: generate_gmm_data(9, [1.0], [[0.0]], [[[1.0]]], store=path),
    ]
    for call in calls:
        with pytest.raises(InputError) as caught:
            call()
        says(caught.value, "Wanted a path or an address as text, or a pathlib.Path", repr(path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows", [X, da.from_array(X)], ids=["numpy", "dask"])
def test_a_closed_client_is_refused(rows: Any, client: Client) -> None:
    assert isinstance(client.cluster, LocalCluster)
    with Client(client.cluster, set_as_default=False) as closed:
        pass
    frame = dd.from_pandas(pd.DataFrame(X), npartitions=2)
    for data in (rows, frame):
        for fit in (
            GaussianMixture(2, client=closed).fit,
            GaussianMixtureModel(2, client=closed).fit,
        ):
            with pytest.raises(InputError) as caught:
                fit(data)
            says(caught.value, "Wanted a client that is connected", "which is closed", "another")


@pytest.mark.parametrize("data", [UNKNOWN, xr.DataArray(UNKNOWN)], ids=["dask", "xarray"])
def test_columns_of_an_unknown_number_are_refused(data: Any) -> None:
    for call in (GaussianMixture(2).fit, FITTED.predict, FITTED.score, GaussianMixtureModel(2).fit):
        with pytest.raises(InputError, match=r"number of columns .* must be known, but .* Call"):
            call(data)
