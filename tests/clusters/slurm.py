"""SLURM on this machine: its daemons, in a folder of their own, and the jobs that they run."""

import os
import re
import secrets
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Final

from tests.clusters.debian import PATH, need
from tests.faults.programs import started

SECONDS: Final = 120.0
HOST: Final = socket.gethostname().split(".")[0]
# One node of two processors. Jobs in `urgent` take the place of others, which go back into the
# queue.
CONFIGURATION: Final = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=here NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=2
"""
MUNGE: Final = {
    "key-file": "munge.key",
    "socket": "munge.socket",
    "pid-file": "munge.pid",
    "seed-file": "munge.seed",
    "log-file": "munge.log",
}


class Slurm:
    """A controller and a node that are running.

    Parameters
    ----------
    folder : Path
        Where their configuration lies.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.variables: Mapping[str, str] = {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": PATH,
        }

    def tell(self, *words: object, **variables: str) -> str:
        """Run one of SLURM's commands, and give what it says."""
        return subprocess.run(
            [str(each) for each in words],
            env={**os.environ, **variables, "SLURM_CONF": self.variables["SLURM_CONF"]},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=SECONDS,
        ).stdout.strip()

    def submit(self, *words: object, **variables: str) -> str:
        """Submit a job, and give its number."""
        return self.tell("sbatch", "--parsable", *words, **variables)

    def jobs(self) -> list[dict[str, str]]:
        """What is known of all jobs, also of those that ended a short time ago."""
        lines = self.tell("scontrol", "--oneliner", "show", "job").splitlines()
        return [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines if "JobId=" in line]

    def job(self, number: str) -> dict[str, str]:
        """What is known of a job: JobState, Restarts and more."""
        (one,) = (each for each in self.jobs() if each["JobId"] == number)
        return one

    def start_again(self, number: str) -> None:
        """Wait until a job is back in the queue, and let it start; SLURM would wait two minutes."""
        self.until(lambda: self.job(number)["JobState"] == "PENDING")
        self.tell("scontrol", "update", f"JobId={number}", "StartTime=now")

    def end_of(self, number: str) -> str:
        """Wait for the end of a job, and give its state."""
        self.tell("srun", "--quiet", f"--dependency=afterany:{number}", "true")
        return self.job(number)["JobState"]

    def until(self, true: Callable[[], bool]) -> None:
        """Ask again and again, and say what the daemons say if it does not become true."""
        end = monotonic() + SECONDS
        while not true():
            logs = "\n".join(each.read_text() for each in self._folder.glob("*.log"))
            assert monotonic() < end, logs

    def ready(self) -> bool:
        """Whether the controller answers, and has a node without work."""
        try:
            return self.tell("sinfo", "--noheader", "--format=%T") == "idle"
        except subprocess.CalledProcessError:
            return False

    def close(self) -> None:
        """Cancel what is left."""
        self.tell("scancel", "--user=root", "--signal=KILL", "--full")
        self.tell("scancel", "--user=root")


@contextmanager
def slurm(folder: Path) -> Iterator[Slurm]:
    """Start the daemons with their configuration in a folder, and end them."""
    need("munged", "slurmctld", "slurmd", packages=("munge", "slurm-wlm"))
    _configure(folder)
    running = Slurm(folder)
    munge = [f"--{name}={folder / path}" for name, path in MUNGE.items()]
    with ExitStack() as daemons:
        for name, *options in (
            ("munged", "--foreground", "--force", *munge),
            ("slurmctld", "-D"),
            ("slurmd", "-D", "-N", "here"),
        ):
            log = daemons.enter_context((folder / f"{name}.log").open("w"))
            environment = {**os.environ, **running.variables}
            command = [name, *options]
            daemons.enter_context(started(command, env=environment, stdout=log, stderr=log))
        running.until(running.ready)
        try:
            yield running
        finally:
            running.close()


def _configure(folder: Path) -> None:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    controller, node = free_ports(2)
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(host=HOST, folder=folder, controller_port=controller, node_port=node)
    )
    key = folder / MUNGE["key-file"]
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(1024))


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens at."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in taken]
