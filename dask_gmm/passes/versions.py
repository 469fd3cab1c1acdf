"""Whether workers and scheduler have the packages of this process, in its versions."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from distributed import Client
from distributed.versions import get_versions

from dask_gmm.errors import VersionMismatchError

# Of Python the second number and of cloudpickle the first decide what can be read, of the others
# any number what comes of it. A scheduler reads what workers are asked, and computes nothing.
NUMBERS: Final = {"python": 2, "cloudpickle": 1}
EVERYWHERE: Final = ("python", "dask", "distributed", "cloudpickle", "dask-gmm")
COMPUTING: Final = ("numpy", "scipy", "scikit-learn", "zarr")
SECONDS: Final = 30.0
SHOWN: Final = 3
Versions: TypeAlias = Mapping[str, str | None]


class VersionCheck:
    """Compares each worker, and the scheduler, once.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asked: set[str] = set()
        self._ours = _of(get_versions(packages=_named()))

    def check(self, workers: Iterable[str]) -> None:
        """Compare those of these workers that have not been compared before.

        Who does not answer is no reason to lose a pass: it is either gone or about to be.

        Raises
        ------
        VersionMismatchError
            With what is where.
        """
        new = [each for each in workers if each not in self._asked]
        if not new:
            return
        found = {} if self._asked else self._scheduler()
        found |= self._workers(new)
        self._asked.update(new)
        others = list(_others(self._ours, found))
        if others:
            raise VersionMismatchError(
                "Wanted the same packages on the scheduler and all workers as in this process, "
                f"found {'; '.join(others)}. Install there what is here, or here what is there, "
                "then run this again."
            )

    def _scheduler(self) -> dict[str, Versions]:
        told = self._ask("versions", packages=_named())
        return {"the scheduler": _of(told)} if told else {}

    def _workers(self, addresses: list[str]) -> dict[str, Versions]:
        message = {"op": "versions", "packages": _named()}
        told = self._ask("broadcast", msg=message, workers=addresses, on_error="ignore")
        return {address: _of(versions) for address, versions in told.items()}

    def _ask(self, what: str, **options: Any) -> dict[str, Any]:
        scheduler: Any = self._client.scheduler
        try:
            told: dict[str, Any] = self._client.sync(
                getattr(scheduler, what), callback_timeout=SECONDS, **options
            )
        except OSError:
            return {}
        return told


def _named() -> list[str]:
    return [*EVERYWHERE[1:], *COMPUTING]


def _of(told: Mapping[str, Any]) -> Versions:
    """Give the version of each package, or as much of it as matters."""
    packages = told["packages"]
    return {
        name: version and ".".join(version.split(".")[: NUMBERS.get(name)])
        for name, version in ((each, packages.get(each)) for each in ("python", *_named()))
    }


def _others(ours: Versions, found: Mapping[str, Versions]) -> Iterator[str]:
    """Tell of each package that differs: what it is here, and what where."""
    for name, version in ours.items():
        places: dict[str | None, list[str]] = {}
        for where, theirs in found.items():
            computes = where != "the scheduler"
            if theirs[name] != version and (computes or name in EVERYWHERE):
                places.setdefault(theirs[name], []).append(where)
        if places:
            there = ", ".join(f"{other or 'none'} at {_listed(at)}" for other, at in places.items())
            yield f"{name} {version or 'none'} here and {there}"


def _listed(places: list[str]) -> str:
    """Name a few places, and say how many there are beside them."""
    more = len(places) - SHOWN
    return ", ".join(places[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")
