"""A better optimum is looked for on the sample: never for a worse one, never in all rows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.source import Layout
from dask_gmm.fitting.ascent import Ascended, Ascending
from dask_gmm.fitting.candidate import candidate
from dask_gmm.fitting.cohort import best, search
from dask_gmm.fitting.escape import Escaping, after, crossed
from dask_gmm.fitting.levels import Level
from dask_gmm.fitting.members import Finished, Member, Why
from dask_gmm.fitting.overfit import Loosening
from dask_gmm.fitting.questions import ALL_ROWS, Question, Rows
from dask_gmm.fitting.race import Lost, settled
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner

Array = npt.NDArray[np.float64]
SAMPLE = Rows(2000)
CENTERS = np.array([[0.0, 0], [6, 0], [0, 40]])


def clusters(rows: int, centers: Array, seed: int = 3) -> Array:
    """Rows (n, 2) about centers, in turn."""
    noise = np.random.default_rng(seed).standard_normal((rows, 2))
    return np.asarray(noise + centers[np.arange(rows) % len(centers)])


X = clusters(6000, CENTERS)
SAMPLED = Survey.of(summarize(X), below=(Level(SAMPLE, summarize(X[:2000])),))
WHOLE = Survey.of(summarize(X))
# All rows are few, and held in this process.
HERE = Rows(len(X))
FEW = replace(WHOLE, few=Level(HERE, WHOLE.summary))
SPEC = Spec(3, solver="fast", init=MERGE, tol=None)


class Trip:
    """Answers questions about X and its first rows, and keeps which were asked."""

    def __init__(self, threads: int = 1) -> None:
        self.runner = ThreadRunner(threads)
        self.asked: list[Rows] = []

    def __call__(self, rows: Rows, questions: list[Question]) -> Sequence[Any]:
        self.asked.append(rows)
        values = X[: rows.size]
        leaves = Layout(np.array([0, len(values)])) if rows.at_once else None
        folds = [question.fold for question in questions]
        return self.runner.run(ArraySource.of(values, layout=leaves), folds, Silent())


def trapped(covariance_type: str = "full") -> Mixture:
    """One component for the first two clusters, two for the third: EM stays there."""
    means = np.array([[3.0, 0], [-0.5, 40], [0.5, 40]]) - WHOLE.frame.shift
    covariances = np.array([np.diag([10.0, 1.0]), np.eye(2), np.eye(2)])
    if covariance_type == "diag":
        covariances = np.einsum("kdd->kd", covariances)
    if covariance_type == "spherical":
        covariances = np.array([5.0, 1.0, 1.0])
    return Mixture.of([2 / 3, 1 / 6, 1 / 6], means, covariances, covariance_type)


def free(covariance_type: str = "full") -> Mixture:
    """A component for each cluster."""
    trap = trapped(covariance_type)
    means = CENTERS - WHOLE.frame.shift
    return Mixture.of(np.full(3, 1 / 3), means, trap.covariances[[1, 1, 1]], covariance_type)


def ended(start: Mixture, survey: Survey = SAMPLED, spec: Spec = SPEC) -> Ascended:
    """What has climbed the first level from a start."""
    member: Any = Ascending(spec, survey, 0, MStep(start, ()))
    trip = Trip()
    while not isinstance(member, Ascended):
        question = member.ask()
        (member,) = member.tell(trip(question.rows, [question])[0])
    return member


def followed(member: Member, trip: Trip | None = None) -> Finished:
    """The end of a candidate alone."""
    (finished,) = search([member], trip or Trip(), lambda members: None)
    return finished


def bytes_of(finished: Finished) -> tuple[bytes, ...]:
    mixture = finished.mixture
    return tuple(each.tobytes() for each in (mixture.weights, mixture.means, mixture.covariances))


@pytest.mark.parametrize("survey", [SAMPLED, WHOLE])
@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_a_trap_is_left(covariance_type: str, survey: Survey) -> None:
    spec = Spec(3, covariance_type, solver="fast", init=MERGE, tol=None)
    home = ended(trapped(covariance_type), survey, spec)
    stayed, left = followed(home.go_on()), followed(after(home))
    expected = followed(ended(free(covariance_type), survey, spec).go_on())
    assert stayed.log_likelihood < expected.log_likelihood - 0.1
    assert left.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-5)
    assert len(left.notes) == 1
    assert "split and merged again" in left.notes[0]
    assert stayed.notes == ()


def test_all_rows_are_not_read_for_it() -> None:
    trip = Trip()
    left = followed(after(ended(trapped())), trip)
    first = trip.asked.index(ALL_ROWS)
    assert set(trip.asked[:first]) == {SAMPLE}
    assert len(left.history) == trip.asked.count(ALL_ROWS) < 8


@pytest.mark.parametrize("survey", [SAMPLED, WHOLE])
def test_where_nothing_better_is_found_nothing_changes(survey: Survey) -> None:
    home = ended(free(), survey)
    stayed, tried = followed(home.go_on()), followed(after(home))
    assert bytes_of(tried) == bytes_of(stayed)
    assert tried.history == stayed.history
    assert tried.notes == ()


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("seed", range(3))
def test_what_is_found_is_never_worse(covariance_type: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = X[generator.choice(len(X), 4, replace=False)] - WHOLE.frame.shift
    family = trapped().family if covariance_type == "full" else FAMILIES[covariance_type]
    zero: Array = np.zeros(family.shape(4, 2))
    start = Mixture.of(
        np.full(4, 0.25), rows, family.add_to_diagonal(zero, np.full(2, 4.0)), covariance_type
    )
    spec = Spec(4, covariance_type, solver="fast", init=MERGE, tol=None)
    home = ended(start, WHOLE, spec)
    assert followed(after(home)).log_likelihood >= home.base.evaluation.log_likelihood - 1e-9


def test_only_what_has_converged_on_the_last_sample_looks_for_it() -> None:
    home = ended(trapped())
    assert isinstance(after(home), Escaping)
    assert isinstance(after(home, 0), Escaping)
    assert isinstance(after(home, 0, 0), Ascending)
    unfinished = Ascended(home.at, home.base, Why.MAX_ITER)
    assert isinstance(after(unfinished), Ascending)
    alone = ended(Mixture.of([1.0], [[0.0, 0]], [np.eye(2)]), spec=Spec(1, solver="fast", tol=None))
    assert isinstance(after(alone), Ascending)


def test_a_given_start_is_not_left() -> None:
    start = trapped().moved(WHOLE.frame.shift)
    for survey in (SAMPLED, WHOLE):
        given = Spec(3, solver="fast", tol=None, start=start)
        finished = followed(candidate(given, survey))
        assert finished.notes == ()
        assert finished.mixture.means[0, 0] == pytest.approx(3, abs=0.2)


def test_what_was_wrong_is_said() -> None:
    twin = Mixture.of(
        [1 / 3, 1 / 3, 1 / 3], free().means[[0, 2, 2]], np.array([np.eye(2)] * 3) * 9, "full"
    )
    home = ended(twin)
    (note,) = followed(after(home)).notes
    assert note.startswith("components 1 and 2 were the same; ")


def test_the_best_two_of_a_race_are_crossed_and_the_child_may_win() -> None:
    halves = [ended(trapped()), ended(trapped()), ended(other_trap())]
    members = settled([*halves, ended(free(), spec=Spec(3, solver="fast", tol=None, race=1))])
    assert sum(isinstance(each, Lost) for each in members) == 2
    assert sum(isinstance(each, Loosening) for each in members) == 1
    assert sum(isinstance(each, Escaping) for each in members) == 1  # of the other race
    child = crossed(halves[0], halves[2])
    assert child.step.mixture.n_components == 6
    winner = best(search(members, Trip(), lambda members: None)).mixture
    expected = followed(ended(free()).go_on()).mixture
    np.testing.assert_allclose(in_order(winner), in_order(expected), atol=0.01)


def in_order(mixture: Mixture) -> Array:
    """The means, by their sums."""
    return mixture.means[np.argsort(mixture.means.sum(axis=1))]


def other_trap() -> Mixture:
    """Two components for the first cluster, one for the others."""
    means = np.array([[-0.5, 0], [0.5, 0], [3, 20]]) - WHOLE.frame.shift
    covariances = np.array([np.eye(2), np.eye(2), np.diag([10.0, 400.0])])
    return Mixture.of([1 / 6, 1 / 6, 2 / 3], means, covariances)


def test_those_that_agree_are_not_crossed() -> None:
    members = settled([ended(free()), ended(free()), ended(free())])
    assert [type(each) for each in members] == [Escaping, Lost, Lost]


def test_two_go_on_as_they_are() -> None:
    members = settled([ended(trapped()), ended(free())])
    assert [type(each) for each in members] == [Lost, Escaping]


@pytest.mark.usefixtures("small_leaves")
def test_threads_and_company_change_no_byte() -> None:
    home = after(ended(trapped()))
    alone = bytes_of(followed(home))
    other = candidate(Spec(2, "diag"), SAMPLED)
    together = search([other, home], Trip(2), lambda members: None)
    assert bytes_of(together[1]) == alone
