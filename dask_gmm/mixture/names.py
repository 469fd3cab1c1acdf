"""The names of families of covariances, for who asks for one without computing anything."""

import re
from typing import Final

from dask_gmm.errors import InputError

FAMILY_NAMES: Final = ("full", "tied", "diag", "spherical")
LOW_RANK: Final = "lowrank-[1-9][0-9]{0,5}"
# What a name may be, as a regular expression of JSON schemas.
NAMES: Final = f"^({'|'.join(FAMILY_NAMES)}|{LOW_RANK})$"
EXAMPLES: Final = (*FAMILY_NAMES, "lowrank-RANK")


def rank_of(name: object, asked_as: str = "covariance") -> int:
    """Give the number of factors that a name says, 0 for a family without any.

    Parameters
    ----------
    name : object
    asked_as : str
        What the user calls it.

    Raises
    ------
    InputError
        If it is the name of no family.
    """
    if isinstance(name, str) and re.fullmatch(LOW_RANK, name):
        return int(name.rpartition("-")[2])
    if name not in FAMILY_NAMES:
        raise InputError(
            f"Wanted one of {', '.join(EXAMPLES)}, found {name!r} as {asked_as}. Give "
            f"another value for {asked_as}."
        )
    return 0


def refuse_factors(
    name: str, beside: str = "the solver fast", cure: str = "Take the solver em"
) -> None:
    """Refuse covariances of factors beside what needs matrices, or variances alone.

    Raises
    ------
    InputError
    """
    if rank_of(name):
        raise InputError(
            f"Wanted a covariance of {', '.join(FAMILY_NAMES)} with {beside}, found {name}. {cure}."
        )
