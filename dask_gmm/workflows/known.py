"""What is known of a fit before any row: what is asked, as values."""

from dataclasses import replace

from dask_gmm.errors import InputError
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.background import Background
from dask_gmm.mixture.conjugate_prior import MixturePrior
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.fixed import fixed_of
from dask_gmm.mixture.parts import USUAL_RELEVANCE, USUALLY_ADAPTED
from dask_gmm.workflows.fit_request import FitRequest


def with_known(request: FitRequest, spec: Spec) -> Spec:
    """Give a spec what is known before any row, and what of the start is fixed.

    Raises
    ------
    InputError
        If there are no such components to fix, or ``reg_covar`` is asked for beside a prior of
        covariances.
    """
    shared = family_of(spec.covariance_type).shared
    fixed = fixed_of(request.fixed, spec.n_components, shared=shared)
    prior: MixturePrior | Background | None = request.prior
    if request.adapt is not None:
        relevance = USUAL_RELEVANCE if request.relevance is None else request.relevance
        prior = Background(spec.start, relevance, request.adapted or USUALLY_ADAPTED)
        fixed = prior.fixed | fixed
    if prior is not None and prior.proper and request.reg_covar is not None:
        raise InputError(
            f"Wanted reg_covar without a prior of covariances, found {request.reg_covar:g} beside "
            "one, which keeps them from collapsing. Leave one of them out."
        )
    return replace(spec, prior=prior, fixed=fixed)
