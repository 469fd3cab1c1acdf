"""Priors as an option of the command line and as a key of a settings file."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from dask_gmm.errors import SettingsError
from dask_gmm.settings_file import load_settings
from dask_gmm.workflows.fit_request import FitRequest
from tests.doors.conftest import Invoke
from tests.doors.twins import Twins

FIT = ("fit", "x.zarr", "--components", "2", "--out", "run", "--solver", "em")
KIND = "weight_concentration_prior_type"
WRITTEN: list[tuple[str, dict[str, Any]]] = [
    ("dirichlet_process", {KIND: "dirichlet_process"}),
    (
        "dirichlet_distribution,weight_concentration_prior=0.01,degrees_of_freedom_prior=7",
        {
            "degrees_of_freedom_prior": 7.0,
            "weight_concentration_prior": 0.01,
            KIND: "dirichlet_distribution",
        },
    ),
]


def wanted(asked: dict[str, Any]) -> dict[str, Any]:
    return asdict(FitRequest("x.zarr", 2, Path("run"), solver="em", bayesian=asked))


@pytest.mark.parametrize(("text", "asked"), WRITTEN)
def test_an_option_says_which_priors(
    twins: Twins, invoke: Invoke, text: str, asked: dict[str, Any]
) -> None:
    assert invoke(*FIT, "--bayesian", text).exit_code == 0
    ((_, (request, *_)),) = twins.calls
    assert asdict(request) == wanted(asked)
    assert request.bayesian == asked


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stick", "one of dirichlet_distribution, dirichlet_process"),
        ("dirichlet_process,many", "wanted a prior such as"),
        ("dirichlet_process,", "wanted a prior such as"),
        ("dirichlet_process,mean_precision_prior=", "wanted a prior such as"),
        ("dirichlet_process,mean_precision_prior=few", "wanted a prior such as"),
        ("dirichlet_process,mean_prior=0", ""),
        ("dirichlet_process,mean_precision_prior=1,mean_precision_prior=2", "such as"),
        ("dirichlet_process,mean_precision_prior=0", "above 0"),
    ],
)
def test_another_text_is_refused(twins: Twins, invoke: Invoke, text: str, said: str) -> None:
    result = invoke(*FIT, "--bayesian", text)
    if said:
        assert result.exit_code == 2
        assert said in result.stderr
        assert twins.calls == []
    else:  # a number is a mean of rows of one column, of which nothing is known here
        assert result.exit_code == 0


def test_a_settings_file_has_them_by_name(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(
        """steps:
  - fit:
      data: x.zarr
      components: 2
      out: run
      solver: em
      bayesian:
        weight_concentration_prior_type: dirichlet_distribution
        mean_prior: [0, 1]
        covariance_prior: [[2, 0], [0, 2]]
"""
    )
    (request,) = load_settings(path).requests()
    assert isinstance(request, FitRequest)
    assert request.bayesian == {
        "covariance_prior": [[2.0, 0.0], [0.0, 2.0]],
        "mean_prior": [0.0, 1.0],
        KIND: "dirichlet_distribution",
    }
    path.write_text(path.read_text().replace("mean_prior", "mean"))
    with pytest.raises(SettingsError, match="found mean"):
        load_settings(path)
