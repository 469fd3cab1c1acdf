"""How long a pass waits for its next task, and what it sees to meanwhile."""

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from distributed import Client

from dask_gmm.errors import ClusterError

STALL_SECONDS: Final = 600.0
WORKER_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Patience:
    """How long to wait.

    Parameters
    ----------
    client : distributed.Client
    stall_seconds : float
        A pass in which no task ends for so long is given up.
    worker_seconds : float
        So long it does without workers, or without a word of the scheduler, as an adaptive cluster
        may have none for a while.
    look_seconds : float
        How often it looks after them.
    mend : callable
        Starts workers in the place of those that are gone, where that is ours to do.
    """

    client: Client
    stall_seconds: float = STALL_SECONDS
    worker_seconds: float = WORKER_SECONDS
    look_seconds: float = LOOK_SECONDS
    mend: Callable[[], object] = lambda: None

    def next(self, ended: "queue.SimpleQueue[T]") -> T:
        """Give what ends next.

        Raises
        ------
        ClusterError
            If nothing does, or nobody is there who could.
        """
        began = seen = time.monotonic()
        while True:
            try:
                return ended.get(timeout=min(self.look_seconds, self.stall_seconds))
            except queue.Empty:
                found = self._workers()
            now = time.monotonic()
            seen = now if found else seen
            if now - began >= self.stall_seconds:
                raise self.stalled(found or 0)
            if now - seen >= self.worker_seconds:
                raise self._alone(found)
            self.mend()

    def wait_for_workers(self) -> None:
        """Wait for the first one.

        Raises
        ------
        ClusterError
            If none comes.
        """
        began, look = time.monotonic(), min(self.look_seconds, self.worker_seconds)
        while True:
            try:
                self.client.wait_for_workers(1, timeout=look)
            except TimeoutError:
                if time.monotonic() - began >= self.worker_seconds:
                    raise self._alone(0) from None
                self.mend()
            else:
                return

    def _alone(self, found: int | None) -> ClusterError:
        said = "no answer from" if found is None else "none at"
        return ClusterError(
            f"Wanted at least one worker for a pass, found {said} {self.address} within "
            f"{self.worker_seconds:,.0f} s. Start workers, or look at the scheduler's log; then "
            "run it again."
        )

    def _workers(self) -> int | None:
        """Give the number of workers; None if the scheduler does not say."""
        ask: Any = self.client.scheduler
        try:
            known = self.client.sync(
                ask.identity, n_workers=-1, callback_timeout=max(self.look_seconds, 1.0)
            )
        except OSError:
            return None
        return len(known["workers"])

    @property
    def address(self) -> str:
        """Where the scheduler is, or was."""
        scheduler: Any = self.client.scheduler
        return str(getattr(scheduler, "address", "the scheduler"))

    def stalled(self, workers: int = 0) -> ClusterError:
        """Give the error of a task that has not ended, or whose answer has not come."""
        return ClusterError(
            f"Wanted a task of the pass to end within {self.stall_seconds:,.0f} s, found none "
            f"({workers} workers at {self.address}). Look at the workers' logs, then run it "
            "again."
        )
