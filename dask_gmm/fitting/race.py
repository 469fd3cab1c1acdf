"""Who goes on: of the candidates of a race, the best on the smallest level."""

from collections.abc import Sequence
from dataclasses import dataclass

from dask_gmm.fitting.ascent import Ascended
from dask_gmm.fitting.escape import after, crossed
from dask_gmm.fitting.members import Asking, Evaluation, Member
from dask_gmm.fitting.spec import Spec


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


def settled(members: Sequence[Member]) -> list[Member]:
    """Let candidates go on that have ended a level, and end the races that are over.

    A race is over when all of it wait at the end of the smallest level, and nobody asks about it
    any more. Of more than two, the best two go on together, crossed, and race the best; of equals
    the first wins.
    """
    racing = {each.spec.race for each in members if isinstance(each, Asking) and each.racing}
    return [_next(member, members, racing) for member in members]


def _next(member: Member, members: Sequence[Member], racing: set[int]) -> Member:
    if not isinstance(member, Ascended):
        return member
    if not member.at.racing:
        return after(member)
    if member.spec.race in racing:
        return member
    best, *others = _ranked(members, member.spec.race)
    crossing = len(others) > 1 and best.why.converged
    if member is best:
        return member if crossing else after(member)
    if member is others[0] and crossing:
        return crossed(best, member)
    return Lost(member.spec, member.base.value, member.history)


def _ranked(members: Sequence[Member], race: int) -> list[Ascended]:
    ended = [each for each in members if isinstance(each, Ascended) and each.spec.race == race]
    return sorted(ended, key=lambda each: each.base.value, reverse=True)
