"""A generator is a function of its seed and of what it is for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.passes.seeds import generator

KEYS = st.tuples(
    st.integers(0, 2**70), st.sampled_from(["rows", "truth", "start"]), st.integers(0, 2**40)
)


def first(seed: int, purpose: str, *keys: int) -> list[int]:
    return [int(word) for word in generator(seed, purpose, *keys).integers(0, 2**63, 4)]


@given(KEYS, KEYS)
def test_equal_keys_alone_give_equal_numbers(
    one: tuple[int, str, int], other: tuple[int, str, int]
) -> None:
    assert (first(*one) == first(*other)) == (one == other)


def test_the_numbers_stay_the_same_from_release_to_release() -> None:
    assert first(3, "rows", 5) == [
        8139871330608957754,
        8254378007993780344,
        6991278872986283852,
        6723956556457914573,
    ]


@pytest.mark.parametrize("purpose", ["rows", "truth"])
def test_neighboring_keys_are_unrelated(purpose: str) -> None:
    draws = np.stack([generator(7, purpose, key).standard_normal(10_000) for key in range(8)])
    correlations = np.asarray(np.corrcoef(draws))[np.triu_indices(8, 1)]
    assert np.abs(correlations).max() < 4.5 / np.sqrt(draws.shape[1])
