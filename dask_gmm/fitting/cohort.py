"""The whole program: candidates climb together, one reading of the rows per round."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from dask_gmm.fitting.members import Finished, Member, Why, is_asking, is_limited
from dask_gmm.fitting.questions import ALL_ROWS, Question, Rows
from dask_gmm.fitting.race import settled

RunPass: TypeAlias = Callable[[Rows, list[Question]], Sequence[Any]]
Keep: TypeAlias = Callable[[Sequence[Member]], None]
End: TypeAlias = Callable[[Sequence[Member]], Sequence[Member]]


def search(cohort: Sequence[Member], run_pass: RunPass, keep: Keep) -> list[Finished]:
    """Let candidates ask and be told until all have finished, and give those; see `carried_out`."""
    members = carried_out(cohort, run_pass, keep)
    return [member for member in members if isinstance(member, Finished)]


def carried_out(
    cohort: Sequence[Member], run_pass: RunPass, keep: Keep, end: End = lambda members: members
) -> list[Member]:
    """Let candidates ask and be told until nothing is left to ask; some finish, others lose.

    Questions about the smallest sample are answered first, so that all rows are read only when
    nothing else is left to ask.

    Parameters
    ----------
    cohort : sequence of members
        Candidates at their beginning, or what ``keep`` was told of.
    run_pass : callable
        Answers questions about the same rows in one reading, in their order.
    keep : callable
        Told of the cohort after every pass; what it writes down is a checkpoint.
    end : callable
        Ends some of the candidates before a pass over all rows.
    """
    asked = Asked()
    members: Sequence[Member] = _sampled(cohort, run_pass, keep, asked)
    while asked.of(members := end(members)):
        told = _round(members, asked.questions, run_pass, keep)
        members = _sampled(told, run_pass, keep, asked)
    return list(members)


def initialize(cohort: Sequence[Member], run_pass: RunPass, keep: Keep) -> list[Member]:
    """Let candidates ask and be told until none asks about the sample; see `search`."""
    return _sampled(cohort, run_pass, keep, Asked())


def _sampled(
    cohort: Sequence[Member], run_pass: RunPass, keep: Keep, asked: "Asked"
) -> list[Member]:
    members = settled(cohort)
    while not _next_rows(asked.of(members)).are_all:
        members = settled(_round(members, asked.questions, run_pass, keep))
    return members


class Asked:
    """What the members of a cohort ask; each is asked once, however long it waits for its turn."""

    def __init__(self) -> None:
        self.questions: dict[int, Question] = {}
        self._known: dict[int, tuple[Member, Question]] = {}

    def of(self, members: Sequence[Member]) -> dict[int, Question]:
        """Give the questions of those that ask, by their places in the cohort."""
        known = self._known
        self._known = {id(m): known.get(id(m)) or (m, m.ask()) for m in members if is_asking(m)}
        places = (i for i, m in enumerate(members) if id(m) in self._known)
        self.questions = {i: self._known[id(members[i])][1] for i in places}
        return self.questions


def best(finished: Sequence[Finished]) -> Finished:
    """The one with the highest value; of equals, the first."""
    return max(finished, key=lambda each: each.value)


def limited(members: Sequence[Member], why: Why | None) -> list[Member]:
    """End those that all rows have measured, if there is a reason; others are to be measured."""
    if why is None:
        return list(members)
    ended = (m.stopped(why) if is_limited(m) else None for m in members)
    return [after or before for before, after in zip(members, ended, strict=True)]


def _next_rows(asked: Mapping[int, Question]) -> Rows:
    turns = sorted((question.rows for question in asked.values()), key=lambda rows: rows.turn)
    return turns[0] if turns else ALL_ROWS


def _round(
    members: Sequence[Member], asked: Mapping[int, Question], run_pass: RunPass, keep: Keep
) -> list[Member]:
    rows = _next_rows(asked)
    questions = {i: question for i, question in asked.items() if question.rows == rows}
    answers = dict(zip(questions, run_pass(rows, list(questions.values())), strict=True))
    told = [each for i, member in enumerate(members) for each in _told(member, answers, i)]
    keep(told)
    return told


def _told(member: Member, answers: Mapping[int, Any], i: int) -> Sequence[Member]:
    return member.tell(answers[i]) if is_asking(member) and i in answers else (member,)
