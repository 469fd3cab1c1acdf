"""A saddle that nothing else leads out of is left along its curvature, and nothing else is."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dask_gmm.fitting.ascent import Ascended, Ascending
from dask_gmm.fitting.escape import FOLLOWED, Escaping, last_way_out
from dask_gmm.fitting.members import Finished, Why
from dask_gmm.fitting.probe import MOST_PRODUCTS, Following, Probing, follow
from dask_gmm.fitting.questions import ALL_ROWS
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.coordinates import metric_norm, to_vector
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.mixture.krylov import Bend
from dask_gmm.mixture.mstep import MStep
from tests.fitting.test_escape import (
    CENTERS,
    FEW,
    HERE,
    SAMPLE,
    SAMPLED,
    SPEC,
    WHOLE,
    Trip,
    bytes_of,
    ended,
    followed,
    free,
    trapped,
)
from tests.fitting.test_reseed import made

Array = npt.NDArray[np.float64]
# Twins between the first two clusters, and a component for the third.
SADDLE = [[3.0, 0], [3, 0], [0, 40]]


def home(means: Any, covariance_type: str = "full", survey: Survey = SAMPLED, **spec: Any) -> Any:
    """What has climbed the sample from three components of the same weight."""
    start = made([1 / 3] * 3, np.asarray(means) - WHOLE.frame.shift, covariance_type)
    asked = Spec(3, covariance_type, solver="fast", init=MERGE, tol=None, **spec)
    return ended(start, survey, asked)


def probed(there: Ascended, trip: Trip | None = None, probes: int = 1) -> Any:
    """The end of a candidate that has no splits left."""
    return followed(last_way_out(there, 0, probes), trip)


@pytest.mark.parametrize("precision", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_a_saddle_is_left_along_its_curvature(covariance_type: str, precision: str) -> None:
    there = home(SADDLE, covariance_type, precision=precision)
    assert there.why.converged
    means = there.base.step.mixture.means
    np.testing.assert_allclose(means[0], means[1], atol=1e-4)
    left = probed(there)
    expected = followed(home(CENTERS, covariance_type, precision=precision).go_on())
    assert followed(there.go_on()).log_likelihood < expected.log_likelihood - 0.1
    assert left.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-4)
    (note,) = left.notes
    assert note.startswith("a direction of curvature -0.")
    assert " was followed: " in note
    assert note.endswith(" statistical errors of 2,000 rows better")


def test_all_rows_are_not_read_for_it() -> None:
    trip = Trip()
    left = probed(home(SADDLE), trip)
    assert set(trip.asked[: trip.asked.index(ALL_ROWS)]) == {SAMPLE}
    assert trip.asked.count(ALL_ROWS) == len(left.history) < 8


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_a_saddle_of_few_rows_is_left_too(covariance_type: str) -> None:
    there, trip = home(SADDLE, covariance_type, FEW), Trip()
    left, stayed = probed(there, trip), there.go_on()
    assert isinstance(stayed, Finished)
    assert set(trip.asked[: trip.asked.index(ALL_ROWS)]) == {HERE}
    assert left.log_likelihood > stayed.log_likelihood + 1e-4
    assert len(left.notes) == 1


def products(there: Ascended) -> int:
    """How many gradients are asked for until it is known where to go."""
    member: Any = Probing.of(there)
    trip = Trip()
    while isinstance(member, Probing):
        question = member.ask()
        (member,) = member.tell(trip(question.rows, [question])[0])
    return len(trip.asked)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_where_the_optimum_is_a_maximum_nothing_changes(covariance_type: str) -> None:
    there = home(CENTERS, covariance_type)
    stayed, tried = followed(there.go_on()), probed(there, probes=2)
    assert bytes_of(tried) == bytes_of(stayed)
    assert tried.history == stayed.history
    assert tried.climbs == stayed.climbs
    assert tried.notes == ()


def test_as_few_products_are_made_as_there_is_doubt() -> None:
    apart = products(home(CENTERS))
    overlapping = products(ended(trapped()))
    assert 2 < apart < overlapping <= MOST_PRODUCTS
    assert products(home(CENTERS, precision="float32")) == apart + 1


def test_a_saddle_that_is_left_on_the_sample_costs_no_reading_of_all_rows() -> None:
    """What is left to gain there is little, as far as the gradient says."""
    there = home([[0.0, 0], [0.5, 0.5], [0, 40]])
    assert there.why is Why.LITTLE_LEFT
    left, stayed = probed(there), followed(there.go_on())
    assert len(left.history) < len(stayed.history)
    assert len(left.notes) == 1


def test_there_are_no_more_products_than_parameters() -> None:
    spec = Spec(2, "spherical", solver="fast", init=MERGE, tol=None)
    start = made([0.5, 0.5], CENTERS[:2] - WHOLE.frame.shift, "spherical")
    assert products(ended(start, SAMPLED, spec)) <= start.n_parameters == 7


def test_it_looks_on_a_sample_alone_and_so_often() -> None:
    assert isinstance(last_way_out(home(SADDLE), 0, 1), Escaping)
    assert isinstance(last_way_out(home(SADDLE), 0, 0), Ascending)
    assert not isinstance(last_way_out(home(SADDLE, survey=WHOLE), 0, 2), Escaping)


def test_the_first_direction_is_a_function_of_the_seed() -> None:
    firsts = [
        Probing.of(home(SADDLE, seed=seed)).krylov.directions[0].tobytes() for seed in (0, 0, 1)
    ]
    assert firsts[0] == firsts[1] != firsts[2]


def test_of_both_sides_the_better_is_kept() -> None:
    there = ended(trapped())
    expected = followed(ended(free()).go_on())
    worse, better = (Ascending(SPEC, SAMPLED, 0, MStep(each, ())) for each in (trapped(), free()))
    for one, other in ((worse, better), (better, worse)):
        sides = Following(there, -0.5, one, there, other.step)
        left = followed(Escaping(there, sides, FOLLOWED, 0, 0))
        assert left.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-5)


def test_what_leads_nowhere_better_leads_back() -> None:
    there = ended(free())
    mixture = there.base.step.mixture
    step = to_vector(trapped()) - to_vector(mixture)
    sides = follow(there, Bend(-0.5, step / metric_norm(mixture, step)))
    stayed, tried = followed(there.go_on()), followed(Escaping(there, sides, FOLLOWED, 0, 0))
    assert bytes_of(tried) == bytes_of(stayed)
    assert tried.notes == ()


@pytest.mark.usefixtures("small_leaves")
@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_threads_change_no_byte(covariance_type: str) -> None:
    there = home(SADDLE, covariance_type)
    assert bytes_of(probed(there, Trip(2))) == bytes_of(probed(there, Trip(1)))


def test_a_candidate_that_all_rows_have_not_measured_cannot_be_stopped() -> None:
    member = last_way_out(home(SADDLE), 0, 1)
    assert isinstance(member, Escaping)
    assert member.stopped(Why.MAX_PASSES) is None
