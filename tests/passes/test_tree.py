"""Whatever the size of the tasks, the same answers are added in the same order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.passes.tree import fold_in_order, level_for, nodes


class Sum(str):
    """A value whose sum shows how it was added."""

    __slots__ = ()

    def __add__(self, other: str) -> "Sum":
        return Sum(f"({self!s}{other!s})")


def leaves(n: int) -> list[Sum]:
    return [Sum(f"<{i}>") for i in range(n)]


def by_definition(answers: list[Sum]) -> Sum:
    """The tree as its definition says: the left child holds the largest power of two."""
    if len(answers) == 1:
        return answers[0]
    width = 1
    while 2 * width < len(answers):
        width *= 2
    return by_definition(answers[:width]) + by_definition(answers[width:])


@given(st.integers(1, 300))
def test_the_sum_is_the_one_of_the_definition(n: int) -> None:
    assert fold_in_order(leaves(n)) == by_definition(leaves(n))


@given(st.integers(1, 300), st.integers(0, 10))
def test_the_size_of_tasks_changes_no_addition(n: int, level: int) -> None:
    parts = [fold_in_order(leaves(n)[first:last]) for first, last in nodes(n, level)]
    assert fold_in_order(parts) == fold_in_order(leaves(n))


@given(st.integers(1, 300), st.integers(0, 6), st.integers(1, 3))
def test_sums_of_sums_climb_the_same_tree(n: int, level: int, fan_in: int) -> None:
    width = 2**fan_in
    parts = [fold_in_order(leaves(n)[first:last]) for first, last in nodes(n, level)]
    while len(parts) > 1:
        parts = [fold_in_order(parts[i : i + width]) for i in range(0, len(parts), width)]
    assert parts[0] == fold_in_order(leaves(n))


@given(st.integers(1, 10_000), st.integers(0, 16))
def test_nodes_partition_the_leaves(n: int, level: int) -> None:
    cut = nodes(n, level)
    assert [leaf for first, last in cut for leaf in range(first, last)] == list(range(n))
    assert all(first % 2**level == 0 for first, _ in cut)


@given(st.integers(1, 100_000), st.integers(1, 500))
def test_the_level_is_the_lowest_with_few_enough_tasks(n: int, wanted: int) -> None:
    level = level_for(n, wanted)
    assert len(nodes(n, level)) <= wanted
    assert level == 0 or len(nodes(n, level - 1)) > wanted


def test_nothing_cannot_be_added() -> None:
    with pytest.raises(ValueError, match="at least one leaf"):
        fold_in_order([])
