"""Who goes on: of the candidates of a race, the best on the samples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from dask_gmm.fitting.ascent import Ascended, Ascending
from dask_gmm.fitting.candidate import Initializing
from dask_gmm.fitting.escape import after, crossed
from dask_gmm.fitting.members import Asking, Evaluation, Member, is_asking
from dask_gmm.fitting.overfit import Loosening
from dask_gmm.fitting.short_runs import Tried
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.stopping import statistical_error, statistical_share

CROSSED: Final = "components of the best two candidates, merged"
# Statistical errors of a sample, so few of which do not tell which of two optima is the better.
UNDECIDED: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Lost:
    """A candidate that was worse than another of its race.

    Parameters
    ----------
    spec : Spec
    value : float
        Of the objective on the level that it ended last, in nats per row.
    rows : int
        Of that level.
    below : float
        How much better the best of the race was, in statistical errors of these rows.
    origin : str
        Where it began: the ``init`` of its spec, or components of others.
    """

    spec: Spec
    value: float
    rows: int
    below: float
    origin: str
    history: tuple[Evaluation, ...] = ()

    @classmethod
    def to(cls, best: Ascended | Tried, ended: Ascended | Tried) -> "Lost":
        """Keep what it reached."""
        value, mixture, rows = ended.value, ended.step.mixture, ended.rows
        below = (best.value - value) / statistical_error(mixture.n_parameters, _mass(ended))
        origin = CROSSED if _is_crossed(ended) else ended.spec.init
        return cls(ended.spec, value, rows, below, origin, ended.history)


def settled(members: Sequence[Member]) -> list[Member]:
    """Let candidates go on that have ended a level, and end the races that are over.

    On a sample a race is over when all of it wait at its end, and nobody asks about it any more. Of
    more than two on the smallest, the best is crossed with the next that is clearly another, and
    what comes of that joins the race. Of two optima that the sample can not tell apart, both go on
    to the next, as long as there is one; of equals the first wins.
    """
    racing = {race for each in members if is_asking(each) for race in _held_up(each)}
    return [each for member in members for each in _next(member, members, racing)]


def _held_up(member: Asking) -> set[int]:
    """Give the races that are not over because of a member."""
    if not member.racing:
        return set()
    goals = member.goals if isinstance(member, Initializing | Loosening) else ()
    return {member.spec.race, *(goal.spec.race for goal in goals)}


def _next(member: Member, members: Sequence[Member], racing: set[int]) -> tuple[Member, ...]:
    if isinstance(member, Ascended) and not member.at.racing:
        return (after(member),)
    if not isinstance(member, Ascended | Tried) or member.spec.race in racing:
        return (member,)
    if isinstance(member, Tried):
        return (_tried(member, members),)
    return _ranked(member, members)


def _tried(member: Tried, members: Sequence[Member]) -> Ascending | Lost:
    """Let the best of the short runs climb."""
    race = member.spec.race
    runs = [each for each in members if isinstance(each, Tried) and each.spec.race == race]
    best = max(runs, key=lambda each: each.value)
    if member is not best:
        return Lost.to(best, member)
    return Ascending(member.spec, member.survey, 0, member.step)


def _ranked(member: Ascended, members: Sequence[Member]) -> tuple[Member, ...]:
    """Give what becomes of one whose race is over on its level."""
    race = member.spec.race
    ended = [each for each in members if isinstance(each, Ascended) and each.spec.race == race]
    best, *others = sorted(ended, key=lambda each: each.value, reverse=True)
    other = next((each for each in others if _are_distinct(best, each)), None)
    # Merging would forget which component is which.
    crosses = len(ended) > 2 and best.why.converged and not best.spec.n_labels
    crosses = crosses and not any(map(_is_crossed, ended))
    if member is best:
        return (member,) if crosses and other else (after(member),)
    if member is not other:
        return (Lost.to(best, member),)
    child = (replace(crossed(best, other), notes=(CROSSED,)),) if crosses else ()
    if not _is_open(best, other):
        return (Lost.to(best, member), *child)
    return (member, *child) if crosses else (member.go_on(),)


def _are_distinct(best: Ascended, other: Ascended) -> bool:
    """Whether the values of two say that they are two optima."""
    return other.value < best.value - statistical_share(best.step.mixture, _mass(best))


def _is_open(best: Ascended, other: Ascended) -> bool:
    """Whether a larger sample is needed to tell which of two is the better, and there is one."""
    undecided = UNDECIDED * statistical_error(best.step.mixture.n_parameters, _mass(best))
    larger = best.at.level < len(best.at.survey.levels) - 2
    return larger and other.value > best.value - undecided


def _is_crossed(ended: Ascended | Tried) -> bool:
    return isinstance(ended, Ascended) and CROSSED in ended.at.notes


def _mass(ended: Ascended | Tried) -> float:
    """Give the number of rows of the level, each as often as its weight says."""
    survey, level = (
        (ended.at.survey, ended.at.level) if isinstance(ended, Ascended) else (ended.survey, 0)
    )
    return survey.levels[level].summary.mass
