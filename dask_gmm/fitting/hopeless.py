"""Candidates that cannot become the one that is chosen, and need not be climbed to the end."""

from collections.abc import Sequence
from typing import Final

from dask_gmm.fitting.ascent import Ascending
from dask_gmm.fitting.candidate import Climbing
from dask_gmm.fitting.members import Finished, Member, Why, is_asking, is_limited, last_kept
from dask_gmm.fitting.stopping import left_to_gain
from dask_gmm.mixture.criteria import aic, bic, icl

# By what a candidate may be called hopeless: they get no better but by the log-likelihood.
BOUNDED: Final = ("bic", "aic", "icl")
# How much more may be left to gain than is estimated.
MARGIN: Final = 10.0


def without_hopeless(members: Sequence[Member], rows: float, criterion: str) -> list[Member]:
    """End those that cannot become better by a criterion than another has been measured to be.

    Parameters
    ----------
    members : sequence of members
    rows : float
        All of the fit, each as often as its weight says.
    criterion : {"bic", "aic", "icl"}

    Notes
    -----
    A candidate is ended when its criterion would be worse even if it gained ten times what its
    next step, or with plain EM Aitken's extrapolation, says is left to gain. That bounds the
    optimum that it climbs to; another one it does not leave for once its race is over and all rows
    are read. By ICL it is bounded with an entropy of zero, the least there is. Candidates that may
    go back to parameters of a pass before, since rows are held out, are no measure for others.
    """
    measured = (_measured(each, rows, criterion) for each in members)
    best = min((value for value in measured if value is not None), default=float("inf"))
    return [_ended(each) if _least(each, rows, criterion) > best else each for each in members]


def _ended(member: Member) -> Member:
    racing = is_asking(member) and member.racing
    ended = member.stopped(Why.HOPELESS) if is_limited(member) and not racing else None
    return ended or member


def _measured(member: Member, rows: float, criterion: str) -> float | None:
    """The criterion of the best parameters that all rows have measured; None without."""
    parameters = _parameters(member)
    if parameters is None:
        return None
    last = last_kept(member.history)
    if last.held_out is not None and not isinstance(member, Finished):
        return None
    if criterion == "icl":
        found = last.entropy
        return None if found is None else icl(last.log_likelihood, found, rows, parameters)
    return _by(criterion, last.log_likelihood, rows, parameters)


def _least(member: Member, rows: float, criterion: str) -> float:
    """The least that the criterion may become; minus infinity where nothing is known."""
    parameters, left = _parameters(member), _left(member)
    if parameters is None:
        return -float("inf")
    most = last_kept(member.history).log_likelihood + MARGIN * left
    return _by(criterion, most, rows, parameters)


def _by(criterion: str, log_likelihood: float, rows: float, n_parameters: int) -> float:
    by = aic if criterion == "aic" else bic
    return by(log_likelihood, rows, n_parameters)


def _parameters(member: Member) -> int | None:
    """The number of free parameters of what all rows have measured; None without."""
    if not any(each.kept for each in member.history):
        return None
    mixture = member.mixture if isinstance(member, Finished) else None
    if isinstance(member, Climbing | Ascending):
        mixture = member.step.mixture
    return None if mixture is None else mixture.n_parameters


def _left(member: Member) -> float:
    """What is estimated to be left to gain, in nats per row."""
    if isinstance(member, Ascending) and member.base is not None:
        return member.base.left
    if isinstance(member, Climbing):
        return left_to_gain(member.history)
    return float("inf")
