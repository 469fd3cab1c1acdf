"""Candidates that cannot become the one that is chosen end early, and are not chosen."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from dask_gmm.fitting.ascent import Ascending
from dask_gmm.fitting.hopeless import BOUNDED, MARGIN, without_hopeless
from dask_gmm.fitting.members import Finished, Why, is_asking, last_kept
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.mstep import MStep
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.select import SelectResult, select
from dask_gmm.workflows.select_request import SelectRequest
from tests.fitting.test_escape import SAMPLED, SPEC, WHOLE, Trip, ended, followed, free, trapped

GENERATOR: Final = np.random.default_rng(3)
CENTERS: Final = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
STRETCHED: Final = GENERATOR.standard_normal((60_000, 2)) @ np.array([[1.0, 0.9], [0.0, 0.4]])
X: Final = CENTERS[GENERATOR.integers(0, 3, 60_000)] + STRETCHED


def selected(out: Path, **options: Any) -> SelectResult:
    asked = {"components": (1, 2, 3), "covariance": ("full", "spherical"), **options}
    return select(SelectRequest(X, out=out, **asked), ThreadRunner(2), Silent())


# Each criterion with a solver; the others with the slow tests.
USUAL: Final = (("aic", "em"), ("bic", "fast"), ("icl", "fast"))


@pytest.mark.parametrize(
    ("criterion", "solver"),
    [
        pytest.param(*each, marks=[pytest.mark.slow] * (each not in USUAL))
        for each in product(BOUNDED, ("fast", "em"))
    ],
)
def test_the_same_is_chosen_and_the_hopeless_stop_early(
    tmp_path: Path, criterion: str, solver: str
) -> None:
    asked = {"criterion": criterion, "solver": solver, "tol": 1e-8}
    whole = selected(tmp_path / "whole", **asked)
    short = selected(tmp_path / "short", drop_hopeless=True, **asked)
    assert short.model.means.tobytes() == whole.model.means.tobytes()
    dropped = [each for each in short.selected.entries if each.dropped]
    assert dropped
    assert all(each.reason == Why.HOPELESS.value for each in dropped)
    before = {(e.covariance_type, e.n_components): e for e in whole.selected.entries}
    pairs = [(before[e.covariance_type, e.n_components], e) for e in dropped]
    assert all(b.iterations >= e.iterations for b, e in pairs)
    assert any(b.iterations > e.iterations for b, e in pairs)
    assert "dropped: spherical" in short.to_text()
    assert not any(each.dropped for each in whole.selected.entries)


def test_none_could_have_become_better_than_its_bound(tmp_path: Path) -> None:
    whole = selected(tmp_path / "whole", tol=1e-8)
    short = selected(tmp_path / "short", tol=1e-8, drop_hopeless=True)
    for end, early in zip(whole.selected.entries, short.selected.entries, strict=True):
        if early.dropped and early.left is not None:
            assert end.log_likelihood <= early.log_likelihood + MARGIN * early.left


def test_of_candidates_that_are_alike_none_is_dropped(tmp_path: Path) -> None:
    result = selected(
        tmp_path / "run", components=(3,), covariance=("full",), n_init=2, drop_hopeless=True
    )
    assert [each.dropped for each in result.selected.entries] == [None]


def lagging(survey: Survey) -> Ascending:
    """What climbs, on all rows, to an optimum that is worse than another one."""
    member: Any = Ascending(SPEC, survey, len(survey.levels) - 1, MStep(trapped(), ()))
    trip = Trip()
    climbing: list[Ascending] = [member]
    while is_asking(member):
        question = member.ask()
        (member,) = member.tell(trip(question.rows, [question])[0])
        climbing += [member] if isinstance(member, Ascending) else []
    assert climbing[-1].base is not None
    return climbing[-1]


def test_one_that_others_of_its_race_may_lead_on_from_is_not_hopeless() -> None:
    """Of a race on all rows the second may be crossed with the best, and become better than it."""
    best = followed(ended(free(), WHOLE).go_on())
    alone, racing = lagging(SAMPLED), lagging(WHOLE)
    assert (alone.racing, racing.racing) == (False, True)
    for criterion in BOUNDED[:2]:
        kept = without_hopeless([racing, best], 6000, criterion)
        assert kept == [racing, best]
        gone, same = without_hopeless([alone, best], 6000, criterion)
        assert isinstance(gone, Finished)
        assert (gone.why, same) == (Why.HOPELESS, best)


@pytest.mark.parametrize("inside", [True, False])
def test_one_whose_step_ends_at_the_edge_of_what_is_trusted_may_gain_more(inside: bool) -> None:
    best, behind = followed(ended(free(), WHOLE).go_on()), lagging(SAMPLED)
    assert behind.base is not None
    short = last_kept(best.history).log_likelihood - last_kept(behind.history).log_likelihood
    base = replace(behind.base, decrement=short / (2 * MARGIN), inside=inside)
    (told, _) = without_hopeless([replace(behind, base=base), best], 6000, "aic")
    assert isinstance(told, Finished) == inside


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2, 3))])
def test_a_race_on_all_rows_is_run_to_its_end(tmp_path: Path, seed: int) -> None:
    asked: dict[str, Any] = {"criterion": "aic", "seed": seed, "tol": 1e-6}
    rows = X[:3000]
    whole, short = (
        select(
            SelectRequest(rows, (1, 2, 3, 4), tmp_path / str(drop), drop_hopeless=drop, **asked),
            ThreadRunner(2),
            Silent(),
        )
        for drop in (False, True)
    )
    assert short.model.means.tobytes() == whole.model.means.tobytes()
