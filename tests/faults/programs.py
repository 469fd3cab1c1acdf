"""The command line in processes of its own, and what must come of it."""

import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dask_gmm import load_model
from dask_gmm.objects.location import Location
from dask_gmm.records.codec import encode
from dask_gmm.records.posterior_file import read_posterior
from tests.faults.armed import VARIABLE, Armed

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 240.0
PRELOAD: Final = "DASK_DISTRIBUTED__WORKER__PRELOAD"
BLOCKS: Final = 12
BLOCK_ROWS: Final = 16_384
DRAW: Final = (
    *("--rows", BLOCKS * BLOCK_ROWS, "--features", 8, "--chunk-rows", BLOCK_ROWS),
    *("--components", 3, "--overlap", 0.2),
)
FIT: Final = ("--components", 3, "--solver", "em", "--tol", "1e-9", "--max-iter", 6)
HALF: Final = BLOCKS // 2 * BLOCK_ROWS
HALVES: Final = ("--partitions", f"first=0:{HALF},second={HALF}:{2 * HALF}")
# A run that keeps statistics of partitions, and other commands, one of which begins with it.
BEFORE: Final = ("fit", "d.zarr", *FIT, *HALVES, "--out", "before")
STEP: Final = ("fit", "d.zarr", "--warm-start", "before", "--incremental", *HALVES)
ADAPT: Final = ("--adapt", "before", "--relevance", 1e5, "--adapted", "means,covariances")
BESIDE: Final = ("--sample-weight", "beside.zarr/w", "--labels", "beside.zarr/l")
KINDS: Final[Mapping[str, tuple[object, ...]]] = {
    "em": ("fit", "d.zarr", *FIT),
    "bayesian": ("fit", "d.zarr", *FIT, "--bayesian", "dirichlet_process"),
    "uniting": ("fit", "d.zarr", "--components", 6, "--bayesian", "dirichlet_process"),
    "fast": ("fit", "d.zarr", "--components", 3),
    "weighed": ("fit", "d.zarr", *FIT, *BESIDE),
    "weighed fast": ("fit", "d.zarr", "--components", 3, *BESIDE),
    "missing": ("fit", "gaps.zarr", "--components", 3, "--missing", "em", "--max-iter", 4),
    "told": ("fit", "d.zarr", "--components", 3, "--prior", "alpha=5,nu=500"),
    "adapted": ("fit", "d.zarr", *ADAPT, "--fixed", "means=0", "--solver", "em", "--max-iter", 4),
    "select": ("select", "d.zarr", "--components", "2,3", "--max-iter", 4),
    "lowrank": ("fit", "d.zarr", *FIT, "--covariance", "lowrank-2"),
    "step": (*STEP, "--changed", "second"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """How a command ended."""

    code: int
    output: str
    errors: str

    def says(self, code: int, *parts: object) -> None:
        """See that it ended with a code, and with one message of these parts.

        What Dask logs of its workers may stand before it.
        """
        assert self.code == code, f"{self.code}\n{self.errors}"
        _, *messages = re.split(r"^(?:Error: |Stopped by )", self.errors, flags=re.MULTILINE)
        assert len(messages) == 1, self.errors
        assert [part for part in map(str, parts) if part not in messages[0]] == [], self.errors


class Place:
    """A place with rows in it, a folder in which commands are run, and faults armed.

    Parameters
    ----------
    folder : Path
    armed : Armed
    root : Path or Address, optional
        It holds ``d.zarr``; the folder unless given.
    variables : mapping, optional
        Of the environment, by which it is found.
    """

    def __init__(
        self,
        folder: Path,
        armed: Armed,
        root: Location | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.armed = armed
        self.root: Location = root or folder
        self.variables = dict(variables or {})

    @property
    def environment(self) -> dict[str, str]:
        """What processes need so that faults may happen in them, and in their workers."""
        return {
            **os.environ,
            **self.variables,
            "PYTHONPATH": str(ROOT),
            VARIABLE: str(self.armed.folder),
            PRELOAD: "tests.faults.within",
        }

    def fit(self, *more: object, out: str = "out", **variables: str) -> Ended:
        """Run ``fit`` to its end, with more options and variables of the environment."""
        with self.fitting(*more, out=out, **variables) as process:
            return ended(process)

    @contextmanager
    def fitting(
        self, *more: object, out: str = "out", **variables: str
    ) -> "Iterator[subprocess.Popen[str]]":
        """Have ``fit`` run; what is left of it at the end is killed, its workers with it."""
        with self.running(*self.words(out), *more, **variables) as process:
            yield process

    @contextmanager
    def running(self, *words: object, **variables: str) -> "Iterator[subprocess.Popen[str]]":
        """Have any command run so."""
        command = [sys.executable, "-m", "tests.faults.within", *map(str, words)]
        environment = {**self.environment, **variables}
        with started(command, cwd=self.folder, env=environment) as process:
            yield process

    def words(self, out: str = "out") -> tuple[object, ...]:
        """Words of the command."""
        return ("fit", self.root / "d.zarr", *FIT, "--out", self.root / out)

    def digest(self, out: str = "out") -> str:
        """SHA-256 of what was fitted."""
        return digest_of(self.root / out)

    @property
    def aside(self) -> list[str]:
        """What lies beside the outputs, hidden."""
        return sorted(each.name for each in self.root.iterdir() if each.name.startswith("."))


@contextmanager
def started(command: list[str], **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """Have a program run in a group of its own, which is killed at the end."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, **(pipes | options)) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def ended(process: "subprocess.Popen[str]") -> Ended:
    """Wait for the end of a program."""
    output, errors = process.communicate(timeout=SECONDS)
    return Ended(process.returncode, output, errors)


def digest_of(run: Location) -> str:
    """SHA-256 of all that was fitted: parameters and log-likelihoods, and a posterior."""
    total = hashlib.sha256()
    candidates = run / "candidates"
    inside: list[Location] = list(candidates.iterdir()) if candidates.is_dir() else []
    for each in (run / "model.zarr", *sorted(inside, key=str)):
        model = load_model(each)
        for values in (model.weights, model.means, model.covariances, model.log_likelihoods):
            total.update(values.tobytes() if hasattr(values, "tobytes") else repr(values).encode())
    inferred = read_posterior(run)
    if inferred is not None:
        encoded = encode(inferred)
        total.update(repr(encoded.document).encode())
        for values in encoded.arrays.values():
            total.update(values.tobytes())
    return total.hexdigest()
