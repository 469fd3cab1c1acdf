"""Candidates ask and are told; alone or together, by any runner, their bytes are the same."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.cluster import KMeans
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from threadpoolctl import threadpool_limits

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.source import Layout
from dask_gmm.errors import DataError, InputError
from dask_gmm.fitting import starts
from dask_gmm.fitting.candidate import Climbing, Initializing, candidate
from dask_gmm.fitting.cohort import best, search
from dask_gmm.fitting.members import Finished, Why
from dask_gmm.fitting.questions import ALL_ROWS, EStep, Question, Rows
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.survey import Survey
from dask_gmm.fitting.tiles import standardized
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.fold import Tile, Workspace
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner

Array = npt.NDArray[np.float64]


def three_clusters(rows: int = 3000) -> Array:
    generator = np.random.default_rng(5)
    centers = np.array([[0.0, 0, 0], [4, 0, 2], [0, 5, -3]])
    return np.asarray(
        generator.standard_normal((rows, 3)) + centers[generator.integers(0, 3, rows)]
    )


X = three_clusters()
SURVEY = Survey.of(summarize(X))


class Trip:
    """Answers questions about X and about its first rows, and keeps what was asked."""

    def __init__(self, threads: int = 1, leaf_rows: int = 100) -> None:
        edges = np.append(np.arange(0, len(X), leaf_rows), len(X))
        sample = X[:500]
        self.sources = {
            True: ArraySource.of(X, layout=Layout(edges)),
            False: ArraySource.of(sample, layout=Layout(np.array([0, len(sample)]))),
        }
        self.runner = ThreadRunner(threads)
        self.asked: list[tuple[Rows, int]] = []

    def __call__(self, rows: Rows, questions: list[Question]) -> Sequence[Any]:
        self.asked.append((rows, len(questions)))
        folds = [question.fold for question in questions]
        return self.runner.run(self.sources[rows.are_all], folds, Silent())


def fitted(*specs: Spec, trip: Trip | None = None) -> list[Finished]:
    cohort = [candidate(spec, SURVEY) for spec in specs]
    return search(cohort, trip or Trip(), lambda members: None)


def bytes_of(finished: Finished) -> tuple[bytes, ...]:
    mixture = finished.mixture
    arrays = (mixture.weights, mixture.means, mixture.covariances)
    values = np.array([each.log_likelihood for each in finished.history])
    return tuple(array.tobytes() for array in (*arrays, values))


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_candidate_is_the_same_alone_and_together(family: str, precision: str) -> None:
    spec = Spec(3, family, precision=precision, tol=1e-5)
    before = [Spec(2, name, tol=1e-4) for name in FAMILIES]
    after = [Spec(5, "full"), Spec(4, "tied", precision="float32")]
    (alone,) = fitted(spec)
    together = fitted(*before, spec, *after)[len(before)]
    assert bytes_of(alone) == bytes_of(together)


def test_rows_standardized_in_one_precision_survive_the_other() -> None:
    tile = Tile(100 * X[:300], 0, Workspace())
    frame = Frame.of(summarize(tile.rows))
    double = standardized(tile, frame, np.dtype(np.float64)).copy()
    single = standardized(tile, frame, np.dtype(np.float32))
    again = standardized(tile, frame, np.dtype(np.float64))
    np.testing.assert_array_equal(again, double)
    np.testing.assert_array_equal(single, double.astype(np.float32))


def test_k_means_runs_on_one_openmp_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    class Watched(KMeans):  # type: ignore[misc]
        def fit(self, rows: Array, **asked: Any) -> Any:
            threads.append(_openmp_effective_n_threads())
            return super().fit(rows, **asked)

    monkeypatch.setattr(starts, "KMeans", Watched)
    with threadpool_limits(limits=4, user_api="openmp"):
        fitted(Spec(3, max_iter=1), Spec(2, max_iter=1), trip=Trip(2))
    assert threads == [1, 1]


def test_threads_change_no_byte() -> None:
    specs = [Spec(3), Spec(4, "tied")]
    one = [bytes_of(each) for each in fitted(*specs, trip=Trip(1))]
    two = [bytes_of(each) for each in fitted(*specs, trip=Trip(2))]
    assert one == two


def test_a_cohort_costs_the_passes_of_its_slowest_member() -> None:
    specs = [Spec(2, tol=1e-3), Spec(3, tol=1e-8), Spec(5, "diag", tol=1e-4)]
    trip = Trip()
    slowest = max(len(each.history) for each in fitted(*specs, trip=trip))
    assert [rows.are_all for rows, _ in trip.asked] == [False] + [True] * slowest
    assert trip.asked[0][1] == 3


def test_the_reported_log_likelihood_was_measured_at_the_returned_parameters() -> None:
    for spec in (
        Spec(3, tol=1e-4),
        Spec(3, tol=0, max_iter=2),
        Spec(3, "tied", precision="float32"),
    ):
        (finished,) = fitted(spec)
        again = replace(spec, start=finished.mixture, max_iter=1, precision="float64")
        (measured,) = fitted(again)
        assert measured.history[0].log_likelihood == pytest.approx(
            finished.log_likelihood, abs=1e-12
        )


def test_tol_ends_a_fit_and_zero_does_not() -> None:
    (short,) = fitted(Spec(3, tol=1e-2))
    (long,) = fitted(Spec(3, tol=1e-7))
    (all_of_them,) = fitted(Spec(3, tol=0, max_iter=40))
    assert len(short.history) < len(long.history) < len(all_of_them.history) == 41
    assert (short.why, long.why, all_of_them.why) == (Why.CONVERGED, Why.CONVERGED, Why.MAX_ITER)


def test_the_ridge_widens_covariances() -> None:
    (plain,), (wide,) = fitted(Spec(3, reg_covar=0)), fitted(Spec(3, reg_covar=0.5))
    widths = [np.einsum("kdd->kd", each.mixture.covariances).min() for each in (plain, wide)]
    assert widths[1] > widths[0] + 0.4


def test_restarts_and_seeds_start_elsewhere() -> None:
    specs = [Spec(6, max_iter=1), Spec(6, max_iter=1, restart=1), Spec(6, max_iter=1, seed=1)]
    first = [each.history[0].log_likelihood for each in fitted(*specs)]
    assert len(set(first)) == 3


def test_the_best_is_the_likeliest() -> None:
    finished = fitted(*(Spec(6, restart=restart) for restart in range(4)))
    assert best(finished).log_likelihood == max(each.log_likelihood for each in finished)


def test_float32_ends_in_float64() -> None:
    (finished,) = fitted(Spec(3, precision="float32", tol=1e-5))
    used = [each.precision for each in finished.history]
    assert used[0] == "float32"
    assert used[-1] == "float64"
    assert used == sorted(used)
    (double,) = fitted(Spec(3, tol=1e-5))
    assert finished.log_likelihood == pytest.approx(double.log_likelihood, abs=1e-4)


def test_a_given_start_asks_for_no_sample() -> None:
    start = Mixture.of([0.5, 0.5], X[:2], np.stack([np.eye(3)] * 2))
    trip = Trip()
    fitted(Spec(2, start=start, max_iter=3, tol=0), trip=trip)
    assert trip.asked == [(ALL_ROWS, 1)] * 4


def test_states_say_what_they_wait_for() -> None:
    waiting = candidate(Spec(2), SURVEY)
    assert isinstance(waiting, Initializing)
    asked = waiting.ask()
    assert asked.rows == Rows(20_000, at_once=True)
    (climbing,) = waiting.tell(Trip()(asked.rows, [asked])[0])
    assert isinstance(climbing, Climbing)
    assert climbing.ask().rows == ALL_ROWS


@pytest.mark.parametrize("far", [1e5, 1e10, 1e13, 1e30, 1e110])
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("family", ["full", "tied", "spherical"])
def test_a_start_whose_squares_overflow_in_the_precision_is_refused(
    family: str, precision: str, far: float
) -> None:
    start = start_at(family, np.array([[far, 0, 0], [0, 0, 0]]))
    spec = Spec(2, family, max_iter=2, precision=precision, start=start)
    if far < {"float64": 1e100, "float32": 1e12}[precision]:
        assert np.isfinite(fitted(spec)[0].log_likelihood)
    else:
        advice = "or the precision float64." if precision == "float32" else "another start."
        wanted = rf"^Wanted a start near.*component 0 in column 0.*of {precision}\..*{advice}"
        with pytest.raises(InputError, match=wanted):
            fitted(spec)


def start_at(family: str, means: Array) -> Mixture:
    covariances = {"full": np.stack([np.eye(3)] * 2), "tied": np.eye(3), "spherical": np.ones(2)}
    return Mixture.of([0.5, 0.5], means, covariances[family], family)


def test_a_log_likelihood_that_is_not_finite_is_an_error() -> None:
    start = Mixture.of([1.0], X[:1], np.eye(3)[None])
    climbing = candidate(Spec(1, start=start), SURVEY)
    assert isinstance(climbing, Climbing)
    question = climbing.ask().fold
    assert isinstance(question, EStep)
    sums = np.zeros((question.density.features.size, 1))
    answer = SufficientStatistics(10, float("nan"), sums, SURVEY.frame)
    with pytest.raises(DataError, match=r"found nan in pass 1 of EM"):
        climbing.tell(answer)


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"n_components": 0}, "found 0 as components"),
        ({"covariance_type": "round"}, "found 'round'"),
        ({"tol": -1.0}, "found -1.0 as tol"),
        ({"max_iter": -1}, "found -1 as max_iter"),
        ({"init": "best"}, "found 'best'"),
        ({"reg_covar": float("nan")}, "found nan as reg_covar"),
        ({"precision": "float16"}, "found 'float16'"),
        ({"seed": -3}, "found -3 as seed"),
        ({"start": Mixture.of([1.0], X[:1], np.eye(3)[None])}, "a start of 2 components.* found 1"),
    ],
)
def test_settings_outside_their_domain_are_refused(settings: dict[str, Any], found: str) -> None:
    with pytest.raises(InputError, match=found):
        Spec(**{"n_components": 2, **settings})
