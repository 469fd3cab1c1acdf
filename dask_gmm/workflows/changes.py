"""What differs between the partitions of today and those of yesterday, and where that is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dask_gmm.data.identity import identity_of_rows
from dask_gmm.data.source import Source
from dask_gmm.errors import InputError
from dask_gmm.fitting.partitions import KeptPartition, KeptPartitions
from dask_gmm.passes.runner import Runner
from dask_gmm.workflows.admission import check_present
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.partitions import Stretch, first_row
from dask_gmm.workflows.sources import source_for, spread


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What differs between the partitions of today and those of a run.

    Parameters
    ----------
    read : mapping of str to range
        Rows of those that are new or others, by the numbers of the array.
    same : mapping of str to KeptPartition
        Those that are as they were.
    dropped : tuple of str
        Those that are no more.
    """

    read: Mapping[str, range]
    same: Mapping[str, KeptPartition]
    dropped: tuple[str, ...]

    def to_json(self) -> dict[str, list[str]]:
        """Give their names as JSON values."""
        return {"read": list(self.read), "kept": list(self.same), "dropped": list(self.dropped)}


def changes(
    partitions: Mapping[str, range],
    source: Source,
    kept: KeptPartitions,
    changed: Sequence[str] | None,
) -> Changes:
    """Compare the partitions of today with those of which statistics are kept, by their names.

    Parameters
    ----------
    partitions : mapping of str to range
        By the numbers of the array, in the order of the rows.
    source : Source
        The rows of all of them.
    kept : KeptPartitions
    changed : sequence of str, optional
        What is read in any case; where nothing tells whether a partition is as it was, it is, if
        others are named.

    Raises
    ------
    InputError
        If nothing tells whether a partition is as it was, and none is named.
    """
    before = kept.by_name
    same = {
        name: before[name]
        for name, rows in partitions.items()
        if name in before and name not in (changed or ())
        if _is_as_it_was(before[name], rows, source, changed is not None)
    }
    read = {name: rows for name, rows in partitions.items() if name not in same}
    return Changes(read, same, tuple(name for name in before if name not in partitions))


def _is_as_it_was(before: KeptPartition, rows: range, source: Source, named: bool) -> bool:
    if len(rows) != before.rows:
        return False
    first = first_row(source)
    now = identity_of_rows(source, rows.start - first, rows.stop - first)
    if now is not None and before.identity is not None:
        return now == before.identity
    if not named:
        raise InputError(
            f"Wanted digests of the chunks of {source.name}, then and now, to know whether the "
            f"partition {before.name} is as it was, found none. Name those that are others or new "
            "in changed, or fit all rows."
        )
    return True


def stretches(request: FitRequest, read: Mapping[str, range], runner: Runner) -> list[Stretch]:
    """Open the rows of partitions, neighbors together.

    Raises
    ------
    DataError
        If chunks are absent.
    """
    groups: list[dict[str, range]] = []
    for name, rows in read.items():
        if not groups or [*groups[-1].values()][-1].stop < rows.start:
            groups.append({})
        groups[-1][name] = rows
    return [_stretch(request, group, runner) for group in groups]


def _stretch(request: FitRequest, group: Mapping[str, range], runner: Runner) -> Stretch:
    ranges = list(group.values())
    source = source_for(request, slice(ranges[0].start, ranges[-1].stop))
    check_present(source)
    return Stretch.of(source, spread(source, runner), group)
