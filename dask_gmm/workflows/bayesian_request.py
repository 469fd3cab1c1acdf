"""What can be asked of a Bayesian fit."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from dask_gmm.checks import one_of
from dask_gmm.errors import InputError

if TYPE_CHECKING:
    from dask_gmm.mixture.beliefs import Beliefs
    from dask_gmm.workflows.fit_request import FitRequest

KIND: Final = "weight_concentration_prior_type"
# What has another meaning, or none, where all parameters have priors.
WITHOUT: Final = {
    "match": None,
    "held_out": 0.0,
    "partitions": None,
    "incremental": False,
    "merge_from": None,
    "repair": None,
}
# The survey, a pass that leads to a posterior, and one that measures the mixture in its place.
FEWEST_PASSES: Final = 3


def in_full(asked: str | Mapping[str, Any]) -> dict[str, Any]:
    """Give what is asked of priors as JSON values, the kind of those of weights always.

    Parameters
    ----------
    asked : str or mapping
        That kind alone, or scikit-learn's parameters by their names.

    Raises
    ------
    InputError
        If a name is unknown, or a value outside its domain.
    """
    from dask_gmm.mixture.beliefs import WEIGHT_PRIORS, Beliefs

    if isinstance(asked, str):
        one_of("bayesian", asked, WEIGHT_PRIORS)
    elif not isinstance(asked, Mapping):
        raise InputError(
            f"Wanted bayesian as one of {', '.join(WEIGHT_PRIORS)}, or as priors by their names, "
            f"found {asked!r}. Write it such as {{'mean_precision_prior': 2}}."
        )
    names = [each.name for each in fields(Beliefs)]
    named: dict[str, Any] = {KIND: asked} if isinstance(asked, str) else dict(asked)
    unknown = sorted(set(named) - set(names), key=str)
    if unknown:
        raise InputError(
            f"Wanted names of priors in bayesian ({', '.join(names)}), found "
            f"{', '.join(map(str, unknown))}. Correct or leave out."
        )
    given = {name: value for name, value in named.items() if value is not None}
    beliefs = Beliefs(**given)
    found = {name: getattr(beliefs, name) for name in sorted({KIND, *given})}
    return {name: _json(value) for name, value in found.items()}


def check_bayesian(request: "FitRequest") -> None:
    """Refuse what does not go with priors of all parameters, and say these in full.

    Raises
    ------
    InputError
    """
    if request.bayesian is None:
        return
    from dask_gmm.fitting.spec import TRIES

    if request.init in TRIES:
        raise InputError(
            f"Wanted an init of a single start with bayesian, found {request.init}. Choose another."
        )
    for name, usual in WITHOUT.items():
        if (found := getattr(request, name)) != usual:
            raise InputError(
                f"Wanted {name} without bayesian, found {found} with it. Leave one of them out."
            )
    if request.max_passes is not None and request.max_passes < FEWEST_PASSES:
        raise InputError(
            f"Wanted max_passes of at least {FEWEST_PASSES} with bayesian, of which the last one "
            f"measures the mixture; found {request.max_passes}. Choose a larger number."
        )
    object.__setattr__(request, "bayesian", in_full(request.bayesian))


def beliefs_of(request: "FitRequest") -> "Beliefs | None":
    """Give what is asked of priors as a value; None where nothing is."""
    from dask_gmm.mixture.beliefs import Beliefs

    return None if request.bayesian is None else Beliefs(**in_full(request.bayesian))


def _json(value: object) -> object:
    return value.tolist() if hasattr(value, "tolist") else value
