"""A Dask cluster of processes: a scheduler and workers, each of which can be met by a fault."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.faults.programs import Place, started

QUICK = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "2s"}


class Cluster:
    """Processes that are started one by one, and killed at the end.

    Parameters
    ----------
    place : Place
        Whose faults are armed in workers; logs are written there.
    host : str
        Address of the scheduler.
    """

    def __init__(self, place: Place, host: str = "127.0.0.1") -> None:
        self._place = place
        self._stack = ExitStack()
        self._host = host
        self.address = f"tcp://{host}:{_free_port(host)}"

    def scheduler(self, **variables: str) -> "subprocess.Popen[str]":
        """Start the scheduler, at the same address each time."""
        options = ["--host", self._host, "--port", self.address.rsplit(":", 1)[1]]
        return self._start("scheduler", options, [], **variables)

    def worker(self, *options: str, inside: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
        """Start a worker of one thread with its nanny, through another program if need be."""
        return self._start("worker", [self.address, "--nthreads", "1", *options], list(inside))

    def _start(
        self, what: str, options: list[str], inside: list[str], **variables: str
    ) -> "subprocess.Popen[str]":
        folder = self._place.folder
        log = self._stack.enter_context((folder / f"{what}.log").open("a"))
        module = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--no-dashboard"]
        process = started(
            [*inside, *module, *options],
            env={**self._place.environment, **variables},
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        return self._stack.enter_context(process)

    def close(self) -> None:
        """Kill all of it."""
        self._stack.close()


@contextmanager
def cluster_of(place: Place, host: str = "127.0.0.1") -> Iterator[Cluster]:
    """Give a cluster that nothing of has been started."""
    cluster = Cluster(place, host)
    try:
        yield cluster
    finally:
        cluster.close()


def kill_group(process: "subprocess.Popen[str]") -> None:
    """Kill a program and what it has started, at once, and wait for it."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_port(host: str) -> int:
    with socket.socket() as taken:
        taken.bind((host, 0))
        port: int = taken.getsockname()[1]
        return port


def log_of(folder: Path) -> str:
    """What all processes of a cluster have said."""
    return "\n".join(each.read_text() for each in sorted(folder.glob("*.log")))
