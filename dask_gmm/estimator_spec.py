"""What the estimator's parameters ask of a candidate."""

from typing import Any

import numpy as np

from dask_gmm.errors import InputError
from dask_gmm.fitting.given import Given
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.fitting.starts import State, seed_of
from dask_gmm.mixture.background import Background
from dask_gmm.mixture.conjugate_prior import prior_of_user
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.fixed import Fixed, fixed_of
from dask_gmm.mixture.model import Mixture, as_float64, inverted


def attributes_of(mixture: Mixture) -> dict[str, Any]:
    """Give the attributes of an estimator that ends with a mixture."""
    return {
        "weights_": np.array(mixture.weights),
        "means_": np.array(mixture.means),
        "covariances_": np.array(mixture.covariances),
        "precisions_cholesky_": mixture.precisions_cholesky,
        "precisions_": mixture.precisions,
    }


def last_of(estimator: Any) -> Given:
    """Give the parameters of the last fit."""
    return Given.of(estimator.weights_, estimator.means_, estimator.covariances_)


def inits_of(estimator: Any) -> Given:
    """Give the parameters to start from, or nothing.

    Raises
    ------
    InputError
        If there are some beside a background, which is a start itself.
    """
    inits = {
        name: getattr(estimator, f"{name}_init") for name in ("weights", "means", "precisions")
    }
    if isinstance(estimator.prior, Background):
        return _of_background(estimator.prior.model, inits)
    covariances = inits["precisions"]
    if covariances is not None:
        covariances = inverted(as_float64(covariances), estimator.covariance_type)
    return Given.of(inits["weights"], inits["means"], covariances)


def _of_background(model: Mixture, inits: dict[str, Any]) -> Given:
    for name, value in inits.items():
        if value is not None:
            raise InputError(
                f"Wanted a background as the only start, found {name}_init beside it. Leave one of "
                "them out."
            )
    return Given(model.weights, model.means, model.covariances)


def fixed_in(estimator: Any) -> Fixed:
    """Give the parameters that stay as they are.

    Raises
    ------
    InputError
        If there is no such component.
    """
    shared = family_of(estimator.covariance_type).shared
    fixed = fixed_of(estimator.fixed, estimator.n_components, shared=shared)
    prior = estimator.prior
    return prior.fixed | fixed if isinstance(prior, Background) else fixed


def spec_of(estimator: Any, state: State, given: Given, *, labeled: bool = False) -> Spec:
    """Give what a candidate is asked to be.

    Parameters
    ----------
    estimator : GaussianMixture
    state : tuple
        Of the random state that starts are drawn from.
    given : Given
        Where it starts.
    labeled : bool
        Whether rows may be known to be of components.

    Raises
    ------
    InputError
        If the solver ``fast`` is given a part of a start alone, or a background is of another size
        or family.
    """
    start, fast = given.mixture(estimator.covariance_type), estimator.solver == "fast"
    if fast and start is None and not given.is_empty:
        raise InputError(
            "Wanted weights_init, means_init and precisions_init together with the solver "
            "fast, found some of them alone. Give all or none."
        )
    prior = estimator.prior
    if isinstance(prior, Background):
        _refuse_other(prior.model, estimator)
    return Spec(
        n_components=estimator.n_components,
        covariance_type=estimator.covariance_type,
        tol=None if fast else estimator.tol,
        max_iter=estimator.max_iter,
        reg_covar=estimator.reg_covar,
        seed=seed_of(state),
        start=start,
        init=MERGE if fast else estimator.init_params,
        solver=estimator.solver,
        given=given,
        prior=prior if isinstance(prior, Background) else prior_of_user(prior),
        fixed=fixed_in(estimator),
        n_labels=estimator.n_components if labeled else 0,
    )


def _refuse_other(model: Mixture, estimator: Any) -> None:
    wanted = estimator.n_components, estimator.covariance_type
    if (model.n_components, model.covariance_type) != wanted:
        raise InputError(
            f"Wanted a background of {wanted[0]} components with {wanted[1]} covariances, found "
            f"one of {model.n_components} with {model.covariance_type}. Give n_components and "
            "covariance_type of the background."
        )
