"""What a candidate knows before any row: the weak prior of its solver, and what a user says."""

from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.background import Background
from dask_gmm.mixture.prior import NO_PRIOR, Prior
from dask_gmm.mixture.summary import DataSummary


def prior_of(spec: Spec, survey: Survey, summary: DataSummary) -> Prior:
    """Give the prior about the frame's shift, for some of the rows.

    Parameters
    ----------
    spec : Spec
    survey : Survey
    summary : DataSummary
        Of the rows of a level. What a user says counts as often as these are a share of all rows,
        so that a sample leads to where all rows will.
    """
    if spec.prior is None:
        return survey.prior(spec.covariance_type) if spec.solver == "fast" else NO_PRIOR
    share = summary.mass / survey.summary.mass
    told = _told(spec, survey).moved(-survey.frame.shift).times(share)
    if spec.solver == "fast":
        return told.beside(survey.prior(spec.covariance_type))
    if not spec.prior.proper:
        return told
    # Where rows have no variance, neither has what is said of it by their own.
    return told.beside(survey.prior(spec.covariance_type).without_scatter)


def _told(spec: Spec, survey: Survey) -> Prior:
    if isinstance(spec.prior, Background):
        return spec.prior.prior
    assert spec.prior is not None  # the caller has looked
    return spec.prior.among(survey.summary, spec.covariance_type, spec.n_components)
