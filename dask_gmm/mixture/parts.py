"""The parts of a mixture by their names; no number is imported, so that settings know them soon."""

from collections.abc import Collection
from typing import Final

from dask_gmm.errors import InputError

PARTS: Final = ("weights", "means", "covariances")
# Of all components.
ALL: Final = "all"
# As how many rows of each component a background counts, in Reynolds, Quatieri and Dunn (2000).
USUAL_RELEVANCE: Final = 16.0
USUALLY_ADAPTED: Final = ("means",)


def parts_of(asked: object) -> tuple[str, ...]:
    """Give which parts a user wants to be adapted, in their usual order, from one or several names.

    Raises
    ------
    InputError
        If there are none, or another one among them.
    """
    named = (asked,) if isinstance(asked, str) else asked
    if isinstance(named, Collection) and len(named) and all(each in PARTS for each in named):
        return tuple(each for each in PARTS if each in named)
    raise InputError(
        f"Wanted one or several of {', '.join(PARTS)} to adapt, found {asked!r}. Name some."
    )
