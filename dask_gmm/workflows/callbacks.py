"""Who else is told of passes and of the end of a run; nothing that they do changes it."""

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Protocol

from dask_gmm.errors import InputError


class CallbackWarning(UserWarning):
    """A callback failed, and the run goes on."""


class Callback(Protocol):
    """Hears, in the process of the command, of what is written down in the run folder."""

    def on_pass_end(self, record: Mapping[str, Any]) -> None:
        """A pass over all rows has ended.

        Parameters
        ----------
        record : mapping
            Its line in ``history.jsonl``.
        """
        ...

    def on_run_end(self, manifest: Mapping[str, Any], folder: Any) -> None:
        """The run is done, and its folder in its place.

        Parameters
        ----------
        manifest : mapping
            What ``manifest.json`` says.
        folder : Path or Address
            The run folder.
        """
        ...


class Audience:
    """Tells callbacks one after another; one that fails is warned of once, and told of the next.

    Parameters
    ----------
    callbacks : sequence of Callback
    """

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._callbacks = callbacks
        self._failed: set[int] = set()

    def pass_ended(self, record: Mapping[str, Any]) -> None:
        """Tell of a pass."""
        self._tell(lambda each: each.on_pass_end(deepcopy(record)))

    def run_ended(self, manifest: Mapping[str, Any], folder: Any) -> None:
        """Tell that the run is done."""
        self._tell(lambda each: each.on_run_end(deepcopy(manifest), folder))

    def _tell(self, call: Callable[[Callback], None]) -> None:
        for number, each in enumerate(self._callbacks):
            try:
                call(each)
            except Exception as error:  # noqa: BLE001  a night's work is worth more than its news
                self._warn(number, each, error)

    def _warn(self, number: int, callback: Callback, error: Exception) -> None:
        if number in self._failed:
            return
        self._failed.add(number)
        text = (
            f"the callback {name_of(callback)} failed ({type(error).__name__}: {error}); the run "
            "goes on, and later failures of it are not told"
        )
        warnings.warn(text, CallbackWarning, stacklevel=4)


def name_of(callback: object) -> str:
    """Name a callback by its type."""
    kind = type(callback)
    return f"{kind.__module__}.{kind.__qualname__}"


def callbacks_from(places: Sequence[str]) -> tuple[Callback, ...]:
    """Make the callbacks that import paths lead to.

    Parameters
    ----------
    places : sequence of str
        Each ``package.module:factory``; the factory is called without arguments.

    Raises
    ------
    InputError
        If there is no such module or name, or the factory fails, or what it gives is no callback.
    """
    return tuple(map(_made, places))


def _made(place: str) -> Callback:
    module, _, name = place.partition(":")
    try:
        factory: Any = importlib.import_module(module)
        for part in name.split("."):
            factory = getattr(factory, part)
        callback: Callback = factory()
    except Exception as error:
        raise InputError(
            "Wanted callbacks as package.module:factory that can be imported and called, found "
            f"{place!r} ({type(error).__name__}: {error}). Correct it, or put the folder of the "
            "module in PYTHONPATH."
        ) from error
    if not all(callable(getattr(callback, each, None)) for each in ("on_pass_end", "on_run_end")):
        raise InputError(
            f"Wanted callbacks with the methods on_pass_end and on_run_end, found "
            f"{name_of(callback)} from {place!r}. Give it both."
        )
    return callback
