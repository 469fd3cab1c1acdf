"""What can be asked of a fit that begins with a model, and of partitions of its rows."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from dask_gmm.checks import number
from dask_gmm.errors import InputError

if TYPE_CHECKING:
    from dask_gmm.workflows.fit_request import FitRequest

# What says where else a fit begins, or in which other order it ends.
OTHER_STARTS: Final = ("init", "merge_from", "match")
OF_ONE_STEP: Final = ("forgetting", "changed")
# What ends a fit, or judges its end; a step ends after what it reads.
OF_FITS: Final = (
    "max_passes",
    "max_seconds",
    "deadline",
    "require_converged",
    "prior",
    "adapt",
    "fixed",
)


def check_start(request: "FitRequest") -> None:
    """Refuse a fit that begins nowhere, or both with a model and in another way.

    Raises
    ------
    InputError
    """
    if request.begins_with is None:
        if request.components is None:
            raise InputError(
                "Wanted a number of components, or a model to start from, found neither. Give "
                "components, or warm_start."
            )
        return
    given = {name: getattr(request, name) for name in OTHER_STARTS}
    found = {name: value for name, value in given.items() if value is not None}
    way = "adapt" if request.warm_start is None else "warm_start"
    if request.n_init > 1:
        found["n_init"] = request.n_init
    for name, value in found.items():
        raise InputError(
            f"Wanted a model to start from alone, whose components are kept in their order, found "
            f"{name} {value} beside {way} {request.begins_with}. Leave one of them out."
        )


def check_partitions(request: "FitRequest") -> None:
    """Refuse partitions that are none, and a step that is asked for without what it needs.

    Raises
    ------
    InputError
    """
    if request.partitions is not None:
        _check_names(request.partitions)
        _check_all_rows(request)
    if request.incremental:
        _check_step(request)
        return
    for name in OF_ONE_STEP:
        if getattr(request, name) is not None:
            raise InputError(
                f"Wanted {name} with an incremental step alone, found it without. Ask for "
                "incremental, or leave it out."
            )


def _check_all_rows(request: "FitRequest") -> None:
    if request.sample_weight is not None:
        raise InputError(
            "Wanted partitions of rows that count once each, found sample_weight beside them. "
            "Leave one of them out."
        )
    usual = {"held_out": 0.0, "on_bad_chunk": "fail", "nonfinite": "error", "missing": "error"}
    for name, value in usual.items():
        if (found := getattr(request, name)) != value:
            raise InputError(
                f"Wanted partitions of which all rows are summed, found {name} {found} beside "
                "them. Leave one of them out."
            )


def _check_names(partitions: Mapping[str, slice]) -> None:
    if not partitions:
        raise InputError(
            "Wanted at least one partition, found none. Name some, or leave partitions out."
        )
    for name, rows in partitions.items():
        if not isinstance(name, str) or not name or not isinstance(rows, slice):
            raise InputError(
                f"Wanted partitions as names with slices of rows, found {name!r}: {rows!r}. Give "
                "each a name, and rows such as slice(0, 1000)."
            )


def _check_step(request: "FitRequest") -> None:
    if request.warm_start is None or request.partitions is None:
        missing = "warm_start" if request.warm_start is None else "partitions"
        raise InputError(
            f"Wanted a run folder to start from and partitions of the rows for an incremental "
            f"step, found no {missing}. Give it, or leave incremental out."
        )
    for name in OF_FITS:
        if found := getattr(request, name):
            raise InputError(
                f"Wanted {name} with a fit alone, found {found} beside an incremental step, which "
                "ends after its readings, and does not converge. Leave one of them out."
            )
    if request.forgetting is not None:
        number("forgetting", request.forgetting, 0.0, 1.0, above=True)
    unknown = sorted(set(request.changed or ()) - set(request.partitions))
    if unknown:
        raise InputError(
            f"Wanted names of partitions in changed, found {', '.join(unknown)}, among "
            f"{', '.join(request.partitions)}. Leave out those that are dropped."
        )


def rows_of(partitions: Mapping[str, slice], selected: range, name: str) -> dict[str, range]:
    """Give the rows of each partition, by the numbers of the array, in the order of the rows.

    Parameters
    ----------
    partitions : mapping of str to slice
    selected : range
        The rows that are fitted.
    name : str
        Of the array.

    Raises
    ------
    InputError
        If they are not these rows together, each once.
    """
    found = {each: _resolved(each, rows, selected, name) for each, rows in partitions.items()}
    ordered = sorted(found.items(), key=lambda each: each[1].start)
    nothing = ("", range(selected.start, selected.start))
    ends = ("", range(selected.stop, selected.stop))
    for (before, first), (after, then) in pairwise([nothing, *ordered, ends]):
        if first.stop != then.start:
            raise _apart(before, first, after, then, name)
    return dict(ordered)


def _resolved(partition: str, rows: slice, selected: range, name: str) -> range:
    start = selected.start if rows.start is None else rows.start
    stop = selected.stop if rows.stop is None else rows.stop
    if rows.step in (None, 1) and selected.start <= start < stop <= selected.stop:
        return range(start, stop)
    raise InputError(
        f"Wanted partitions of the rows {selected.start}:{selected.stop} of {name} that are "
        f"fitted, each of at least one, found {partition}={start}:{stop}. Correct its rows."
    )


def _apart(before: str, first: range, after: str, then: range, name: str) -> InputError:
    if first.stop < then.start:
        found = f"none with the rows {first.stop}:{then.start}"
    else:
        found = f"{before} and {after} with the rows {then.start}:{min(first.stop, then.stop)}"
    return InputError(
        f"Wanted each row of {name} that is fitted in one partition, found {found}. Correct where "
        "they begin and end, or choose the rows that are fitted."
    )


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Give names, each once, in their order."""
    return tuple(dict.fromkeys(names))
