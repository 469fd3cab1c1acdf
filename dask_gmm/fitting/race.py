"""Who goes on: of the candidates of a race, the best on the smallest level."""

from collections.abc import Sequence
from dataclasses import dataclass

from dask_gmm.fitting.ascent import Ascended, Ascending
from dask_gmm.fitting.escape import after, crossed
from dask_gmm.fitting.members import Asking, Evaluation, Member
from dask_gmm.fitting.short_runs import Tried
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.stopping import statistical_share


@dataclass(frozen=True, slots=True, eq=False)
class Lost:
    """A candidate that was worse than another of its race.

    Parameters
    ----------
    spec : Spec
    value : float
        Of the objective on the smallest level, in nats per row.
    """

    spec: Spec
    value: float
    history: tuple[Evaluation, ...] = ()

    @classmethod
    def of(cls, ended: Ascended | Tried) -> "Lost":
        """Keep what it reached."""
        return cls(ended.spec, _value(ended), ended.history)


def settled(members: Sequence[Member]) -> list[Member]:
    """Let candidates go on that have ended a level, and end the races that are over.

    A race is over when all of it wait at the end of the smallest level, and nobody asks about it
    any more. Of more than two, the best is crossed with the next that is clearly another, and what
    comes of that races the best; of equals the first wins.
    """
    racing = {each.spec.race for each in members if isinstance(each, Asking) and each.racing}
    return [_next(member, members, racing) for member in members]


def _next(member: Member, members: Sequence[Member], racing: set[int]) -> Member:
    if isinstance(member, Ascended) and not member.at.racing:
        return after(member)
    if not isinstance(member, Ascended | Tried) or member.spec.race in racing:
        return member
    if isinstance(member, Tried):
        return _tried(member, members)
    best, *others = _ranked(members, member.spec.race)
    other = _another(best, others)
    if member is best:
        return after(member) if other is None else member
    return crossed(best, member) if member is other else Lost.of(member)


def _tried(member: Tried, members: Sequence[Member]) -> Ascending | Lost:
    """Let the best of the short runs climb."""
    race = member.spec.race
    runs = [each for each in members if isinstance(each, Tried) and each.spec.race == race]
    if member is not max(runs, key=_value):
        return Lost.of(member)
    return Ascending(member.spec, member.survey, 0, member.step)


def _value(ended: Ascended | Tried) -> float:
    return ended.value if isinstance(ended, Tried) else ended.base.value


def _another(best: Ascended, others: Sequence[Ascended]) -> Ascended | None:
    """Give whom to cross the best with: the next whose value says that it is another optimum."""
    if len(others) < 2 or not best.why.converged:
        return None
    enough = best.base.value - statistical_share(best.base.step.mixture, best.at.summary.rows)
    return next((each for each in others if each.base.value < enough), None)


def _ranked(members: Sequence[Member], race: int) -> list[Ascended]:
    ended = [each for each in members if isinstance(each, Ascended) and each.spec.race == race]
    return sorted(ended, key=lambda each: each.base.value, reverse=True)
