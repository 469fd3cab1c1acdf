"""Clusters of any class that Dask or a package beside it has, made from an import path."""

import importlib
import importlib.util
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from distributed import Security

from dask_gmm.errors import ClusterError, DaskGMMError, MissingExtraError, SettingsError
from dask_gmm.passes.cluster_spec import Adapt, ClusterSpec


@contextmanager
def started(spec: ClusterSpec, security: Security | None) -> Iterator[Any]:
    """Start the cluster of the class that is asked for, with its workers; stop it in the end.

    Raises
    ------
    MissingExtraError
        If a package that it needs is not there.
    SettingsError
        If there is no such class, or it refuses its options.
    ClusterError
        If it cannot reach what it needs.
    """
    place = str(spec.cluster_class)
    make, options = _imported(place), dict(spec.options)
    if security is not None:
        if "security" in options:
            raise SettingsError(
                f"Wanted security beside the options of {place} or among them, found both. Give "
                "one."
            )
        options["security"] = security
    cluster = _made(place, make, options)
    try:
        _sized(place, cluster, spec.scale, spec.adapt)
        yield cluster
    finally:
        _close(place, cluster)


def _close(place: str, cluster: Any) -> None:
    """Close a cluster; what was computed on it stays so if that fails."""
    try:
        cluster.close()
    except Exception as error:  # noqa: BLE001  clusters raise errors of any type
        warnings.warn(
            f"closing the cluster of {place} failed ({type(error).__name__}: {error}): see that "
            "none of its workers is left",
            stacklevel=2,
        )


def scaled_again(cluster: Any, scale: int | None) -> Callable[[], None]:
    """Give what starts workers in the place of those that are gone; nothing if there is no scale.

    It is called every few seconds while a pass waits, so that what fails once is tried again.
    """

    def mend() -> None:
        if scale is not None:
            with suppress(Exception):
                cluster.scale(scale)

    return mend


def _imported(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":") if ":" in place else place.rpartition(".")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except ModuleNotFoundError as error:
        _refuse_module(place, error)
    except Exception as error:
        raise _no_class(place, error) from error
    if not callable(found):
        raise SettingsError(
            f"Wanted a cluster class at {place}, found {type(found).__name__}. Correct the path."
        )
    make: Callable[..., Any] = found
    return make


def _refuse_module(place: str, error: ModuleNotFoundError) -> NoReturn:
    """Tell a package that is not installed from a module that an installed one does not have."""
    package = str(error.name).split(".")[0]
    if package == re.split("[.:]", place)[0] and importlib.util.find_spec(package):
        raise _no_class(place, error) from error
    raise MissingExtraError(
        f"Wanted the package {package} for the cluster class {place}, found none in this Python "
        f"({error}). Install it, or correct the path."
    ) from error


def _no_class(place: str, error: Exception) -> SettingsError:
    return SettingsError(
        f"Wanted a cluster class at {place}, found {type(error).__name__}: {error}. Correct the "
        "path."
    )


def _made(place: str, make: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    try:
        cluster = make(**options)
    except Exception as error:
        raise _not_made(place, error) from error
    if not (hasattr(cluster, "scheduler_address") and hasattr(cluster, "close")):
        raise SettingsError(
            f"Wanted a cluster from {place}, found an object of type {type(cluster).__name__}, "
            "which has no scheduler_address or cannot be closed. Name a cluster class."
        )
    return cluster


def _not_made(place: str, error: Exception) -> DaskGMMError:
    """Give the error of a cluster that could not be made, by what it says or what that came of."""
    causes = tuple(_causes(error))
    said = f"{type(error).__name__}: {error}"
    if any(isinstance(each, ImportError) for each in causes):
        return MissingExtraError(
            f"Wanted all packages that {place} needs, but it says {said}. Install them."
        )
    if any(isinstance(each, ConnectionError | TimeoutError) for each in causes):
        return ClusterError(
            f"Wanted a cluster from {place}, but it says {said}. See that what it connects to can "
            "be reached, then run this again."
        )
    return _refused(place, error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _sized(place: str, cluster: Any, scale: int | None, adapt: Adapt | None) -> None:
    try:
        if scale is not None:
            cluster.scale(scale)
        if adapt is not None:
            cluster.adapt(minimum=adapt.minimum, maximum=adapt.maximum)
    except Exception as error:
        raise _not_made(place, error) from error


def _refused(place: str, error: Exception) -> SettingsError:
    return SettingsError(
        f"Wanted a cluster from {place} with these options, but it says {type(error).__name__}: "
        f"{error}. Correct its options, or its scale."
    )
