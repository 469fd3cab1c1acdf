"""A pass of very many tasks on very many workers, whose tasks read nothing and return statistics.

    python -m benchmarks.simulated [--tasks N] [--workers N] [--components K] [--features D]

A scheduler, processes with 20 workers each (of one thread, talking over TCP as if they were on
machines of their own; all in one would be more sockets than a process may open) and this process
with the client. The pass is one `Attempt` of the package: its tasks, its tree, its statistics;
only its source has no rows. Seconds are those of processors, process by process, so that other
work on the machine hardly counts.
"""

import argparse
import asyncio
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
import numpy as np
import psutil
from distributed import Client, Worker

from benchmarks.overhead import SameRows
from dask_gmm.fitting.questions import EStep
from dask_gmm.passes.attempt import Attempt
from dask_gmm.passes.cost import Spent
from dask_gmm.passes.patience import Patience
from dask_gmm.passes.progress import Silent

FEATURES = COMPONENTS = 16
WORKERS_PER_PROCESS = 20
WAIT_SECONDS = 600
SCHEDULER = [
    *(sys.executable, "-m", "distributed.cli.dask_scheduler"),
    *("--host=127.0.0.1", "--port=0", "--dashboard-address=127.0.0.1:0"),
]
# Who shares a machine with so many others is silent for long now and then; and so many transfers
# of each worker are counted. Two hundred workers that look at themselves a hundred times a second
# would leave their processors for nothing else.
SETTINGS = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "60s",
    "logging": {"distributed": "error"},
    "distributed.scheduler.worker-ttl": None,
    "distributed.comm.timeouts.connect": "600s",
    "distributed.comm.timeouts.tcp": "600s",
    "distributed.admin.low-level-log-length": 100_000,
}
Processes = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Used:
    """What processes have used until now.

    Parameters
    ----------
    seconds : float
        Of processors, in sum.
    peak : int
        The most bytes that one of them has held.
    """

    seconds: float
    peak: int

    @classmethod
    def by(cls, pids: Sequence[int]) -> "Used":
        """Ask the system about processes."""
        times = [psutil.Process(pid).cpu_times() for pid in pids]
        peaks = [
            int(line.split()[1]) * 1024
            for pid in pids
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith("VmHWM:")
        ]
        return cls(sum(each.user + each.system for each in times), max(peaks))


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a pass took.

    Parameters
    ----------
    tasks, workers : int
    wall : float
        Seconds from its beginning to its answer.
    seconds : dict of str to float
        Of processors per task that has no rows, by process.
    peaks, grown : dict of str to int
        Bytes that a process of each name held at most, and by how much that grew in the pass.
    transfers : int
        Answers that workers got from others.
    answer, question : int
        Bytes of an answer and of the question, as they travel.
    """

    tasks: int
    workers: int
    wall: float
    seconds: dict[str, float]
    peaks: dict[str, int]
    grown: dict[str, int]
    transfers: int
    answer: int
    question: int


def simulate(tasks: int, workers: int, components: int, features: int) -> Simulated:
    """Make one pass of so many tasks."""
    source = SameRows(np.empty((0, features)), tasks)
    fold = EStep.like(components, "full", features)
    with cluster(workers) as (client, pids):
        warm = SameRows(source.rows, 2 * workers)
        attempt(client, "warm").run(warm, (fold,), 2 * workers, Silent())
        before, transfers = used(pids), received(client)
        started = time.monotonic()
        outcome = attempt(client, "pass").run(source, (fold,), tasks, Silent())
        wall, after = time.monotonic() - started, used(pids)
        transfers = received(client) - transfers
    (statistics,) = outcome.answers
    return Simulated(
        outcome.tasks,
        workers,
        wall,
        {name: (after[name].seconds - before[name].seconds) / outcome.tasks for name in pids},
        {name: after[name].peak for name in pids},
        {name: after[name].peak - before[name].peak for name in pids},
        transfers,
        len(pickle.dumps((statistics, Spent.since(0.0)))),
        len(pickle.dumps((source, (fold,)))),
    )


def attempt(client: Client, name: str) -> Attempt:
    """One attempt of the package, under a name."""
    return Attempt(client, f"simulated-{name}", Patience(client))


def used(pids: Processes) -> dict[str, Used]:
    """What the processes of each name have used."""
    return {name: Used.by(every) for name, every in pids.items()}


def received(client: Client) -> int:
    """Answers that workers have got from others until now."""
    return sum(client.run(_received).values())


def _received(dask_worker: Worker) -> int:
    log = dask_worker.transfer_incoming_log
    return sum(isinstance(key, tuple) for each in log for key in each["keys"])


@contextmanager
def cluster(workers: int) -> Iterator[tuple[Client, Processes]]:
    """Start a scheduler and workers; gives a client, and the processes of each."""
    with ExitStack() as opened:
        opened.enter_context(dask.config.set(SETTINGS))
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        file = folder / "scheduler.json"
        scheduler = opened.enter_context(running([*SCHEDULER, f"--scheduler-file={file}"], folder))
        while not file.exists():
            time.sleep(0.1)
        work = [sys.executable, "-m", "benchmarks.simulated", "--work-for", str(file), "--workers"]
        many = [
            opened.enter_context(running([*work, str(min(WORKERS_PER_PROCESS, left))], folder))
            for left in range(workers, 0, -WORKERS_PER_PROCESS)
        ]
        client = opened.enter_context(Client(scheduler_file=str(file)))
        client.wait_for_workers(workers, timeout=WAIT_SECONDS)
        yield client, {"scheduler": [scheduler], "workers": many, "client": [os.getpid()]}


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[int]:
    """Run a program meanwhile; gives its process."""
    same = dask.config.serialize({**dask.config.config, "temporary-directory": str(folder)})
    environment = {**os.environ, "DASK_INTERNAL_INHERIT_CONFIG": same}
    process = subprocess.Popen(command, env=environment)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


async def work_for(file: str, workers: int) -> None:
    """Be so many workers of one thread, until the scheduler is gone."""
    options: dict[str, Any] = {"nthreads": 1, "memory_limit": 0, "dashboard": False}
    every = [Worker(scheduler_file=file, **options) for _ in range(workers)]
    await asyncio.gather(*every)
    await asyncio.gather(*(each.finished() for each in every))


def table(found: Simulated) -> str:
    """Say it as a table."""
    lines = [
        "| process | ms of a processor per task | peak MB | grown by MB |",
        "|---|---|---|---|",
        *(
            f"| {name} | {found.seconds[name] * 1e3:.2f} | {found.peaks[name] / 1e6:,.0f} "
            f"| {found.grown[name] / 1e6:,.0f} |"
            for name in found.seconds
        ),
        "",
        f"{found.tasks:,} tasks, {found.workers} workers, {found.wall:.0f} s; {found.transfers:,} "
        f"answers of {found.answer / 1e3:.1f} kB went up the tree from worker to worker, "
        f"{found.transfers * found.answer / 1e9:.2f} GB, and a question of "
        f"{found.question / 1e3:,.0f} kB to each worker.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Simulate a pass, or be its workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=200)
    parser.add_argument("--components", type=int, default=COMPONENTS)
    parser.add_argument("--features", type=int, default=FEATURES)
    parser.add_argument("--work-for", metavar="FILE", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work_for:
        asyncio.run(work_for(asked.work_for, asked.workers))
    else:
        print(table(simulate(asked.tasks, asked.workers, asked.components, asked.features)))


if __name__ == "__main__":
    main()
