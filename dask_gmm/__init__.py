"""Gaussian mixtures on data that do not fit in memory, with answers that do not change."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dask_gmm.errors import DaskGMMError
    from dask_gmm.estimator import GaussianMixture
    from dask_gmm.estimator_bayesian import BayesianGaussianMixture
    from dask_gmm.fitting.result import FittedMixture
    from dask_gmm.gmm import GaussianMixtureModel
    from dask_gmm.gmm_data import generate_gmm_data
    from dask_gmm.mixture.background import Background
    from dask_gmm.mixture.conjugate_prior import MixturePrior
    from dask_gmm.mixture.model import Mixture, checked_mixture
    from dask_gmm.records.model_file import load_model, save_model

_PLACES = {
    "Background": "dask_gmm.mixture.background",
    "BayesianGaussianMixture": "dask_gmm.estimator_bayesian",
    "DaskGMMError": "dask_gmm.errors",
    "FittedMixture": "dask_gmm.fitting.result",
    "GaussianMixture": "dask_gmm.estimator",
    "GaussianMixtureModel": "dask_gmm.gmm",
    "Mixture": "dask_gmm.mixture.model",
    "MixturePrior": "dask_gmm.mixture.conjugate_prior",
    "checked_mixture": "dask_gmm.mixture.model",
    "generate_gmm_data": "dask_gmm.gmm_data",
    "load_model": "dask_gmm.records.model_file",
    "save_model": "dask_gmm.records.model_file",
}

__all__ = [
    "Background",
    "BayesianGaussianMixture",
    "DaskGMMError",
    "FittedMixture",
    "GaussianMixture",
    "GaussianMixtureModel",
    "Mixture",
    "MixturePrior",
    "checked_mixture",
    "generate_gmm_data",
    "load_model",
    "save_model",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
