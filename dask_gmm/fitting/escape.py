"""Ways out of an optimum that is not the best, or of a saddle that is none.

Spare components are moved; more of them are merged again, which chooses anew those that the rows
need most; directions of negative curvature are followed. What is found is kept only if the
rows of a sample tell it from what was there, so that all rows are read for nothing else.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from dask_gmm.fitting.ascent import Ascended, Ascending
from dask_gmm.fitting.closing import closing
from dask_gmm.fitting.faults import Faults
from dask_gmm.fitting.members import Asking, Evaluation, Finished, Why, back_to, is_asking
from dask_gmm.fitting.newton import Solving
from dask_gmm.fitting.overfit import ITERATIONS, Loosening
from dask_gmm.fitting.probe import Following, Probing
from dask_gmm.fitting.questions import Question
from dask_gmm.fitting.reseed import dropped, reseeding
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.stopping import statistical_error, statistical_share
from dask_gmm.fitting.topup import Drawing, topped
from dask_gmm.mixture.mstep import MStep
from dask_gmm.mixture.splitting import halved, joined

# Splits that are tried one after another, each from where the last one led.
ESCAPES: Final = 3
# Saddles that are looked for, one after another.
PROBES: Final = 2
SPLIT: Final = "split and merged again"
RESEEDED: Final = "set on the worst-explained rows"
FOLLOWED: Final = "was followed"
CLOSED: Final = "taken up by Newton's steps"
Onward: TypeAlias = "Escaping | Drawing | Ascending | Finished"


@dataclass(frozen=True, slots=True, eq=False)
class Escaping:
    """A candidate that has ended its last sample, and looks for a better optimum there.

    Spare components are set on the worst-explained rows, and climb the level that it had ended.
    Then all are split, climb some EM iterations on the smallest level, are merged until as many are
    left as before, and climb that level again. Last it looks for a direction in which the objective
    is not concave there. Where all rows are few, Newton's steps come before that.

    Parameters
    ----------
    home : Ascended
        Where it goes on if nothing better is found.
    path : Reseeding, Loosening, Probing, Following, Solving or Ascending
        What asks in its place.
    way : str
        What was done to the components.
    escapes : int
        How many splits may follow this way.
    probes : int
        How often a direction of negative curvature may be looked for after it.
    """

    home: Ascended
    path: Asking
    way: str
    escapes: int
    probes: int

    @classmethod
    def by_reseeding(cls, home: Ascended, escapes: int, probes: int) -> "Escaping | None":
        """Set spare components on the worst-explained rows, if there are any."""
        path = reseeding(home)
        return None if path is None else cls(home, path, RESEEDED, escapes, probes)

    @classmethod
    def by_splitting(cls, home: Ascended, escapes: int, probes: int) -> "Escaping":
        """Split all components."""
        scale = home.at.survey.frame.scale
        split = MStep(halved(home.base.step.mixture, scale), ())
        path = Loosening(home.spec, home.at.survey, split, ITERATIONS)
        return cls(home, path, SPLIT, escapes - 1, probes)

    @classmethod
    def by_probing(cls, home: Ascended, escapes: int, probes: int) -> "Escaping":
        """Look for a direction of negative curvature."""
        return cls(home, Probing.of(home), FOLLOWED, escapes, probes - 1)

    @classmethod
    def by_closing(cls, home: Ascended, escapes: int, probes: int) -> "Escaping | None":
        """Take few rows up once more by Newton's steps, if they have not been."""
        path = closing(home)
        return None if path is None else cls(home, path, CLOSED, escapes, probes)

    @property
    def spec(self) -> Spec:
        """What it is asked to be."""
        return self.home.spec

    @property
    def history(self) -> tuple[Evaluation, ...]:
        """Its passes over all rows so far."""
        return self.home.history

    @property
    def racing(self) -> bool:
        """False: its race is over."""
        return False

    def stopped(self, why: Why) -> Finished | None:
        """Finish where it came from, if all rows have measured that."""
        if isinstance(self.path, Solving | Ascending) and self.way == CLOSED:
            return self.path.stopped(why)
        return self.home.at.stopped(why)

    def ask(self) -> Question:
        """Ask what the path asks."""
        return self.path.ask()

    def tell(self, answer: Any) -> "tuple[Onward]":
        """Follow the path; at its end, go on from there or from home, whichever is better."""
        (told,) = self.path.tell(answer)
        if isinstance(told, Ascended):
            return (self._judged(told),)
        assert is_asking(told)  # a path ends nowhere else
        if isinstance(told, Ascending) and isinstance(self.path, Loosening):
            told = replace(told, level=self.home.at.level)
        return (replace(self, path=told),)

    def _judged(self, found: Ascended) -> "Onward":
        if self.way == CLOSED:
            return after_closing(found, self.escapes, self.probes)
        home = self.home
        mixture, rows = home.base.step.mixture, home.at.summary.mass
        gain = found.base.value - home.base.value
        if gain <= statistical_share(mixture, rows):
            return self._back()
        share = gain / statistical_error(mixture.n_parameters, rows)
        found_there = f"{share:.2g} statistical errors of {home.at.summary.rows:,} rows better"
        note = f"{self._reason()}{self.way}: {found_there}"
        history = (*back_to(home.history, -1), *found.history)
        notes = (*home.at.notes, note)
        at = replace(found.at, climbs=home.at.climbs, history=history, notes=notes)
        better = replace(found, at=at)
        if self.way == FOLLOWED and home.at.on_all_rows:
            return after_closing(better, self.escapes, self.probes)
        return after(better, self.escapes, self.probes, moved=self.way == RESEEDED)

    def _back(self) -> "Onward":
        """Go on from home: by the next way out, or without."""
        if self.way == RESEEDED:
            return after(self.home, self.escapes, self.probes, moved=True)
        if self.way == SPLIT:
            return last_way_out(self.home, self.escapes, self.probes)
        return finally_left(self.home)

    def _reason(self) -> str:
        if isinstance(self.path, Following):
            return f"a direction of curvature {self.path.curvature:.2g} "
        mixture, rows = self.home.base.step.mixture, self.home.at.summary.mass
        return "".join(f"{each}; " for each in Faults.of(mixture, rows).texts)


def after(
    ended: Ascended, escapes: int = ESCAPES, probes: int = PROBES, *, moved: bool = False
) -> "Onward":
    """Give what follows a level: a way out of what the last sample led to, or the next level.

    Spare components that have just been ``moved`` are not moved again.
    """
    if not _may_escape(ended):
        return onward(ended)
    if not escapes:
        return last_way_out(ended, escapes, probes)
    reseeded = None if moved else Escaping.by_reseeding(ended, escapes, probes)
    return reseeded or Escaping.by_splitting(ended, escapes, probes)


def last_way_out(ended: Ascended, escapes: int, probes: int) -> "Onward":
    """Give the last way out, where that is looked for on a sample, or the next level."""
    if ended.at.on_all_rows or not probes:
        return onward(ended, escapes, probes)
    return Escaping.by_probing(ended, escapes, probes)


def after_closing(ended: Ascended, escapes: int, probes: int) -> Onward:
    """Give what follows Newton's steps on few rows: a look at the curvature, or the end."""
    if not probes or not ended.why.converged:
        return finally_left(ended)
    return Escaping.by_probing(ended, escapes, probes)


def onward(ended: Ascended, escapes: int = 0, probes: int = 0) -> Onward:
    """Begin the next level; of few rows, ask for Newton's word before the end."""
    closed = None if dropped(ended) else Escaping.by_closing(ended, escapes, probes)
    return closed or finally_left(ended)


def finally_left(ended: Ascended) -> Drawing | Ascending | Finished:
    """Begin the next level; after the last, finish, or measure what is left without the spare."""
    return dropped(ended) or topped(ended.go_on())


def _may_escape(ended: Ascended) -> bool:
    """Whether it has converged on the last sample, or on all rows where there are no samples."""
    sampled = ended.at.level == max(len(ended.at.survey.levels) - 2, 0)
    free = ended.spec.start is None and ended.spec.n_components > 1 and not ended.spec.n_labels
    whole = ended.base.step.mixture.n_components == ended.spec.n_components
    return sampled and free and whole and ended.why.converged


def crossed(one: Ascended, other: Ascended) -> Loosening:
    """Begin a candidate with the components of two, which will be merged until half are left."""
    both = MStep(joined(one.base.step.mixture, other.base.step.mixture), ())
    return Loosening(one.spec, one.at.survey, both, ITERATIONS)
