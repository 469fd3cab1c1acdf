import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.errors import DataError
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.summary import summarize
from tests.mixture.examples import LAW, seeds


@given(seed=seeds, exponent=st.floats(-100, 100), offset=st.sampled_from([0.0, 3.0, 1e6]))
@LAW
def test_the_scale_is_the_power_of_two_nearest_to_one_over_the_deviation(
    seed: int, exponent: float, offset: float
) -> None:
    rows = np.random.default_rng(seed).standard_normal((30, 2)) * 10.0**exponent
    rows += offset * 10.0**exponent
    frame = Frame.of(summarize(rows))
    assert np.array_equal(np.frexp(frame.scale)[0], [0.5, 0.5])
    assert np.abs(np.log2(rows.std(axis=0) * frame.scale)).max() <= 0.5 + 1e-9


@given(seed=seeds, offset=st.sampled_from([0.0, -17.0, 1e6]))
@LAW
def test_rows_are_shifted_in_float64_then_scaled_exactly(seed: int, offset: float) -> None:
    rows = np.random.default_rng(seed).standard_normal((20, 3)) * [1e-5, 1, 1e5] + offset
    frame = Frame.of(summarize(rows))
    wanted = ((rows - frame.shift) * frame.scale).T
    work = np.empty((3, 20))
    assert np.array_equal(frame.standardize(rows, np.empty((3, 20)), work), wanted)
    assert np.array_equal(frame.standardize(rows, work, work), wanted)
    single = frame.standardize(rows, np.empty((3, 20), np.float32), work)
    assert np.array_equal(single, wanted.astype(np.float32))
    assert np.array_equal(np.abs(wanted).max(axis=1), frame.reach)


def test_float32_rows_lose_nothing_in_the_frame() -> None:
    rows = (np.random.default_rng(1).standard_normal((20, 2)) + 1e4).astype(np.float32)
    frame = Frame.of(summarize(rows))
    found = frame.standardize(rows, np.empty((2, 20)), np.empty((2, 20)))
    assert np.array_equal(found, ((rows.astype(np.float64) - frame.shift) * frame.scale).T)


def test_a_constant_column_is_zero_in_the_frame() -> None:
    rows = np.column_stack([np.full(9, 0.1), np.arange(9.0)])
    frame = Frame.of(summarize(rows[:4]) + summarize(rows[4:]))
    assert frame.scale[0] == 1
    assert frame.reach[0] == 0
    assert not frame.standardize(rows, np.empty((2, 9)), np.empty((2, 9)))[0].any()


def test_frames_are_the_same_if_shift_and_scale_are() -> None:
    rows = np.random.default_rng(0).standard_normal((20, 2))
    frame = Frame.of(summarize(rows))
    assert frame.same_as(frame)
    assert frame.same_as(Frame.of(summarize(rows)))
    assert frame.same_as(Frame(frame.shift, frame.scale, 2 * frame.reach))
    assert not frame.same_as(Frame(frame.shift + 1e-9, frame.scale, frame.reach))
    assert not frame.same_as(Frame(frame.shift, 2 * frame.scale, frame.reach))


@pytest.mark.parametrize("spread", [1e-170, 1e-141, 1e141, 1e170, 1e308])
def test_a_spread_that_float64_cannot_square_is_refused(spread: float) -> None:
    rows = np.column_stack([np.arange(5.0), np.linspace(0, spread, 5), np.ones(5)])
    with pytest.raises(DataError, match=r"column 1.*Multiply the column by a power of ten"):
        Frame.of(summarize(rows))


@pytest.mark.parametrize("spread", [1e-138, 1e138])
def test_a_spread_that_float64_can_square_is_not(spread: float) -> None:
    rows = np.linspace(0, spread, 5)[:, None]
    frame = Frame.of(summarize(rows))
    assert 0.5 < frame.standardize(rows, np.empty((1, 5)), np.empty((1, 5))).max() < 4


def test_its_arrays_are_read_only() -> None:
    frame = Frame.of(summarize(np.arange(6.0).reshape(3, 2)))
    with pytest.raises(ValueError, match="read-only"):
        frame.shift[0] = 1
