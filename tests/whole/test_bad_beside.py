"""Weights, labels and priors outside their range: refused at each door alike, and soon."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
import zarr

from dask_gmm import BayesianGaussianMixture, GaussianMixture, GaussianMixtureModel, MixturePrior
from dask_gmm.errors import DaskGMMError
from dask_gmm.fitting.weighing import Weigh
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest
from tests.whole.refusals import nothing_at, refused, says

N = 60
X = np.random.default_rng(0).standard_normal((N, 3))


def changed(values: Any, row: int, value: float) -> Any:
    found = np.array(values, dtype=np.float64)
    found[row] = value
    return found


BESIDE: dict[str, tuple[str, Any, str]] = {
    "negative": ("sample_weight", changed(np.ones(N), 41, -1.0), "at least 0, found -1 at"),
    "nan": ("sample_weight", changed(np.ones(N), 41, np.nan), "at least 0, found nan at"),
    "infinite": ("sample_weight", changed(np.ones(N), 41, np.inf), "at least 0, found inf at"),
    "zeros": ("sample_weight", np.zeros(N), "rows of weights above zero, found 0 in"),
    "too large": ("labels", changed(np.zeros(N), 7, 2), "0 to 1, or -1 where that is not"),
    "too small": ("labels", changed(np.zeros(N), 7, -2), "found -2 at row 7"),
    "no number": ("labels", changed(np.zeros(N), 7, 0.5), "found 0.5 at row 7"),
}


class NoRows(ThreadRunner):
    """Reads weights alone."""

    def run(self, source: Any, folds: Any, progress: Any) -> Any:
        assert all(isinstance(each, Weigh) for each in folds), "rows were read"
        return super().run(source, folds, progress)


def raised(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(DaskGMMError) as caught:
        call()
    return caught.value.exit_code, str(caught.value)


@pytest.mark.parametrize("case", BESIDE)
def test_numbers_beside_rows_are_refused_with_the_place(case: str, tmp_path: Path) -> None:
    name, values, said = BESIDE[case]
    group = zarr.open_group(tmp_path / "x.zarr")
    group.create_array("x", data=X, chunks=(20, 3))
    group.create_array("b", data=values, chunks=(20,), config={"write_empty_chunks": True})
    data, out = tmp_path / "x.zarr", tmp_path / "run"
    runner, stored = NoRows(2), dict[str, Any]({name: data / "b"})
    # Labels are read together with the rows.
    reading = runner if name == "sample_weight" else ThreadRunner(2)
    found = [
        raised(lambda: GaussianMixture(2).fit(X, **{name: values})),
        raised(lambda: BayesianGaussianMixture(n_components=2).fit(X, **{name: values})),
        raised(lambda: GaussianMixtureModel(2).fit(X, **{name: values})),
        raised(lambda: fit(FitRequest(X, 2, out, **{name: values}), runner, Silent())),
        raised(lambda: fit(FitRequest(data, 2, out, **stored), reading, Silent())),
        raised(lambda: select(SelectRequest(data, (2, 3), out, **stored), reading, Silent())),
    ]
    option = (f"--{name.replace('_', '-')}", data / "b")
    found.append((65, refused("fit", data, "--components", 2, "--out", out, *option, code=65)))
    step = {"data": str(data), "components": 2, "out": str(out), name: str(data / "b")}
    settings = tmp_path / "settings.yaml"
    settings.write_text(yaml.safe_dump({"steps": [{"fit": step}]}))
    found.append((65, refused("run", settings, code=65)))
    for code, message in found:
        assert code == 65
        says(message, "Wanted", said)
    nothing_at(out)


def test_weights_too_small_for_priors_are_refused_before_rows_are_read(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"solver": "em", "sample_weight": np.full(N, 0.5 / N)}
    request = FitRequest(X, 2, tmp_path / "run", bayesian="dirichlet_process", **asked)
    code, message = raised(lambda: fit(request, NoRows(1), Silent()))
    assert code == 2
    says(message, "weigh more than 1 together, or a covariance_prior", "rows that weigh 0.5")


PRIORS: dict[str, tuple[dict[str, Any], str]] = {
    "alpha": ({"prior": {"alpha": 0.5}}, "alpha as finite numbers of at least 1, found 0.5"),
    "kappa": ({"prior": {"kappa": -1.0}}, "at least 0, found -1.0 as kappa"),
    "nu": ({"prior": {"nu": 2.0}}, "nu above 2 for 3 columns, found 2.0"),
    "scatter": ({"prior": {"scatter": -1.0}}, "symmetric and positive definite, found -1.0"),
    "precision": ({"bayesian": {"mean_precision_prior": 0.0}}, "above 0, found 0.0 as mean_prec"),
    "degrees": ({"bayesian": {"degrees_of_freedom_prior": 2.0}}, "above 2, found 2.0 as degrees"),
}
SOON = ("alpha", "kappa", "precision")


@pytest.mark.parametrize("case", PRIORS)
def test_priors_are_refused_before_anything_is_read(case: str, tmp_path: Path) -> None:
    asked, said = PRIORS[case]
    ((name, values),) = asked.items()
    data, out, runner = tmp_path / "x.zarr", tmp_path / "run", NoRows(1)
    zarr.create_array(data, data=X, chunks=(20, 3))
    found = [raised(lambda: fit(FitRequest(data, 2, out, **asked), runner, Silent()))]
    if name == "prior":
        found += [
            raised(lambda: GaussianMixture(2, prior=MixturePrior(**values)).fit(X)),
            raised(lambda: select(SelectRequest(data, (2, 3), out, **asked), runner, Silent())),
        ]
    kind = "" if name == "prior" else "dirichlet_process,"
    option = (f"--{name}", kind + ",".join(f"{key}={value}" for key, value in values.items()))
    found.append((2, refused("fit", data, "--components", 2, "--out", out, *option, code=2)))
    for code, message in found:
        assert code == 2
        says(message, "Wanted", said)
    settings = tmp_path / "settings.yaml"
    step = {"data": str(data), "components": 2, "out": str(out), **asked}
    settings.write_text(yaml.safe_dump({"steps": [{"fit": step}]}))
    says(refused("run", settings, code=78 if case in SOON else 2), said)
    nothing_at(out)
