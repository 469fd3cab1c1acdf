"""The tables of `docs/scaling.md`, and the constants that they say."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from benchmarks.scaling_model import (
    CHUNK_BYTES,
    PLAIN,
    ZSTD,
    Computing,
    Constants,
    Dask,
    Foreseen,
    Job,
    Shape,
    answer_bytes,
    client_bytes,
    later_pass,
    levels,
    moved,
    question_bytes,
    sample_bytes,
    worker_bytes,
)

SHAPES: Final = (Shape(16, 16), Shape(2, 3))
# Name, unit, and how many of the unit are a second or a byte.
COMPUTING: Final = (
    ("standardize", "ns per number of a row", 1e9),
    ("build", "ns per feature of a row", 1e9),
    ("product", "ns per multiplication", 1e9),
    ("exponential", "ns per row and component", 1e9),
    ("normalize", "ns per row and component", 1e9),
    ("rest", "ns per row", 1e9),
)
READING: Final = ((PLAIN, "ns per byte", 1e9), (ZSTD, "ns per byte", 1e9))
DASK: Final = (
    ("scheduler", "ms per task", 1e3),
    ("client", "ms per task", 1e3),
    ("worker", "ms per task", 1e3),
    ("scheduler_bytes", "kB per task", 1e-3),
    ("client_bytes", "kB per task", 1e-3),
    ("latency", "ms per pass", 1e3),
    ("answer", "bytes per number of the sums", 1.0),
    ("leaf", "bytes of the question per chunk", 1.0),
)
# Rows of these sizes in float64, 16 columns, and the cores that read them.
SIZES: Final = (
    ("100 GB on 16 cores", 10**11, 16),
    ("10 TB on 1,000 cores", 10**13, 1_000),
    ("1 PB on 1,000 cores", 10**15, 1_000),
    ("1 PB on 10,000 cores", 10**15, 10_000),
)


def computing_table(constants: Constants) -> str:
    """The constants of computing and reading, a column for each shape."""
    heads = [f"D={each.columns}, K={each.components}" for each in SHAPES]
    lines = [
        (name, *(three(scale * getattr(constants.computing[each], name)) for each in SHAPES), unit)
        for name, unit, scale in COMPUTING
    ]
    lines += [
        (f"read_{name}", *(three(scale * constants.reading[each, name]) for each in SHAPES), unit)
        for name, unit, scale in READING
    ]
    return markdown(("constant", *heads, "unit"), lines)


def dask_table(constants: Dask) -> str:
    """The constants of Dask."""
    lines = [(name, three(scale * getattr(constants, name)), unit) for name, unit, scale in DASK]
    return markdown(("constant", "value", "unit"), lines)


def constants_in(text: str) -> Constants:
    """Read both tables again."""
    rows = dict(_cells(text))
    computing = {
        shape: Computing(
            **{name: float(rows[name][number]) / scale for name, _, scale in COMPUTING}
        )
        for number, shape in enumerate(SHAPES)
    }
    reading = {
        (shape, name): float(rows[f"read_{name}"][number]) / scale
        for number, shape in enumerate(SHAPES)
        for name, _, scale in READING
    }
    dask = Dask(**{name: float(rows[name][0]) / scale for name, _, scale in DASK})
    return Constants(computing, reading, dask)


def _cells(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each line of a table: its first cell, and the others."""
    known = {name for name, *_ in (*COMPUTING, *DASK)} | {f"read_{name}" for name, *_ in READING}
    for line in text.splitlines():
        first, *others = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if first in known:
            yield first, [cell.replace(",", "") for cell in others]


def sizes_table(constants: Constants) -> str:
    """What a pass takes at each of the sizes, of the first shape and plain chunks."""
    shape, dask = SHAPES[0], constants.dask
    row = constants.computing[shape].row(shape)
    read = constants.reading[shape, PLAIN] * shape.row_bytes
    jobs = [
        Job(shape, n_bytes // shape.row_bytes, CHUNK_BYTES, cores, cores)
        for _, n_bytes, cores in SIZES
    ]
    found = [(job, later_pass(job, row, read, dask)) for job in jobs]
    lines = [(name, *(say(*each, dask) for each in found)) for name, say in SAID]
    return markdown(("", *(name for name, *_ in SIZES)), lines)


def _bandwidth(job: Job, each: Foreseen, dask: Dask) -> str:
    return f"{job.n_bytes / each.computing / job.threads / 1e6:,.0f} MB/s"


Say = Callable[[Job, Foreseen, Dask], str]
SAID: Final[Sequence[tuple[str, Say]]] = (
    ("rows", lambda job, each, dask: f"{job.rows:.2g}"),
    ("chunks of 32 MB", lambda job, each, dask: f"{job.leaves:,}"),
    ("tasks of the first pass", lambda job, each, dask: f"{job.tasks(None):,}"),
    ("tasks of a later pass", lambda job, each, dask: f"{each.tasks:,}"),
    ("seconds of the cores", lambda job, each, dask: seconds(each.computing)),
    ("seconds of the scheduler", lambda job, each, dask: seconds(each.scheduling)),
    ("seconds per pass", lambda job, each, dask: seconds(each.seconds)),
    ("bound by", lambda job, each, dask: each.bound),
    ("a store must give each core", _bandwidth),
    ("question to each worker", lambda job, each, dask: size(question_bytes(job, dask))),
    ("levels of the tree", lambda job, each, dask: f"{levels(each.tasks)}"),
    (
        "statistics moved by a pass",
        lambda job, each, dask: size(moved(each.tasks) * answer_bytes(job.shape, dask)),
    ),
    (
        "sample moved by the first",
        lambda job, each, dask: size(levels(job.tasks(None)) * sample_bytes(job)),
    ),
    ("memory of a worker of one thread", lambda job, each, dask: size(worker_bytes(job))),
    (
        "memory of the scheduler for tasks",
        lambda job, each, dask: size(each.tasks * dask.scheduler_bytes),
    ),
    ("memory of the client", lambda job, each, dask: size(client_bytes(job, each.tasks, dask))),
)


def seconds(value: float) -> str:
    """Write seconds with two digits."""
    return f"{value:,.0f} s" if value >= 10 else f"{value:.2g} s"


def size(n_bytes: float) -> str:
    """Write a number of bytes with two digits or three."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= scale:
            return f"{three(n_bytes / scale)} {unit}"
    return f"{three(n_bytes / 1e3)} kB"


def three(value: float) -> str:
    """Write a number with three digits."""
    if not value:
        return "0"
    text = f"{value:.3g}"
    return f"{float(text):,.0f}" if "e" in text else text


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table as Markdown."""
    rows = ["| " + " | ".join(line) + " |" for line in (head, *lines)]
    return "\n".join([rows[0], "|" + "---|" * len(head), *rows[1:]])
