"""Sums of partitions, made apart in one reading, are those of all rows."""

from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.blocks import regular_layout
from dask_gmm.fitting.partitions import ByPartition
from dask_gmm.fitting.questions import EStep, Summarize
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from tests.mixture.examples import FAMILY_NAMES, LAW, random_mixture

N, D, K = 500, 3, 2
ROWS = 2 * np.random.default_rng(3).standard_normal((N, D)) + 5
SUMMARY = summarize(ROWS)
FRAME = Frame.of(SUMMARY)
EDGES = st.sets(st.integers(1, N - 1), max_size=6).map(lambda cuts: (0, *sorted(cuts), N))


def question(family: str) -> EStep:
    return EStep.at(random_mixture(0, family, K, D), FRAME, "float64")


def asked(fold: Fold, leaf_rows: int, threads: int = 1) -> Any:
    source = ArraySource.of(ROWS, layout=regular_layout(N, leaf_rows))
    return ThreadRunner(threads).run(source, [fold], Silent())[0]


@pytest.mark.parametrize("family", FAMILY_NAMES)
@given(edges=EDGES, leaf_rows=st.integers(20, 600))
@LAW
def test_sums_of_partitions_add_up_to_those_of_all_rows(
    family: str, edges: tuple[int, ...], leaf_rows: int
) -> None:
    whole = asked(question(family), leaf_rows)
    apart = asked(ByPartition(question(family), edges, 100), leaf_rows).answers
    assert sorted(apart) == list(range(len(edges) - 1))
    assert [each.rows for _, each in sorted(apart.items())] == np.diff(edges).tolist()
    total = reduce(add, apart.values())
    np.testing.assert_allclose(total.sums, whole.sums, rtol=1e-12, atol=1e-12 * N)
    assert total.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)


@given(edges=EDGES, leaf_rows=st.integers(20, 600))
@LAW
def test_a_partition_has_the_sums_of_its_rows_alone(edges: tuple[int, ...], leaf_rows: int) -> None:
    apart = asked(ByPartition(Summarize(), edges, 100), leaf_rows).answers
    for number, (start, stop) in enumerate(pairwise(edges)):
        alone = summarize(ROWS[start:stop])
        assert apart[number].rows == alone.rows
        np.testing.assert_allclose(apart[number].mean, alone.mean, rtol=1e-12)
        np.testing.assert_array_equal(apart[number].maximum, alone.maximum)
        scatter = apart[number].scatter_about(FRAME.shift)
        np.testing.assert_allclose(scatter, alone.scatter_about(FRAME.shift), atol=1e-9)


def test_the_bytes_are_those_of_any_number_of_threads() -> None:
    fold = ByPartition(question("full"), (0, 70, 333, N), 100)
    some, others = (asked(fold, 40, threads).answers for threads in (1, 3))
    for number in range(3):
        assert some[number].sums.tobytes() == others[number].sums.tobytes()
        assert some[number].log_likelihood == others[number].log_likelihood


def test_memory_is_projected_for_all_partitions() -> None:
    few, many = (ByPartition(question("full"), tuple(range(n)), 10**6) for n in (3, 103))
    assert many.tile_bytes(D) - few.tile_bytes(D) >= 100 * 10**6
