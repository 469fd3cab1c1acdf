"""What a mixture says of rows, written as a zarr group: once, and taken up again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from dask_gmm.data.identity import identity_of
from dask_gmm.data.sink import ArraySpec, Sink
from dask_gmm.data.source import Source
from dask_gmm.errors import DataError, OutputError
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.objects.either import remove_quietly
from dask_gmm.objects.location import Location, location
from dask_gmm.outputs.described import Describe
from dask_gmm.outputs.shelves import GroupTarget, Written
from dask_gmm.outputs.wanted import Wanted
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.records.exclusive import only_writer
from dask_gmm.records.kinds import PREDICTIONS
from dask_gmm.records.publish import publish, refuse_existing, remove_stale
from dask_gmm.workflows.describe import SILENT, answered, asked_of_any, refuse_other_columns
from dask_gmm.workflows.predictions import Predictions, refuse_own_rows
from dask_gmm.workflows.sources import refuse_apart


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A group of predictions.

    Parameters
    ----------
    path : Path or Address
    arrays : tuple of ArraySpec
    chunks : int
        Number of chunks of rows.
    kept : int
        How many of them were there before.
    """

    path: Location
    arrays: tuple[ArraySpec, ...]
    chunks: int
    kept: int


def describe_store(
    source: Source,
    density: JointDensity,
    wanted: Wanted,
    out: str | Location,
    runner: Runner,
    *,
    overwrite: bool = False,
    missing: bool = False,
    about: Mapping[str, Any] | None = None,
    progress: Progress = SILENT,
) -> Stored:
    """Write what is wanted of all rows as a zarr group, which appears when it is whole.

    If it is there already, of the same model, rows and answers, nothing is done. What an
    interrupted call about the same left is kept. Rows in memory and of dask arrays cannot be told
    from others: what is said of them is always written anew.

    Parameters
    ----------
    source, density, wanted
        See `dask_gmm.workflows.describe.describe_rows`.
    out : str or Path
        The group.
    runner : Runner
        Where the pass runs.
    overwrite : bool, default False
        Whether to replace other predictions, or an empty folder, that are there.
    missing : bool, default False
        See `dask_gmm.workflows.describe.describe_rows`.
    about : mapping of str to JSON, optional
        What to keep in the group's attributes beside what decides its contents.
    progress : Progress, optional
        Who hears of the pass.

    Returns
    -------
    Stored
        Each array has a line per row; labels are of the smallest signed type.

    Raises
    ------
    InputError
        If the group would replace the rows, these have other columns than the mixture, or more
        components are wanted than it has.
    DataError
        If a row is not finite, too far off, or damaged, or rows change meanwhile.
    OutputExistsError
        If there is something else and ``overwrite`` is false, or it is of another kind.
    OutputError
        If it cannot be written, or another call is at work on it.
    """
    out = location(out)
    refuse_other_columns(source, density)
    refuse_own_rows(source, out)
    refuse_apart(out, runner)
    group = Predictions.of(source, density, wanted)
    there = Stored(out, group.specs, group.n_chunks, group.n_chunks)
    if group.is_at(out, overwrite=overwrite):
        return there
    with only_writer(out) as lease:
        if group.is_at(out, overwrite=overwrite):  # by a call that has ended meanwhile
            return there
        refuse_existing(out, overwrite, PREDICTIONS)
        sink = group.sink(out)
        remove_stale(out, sink.path, PREDICTIONS)
        with _left_for_the_next_call(group, sink.path):
            described = Describe(density, wanted, GroupTarget(sink))
            fold = asked_of_any(described, missing=missing)
            written = _write(group, density, fold, sink, about, runner, progress)
            lease.check()
            publish(sink.path, out, overwrite, PREDICTIONS)
    return replace(there, kept=written.kept)


def _write(
    group: Predictions,
    density: JointDensity,
    fold: Fold,
    sink: Sink,
    about: Mapping[str, Any] | None,
    runner: Runner,
    progress: Progress,
) -> Written:
    """Write the group aside, whole, or refuse."""
    attributes = {"dask_gmm": {**group.facts, "about": dict(about or {})}}
    sink.take_up(attributes)
    progress.start_pass("predict", group.source.layout.rows)
    (written,) = answered(group.source, density, fold, runner, progress)
    assert isinstance(written, Written)
    progress.end_pass(f"{written.kept} finished chunks kept" if written.kept else "")
    sink.finalize(written.digests)
    _refuse_changed(group)
    if not sink.is_about(attributes):
        raise OutputError(
            f"Predictions must be about what they were begun for, but the attributes or arrays in "
            f"{sink.path} are others by now. Stop what writes to it, and run again."
        )
    return written


@contextmanager
def _left_for_the_next_call(group: Predictions, wip: Location) -> Iterator[None]:
    """Keep what an interrupted call left only if the next one can know what it is about."""
    try:
        yield
    except BaseException:
        if not group.repeatable:
            remove_quietly(wip)
        raise


def _refuse_changed(group: Predictions) -> None:
    if identity_of(group.source) != group.facts["data"]:
        raise DataError(
            f"Rows must stay as they are while they are described, but {group.source.name} changed "
            "meanwhile. Stop what writes to it, and run again."
        )
