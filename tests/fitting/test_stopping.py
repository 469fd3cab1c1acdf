"""What is left to gain ends a fit; a step to the edge of what is trusted says less than is left."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.ascent import Ascended, Ascending
from dask_gmm.fitting.base import BEYOND_THE_EDGE, Base
from dask_gmm.fitting.members import Evaluation, Finished, Why
from dask_gmm.fitting.newton import Newton, Solving
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.fitting.stopping import (
    QUIET_PASSES,
    WORSE_PASSES,
    kept_since_best,
    overtrained,
)
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep
from dask_gmm.passes.progress import Silent
from tests.workflows.resuming import ONE, SOURCE, checkpoints, small_levels

# Shares of what a step says that may be left for it to end a fit, and by what they are too large.
INSIDE, AT_THE_EDGE, SPARE = 1.01, 1.01 * BEYOND_THE_EDGE, 1.01**2
# Regions in which the first step ends at the edge, and inside.
NOT_FAR, FAR = 0.01, 10.0


def test_as_much_is_counted_as_a_slope_without_an_end_gains_twice_as_far_as_the_edge() -> None:
    slope, way = 0.3, np.linspace(0, 2, 50)
    said = 0.5 * slope
    assert (slope * way).max() == pytest.approx(BEYOND_THE_EDGE * said)
    for bend in (0.02, 0.1):
        assert said < (slope * way - bend * way**2).max() < BEYOND_THE_EDGE * said


class Searching(NamedTuple):
    """A fit that looks for its first step on all rows, and the sample that it asks."""

    at: Ascending
    newton: Newton
    sample: ArraySource

    def turned(self, radius: float, tol: float, quiet: int = 0) -> Ascending | Ascended:
        """What becomes of it with a step in so large a region, where so much may be left."""
        at = replace(self.at, spec=replace(self.at.spec, tol=tol), quiet=quiet)
        member: Any = Solving(at, replace(self.newton, radius=radius, enough=0.0))
        while isinstance(member, Solving):
            (member,) = member.tell(ONE.run(self.sample, [member.ask().fold], Silent())[0])
        assert isinstance(member, Ascending | Ascended)
        return member

    def base(self, radius: float) -> Base:
        """Where a step in so large a region begins."""
        member = self.turned(radius, 0.0)
        assert isinstance(member, Ascending)
        assert member.base is not None
        return member.base


@pytest.fixture
def searching(monkeypatch: pytest.MonkeyPatch) -> Searching:
    """One that begins where much is left to gain."""
    small_levels(monkeypatch)
    spec = Spec(3, "spherical", solver="fast", init=MERGE, tol=None)
    (first, *_) = checkpoints(spec)
    survey = first.members[0].survey  # type: ignore[union-attr]
    means = np.array([[0.1, 0, 0], [4, 0.1, 2], [0, 3, -2.9]]) - survey.frame.shift
    start = MStep(Mixture.of(np.full(3, 1 / 3), means, np.ones(3), "spherical"), ())
    on_all_rows = Ascending(spec, survey, 2, start)
    (found,) = on_all_rows.tell(ONE.run(SOURCE, [on_all_rows.ask().fold], Silent())[0])
    assert isinstance(found, Solving)
    assert isinstance(found.at, Ascending)
    rows = first.survey.sample.first(found.ask().rows.size or 0).in_row_order()
    return Searching(found.at, found.newton, ArraySource.of(rows))


@pytest.mark.parametrize(
    ("radius", "little"), [(NOT_FAR, AT_THE_EDGE), (FAR, INSIDE)], ids=["at the edge", "inside"]
)
def test_a_fit_ends_where_so_little_is_left_twice_running(
    searching: Searching, radius: float, little: float
) -> None:
    decrement = searching.base(radius).decrement
    enough = searching.turned(radius, little * decrement)
    assert isinstance(enough, Ascending)
    assert enough.quiet == 1
    ended = searching.turned(radius, little * decrement, QUIET_PASSES - 1)
    assert isinstance(ended, Ascended)
    assert ended.why is Why.LITTLE_LEFT
    less = searching.turned(radius, little / SPARE * decrement, QUIET_PASSES - 1)
    assert isinstance(less, Ascending)
    assert less.quiet == 0


@pytest.mark.parametrize(("radius", "times"), [(NOT_FAR, BEYOND_THE_EDGE), (FAR, 1.0)])
def test_a_fit_that_ends_says_what_is_left(
    searching: Searching, radius: float, times: float
) -> None:
    base = searching.base(radius)
    ended = searching.turned(radius, 2 * times * base.decrement, QUIET_PASSES - 1)
    assert isinstance(ended, Ascended)
    finished = ended.go_on()
    assert isinstance(finished, Finished)
    assert finished.left == base.left == times * base.decrement


def histories() -> st.SearchStrategy[list[Evaluation]]:
    """Passes, each kept or not, with some value for the rows held out; the first is kept."""
    value, kept = st.floats(-3, 3), st.booleans()
    each = st.builds(lambda v, k: Evaluation(0.0, "float64", (), kept=k, held_out=v), value, kept)
    return st.lists(each, max_size=8).map(
        lambda after: [Evaluation(0.0, "float64", (), held_out=0.0), *after]
    )


@given(histories())
def test_a_pass_is_no_worse_than_the_best_or_counts(history: list[Evaluation]) -> None:
    values = [each.held_out or 0.0 for each in history if each.kept]
    worse = len(values) - 1 - max(i for i, each in enumerate(values) if each == max(values))
    assert kept_since_best(history) == worse
    assert overtrained(history) == (worse >= WORSE_PASSES)


def test_where_no_rows_are_held_out_the_last_pass_kept_is_the_best() -> None:
    history = [Evaluation(-1.0 - i, "float64", (), kept=i != 3) for i in range(4)]
    assert kept_since_best(history) == 0
    assert not overtrained(history)
