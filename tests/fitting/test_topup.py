"""Rare components get more rows in the first pass over all rows, with weights that are right."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.blocks import regular_layout
from dask_gmm.fitting import topup
from dask_gmm.fitting.ascent import Ascending
from dask_gmm.fitting.candidate import candidate
from dask_gmm.fitting.questions import ALL_ROWS, EStep
from dask_gmm.fitting.rare import Drawn
from dask_gmm.fitting.sample import Sample, keys_of
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.fitting.topup import Counted, Drawing, Topping, TopUp, topped
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.checkpoint import Checkpoint
from dask_gmm.workflows.fit_rows import FitOutcome, fit_rows
from dask_gmm.workflows.trip import Trip
from tests.fitting.test_projections import peak
from tests.workflows.resuming import small_levels

Array = npt.NDArray[np.float64]
CENTERS = np.array([[0.0, 0, 0], [5, 0, 1], [-4, 9, 2]])
D = 3


def clusters(rows: int, rare: float = 0.02, seed: int = 0) -> Array:
    """Two clusters, and a small one far from them."""
    generator = np.random.default_rng(seed)
    chosen = generator.choice(3, rows, p=[0.6 - rare, 0.4, rare])
    return np.asarray(CENTERS[chosen] + generator.standard_normal((rows, D)))


X = clusters(6000)
SPEC = Spec(3, solver="fast", init=MERGE, tol=None)


@pytest.fixture
def levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Levels of 200 and of a fifth of all rows."""
    small_levels(monkeypatch)


def drawn(size: int, seed: int, chances: Array, start: int = 0, stop: int | None = None) -> Drawn:
    index = np.arange(start, len(chances) if stop is None else stop)
    rows = np.stack([index, index**2], axis=1).astype(float)
    return Drawn.of(size, len(chances), seed, index, rows, chances[index])


def uniform(size: int, seed: int, total: int) -> Sample:
    index = np.arange(total)
    rows = np.stack([index, index**2], axis=1).astype(float)
    return Sample.smallest_of([Sample(size, keys_of(seed, np.arange(total)), index, rows)])


@given(st.integers(1, 60), st.integers(0, 2**40), st.lists(st.integers(0, 200), max_size=5))
def test_the_layout_of_the_rows_does_not_change_what_is_drawn(
    size: int, seed: int, cuts: list[int]
) -> None:
    chances = np.random.default_rng(seed).uniform(0, 1, 200) ** 3
    parts = [drawn(size, seed, chances, a, b) for a, b in pairwise([0, *sorted(cuts), 200])]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    whole = drawn(size, seed, chances)
    for name in ("ranks", "index", "chances", "rows"):
        np.testing.assert_array_equal(getattr(total, name), getattr(whole, name))
    assert len(whole.ranks) <= size + 1


@given(st.integers(20, 100), st.integers(0, 2**40))
def test_no_row_is_there_twice_and_all_are_in_the_order_of_the_data(size: int, seed: int) -> None:
    chances = np.where(np.arange(400) % 5 == 0, 0.6, 0.0)
    rows, weights = drawn(10_000, seed, chances).joined(uniform(size, seed, 400))
    assert (np.diff(rows[:, 0]) > 0).all()
    assert weights.sum() == pytest.approx(400)
    kinds = np.unique(np.round(weights / weights.min(), 9))
    assert len(kinds) <= 2
    assert set(uniform(size, seed, 400).index) <= set(rows[:, 0].astype(int))


@pytest.mark.parametrize("size", [10_000, 60])
def test_sums_over_rows_so_weighed_are_right_on_average(size: int) -> None:
    """Also where no more than so many rows are taken, by which all chances are smaller."""
    total, seeds = 2000, 400
    values = np.arange(total) % 7.0
    chances = np.where(np.arange(total) < 150, 0.9, 0.0) + np.where(np.arange(total) < 75, 0.1, 0)
    rare = np.arange(total) < 150
    found = []
    for seed in range(seeds):
        rows, weights = drawn(size, seed, chances).joined(uniform(100, seed, total))
        at = rows[:, 0].astype(int)
        found.append([weights @ values[at], weights @ (values * rare)[at], weights @ rare[at]])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / seeds**0.5
    wanted = np.array([values.sum(), values[rare].sum(), rare.sum()])
    assert (np.abs(mean - wanted) < 4 * error + 0.005 * wanted).all()
    assert error[2] < 0.01 * wanted[2]


def mixture() -> Mixture:
    return Mixture.of([0.58, 0.4, 0.02], CENTERS, np.stack([np.eye(D)] * 3))


def fold(size: int = 500, precision: str = "float64") -> TopUp:
    frame = Frame.of(summarize(X))
    e_step = EStep.at(mixture().moved(-frame.shift), frame, precision)
    return TopUp(e_step, 0, size, len(X), np.array([0.0, 0, 0.5]), 0.1)


def answered(asked: TopUp, leaf: int = 700, threads: int = 1) -> Counted:
    source = ArraySource.of(X, layout=regular_layout(len(X), leaf))
    (answer,) = ThreadRunner(threads).run(source, [asked], Silent())
    assert isinstance(answer, Counted)
    return answer


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_the_sums_are_those_of_the_e_step_and_rows_are_those_of_the_rare(precision: str) -> None:
    asked = fold(precision=precision)
    answer = answered(asked)
    source = ArraySource.of(X, layout=regular_layout(len(X), 700))
    (plain,) = ThreadRunner(2).run(source, [asked.e_step], Silent())
    assert answer.statistics.sums.tobytes() == plain.sums.tobytes()
    assert answer.statistics.log_likelihood == plain.log_likelihood
    assert (answer.drawn.rows[:, 1] > 4).all()
    assert 40 < len(answer.drawn.index) < 80  # half of some 120
    np.testing.assert_array_equal(answer.drawn.rows, X[answer.drawn.index])


def test_neither_leaves_nor_threads_change_what_is_drawn() -> None:
    wanted = answered(fold(size=30)).drawn
    for leaf, threads in ((700, 2), (123, 2), (6000, 1)):
        found = answered(fold(size=30), leaf, threads).drawn
        np.testing.assert_array_equal(found.index, wanted.index)
        np.testing.assert_array_equal(found.rows, wanted.rows)


def test_it_holds_what_is_projected() -> None:
    rows = np.random.default_rng(0).standard_normal((1000, 500))
    start = Mixture.of(np.full(4, 0.25), rows[:4], np.stack([np.eye(500)] * 4))
    e_step = EStep.at(start, Frame.of(summarize(rows)), "float64")
    asked = TopUp(e_step, 0, 1000, 1000, np.ones(4), 0.1)
    assert 0.5 * asked.tile_bytes(500) < peak(asked, rows) <= asked.tile_bytes(500)


def fitted(spec: Spec = SPEC, rows: Array = X, threads: int = 1) -> FitOutcome:
    return fit_rows(ArraySource.of(rows), spec, 1, ThreadRunner(threads), Silent())


def note(outcome: FitOutcome) -> str:
    return "; ".join(each for each in outcome.model.notes if "drawn" in each)


@pytest.mark.usefixtures("levels")
@pytest.mark.parametrize("family", FAMILIES)
def test_a_rare_component_gets_more_rows_and_the_end_is_the_same(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(SPEC, covariance_type=family)
    outcome = fitted(spec)
    assert " of 1,200 sampled rows: " in note(outcome)
    assert note(outcome).startswith("component ")
    monkeypatch.setattr(topup, "RARE", 0)
    without = fitted(spec)
    assert note(without) == ""
    assert outcome.model.mixture.means.tobytes() != without.model.mixture.means.tobytes()
    error = without.model.statistical_error
    assert abs(outcome.model.log_likelihood - without.model.log_likelihood) < 0.2 * error
    assert len(outcome.passes) <= len(without.passes) + 1


@pytest.mark.usefixtures("levels", "small_leaves")
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_threads_change_no_byte_of_the_end(precision: str) -> None:
    spec = replace(SPEC, precision=precision)
    one, two = fitted(spec, threads=1), fitted(spec, threads=2)
    assert note(one) == note(two) != ""
    assert one.model.mixture.covariances.tobytes() == two.model.mixture.covariances.tobytes()


@pytest.mark.usefixtures("levels")
def test_where_nothing_is_rare_no_rows_are_drawn() -> None:
    assert note(fitted(rows=clusters(6000, rare=0.2))) == ""


def ascending(start: Mixture, level: int = -1) -> Ascending:
    """A candidate at the beginning of a level of X."""
    trip = Trip(ArraySource.of(X), ThreadRunner(1), Silent(), lambda record: None)
    (survey,) = trip.known([SPEC])
    step = MStep(start.moved(-survey.frame.shift), ())
    return Ascending(SPEC, survey, level % len(survey.levels), step)


@pytest.mark.usefixtures("levels")
def test_rows_are_drawn_in_the_first_pass_over_all_rows_alone() -> None:
    assert isinstance(topped(ascending(mixture())), Drawing)
    assert isinstance(topped(ascending(mixture(), level=-2)), Ascending)
    even = Mixture.of(np.full(3, 1 / 3), mixture().means, mixture().covariances)
    assert isinstance(topped(ascending(even)), Ascending)


@pytest.mark.usefixtures("levels")
def test_a_given_start_without_a_sample_has_none_to_add_to() -> None:
    survey = ascending(mixture()).survey
    given = candidate(replace(SPEC, start=mixture()), replace(survey, levels=survey.levels[-1:]))
    assert isinstance(given, Ascending)
    assert given.ask().rows == ALL_ROWS


@pytest.mark.usefixtures("levels")
@pytest.mark.parametrize("rare", [1, 29])
def test_the_number_of_rows_is_bounded(rare: int) -> None:
    """Components of no weight may have rows all the same: not all of them are drawn."""
    weights = np.append(np.full(rare, 1e-15), 1.0)
    means = np.resize(mixture().means, (rare + 1, D))
    start = Mixture.of(weights, means, np.stack([np.eye(D)] * (rare + 1)))
    asked: Any = Drawing(ascending(start)).ask().fold
    assert 0 < asked.size <= 2 * 1200
    assert len(answered(asked).drawn.ranks) <= asked.size + 1


@pytest.mark.usefixtures("levels")
def test_rows_are_drawn_once() -> None:
    kept: list[Checkpoint] = []
    outcome = fit_rows(
        ArraySource.of(X), SPEC, 1, ThreadRunner(1), Silent(), on_checkpoint=kept.append
    )
    met = [type(member) for checkpoint in kept for member in checkpoint.members]
    assert met.count(Drawing) == met.count(Topping) == 1
    measured = outcome.model.history[0].log_likelihood
    assert outcome.passes[1].log_likelihoods == (measured,)
