"""What a mixture says of rows: in memory, lazily, or as a zarr group."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dask_gmm.checks import local_path
from dask_gmm.data.identity import identity_of
from dask_gmm.data.sink import Sink
from dask_gmm.data.source import Source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import DataError, InputError, MemoryLimitError, OutputError
from dask_gmm.fitting.questions import Score, Scored
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.scoring import scoring_density
from dask_gmm.outputs.described import Describe
from dask_gmm.outputs.shelves import BlockTarget, GroupTarget, MemoryTarget
from dask_gmm.outputs.wanted import Output, Wanted
from dask_gmm.passes.dask_source import DaskSource, is_dask_array
from dask_gmm.passes.fold import Answers, BadRowError, Fold
from dask_gmm.passes.lazy import lazy_answers, lazy_answers_of_dask
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.records.exclusive import only_writer
from dask_gmm.records.kinds import PREDICTIONS
from dask_gmm.records.publish import publish, refuse_existing, remove_stale
from dask_gmm.workflows.predictions import Predictions, refuse_own_rows

NUMBERS = np.dtype(np.intp)


def density_of(
    weights: Array, means: Array, precisions_cholesky: Array, covariance_type: str
) -> JointDensity:
    """Prepare a mixture for rows, with the same bits whatever BLAS threads there are.

    See `dask_gmm.mixture.scoring.scoring_density` for the arguments.
    """
    with ONE_THREAD:
        return scoring_density(weights, means, precisions_cholesky, covariance_type)


def describe_rows(
    source: Source, density: JointDensity, wanted: Wanted, runner: ThreadRunner
) -> dict[str, npt.NDArray[Any]]:
    """Say of all rows what is wanted, in the memory of this process.

    Parameters
    ----------
    source : Source
    density : JointDensity
        As `density_of` gives it.
    wanted : Wanted
    runner : ThreadRunner
        Of this process, whose memory takes the answers.

    Returns
    -------
    dict of str to ndarray
        What is wanted, under the names in `dask_gmm.outputs.wanted`; labels of type ``intp``.

    Raises
    ------
    InputError
        If the rows have other columns than the mixture, or more components are wanted than it has.
    DataError
        If a row is not finite, too far off, or damaged.
    MemoryLimitError
        If the answers do not fit.
    """
    outputs = wanted.outputs(len(density.constants), NUMBERS)
    arrays = _in_memory(outputs, source.layout.rows)
    _answer(source, density, Describe(density, wanted, MemoryTarget(arrays)), runner)
    return arrays


def describe_lazily(rows: Any, density: JointDensity, wanted: Wanted) -> dict[str, Any]:
    """Say of all rows what is wanted, when it is asked for.

    Parameters
    ----------
    rows : Source or dask.array.Array
        The numbers of rows in the blocks of an array may be unknown.
    density, wanted
        See `describe_rows`.

    Returns
    -------
    dict of str to dask.array.Array
        A block for each leaf of a source, or each block of an array. What is computed together is
        computed in one reading.

    Raises
    ------
    InputError
        If the rows have other columns than the mixture, or more components are wanted than it has.
    DataError
        If chunks are absent. Other damage, and rows without an answer, are found when computing.
    """
    outputs = wanted.outputs(len(density.constants), NUMBERS)
    examples = {output.name: output.empty(0) for output in outputs}
    fold = Describe(density, wanted, BlockTarget(outputs))
    if is_dask_array(rows):
        _refuse_columns(rows.shape[1:], f"dask array {rows.name}", density)
        return lazy_answers_of_dask(rows, fold, examples)
    refuse_other_columns(rows, density)
    _look(rows)
    if isinstance(rows, DaskSource):
        return lazy_answers_of_dask(rows.array, fold, examples)
    return lazy_answers(rows, fold, examples)


def describe_store(
    source: Source,
    density: JointDensity,
    wanted: Wanted,
    out: str | Path,
    runner: Runner,
    *,
    overwrite: bool = False,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write what is wanted of all rows as a zarr group, which appears when it is whole.

    If it is there already, of the same model, rows and answers, nothing is done. What an
    interrupted call about the same left is kept. Rows in memory and of dask arrays cannot be told
    from others: what is said of them is always written anew.

    Parameters
    ----------
    source, density, wanted
        See `describe_rows`.
    out : str or Path
        The group.
    runner : Runner
        Where the pass runs.
    overwrite : bool, default False
        Whether to replace other predictions, or an empty folder, that are there.
    about : mapping of str to JSON, optional
        What to keep in the group's attributes beside what decides its contents.

    Returns
    -------
    Path
        That of the group. Each array has a line per row; labels are of the smallest signed type.

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
    out = local_path(out)
    refuse_other_columns(source, density)
    refuse_own_rows(source, out)
    group = Predictions.of(source, density, wanted)
    if group.is_at(out, overwrite=overwrite):
        return out
    with only_writer(out):
        if not group.is_at(out, overwrite=overwrite):  # by a call that has ended meanwhile
            refuse_existing(out, overwrite, PREDICTIONS)
            sink = group.sink(out)
            remove_stale(out, sink.path, PREDICTIONS)
            with _left_for_the_next_call(group, sink.path):
                _write(group, Describe(density, wanted, GroupTarget(sink)), sink, about, runner)
                publish(sink.path, out, overwrite, PREDICTIONS)
    return out


def _write(
    group: Predictions,
    fold: Describe,
    sink: Sink,
    about: Mapping[str, Any] | None,
    runner: Runner,
) -> None:
    """Write the group aside, whole, or refuse."""
    attributes = {"dask_gmm": {**group.facts, "about": dict(about or {})}}
    sink.take_up(attributes)
    (written,) = _answer(group.source, fold.density, fold, runner)
    sink.finalize(written.digests)
    _refuse_changed(group)
    if not sink.is_about(attributes):
        raise OutputError(
            f"Predictions must be about what they were begun for, but the attributes or arrays in "
            f"{sink.path} are others by now. Stop what writes to it, and run again."
        )


@contextmanager
def _left_for_the_next_call(group: Predictions, wip: Path) -> Iterator[None]:
    """Keep what an interrupted call left only if the next one can know what it is about."""
    try:
        yield
    except BaseException:
        if not group.repeatable:
            shutil.rmtree(wip, ignore_errors=True)
        raise


def _refuse_changed(group: Predictions) -> None:
    if identity_of(group.source) != group.facts["data"]:
        raise DataError(
            f"Rows must stay as they are while they are described, but {group.source.name} changed "
            "meanwhile. Stop what writes to it, and run again."
        )


def score_rows(source: Source, density: JointDensity, runner: Runner) -> tuple[int, float]:
    """Give the number of rows, and the mean of their log densities in nats.

    Raises
    ------
    InputError, DataError
        See `describe_rows`.
    """
    (scored,) = _answer(source, density, Score(density), runner)
    assert isinstance(scored, Scored)
    return scored.rows, scored.log_likelihood / scored.rows


def _answer(source: Source, density: JointDensity, fold: Fold, runner: Runner) -> Answers:
    """Make one pass, of which a row without an answer is named."""
    refuse_other_columns(source, density)
    _look(source)
    try:
        return runner.run(source, [fold], Silent())
    except BadRowError as bad:
        raise bad.named(source.where) from None


def _look(source: Source) -> None:
    """See that all chunks are there before any is read."""
    if isinstance(source, ZarrSource):
        source.check_present()


def refuse_other_columns(source: Source, density: JointDensity) -> None:
    """Refuse rows of other columns than those of the mixture.

    Raises
    ------
    InputError
        With both numbers.
    """
    _refuse_columns((source.n_features,), source.name, density)


def _refuse_columns(found: tuple[int, ...], name: str, density: JointDensity) -> None:
    n_features = len(density.frame.shift)
    if found and found[0] != n_features:
        raise InputError(
            f"Wanted rows of {n_features} columns, as the mixture has, found {found[0]} in {name}. "
            "Give the columns that the mixture was fitted to."
        )


def _in_memory(outputs: Sequence[Output], rows: int) -> dict[str, npt.NDArray[Any]]:
    try:
        return {output.name: output.empty(rows) for output in outputs}
    except (MemoryError, ValueError) as error:
        raise MemoryLimitError(
            f"Wanted {', '.join(output.name for output in outputs)} of {rows:,} rows in memory, "
            f"found not so much of it ({error}). Write them to a store, or ask for less."
        ) from error
