"""What a pass cost, which is told with its answers and changes none of them."""

import re
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from dask_gmm.passes.fold import Answers

STATUS: Final = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one pass took.

    Parameters
    ----------
    tasks : int
        Those that read rows.
    threads : int
        Of all processes that computed.
    workers : int
        When the pass began; 0 where this process computed.
    workers_lost : int
        That ended without being asked to, since the pass before.
    attempts : int
        How often the pass was begun.
    retries : int
        Tasks that were lost with workers, and made again, those that hold rows included.
    decoded_bytes : int
        Of the rows, as numbers in memory, be they read or held since an earlier pass.
    peak_bytes : int
        The most that this process has held until then.
    worker_peak_bytes : int, optional
        The most that one of the workers has held until then.
    """

    tasks: int
    threads: int
    workers: int
    workers_lost: int
    attempts: int
    retries: int
    decoded_bytes: int
    peak_bytes: int
    worker_peak_bytes: int | None

    def to_json(self) -> dict[str, int | None]:
        """Give it as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Reading(Sequence[Any]):
    """The answers of a whole pass, in the order of the folds, and what it cost.

    Parameters
    ----------
    answers : Answers
    cost : Cost
    """

    answers: Answers
    cost: Cost

    def __getitem__(self, index: Any) -> Any:
        return self.answers[index]

    def __len__(self) -> int:
        return len(self.answers)


@dataclass(frozen=True, slots=True)
class Peak:
    """The most bytes that a process has held; of several, the largest.

    Parameters
    ----------
    held : int
    """

    held: int

    @classmethod
    def here(cls) -> "Peak":
        """Give that of this process, until now."""
        # Not getrusage where there is another way: what the parent held is inherited there.
        try:
            found = re.search(rb"VmHWM:\s+(\d+) kB", STATUS.read_bytes())
        except OSError:
            found = None
        if found is not None:
            return cls(int(found[1]) * 1024)
        unit = 1 if sys.platform == "darwin" else 1024
        return cls(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)

    def __add__(self, other: "Peak") -> "Peak":
        return Peak(max(self.held, other.held))


@dataclass(frozen=True, slots=True)
class Spent:
    """What tasks have taken, in sum.

    Parameters
    ----------
    seconds : float
        Of the threads that worked on them, be it that they read or computed.
    peak : Peak
        Of the processes that they ran in, until then.
    """

    seconds: float
    peak: Peak

    @classmethod
    def since(cls, started: float) -> "Spent":
        """Give what a task has taken here that began at a time of the monotonic clock."""
        return cls(time.monotonic() - started, Peak.here())

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.seconds + other.seconds, self.peak + other.peak)
