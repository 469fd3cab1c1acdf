"""Checks of single arguments; each raises InputError with what was wanted and found."""

import math
from collections.abc import Collection
from numbers import Integral, Real

from dask_gmm.errors import InputError


def whole(name: str, value: object, least: int) -> None:
    """Refuse what is not a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        _refuse(name, value, f"a whole number of at least {least}")


def number(
    name: str, value: object, least: float, most: float = math.inf, *, above: bool = False
) -> None:
    """Refuse what is not a finite number from ``least`` (or above it) to ``most``."""
    found = float(value) if isinstance(value, Real) else math.nan
    inside = least < found if above else least <= found
    if not (inside and found <= most and math.isfinite(found)):
        low = f"{'above' if above else 'of at least'} {least:g}"
        high = "" if most == math.inf else f" and at most {most:g}"
        _refuse(name, value, f"a finite number {low}{high}")


def one_of(name: str, value: object, choices: Collection[str]) -> None:
    """Refuse what is not one of the choices."""
    if value not in choices:
        _refuse(name, value, f"one of {', '.join(sorted(choices))}")


def _refuse(name: str, value: object, wanted: str) -> None:
    raise InputError(f"Wanted {wanted}, found {value!r} as {name}. Give another value for {name}.")
