"""What can be asked of a fit of which something is known before any row."""

from collections.abc import Mapping
from operator import index
from typing import TYPE_CHECKING, Any, Final

from dask_gmm.checks import number
from dask_gmm.errors import InputError
from dask_gmm.mixture.parts import ALL, PARTS, parts_of

if TYPE_CHECKING:
    from dask_gmm.workflows.fit_request import FitRequest

OF_ADAPTING: Final = ("relevance", "adapted")


def check_known(request: "FitRequest") -> None:
    """Make what is known plain; refuse what contradicts itself, or is about no model.

    Raises
    ------
    InputError
    """
    if request.prior is not None:
        object.__setattr__(request, "prior", _prior(request.prior))
    if request.adapt is None:
        for name in OF_ADAPTING:
            if getattr(request, name) is not None:
                raise InputError(
                    f"Wanted {name} with a model to adapt, found it without. Give adapt, or leave "
                    "it out."
                )
    else:
        _check_adapted(request)
    if request.fixed is not None:
        _check_fixed(request)
    if request.bayesian is not None:
        _refuse_beside_beliefs(request)


def _refuse_beside_beliefs(request: "FitRequest") -> None:
    for name in ("prior", "adapt", "fixed"):
        if getattr(request, name) is not None:
            raise InputError(
                f"Wanted bayesian alone, which has priors of all parameters and no other start, "
                f"found {name} beside it. Leave one of them out."
            )


def _check_adapted(request: "FitRequest") -> None:
    for name in ("warm_start", "prior"):
        if getattr(request, name) is not None:
            raise InputError(
                f"Wanted a model to adapt, which is start and prior, found {name} beside adapt "
                f"{request.adapt}. Leave one of them out."
            )
    if request.relevance is not None:
        number("relevance", request.relevance, 0.0, above=True)
        object.__setattr__(request, "relevance", float(request.relevance))
    if request.adapted is not None:
        object.__setattr__(request, "adapted", parts_of(request.adapted))


def _check_fixed(request: "FitRequest") -> None:
    if request.begins_with is None:
        raise InputError(
            "Wanted a model to start from, whose parameters are fixed, found none. Give "
            "warm_start, or leave fixed out."
        )
    fixed: Any = request.fixed
    if not isinstance(fixed, Mapping) or not fixed or not set(fixed) <= set(PARTS):
        raise InputError(
            f"Wanted fixed as {', '.join(PARTS)}, each with numbers of components or {ALL}, found "
            f"{fixed!r}. Write it such as means=0+2,weights=all."
        )
    plain = {name: _plain(name, fixed[name]) for name in PARTS if name in fixed}
    object.__setattr__(request, "fixed", plain)


def _plain(name: str, numbers: Any) -> str | tuple[int, ...]:
    """Numbers of components as JSON knows them."""
    if isinstance(numbers, str) and numbers == ALL:
        return ALL
    try:
        found = [None if isinstance(each, bool) else index(each) for each in numbers]
    except TypeError:
        found = [None]
    whole = sorted({each for each in found if each is not None})
    if None in found or not whole:
        raise InputError(
            f"Wanted {ALL} or numbers of components as fixed {name}, found {numbers!r}. Write them "
            "such as 0+2+5:8, or [0, 2]."
        )
    return tuple(whole)


def _prior(asked: object) -> Any:
    """A prior that is asked for; what knows of them is imported where there is one alone."""
    from dask_gmm.mixture.conjugate_prior import prior_of_user

    return prior_of_user(asked)
