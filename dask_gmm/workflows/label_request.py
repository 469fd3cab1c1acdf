"""What may be asked of a fit to rows some of whose components are known."""

from typing import TYPE_CHECKING

from dask_gmm.errors import InputError

if TYPE_CHECKING:
    from dask_gmm.workflows.fit_request import FitRequest


def check_labels(request: "FitRequest") -> None:
    """Refuse labels beside what would give components other numbers, or without their number.

    Raises
    ------
    InputError
    """
    if request.labels is None:
        return
    from dask_gmm.fitting.spec import TRIES

    if request.components is None:
        raise InputError(
            "Wanted the number of components with labels, found none. Give components, also where "
            "a model to start from has them."
        )
    if request.init in TRIES:
        raise InputError(
            f"Wanted a start from labeled rows, found the init {request.init}, which knows none. "
            "Choose kmeans, k-means++, random or random_from_data."
        )
    for name in ("match", "partitions", "merge_from"):
        if getattr(request, name) is not None:
            raise InputError(
                f"Wanted labels, or {name}, which knows none; found both. Leave one of them out."
            )
