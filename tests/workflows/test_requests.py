"""Requests refuse what is outside its domain, naming it."""

import math
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm.errors import InputError
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.requests import GenerateRequest

GENERATE: dict[str, Any] = {"out": Path("x.zarr"), "rows": 10, "features": 3, "components": 2}
FIT: dict[str, Any] = {"data": "x.zarr", "components": 2, "out": Path("run")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rows", 0),
        ("rows", 1e6),
        ("features", 0),
        ("components", 0),
        ("components", True),
        ("seed", -1),
        ("dtype", "int8"),
        ("chunk_rows", 0),
        ("overlap", 0.0),
        ("overlap", 0.6),
        ("overlap", math.nan),
        ("imbalance", 0.9),
        ("imbalance", math.inf),
        ("condition", 0.5),
        ("condition", 1.1e12),
        ("outliers", -0.1),
        ("outliers", 0.6),
        ("outliers", "many"),
    ],
)
def test_generate_refuses_what_is_outside_its_domain(name: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"^Wanted .*, found .* as {name}\. Give another"):
        GenerateRequest(**{**GENERATE, name: value})


@pytest.mark.parametrize("value", ["2030-01-31T06:00:00+00:00", datetime(2030, 1, 31)])
def test_a_deadline_without_its_zone_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"Wanted a time with its zone as deadline, .* for UTC\."):
        FitRequest(**{**FIT, "deadline": value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("components", 0),
        ("components", 2.0),
        ("covariance", "round"),
        ("seed", -1),
        ("max_iter", 0),
        ("tol", -1e-3),
        ("tol", math.nan),
        ("n_init", 0),
        ("reg_covar", -1.0),
        ("reg_covar", math.inf),
        ("precision", "float16"),
        ("missing_chunks", "ignore"),
        ("on_bad_chunk", "ignore"),
        ("max_bad_share", 1.1),
        ("nonfinite", "keep"),
        ("cache", "disk"),
    ],
)
def test_fit_refuses_what_is_outside_its_domain(name: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"^Wanted .*, found .* as {name}\. Give another"):
        FitRequest(**{**FIT, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rows", np.int64(1)),
        ("chunk_rows", 1),
        ("overlap", np.float32(0.5)),
        ("imbalance", 1),
        ("condition", 1e12),
        ("outliers", 0.5),
    ],
)
def test_generate_takes_the_ends_of_a_domain(name: str, value: object) -> None:
    assert getattr(GenerateRequest(**{**GENERATE, name: value}), name) == value


def test_numbers_of_numpy_are_those_of_python() -> None:
    generated = GenerateRequest(**GENERATE, overlap=np.float32(0.5), seed=np.int64(2))  # type: ignore[arg-type]
    fitted = FitRequest(**FIT, tol=np.float32(0.5), max_iter=np.int8(3))  # type: ignore[arg-type]
    found = (generated.overlap, generated.seed, fitted.tol, fitted.max_iter)
    assert found == (0.5, 2, 0.5, 3)
    assert [type(each) for each in found] == [float, int, float, int]


@pytest.mark.parametrize(("name", "value"), [("tol", 0), ("reg_covar", 0.0), ("max_iter", 1)])
def test_fit_takes_the_ends_of_a_domain(name: str, value: object) -> None:
    assert getattr(FitRequest(**{**FIT, name: value}), name) == value
