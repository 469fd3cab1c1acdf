"""Cluster classes for tests, found by their import paths."""

from collections.abc import Callable
from typing import Any, ClassVar

import dask
from distributed import LocalCluster, Security


class Recorded(LocalCluster):
    """A cluster in this process that keeps what is asked of it.

    Parameters
    ----------
    security : Security, optional
        As in LocalCluster.
    fails : str
        The method that fails.
    """

    made: ClassVar[list["Recorded"]] = []

    def __init__(self, security: Security | None = None, fails: str = "") -> None:
        self.calls: list[Any] = []
        self.ttl = dask.config.get("distributed.scheduler.worker-ttl")
        self.fails = fails
        self.made.append(self)
        super().__init__(  # type: ignore[no-untyped-call]
            n_workers=0,
            threads_per_worker=1,
            processes=False,
            dashboard_address="127.0.0.1:0",
            security=security,
        )

    def scale(self, *args: Any, **options: Any) -> Any:
        self._called("scale", *args)
        return super().scale(*args, **options)  # type: ignore[no-untyped-call]

    def adapt(self, *args: Any, **options: Any) -> Any:
        self._called("adapt", options)
        return super().adapt(*args, **options)

    def _called(self, name: str, value: Any) -> None:
        self.calls.append((name, value))
        if self.fails == "unreachable" and value:
            unreachable()
        if self.fails == name and value:  # a cluster that is closed is scaled to 0
            raise OSError("the queue is closed")


def unreachable() -> None:
    raise ConnectionRefusedError("nobody at home")


def wrapped() -> None:
    try:
        unreachable()
    except OSError as error:
        raise RuntimeError("it did not start") from error


def incomplete() -> None:
    raise ImportError("asyncssh is needed")


class Nested:
    """Something that holds a cluster class, and something that is no cluster."""

    cluster: Callable[..., Any] = Recorded
    number = 3
    other = dict
