"""A posterior as parameters and attributes of scikit-learn's estimator, and back."""

from typing import Any, Final

import numpy as np

from dask_gmm.errors import InputError
from dask_gmm.estimator_spec import attributes_of
from dask_gmm.mixture.beliefs import DISTRIBUTION, PROCESS, Beliefs, Hyperparameters
from dask_gmm.mixture.variational import Inference, Variational
from dask_gmm.objects.location import Location, location
from dask_gmm.workflows.fit_result import stored_fit

PRIORS: Final = (
    "weight_concentration_prior_type",
    "weight_concentration_prior",
    "mean_precision_prior",
    "mean_prior",
    "degrees_of_freedom_prior",
    "covariance_prior",
)


def beliefs_of(estimator: Any) -> Beliefs:
    """Give the priors that an estimator is given."""
    return Beliefs(**{name: getattr(estimator, name) for name in PRIORS})


def parameters_of(inference: Inference) -> dict[str, Any]:
    """Give the parameters of an estimator that ends with this."""
    mixture, prior = inference.posterior.mixture, inference.prior
    values = (
        PROCESS if prior.process else DISTRIBUTION,
        prior.concentration,
        prior.mean_precision,
        np.array(prior.mean),
        prior.degrees_of_freedom,
        np.array(prior.covariance)[()],
    )
    size = {"n_components": mixture.n_components, "covariance_type": mixture.covariance_type}
    return {**size, **dict(zip(PRIORS, values, strict=True))}


def kept_at(path: str | Location) -> tuple[Inference, dict[str, Any]]:
    """Read what a Bayesian fit ended with from its run folder, and the attributes about its end.

    Raises
    ------
    InputError
        If it is not that of a Bayesian fit.
    DataError
        If there is none, or it is damaged.
    """
    model = stored_fit(location(path), None).model
    if model.inference is None:
        raise InputError(
            f"Wanted a run folder of a Bayesian fit, found that of another one in {path}. Fit with "
            "bayesian, or load its mixture with load_model."
        )
    return model.inference, {
        "lower_bounds_": [model.inference.lower_bound],
        "n_iter_": model.n_iter,
        "converged_": model.converged,
        "n_features_in_": model.mixture.n_features,
    }


def posterior_in(estimator: Any) -> Variational:
    """Give the posterior that an estimator has fitted."""
    return Variational(
        np.array(estimator.weight_concentration_, dtype=np.float64),
        np.array(estimator.mean_precision_, dtype=np.float64),
        np.array(estimator.means_, dtype=np.float64),
        np.array(estimator.degrees_of_freedom_, dtype=np.float64),
        np.array(estimator.covariances_, dtype=np.float64),
        estimator.covariance_type,
    )


def set_attributes(estimator: Any, inference: Inference) -> None:
    """Give an estimator the attributes of one that ends with this."""
    for name, value in _attributes(inference).items():
        setattr(estimator, name, value)


def _attributes(inference: Inference) -> dict[str, Any]:
    posterior = inference.posterior
    concentration = np.array(posterior.concentration)
    return {
        **attributes_of(posterior.mixture),
        "weight_concentration_": tuple(concentration) if inference.prior.process else concentration,
        "mean_precision_": np.array(posterior.mean_precision),
        "degrees_of_freedom_": np.array(posterior.degrees_of_freedom)[()],
        **_of_prior(inference.prior),
        "lower_bound_": inference.lower_bound,
    }


def _of_prior(prior: Hyperparameters) -> dict[str, Any]:
    return {
        "weight_concentration_prior_": prior.concentration,
        "mean_precision_prior_": prior.mean_precision,
        "mean_prior_": np.array(prior.mean),
        "degrees_of_freedom_prior_": prior.degrees_of_freedom,
        "covariance_prior_": np.array(prior.covariance)[()],
    }
