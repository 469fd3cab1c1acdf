"""Components that explain nothing: set on the worst-explained rows, dropped, or kept."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import sklearn.mixture
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.row_data import RowData
from dask_gmm.data.source import Layout
from dask_gmm.errors import InputError
from dask_gmm.fitting.escape import Escaping, after
from dask_gmm.fitting.faults import Faults
from dask_gmm.fitting.levels import Level
from dask_gmm.fitting.members import Why
from dask_gmm.fitting.questions import ALL_ROWS
from dask_gmm.fitting.reseed import Reseeding, reseeding, without_faults
from dask_gmm.fitting.spec import DROP, KEEP, MERGE, REPAIRS, RESEED, Spec
from dask_gmm.fitting.survey import Survey
from dask_gmm.fitting.worst import WorstRows, rising
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.scoring import scoring_density
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.fit_rows import DataWarning, fit_rows
from tests.fitting import test_escape
from tests.fitting.test_escape import SAMPLE, Trip, bytes_of, clusters, ended, followed

Array = npt.NDArray[np.float64]


def tails() -> Array:
    """Two clusters, of which one row in twenty lies far off."""
    rows, generator = clusters(6000, np.array([[0.0, 0], [0, 40]])), np.random.default_rng(0)
    far = generator.random(len(rows)) < 0.05
    rows[far] += 6 * generator.standard_normal((far.sum(), 2))
    return rows


def overlooked() -> Array:
    """Two clusters, and a third of one row in a hundred."""
    rows = clusters(6000, np.array([[0.0, 0], [0, 40]]))
    rows[::100] += [25, 0]
    return rows


def made(weights: Any, means: Any, covariance_type: str, variance: float = 4.0) -> Mixture:
    family = FAMILIES[covariance_type]
    zero: Array = np.zeros(family.shape(len(weights), 2))
    covariances = family.add_to_diagonal(zero, np.full(2, variance))
    return Mixture.of(weights, means, covariances, covariance_type)


EMPTY = ([0.5, 0.5 - 1e-12, 1e-12], [[0, 0], [0, 40], [-40.0, -40]])
TWIN = ([0.5, 0.25, 0.25], [[0, 0], [0, 40], [0.0, 40]])


def home(
    start: Any, covariance_type: str, monkeypatch: pytest.MonkeyPatch, rows: Array, **given: Any
) -> Any:
    """What has climbed a sample of rows from a mixture with a fault."""
    monkeypatch.setattr(test_escape, "X", rows)
    below = () if given.pop("whole", False) else (Level(SAMPLE, summarize(rows[:2000])),)
    survey = Survey.of(summarize(rows), below=below)
    spec = Spec(3, covariance_type, solver="fast", init=MERGE, tol=None, **given)
    weights, means = start
    return ended(made(weights, means - survey.frame.shift, covariance_type), survey, spec)


def worst(rows: Array, mixture: Mixture, size: int, edges: list[int]) -> Any:
    survey = Survey.of(summarize(rows))
    fold = WorstRows.under(mixture.moved(-survey.frame.shift), survey.frame, size)
    source = ArraySource.of(rows, layout=Layout(np.array(edges)))
    return ThreadRunner(2).run(source, [fold], Silent())[0]


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("size", [1, 40, 10_000])
def test_the_worst_rows_are_those_of_lowest_density(covariance_type: str, size: int) -> None:
    rows, mixture = tails(), made(*EMPTY, covariance_type)
    reference = sklearn.mixture.GaussianMixture(3, covariance_type=covariance_type)
    reference.weights_, reference.means_ = mixture.weights, mixture.means
    reference.precisions_cholesky_ = mixture.precisions_cholesky
    expected = np.argsort(reference.score_samples(rows), kind="stable")[:size]
    found = worst(rows, mixture, size, [0, len(rows)])
    np.testing.assert_array_equal(found.index, expected)
    np.testing.assert_array_equal(found.rows, rows[expected])


@given(cuts=st.sets(st.integers(1, 299)), size=st.integers(1, 310))
def test_they_are_the_same_for_any_leaves_and_of_equal_rows_the_first(
    cuts: set[int], size: int
) -> None:
    rows = np.repeat(tails()[:100], 3, axis=0)[np.random.default_rng(1).permutation(300)]
    mixture = made(*EMPTY, "diag", 1.0)
    whole = worst(rows, mixture, size, [0, 300])
    parts = worst(rows, mixture, size, [0, *sorted(cuts), 300])
    np.testing.assert_array_equal(whole.rows, parts.rows)
    ranks = np.unique(whole.rows, axis=0, return_inverse=True)[1].ravel()
    for rank in np.unique(ranks):
        alike = np.flatnonzero((rows == whole.rows[ranks == rank][0]).all(axis=1))
        np.testing.assert_array_equal(whole.index[ranks == rank], alike[: (ranks == rank).sum()])


@given(st.lists(st.floats(allow_nan=False), min_size=2))
def test_whole_numbers_rise_as_numbers_do(values: list[float]) -> None:
    numbers = np.unique(values)
    assert (np.diff(rising(numbers).astype(object)) > 0).all()


def test_a_common_term_is_not_left_out() -> None:
    rows = np.array([[0.0, 0], [3, 3], [0, 40], [9, 0]])
    tied = made(*EMPTY, "tied")
    other = scoring_density(tied.weights, tied.means, tied.precisions_cholesky, "tied")
    assert not other.lacks_common
    assert worst(rows, tied, 1, [0, 4]).index[0] == 3


def test_faults_are_named_and_what_is_spare() -> None:
    means = [[0, 0], [5, 5], [9, 9], [9, 9], [9, 9]]
    mixture = made([0.5, 1e-7, 0.25, 0.125, 0.125], means, "full")
    faults = Faults.of(mixture, 1000)
    assert faults.spare == (1, 3, 4)
    assert faults.weights_without(mixture, (1, 3, 4))[[1, 2, 3, 4]].tolist() == [0, 0.5, 0, 0]
    assert faults.weights_without(mixture, (3,)).tolist() == [0.5, 1e-7, 0.375, 0, 0.125]
    assert Faults.of(mixture, 10**9).spare == (3, 4)


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("start", [EMPTY, TWIN])
def test_spare_components_are_set_on_rows_that_are_near_each_other(
    covariance_type: str, start: Any
) -> None:
    mixture, near = (
        made(start[0], start[1], covariance_type),
        np.array([[25.0, 0], [25, 1], [26, 0], [26, 1]]),
    )
    alone = np.array([[-300.0, 0], [0, 300], [0, -300]])
    moved = without_faults(mixture, 1000, np.concatenate([alone, near]), np.ones(2))
    np.testing.assert_allclose(moved.means[2], [25.5, 0.5])
    np.testing.assert_array_equal(moved.means[:2], mixture.means[:2])
    assert moved.weights[2] == pytest.approx(4 / 1000)
    assert moved.weights[1] == pytest.approx(0.5, abs=0.01)
    assert moved.weights.sum() == pytest.approx(1)
    expected: dict[str, Any] = {
        "full": np.diag([13 / 7, 13 / 7]),
        "diag": [13 / 7, 13 / 7],
        "spherical": 13 / 7,
    }
    own = moved.covariances if covariance_type == "tied" else moved.covariances[2]
    np.testing.assert_allclose(own, expected.get(covariance_type, mixture.covariances))


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_rows_count_there_as_often_as_they_weigh(covariance_type: str) -> None:
    """So do rows of a level that has weights: as if they were repeated."""
    mixture, generator = made(*EMPTY, covariance_type), np.random.default_rng(0)
    rows, times = generator.normal([25.0, 0.0], 1, (9, 2)), generator.integers(1, 9, 9)
    weighed, repeated = (
        without_faults(mixture, 1000, *given)
        for given in ((rows, np.ones(2), times), (np.repeat(rows, times, axis=0), np.ones(2)))
    )
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(weighed, name), getattr(repeated, name), rtol=1e-12)
    survey = Survey.of(summarize(rows))
    fold = WorstRows.under(mixture.moved(-survey.frame.shift), survey.frame, 5)
    source = ArraySource.of(rows, beside=RowData(times))
    (worst_of_all,) = ThreadRunner(1).run(source, [fold], Silent())
    assert worst_of_all.weights.tolist() == times[worst_of_all.index].tolist()


def test_however_few_rows_there_are_the_others_keep_half_of_the_weight() -> None:
    moved = without_faults(made(*EMPTY, "full"), 2.5, np.ones((7, 2)), np.ones(2), np.full(7, 9.0))
    assert moved.weights[2] == pytest.approx(0.5)
    assert moved.weights.sum() == pytest.approx(1)
    assert Faults.of(made([0.2, 0.5, 0.3], TWIN[1], "full"), 1e-3).spare == (0, 2)


def test_where_rows_are_of_fewer_groups_the_others_stay() -> None:
    means = [[0, 0], [5, 5], [0.0, 0], [9, 9]]
    mixture = made([0.5, 1e-7, 0.25, 0.25 - 1e-7], means, "full")
    moved = without_faults(mixture, 1000, np.ones((7, 2)), np.ones(2))
    np.testing.assert_array_equal(moved.means, [[0, 0], [1, 1], [0, 0], [9, 9]])
    assert moved.weights[2] == pytest.approx(0.25, rel=0.01)
    assert np.isfinite(moved.precision_factors()).all()


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("start", [EMPTY, TWIN])
@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_a_spare_component_finds_what_was_overlooked(
    covariance_type: str, start: Any, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended_there = home(start, covariance_type, monkeypatch, overlooked(), whole=whole)
    member = after(ended_there)
    assert isinstance(member, Escaping)
    assert isinstance(member.path, Reseeding)
    finished = followed(member)
    assert "; set on the worst-explained rows: " in finished.notes[0]
    k = finished.mixture.means[:, 0].argmax()
    assert finished.mixture.weights[k] == pytest.approx(0.01, abs=0.002)
    assert finished.mixture.means[k, 0] == pytest.approx(25, abs=0.5)


def test_all_rows_are_not_read_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    trip = Trip()
    finished = followed(after(home(EMPTY, "full", monkeypatch, overlooked())), trip)
    first = trip.asked.index(ALL_ROWS)
    assert set(trip.asked[:first]) == {SAMPLE}
    assert len(finished.history) == trip.asked.count(ALL_ROWS)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_a_component_without_rows_keeps_no_ascent_from_its_end(
    covariance_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = home(EMPTY, covariance_type, monkeypatch, overlooked(), whole=True)
    assert there.why is Why.LITTLE_LEFT
    assert there.at.climb.passes < 30


@pytest.mark.parametrize("start", [EMPTY, TWIN])
def test_each_repair_ends_elsewhere(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = {
        repair: followed(after(home(start, "tied", monkeypatch, tails(), repair=repair)))
        for repair in REPAIRS
    }
    fault = Faults.of(made(start[0], start[1], "tied"), 1000).texts[0]
    assert ends[RESEED].log_likelihood > ends[KEEP].log_likelihood + 0.01
    assert ends[RESEED].notes[0].startswith(f"{fault}; set on the worst-explained rows: ")
    assert ends[KEEP].notes == ()
    assert [ends[each].mixture.n_components for each in (RESEED, KEEP, DROP)] == [3, 3, 2]
    assert ends[DROP].log_likelihood == pytest.approx(ends[KEEP].log_likelihood, abs=1e-6)
    (repaired,) = (each.repairs for each in ends[DROP].history if each.repairs)
    assert repaired == (f"{fault}: dropped",)
    assert ends[DROP].why.converged


@pytest.mark.parametrize(
    "covariance_type", [pytest.param("full", marks=pytest.mark.slow), "tied", "diag", "spherical"]
)
def test_where_nothing_is_gained_nothing_changes(
    covariance_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = clusters(6000, np.array([[0.0, 0], [0, 40]]))
    kept, tried = (
        followed(after(home(EMPTY, covariance_type, monkeypatch, rows, repair=repair)))
        for repair in (KEEP, RESEED)
    )
    assert bytes_of(tried) == bytes_of(kept)
    assert tried.history == kept.history
    assert tried.notes == kept.notes


def test_there_is_nothing_to_do_without_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = ([0.5, 0.49, 0.01], [[0, 0], [0, 40], [25.0, 0]])
    assert reseeding(home(fine, "full", monkeypatch, overlooked())) is None


@pytest.mark.parametrize("whole", [False, True])
def test_dropping_ends_with_what_the_last_pass_measured(
    whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = home(TWIN, "tied", monkeypatch, tails(), repair=DROP, whole=whole)
    finished = followed(after(start))
    assert finished.mixture.n_components == 2
    density = sklearn.mixture.GaussianMixture(2, covariance_type="tied")
    density.weights_, density.means_ = finished.mixture.weights, finished.mixture.means
    density.precisions_cholesky_ = finished.mixture.precisions_cholesky
    assert density.score(tails()) == pytest.approx(finished.log_likelihood, abs=1e-10)


def test_a_given_start_is_not_left_but_may_lose_a_component() -> None:
    start, source = made(TWIN[0], TWIN[1], "tied"), ArraySource.of(tails())
    spec = Spec(3, "tied", solver="fast", tol=None, start=start)
    whole = fit_rows(source, spec, 1, ThreadRunner(1), Silent())
    assert whole.model.mixture.n_components == 3
    assert (whole.model.notes, whole.warnings) == ((), ())
    with pytest.warns(DataWarning, match="1 of 3 components were dropped.*: the model has 2"):
        less = fit_rows(source, replace(spec, repair=DROP), 1, ThreadRunner(1), Silent())
    assert less.model.mixture.n_components == 2
    assert len(less.warnings) == 1


def test_an_unknown_repair_is_refused() -> None:
    with pytest.raises(InputError, match="repair"):
        Spec(3, repair="mend")
