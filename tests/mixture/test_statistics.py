from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.in_memory import e_step, summarize_all
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.statistics import SufficientStatistics
from tests.mixture.examples import LAW, families, random_mixture, rows_of, seeds


def assert_close(found: SufficientStatistics, wanted: SufficientStatistics) -> None:
    assert found.rows == wanted.rows
    assert found.lacks_common == wanted.lacks_common
    np.testing.assert_allclose(found.log_likelihood, wanted.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(found.sums, wanted.sums, rtol=1e-12, atol=1e-12 * wanted.rows)


@given(name=families, seed=seeds, cuts=st.tuples(st.integers(1, 40), st.integers(41, 79)))
@LAW
def test_any_split_in_any_order_adds_to_the_whole(
    name: str, seed: int, cuts: tuple[int, int]
) -> None:
    mixture = random_mixture(seed, name, 2, 3)
    rows = rows_of(mixture, 40, seed)
    frame = Frame.of(summarize_all(rows))
    centered = mixture.moved(-frame.shift)
    whole = e_step(rows, centered, frame)
    a, b, c = (e_step(part, centered, frame) for part in np.split(rows, cuts))
    assert_close(a + (b + c), whole)
    assert_close((a + b) + c, whole)
    assert_close(c + a + b, whole)


def test_the_sums_are_of_responsibility_times_feature() -> None:
    mixture = random_mixture(3, "full", 2, 2)
    rows = rows_of(mixture, 30, 3)
    frame = Frame.of(summarize_all(rows))
    sums = e_step(rows, mixture.moved(-frame.shift), frame).sums
    centered = (rows - frame.shift) * frame.scale
    np.testing.assert_allclose(sums[-1].sum(), 60, rtol=1e-13)
    np.testing.assert_allclose(sums[3:5].sum(axis=1), centered.sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(sums[:2].sum(axis=1), np.square(centered).sum(axis=0), rtol=1e-13)
    np.testing.assert_allclose(sums[2].sum(), (centered[:, 0] * centered[:, 1]).sum(), rtol=1e-12)


def test_different_frames_do_not_add() -> None:
    mixture = random_mixture(3, "full", 2, 2)
    rows = rows_of(mixture, 30, 3)
    here, there = Frame.of(summarize_all(rows)), Frame.of(summarize_all(rows + 1))
    a, b = (e_step(rows, mixture.moved(-frame.shift), frame) for frame in (here, there))
    with pytest.raises(ValueError, match="different centers"):
        a + b
    with pytest.raises(ValueError, match="one density"):
        a + replace(a, lacks_common=True)
