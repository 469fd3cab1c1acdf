"""The fixed binary tree in which the answers of n leaves are added.

The node at level ``j`` and place ``i`` holds leaves ``i * 2**j`` to ``(i + 1) * 2**j``, cut at n;
its sum is the sum of its two children, left first. A task is a node, and so is what a task adds
up; whatever the size of the tasks, the additions are the same, and so is every bit.
"""

from collections.abc import Iterable
from typing import Any


def fold_in_order(answers: Iterable[Any]) -> Any:
    """Add the answers of neighboring nodes of one level, given from left to right.

    The first of them must begin at a multiple of the number that a parent of all would hold;
    only the last may be cut short. Holds one answer per level.

    Raises
    ------
    ValueError
        If there is no answer.
    """
    stack: list[tuple[int, Any]] = []
    for answer in answers:
        level = 0
        while stack and stack[-1][0] == level:
            answer = stack.pop()[1] + answer
            level += 1
        stack.append((level, answer))
    if not stack:
        raise ValueError("there is nothing to add: a pass has at least one leaf")
    total = stack.pop()[1]
    while stack:
        total = stack.pop()[1] + total
    return total


def level_for(n_leaves: int, n_tasks: int) -> int:
    """The lowest level at which the tree has at most ``n_tasks`` nodes."""
    level = 0
    while -(-n_leaves >> level) > n_tasks and (1 << level) < n_leaves:
        level += 1
    return level


def nodes(n_leaves: int, level: int) -> list[tuple[int, int]]:
    """First leaf and first leaf after, for each node of a level."""
    width = 1 << level
    return [(first, min(first + width, n_leaves)) for first in range(0, n_leaves, width)]
