"""The whole program: candidates climb together, one reading of the rows per round."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from dask_gmm.fitting.candidate import Asking, Finished
from dask_gmm.fitting.questions import Question, Rows

Member: TypeAlias = Asking | Finished
RunPass: TypeAlias = Callable[[Rows, list[Question]], Sequence[Any]]
Keep: TypeAlias = Callable[[Sequence[Member]], None]


def search(cohort: Sequence[Member], run_pass: RunPass, keep: Keep) -> list[Finished]:
    """Let candidates ask and be told until all have finished.

    Questions about the sample are answered first, so that all rows are read only when nothing
    else is left to ask.

    Parameters
    ----------
    cohort : sequence of candidates
    run_pass : callable
        Answers questions about the same rows in one reading, in their order.
    keep : callable
        Told of the cohort after every pass; what it writes down is a checkpoint.
    """
    members = list(cohort)
    while asking := {i: m.ask() for i, m in enumerate(members) if not isinstance(m, Finished)}:
        rows = _next_rows(list(asking.values()))
        round_ = {i: question for i, question in asking.items() if question.rows is rows}
        answers = run_pass(rows, list(round_.values()))
        for i, answer in zip(round_, answers, strict=True):
            members[i] = _told(members[i], answer)
        keep(members)
    return [member for member in members if isinstance(member, Finished)]


def best(finished: Sequence[Finished]) -> Finished:
    """The one with the highest log-likelihood; of equals, the first."""
    return max(finished, key=lambda each: each.log_likelihood)


def _next_rows(questions: Sequence[Question]) -> Rows:
    waiting = any(question.rows is Rows.SAMPLE for question in questions)
    return Rows.SAMPLE if waiting else Rows.ALL


def _told(member: Member, answer: Any) -> Member:
    return member if isinstance(member, Finished) else member.tell(answer)
