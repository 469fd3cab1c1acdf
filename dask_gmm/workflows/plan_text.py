"""A plan as plain text, step under step."""

from collections.abc import Iterator
from typing import Final

from dask_gmm.workflows.planned import PlannedPass, PlannedStep, Size
from dask_gmm.workflows.text import table

HEAD: Final = ("", "questions", "readings", "tasks", "per task", "processes", "threads")


def step_text(number: int, step: PlannedStep) -> str:
    """Say what a step reads, in which passes, and what it writes."""
    head = f"step {number}: {step.verb}" + ("" if step.out is None else f", into {step.out}")
    return "\n".join([head, *_lines(step)])


def _lines(step: PlannedStep) -> Iterator[str]:
    if step.note:
        yield step.note
    if step.size is None:
        return
    yield _size(step.size)
    if not step.passes:
        return
    yield _count(step)
    yield from ("", _table(step), "")
    yield from map(_memory, step.passes)
    if step.outputs:
        names = ", ".join(each.name for each in step.outputs)
        chunks = f"{step.outputs[0].n_chunks:,} chunks each"
        yield f"writes {names}: {mib(step.written_bytes)} in {chunks}"
    yield from _seconds(step)


def _size(size: Size) -> str:
    shape = f"{size.rows:,} rows x {size.features} columns of {size.dtype}"
    cut = f"{size.blocks:,} blocks, {size.chunks:,} chunks"
    beside = f", with {' and '.join(size.beside)} beside them" if size.beside else ""
    return f"{shape} in {size.name}{beside}, {mib(size.rows * size.row_bytes)} per pass: {cut}"


def _count(step: PlannedStep) -> str:
    kept = f"goes on after pass {step.kept:,}: " if step.kept else ""
    more = " more" if step.kept else ""
    if step.least == step.most:
        return f"{kept}{step.least:,}{more} pass" + ("es" if step.least > 1 else "")
    most = "any number of" if step.most is None else f"{step.most:,}"
    return f"{kept}from {step.least:,} to {most}{more} passes, bounded by {step.bounded_by}"


def _table(step: PlannedStep) -> str:
    assert step.size is not None  # what passes are over
    row_bytes = step.size.row_bytes
    lines = [
        (
            each.name,
            f"{each.questions:,}",
            f"{each.readings:,}",
            f"{each.outlook.tasks:,}",
            mib(each.outlook.task_rows * row_bytes),
            f"{each.outlook.processes:,}",
            f"{each.outlook.threads:,}",
        )
        for each in step.passes
    ]
    columns = zip(HEAD, zip(*lines, strict=True), strict=True)
    return table([[name, *cells] for name, cells in columns])


def _memory(each: PlannedPass) -> str:
    room = each.outlook.room
    held = room.projection
    limit = f" of {mib(room.limit)}" if room.limit else ""
    rows = f" + {mib(held.held)} of rows that are kept" if held.held else ""
    rows += f" + {mib(held.beside)} of a sample" if held.beside else ""
    fits = "" if each.outlook.fits else ": does not fit"
    threads = f"{held.threads} x ({mib(held.reading)} to read + {mib(held.tile)} to compute)"
    total = f"{mib(held.total)}{limit} per process"
    return f"{each.name}: {total}, {threads} + {mib(held.base)}{rows}{fits}"


def _seconds(step: PlannedStep) -> Iterator[str]:
    if step.probed is None or step.seconds is None:
        return
    passes = zip(step.passes, step.probed.seconds, strict=True)
    told = ", ".join(f"{each.name} {seconds:.3g} s" for each, seconds in passes)
    yield f"estimate from {step.probed.blocks:,} blocks measured here on one thread: {told}"
    least, most = step.seconds
    if least != most:
        up_to = "" if most is None else f", {most:.3g} s for the most"
        yield f"{least:.3g} s for the fewest passes{up_to}, and what samples take besides"


def mib(size: int) -> str:
    """Write a number of bytes."""
    return f"{size / 2**20:,.1f} MiB"
