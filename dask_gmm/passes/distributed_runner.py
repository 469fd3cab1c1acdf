"""Passes on a Dask cluster: the same tree of sums, climbed by the workers."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any, Final

import dask
from distributed import Client, KilledWorker
from distributed.client import FutureCancelledError

from dask_gmm.data.source import Source
from dask_gmm.errors import ClusterError
from dask_gmm.passes.attempt import Attempt, DeadlyRowsError, Outcome
from dask_gmm.passes.cost import Cost, Peak, Reading
from dask_gmm.passes.dask_source import LARGE_GRAPHS, DaskSource
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.losses import Losses, LossLog
from dask_gmm.passes.machine import machine
from dask_gmm.passes.memory import bytes_of, project
from dask_gmm.passes.outlook import Outlook, Room, cut_in_leaves, cut_in_nodes
from dask_gmm.passes.patience import STALL_SECONDS, WORKER_SECONDS, Patience
from dask_gmm.passes.pieces import HeldThere
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.sizing import tasks_wanted
from dask_gmm.passes.versions import VersionCheck

ATTEMPTS: Final = 3
LOST: Final = (DeadlyRowsError, KilledWorker, FutureCancelledError, CancelledError)


class DistributedRunner:
    """Workers of a Dask cluster.

    Every key names the run, the pass, the attempt and the node, so that nothing stale is used
    again. The question travels as one task of its own, which is recomputed when its holder dies.
    A pass whose workers are lost is made again, three times at most; one that fails twice at the
    same rows, or at those of a single task, is not, since these rows are the cause.

    Parameters
    ----------
    client : distributed.Client
    stall_seconds, worker_seconds, mend
        See `Patience`.
    """

    def __init__(
        self,
        client: Client,
        stall_seconds: float = STALL_SECONDS,
        worker_seconds: float = WORKER_SECONDS,
        mend: Callable[[], object] = lambda: None,
    ) -> None:
        self.client = client
        self.mend = mend
        self._patience = Patience(client, stall_seconds, worker_seconds, mend=mend)
        self._run = uuid.uuid4().hex[:12]
        self._passes = 0
        self._thread_seconds: float | None = None
        self._log = LossLog(client)
        self._versions = VersionCheck(client)

    def run(self, source: Source, folds: Sequence[Fold], progress: Progress) -> Reading:
        """See `Runner.run`."""
        outlook = self.outlook(source, folds)
        outlook.require(source.name)
        self._passes += 1
        self._log.begin()
        threads = outlook.threads
        n_tasks = self._tasks_wanted(source, len(folds), threads)
        losses: list[BaseException] = []
        groups: frozenset[str] = frozenset()
        while True:
            prefix = f"dask-gmm-{self._run}-{self._passes}-{len(losses)}"
            attempt = Attempt(self.client, prefix, self._patience)
            groups |= attempt.groups
            try:
                with dask.config.set(LARGE_GRAPHS):
                    outcome = attempt.run(source, tuple(folds), n_tasks, progress)
            except LOST as lost:
                losses.append(lost)
                self._give_up_or_go_on(source, losses)
            else:
                if len(source.layout) > 1:  # a sample says nothing about all rows
                    self._thread_seconds = outcome.spent.seconds
                pieces = source.pieces.groups if isinstance(source, HeldThere) else frozenset()
                lost_there = self._log.of(groups | pieces)
                cost = _cost(source, outlook, outcome, len(losses) + 1, lost_there)
                return Reading(outcome.answers, cost)

    def outlook(self, source: Source, folds: Sequence[Fold]) -> Outlook:
        """See `Runner.outlook`; of the first pass, since the time of one decides the next one's."""
        workers = self._workers()
        threads = sum(worker["nthreads"] for worker in workers)
        rooms = [
            Room(project(source, folds, worker["nthreads"], threads), worker["memory_limit"])
            for worker in workers
        ]
        if isinstance(source, DaskSource) or not source.shareable:  # rows that lie in blocks there
            return Outlook.of(cut_in_leaves(source), rooms)
        wanted = self._tasks_wanted(source, len(folds), threads)
        return Outlook.of(cut_in_nodes(source, len(folds), wanted), rooms)

    def beside(self, n_bytes: int) -> "DistributedRunner":
        """Give itself: passes run in other processes."""
        return self

    def machines(self) -> tuple[str, ...]:
        """See `Runner.machines`."""
        self._workers()
        return tuple(sorted({machine(), *self.client.run(machine).values()}))

    def _tasks_wanted(self, source: Source, n_folds: int, threads: int) -> int:
        wanted = tasks_wanted(threads, self._thread_seconds, bytes_of(source) * n_folds)
        return source.tasks_wanted(wanted) if isinstance(source, HeldThere) else wanted

    def _workers(self) -> list[Mapping[str, Any]]:
        """Wait for workers, and give what the scheduler knows of each, if they are like us."""
        known: Mapping[str, Mapping[str, Any]] = {}
        while not known:  # those that were waited for may have gone when they are counted
            self._patience.wait_for_workers()
            known = self.client.scheduler_info(n_workers=-1)["workers"]
        self._versions.check(known)
        return list(known.values())

    def _give_up_or_go_on(self, source: Source, losses: Sequence[BaseException]) -> None:
        last = losses[-1]
        deadly = _deadly([each.blamed for each in losses if isinstance(each, DeadlyRowsError)])
        if deadly:
            start, stop = deadly[0]
            raise ClusterError(
                f"Wanted workers to survive a pass over {source.name}, but they died again and "
                f"again at its rows {start:,} to {stop:,}, from {source.where(start, 0)} on. Look "
                "at the workers' logs, and give them more memory if they ran out of it."
            ) from last
        if self.client.status != "running":
            raise ClusterError(
                f"Wanted a pass over {source.name}, but the scheduler at "
                f"{self._patience.address} was lost. See that it runs, with workers, then run "
                "this again."
            ) from last
        if len(losses) == ATTEMPTS:
            raise ClusterError(
                f"Wanted a pass over {source.name} within {ATTEMPTS} attempts, but workers were "
                f"lost in each; the last: {last}. Look at the workers' logs, then run it again."
            ) from last


def _deadly(blamed: Sequence[frozenset[tuple[int, int]]]) -> list[tuple[int, int]]:
    """Give the rows that are the cause: blamed twice, or alone."""
    if not blamed:
        return []
    if len(blamed[-1]) == 1:
        return list(blamed[-1])
    return sorted(frozenset.intersection(*blamed)) if len(blamed) > 1 else []


def _cost(
    source: Source, outlook: Outlook, outcome: Outcome, attempts: int, losses: Losses
) -> Cost:
    return Cost(
        tasks=outcome.tasks,
        threads=outlook.threads,
        workers=outlook.processes,
        workers_lost=losses.workers,
        attempts=attempts,
        retries=losses.tasks,
        decoded_bytes=bytes_of(source),
        peak_bytes=Peak.here().held,
        worker_peak_bytes=outcome.spent.peak.held,
    )
