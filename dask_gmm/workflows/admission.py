"""Whether rows can be fitted as asked: what is looked at before the first pass, and after it."""

import numpy as np

from dask_gmm.data.source import Source
from dask_gmm.data.stored import StoredSource
from dask_gmm.errors import DataError, InputError
from dask_gmm.fitting.held_out import check_shares
from dask_gmm.fitting.sample import Sample
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.survey import SurveyAnswer
from dask_gmm.mixture.conjugate_prior import MixturePrior
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.names import rank_of, refuse_factors
from dask_gmm.passes.held import Held
from dask_gmm.records.checkpoint import Checkpoint


def least_rows(spec: Spec) -> int:
    """Give the fewest rows to which so many components can be fitted."""
    return max(spec.n_components, 2)


def check(source: Source, spec: Spec, missing: bool = False) -> None:
    """Refuse rows to which what is asked for cannot be fitted; none is read.

    Parameters
    ----------
    source : Source
    spec : Spec
    missing : bool, default False
        Whether NaN are to stand for values that are missing.

    Raises
    ------
    InputError
        If there are too few, or the start, the prior or the beliefs are of other columns.
    DataError
        If chunks are absent.
    """
    rows = source.layout.rows
    if missing:
        refuse_factors(spec.covariance_type, "missing em", "Leave missing out")
    if spec.held_out.any:
        unseen = int(rows * spec.held_out.share)
        check_shares(rows, rows - unseen, least_rows(spec), source.name)
    if rows < least_rows(spec):
        raise InputError(
            f"Wanted at least {least_rows(spec)} rows to fit {spec.n_components} "
            f"components, found {rows} in {source.name}. Give more rows or fewer components."
        )
    if rank_of(spec.covariance_type) >= source.n_features:
        raise InputError(
            f"Wanted fewer factors than columns, found the covariance {spec.covariance_type} for "
            f"the {source.n_features} columns of {source.name}. Take a smaller rank, or the "
            "covariance full."
        )
    if spec.start is not None and spec.start.n_features != source.n_features:
        raise InputError(
            f"Wanted a start with {source.n_features} columns, as {source.name} has; found "
            f"{spec.start.n_features}. Choose columns, or give another start."
        )
    if spec.beliefs is not None:
        spec.beliefs.check(family_of(spec.covariance_type), source.n_features)
    if isinstance(spec.prior, MixturePrior):
        spec.prior.check(spec.n_components, source.n_features, spec.covariance_type)
    check_present(source)


def check_present(source: Source) -> None:
    """Refuse stored rows of which chunks are absent that may not be, or were there before."""
    if isinstance(source, StoredSource | Held):
        source.check_present()


def refuse_other_rows(source: Source, checkpoint: Checkpoint) -> None:
    """Refuse rows that are not cut into leaves as those of a checkpoint were.

    Raises
    ------
    DataError
    """
    found, wanted = source.layout, checkpoint.layout
    columns = len(checkpoint.survey.summary.mean)
    if source.n_features != columns or not np.array_equal(found.edges, wanted.edges):
        raise DataError(
            f"Wanted the rows of the fit that is taken up, {wanted.rows:,} of {columns:,} columns "
            f"in {len(wanted):,} leaves; found {found.rows:,} of {source.n_features:,} in "
            f"{len(found):,} in {source.name}. Give the data of then, or begin anew."
        )


def check_distinct(sample: Sample, spec: Spec, name: str) -> None:
    """Refuse components that no row could tell apart, where the solver would look for them."""
    if not spec.races or spec.start is not None:
        return
    found = sample.distinct(spec.n_components)
    if found < spec.n_components:
        raise InputError(
            f"Wanted at least {spec.n_components} different rows for {spec.n_components} "
            f"components, found {found} among {len(sample.rows):,} rows drawn at random from "
            f"{name}. Ask for at most {found} components, or remove rows that are repeated."
        )


def inspected(survey: SurveyAnswer, source: Source) -> tuple[str, ...]:
    """Refuse rows that cannot be computed with; give what deserves a look.

    Raises
    ------
    DataError
        If rows are too large to be squared.
    """
    summary = survey.summary
    if not np.isfinite(summary.scatter).all():
        column = int(np.argmin(np.isfinite(summary.squares)))
        raise DataError(
            f"Wanted values whose squares can be added; found some up to "
            f"{max(abs(summary.minimum[column]), abs(summary.maximum[column])):.3g} in column "
            f"{source.number(column)} of {source.name}. Divide the column by a constant."
        )
    return tuple(
        f"column {source.number(int(j))} of {source.name} is constant ({summary.minimum[j]:.12g}): "
        "the rows say nothing of its variance in any component; leave it out, unless that is wanted"
        for j in np.flatnonzero(summary.constant)
    )
