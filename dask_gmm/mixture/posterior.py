"""From the log joint densities of a tile to what is said of its rows.

Logits have shape (K, B): component by component, one contiguous line of rows each.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dask_gmm.mixture.features import Array, Floats

Numbers: TypeAlias = npt.NDArray[np.signedinteger[Any]]
Marks: TypeAlias = npt.NDArray[np.bool_]


def component_numbers(n_components: int) -> np.dtype[np.signedinteger[Any]]:
    """Give the smallest signed integers that hold numbers up to so many components."""
    return np.min_scalar_type(-n_components - 1)


def find_largest(
    logits: Floats, peak: Floats, labels: Numbers, equal: Marks, ranks: Numbers
) -> None:
    """Find the largest logit of each row and the first component that has it.

    It is several times as fast as ``np.argmax(logits, axis=0)``, which goes from line to line for
    every row. Where a logit is no number, the peak is none, and the label has no meaning.

    Parameters
    ----------
    logits : ndarray of shape (K, B)
    peak : ndarray of shape (B,)
        Is given the largest logits.
    labels : ndarray of shape (B,), as `component_numbers` says
        Is given the components.
    equal : ndarray of bool of shape (K, B)
    ranks : ndarray of shape (K, B), of the type of ``labels``
        Both are overwritten.
    """
    n_components = len(logits)
    np.max(logits, axis=0, out=peak)
    np.equal(logits, peak, out=equal)
    descending = np.arange(n_components, 0, -1, dtype=labels.dtype)
    np.multiply(equal.view(np.int8), descending[:, None], out=ranks)
    np.max(ranks, axis=0, out=labels)
    np.subtract(labels.dtype.type(n_components), labels, out=labels)


def take_largest(
    logits: Floats, values: Floats, components: Numbers, equal: Marks, ranks: Numbers
) -> None:
    """Find the largest logits of each row in descending order; equal ones by their components.

    The logits are as they were afterwards, but that none is below the smallest float64.

    Parameters
    ----------
    logits : ndarray of shape (K, B)
    values, components : ndarray of shape (c, B)
        Are given the c largest logits of each row, and whose they are.
    equal, ranks : ndarray of shape (K, B)
        See `find_largest`.
    """
    rows = np.arange(logits.shape[1])
    np.maximum(logits, np.finfo(logits.dtype).min, out=logits)
    for value, component in zip(values, components, strict=True):
        find_largest(logits, value, component, equal, ranks)
        logits[component, rows] = -np.inf
    for value, component in zip(values, components, strict=True):
        logits[component, rows] = value


def exponentiate(logits: Floats, peak: Floats, total: Floats) -> None:
    """Turn logits into densities relative to their ``peak`` (B,), and add them into ``total``."""
    np.subtract(logits, peak, out=logits)
    np.exp(logits, out=logits)
    np.sum(logits, axis=0, out=total)


def log_densities(peak: Floats, total: Floats, out: Array) -> Array:
    """Give the log densities (B,) of the rows, of which `exponentiate` gave the total."""
    np.log(total, out=out)
    return np.add(out, peak, out=out)
