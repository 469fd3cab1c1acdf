"""Checks of single arguments; each raises InputError with what was wanted and found."""

import math
from collections.abc import Collection
from datetime import UTC, datetime
from numbers import Integral, Real

from dask_gmm.errors import InputError


def whole(name: str, value: object, least: int) -> int:
    """Give a whole number as an int, or refuse what is not one of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise _refusal(name, value, f"a whole number of at least {least}")
    return int(value)


def number(
    name: str, value: object, least: float, most: float = math.inf, *, above: bool = False
) -> None:
    """Refuse what is not a finite number from ``least`` (or above it) to ``most``."""
    found = _float(value)
    inside = least < found if above else least <= found
    if not (inside and found <= most and math.isfinite(found)):
        low = f"{'above' if above else 'of at least'} {least:g}"
        high = "" if most == math.inf else f" and at most {most:g}"
        raise _refusal(name, value, f"a finite number {low}{high}")


def moment(name: str, value: object) -> datetime:
    """Give a time in UTC, or refuse what is none, or does not say its zone."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InputError(
            f"Wanted a time with its zone as {name}, found {value}. Write the zone behind it, such "
            "as 2030-01-31T06:00:00+00:00 for UTC."
        )
    return value.astimezone(UTC)


def one_of(name: str, value: object, choices: Collection[str]) -> None:
    """Refuse what is not one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise _refusal(name, value, f"one of {', '.join(sorted(choices))}")


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _refusal(name: str, value: object, wanted: str) -> InputError:
    return InputError(f"Wanted {wanted}, found {value!r} as {name}. Give another value for {name}.")


def number_or_none(value: float) -> float | None:
    """Give a number as JSON knows it: None where it is NaN, which stands for unknown."""
    return None if math.isnan(value) else value
