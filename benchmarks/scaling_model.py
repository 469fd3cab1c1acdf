"""What a pass takes, on paper: seconds, tasks, bytes and memory, as the code makes them.

Sizes are asked of the package (how many tasks, what a worker holds, which rows are sampled), and
nothing is measured here; `benchmarks.scaling` measures the constants.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass

from dask_gmm.data.blocks import regular_layout
from dask_gmm.fitting.levels import reservoir_size
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.sample import kept_bytes
from dask_gmm.mixture.features import Quadratic
from dask_gmm.passes.attempt import FAN_IN
from dask_gmm.passes.memory import PROCESS_BYTES, Projection
from dask_gmm.passes.sizing import tasks_wanted
from dask_gmm.passes.tree import level_for

ITEMSIZE = 8
CHUNK_BYTES = 32_000_000
PLAIN, ZSTD = "plain", "zstd"
# Leaves that a thread holds of plain chunks: in use, read ahead, not yet let go.
LEAVES_HELD = 3
# So many passes, and the time of one no longer changes the tasks of the next.


@dataclass(frozen=True, slots=True)
class Shape:
    """A mixture of full covariances: D columns, K components."""

    columns: int
    components: int

    @property
    def features(self) -> int:
        """P, the features of a row."""
        return Quadratic(self.columns).size

    @property
    def products(self) -> int:
        """Multiplications per row, those for the log densities and those for the sums."""
        return 2 * self.components * self.features

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, decoded."""
        return ITEMSIZE * self.columns


@dataclass(frozen=True, slots=True)
class Computing:
    """Seconds of one core for the parts of an E-step, each per unit of it.

    Parameters
    ----------
    standardize : float
        Per number of the rows.
    build : float
        Per feature of a row.
    product : float
        Per multiplication of the two matrix products.
    exponential : float
        Per row and component.
    normalize : float
        Per row and component: peaks, differences, totals, quotients.
    rest : float
        Per row: what a whole E-step takes more than these.
    """

    standardize: float
    build: float
    product: float
    exponential: float
    normalize: float
    rest: float

    def row(self, shape: Shape) -> float:
        """Seconds per row."""
        return (
            self.standardize * shape.columns
            + self.build * shape.features
            + self.product * shape.products
            + (self.exponential + self.normalize) * shape.components
            + self.rest
        )


@dataclass(frozen=True, slots=True)
class Dask:
    """What Dask takes.

    Parameters
    ----------
    scheduler, client, worker : float
        Seconds of a core per task, of each of these processes.
    scheduler_bytes, client_bytes : float
        That each of these holds per task.
    latency : float
        Seconds of a pass whose few tasks have nothing to do.
    answer : float
        Bytes of one answer for each number of its sums, as it travels.
    leaf : float
        Bytes of a question per leaf of the rows.
    """

    scheduler: float
    client: float
    worker: float
    scheduler_bytes: float
    client_bytes: float
    latency: float
    answer: float
    leaf: float


@dataclass(frozen=True, slots=True)
class Constants:
    """All of them.

    Parameters
    ----------
    computing : dict of Shape to Computing
    reading : dict of (Shape, str) to float
        Seconds of a core to read and decode a byte of rows, by how they are stored.
    dask : Dask
    """

    computing: dict[Shape, Computing]
    reading: dict[tuple[Shape, str], float]
    dask: Dask


@dataclass(frozen=True, slots=True)
class Job:
    """Rows, and who reads them.

    Parameters
    ----------
    shape : Shape
    rows : int
    chunk_bytes : int
        Decoded.
    threads : int
        Of all workers.
    cores : int
        Of all workers; a thread that computes has another one which reads ahead.
    shared : bool
        Whether scheduler and client are on the same cores.
    """

    shape: Shape
    rows: int
    chunk_bytes: int
    threads: int
    cores: int
    shared: bool = False

    @property
    def n_bytes(self) -> int:
        """Of the rows, decoded."""
        return self.rows * self.shape.row_bytes

    @property
    def leaves(self) -> int:
        """Leaves of the rows, a chunk each."""
        return -(-self.rows // (self.chunk_bytes // self.shape.row_bytes))

    def tasks(self, worked: float | None) -> int:
        """Tasks of a pass, when threads worked on those of the one before for so many seconds."""
        level = level_for(self.leaves, tasks_wanted(self.threads, worked, self.n_bytes))
        return -(-self.leaves >> level)

    def per_row(self, row: float, read: float) -> float:
        """Seconds of a thread for a row, of what a core takes to compute on it and to read it."""
        return max(row, read, (row + read) * self.threads / self.cores)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A pass of a fit that has gone on for some passes.

    Parameters
    ----------
    tasks : int
    computing : float
        Seconds of the slowest thread.
    scheduling : float
        Seconds in which the scheduler, or the client, has handled all tasks.
    beside : float
        Seconds that both take from the workers on the same cores.
    latency : float
    """

    tasks: int
    computing: float
    scheduling: float
    beside: float
    latency: float

    @property
    def seconds(self) -> float:
        """From the first task to the answer."""
        return max(self.computing, self.scheduling) + self.beside + self.latency

    @property
    def bound(self) -> str:
        """What bounds it."""
        return "cores" if self.computing >= self.scheduling else "scheduler"


def one_pass(job: Job, tasks: int, row: float, read: float, dask: Dask) -> Foreseen:
    """A pass in so many tasks.

    Parameters
    ----------
    job : Job
    tasks : int
    row : float
        Seconds of a core to compute on a row.
    read : float
        Seconds of a core to read and decode a row, while another one is computed on.
    dask : Dask
    """
    per_row = job.per_row(row, read)
    turns = -(-tasks // job.threads)
    computing = turns * (job.rows / tasks * per_row + dask.worker)
    scheduling = tasks * max(dask.scheduler, dask.client)
    beside = tasks * (dask.scheduler + dask.client) / job.cores if job.shared else 0.0
    return Foreseen(tasks, computing, scheduling, beside, dask.latency)


def later_pass(job: Job, row: float, read: float, dask: Dask) -> Foreseen:
    """A pass whose tasks those before have settled."""
    return one_pass(job, job.tasks(job.rows * job.per_row(row, read)), row, read, dask)


def levels(tasks: int) -> int:
    """Levels of the tree that workers climb."""
    return sum(1 for _ in _sums(tasks))


def moved(tasks: int) -> int:
    """Answers that travel at most: from each node but the root, unless it stays where it is."""
    return tasks + sum(_sums(tasks)) - 1 if tasks > 1 else 0


def _sums(tasks: int) -> Sequence[int]:
    found = []
    while tasks > 1:
        tasks = -(-tasks // FAN_IN)
        found.append(tasks)
    return found


def answer_bytes(shape: Shape, dask: Dask) -> float:
    """Bytes of the sums of an E-step, as they travel."""
    return dask.answer * shape.features * shape.components


def worker_bytes(job: Job) -> int:
    """What a worker of one thread may hold, as it is projected before a pass."""
    fold = EStep.like(job.shape.components, "full", job.shape.columns)
    reading = LEAVES_HELD * job.chunk_bytes
    return Projection(reading, fold.tile_bytes(job.shape.columns), 1).total


def question_bytes(job: Job, dask: Dask) -> float:
    """Of a question: the parameters in their forms; of each leaf its end and its digest."""
    fold = EStep.like(job.shape.components, "full", job.shape.columns)
    return len(pickle.dumps(fold)) + job.leaves * dask.leaf


def sample_bytes(job: Job) -> int:
    """Of the rows of the largest sample that the solver ``fast`` climbs."""
    shape = job.shape
    free = shape.components * shape.features - 1
    return reservoir_size(job.rows, shape.columns, free) * shape.row_bytes


def client_bytes(job: Job, tasks: int, dask: Dask) -> float:
    """What the client holds: the sample in its forms, the tasks, the digests and the edges."""
    kept = kept_bytes(sample_bytes(job) // job.shape.row_bytes, job.shape.columns)
    layout = regular_layout(job.leaves, 1).edges.itemsize
    return PROCESS_BYTES + kept + tasks * dask.client_bytes + job.leaves * (layout + dask.leaf)
