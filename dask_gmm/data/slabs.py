"""Boxes of an array that follow each other in the order of its elements: pure arithmetic."""

from collections.abc import Iterator
from math import prod
from typing import TypeAlias

Slab: TypeAlias = tuple[slice, ...]


def slabs(
    shape: tuple[int, ...], chunks: tuple[int, ...], most: int, largest: int
) -> Iterator[Slab]:
    """Cut an array into boxes whose elements, one box after the other, are those of the array.

    A box is a run of whole chunks along its first axis, if one of them is not too large; where
    even a single index of an axis is, its boxes are cut along the next one.

    Parameters
    ----------
    shape : tuple of int
        At least one axis, none of which is empty.
    chunks : tuple of int
        Shape of the stored chunks; ones where there are none.
    most : int
        Elements of a box that chunks do not ask to be larger.
    largest : int
        Elements of a box, unless a single row of the last axis has more.
    """
    size, *inner = shape
    each = prod(inner)
    if each > largest and inner:
        for index in range(size):
            for rest in slabs(shape[1:], chunks[1:], most, largest):
                yield (slice(index, index + 1), *rest)
        return
    unit = chunks[0] if chunks[0] * each <= largest else 1
    step = max(unit, most // each // unit * unit)
    whole = tuple(slice(0, n) for n in inner)
    for start in range(0, size, step):
        yield (slice(start, min(start + step, size)), *whole)


def largest_slab(shape: tuple[int, ...], chunks: tuple[int, ...], most: int, largest: int) -> int:
    """Elements of the largest box that `slabs` gives."""
    each = prod(shape[1:])
    if each > largest and shape[1:]:
        return largest_slab(shape[1:], chunks[1:], most, largest)
    unit = chunks[0] if chunks[0] * each <= largest else 1
    return each * min(shape[0], max(unit, most // each // unit * unit))


def elements(slab: Slab) -> int:
    """Number of elements of a box."""
    return prod(each.stop - each.start for each in slab)
