"""What a mixture says of rows, in memory or lazily; and how well it describes them."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import Source
from dask_gmm.data.stored import StoredSource
from dask_gmm.errors import DataError, InputError, MemoryLimitError
from dask_gmm.fitting.incomplete import Incomplete
from dask_gmm.fitting.questions import Score, Scored
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.scoring import scoring_density
from dask_gmm.outputs.described import Describe
from dask_gmm.outputs.shelves import BlockTarget, MemoryTarget
from dask_gmm.outputs.wanted import Output, Wanted
from dask_gmm.passes.cost import Reading
from dask_gmm.passes.dask_source import DaskSource, is_dask_array
from dask_gmm.passes.fold import BadRowError, Fold
from dask_gmm.passes.lazy import lazy_answers, lazy_answers_of_dask
from dask_gmm.passes.progress import Progress, Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.passes.threads import ONE_THREAD

NUMBERS = np.dtype(np.intp)
SILENT: Final = Silent()


def density_of(
    weights: Array,
    means: Array,
    precisions_cholesky: Array,
    covariance_type: str,
    log_weights: Array | None = None,
) -> JointDensity:
    """Prepare a mixture for rows, with the same bits whatever BLAS threads there are.

    See `dask_gmm.mixture.scoring.scoring_density` for the arguments.
    """
    with ONE_THREAD:
        return scoring_density(weights, means, precisions_cholesky, covariance_type, log_weights)


def describe_rows(
    source: Source,
    density: JointDensity,
    wanted: Wanted,
    runner: ThreadRunner,
    *,
    missing: bool = False,
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
    missing : bool, default False
        Whether NaN stand for values that are missing. Then log densities are those of what is
        there, and a row of which nothing is has the weights of the mixture as probabilities, and
        the log density 0.

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
    outputs = outputs_of(wanted, density, source.dtype)
    arrays = _in_memory(outputs, source.layout.rows)
    fold = asked_of_any(Describe(density, wanted, MemoryTarget(arrays)), missing=missing)
    answered(source, density, fold, runner)
    return arrays


def asked_of_any(fold: Fold, *, missing: bool, present: bool = False) -> Fold:
    """Give a fold as it is asked of rows that no survey has seen; values may be missing.

    With ``present`` it is not asked of rows of which nothing is there, which have no part in the
    mean of a fit either.

    Raises
    ------
    InputError
        If they may, and the covariances are those of factors.
    """
    if not missing:
        return fold
    density = getattr(fold, "density", None)
    if isinstance(density, JointDensity) and density.loadings is not None:
        raise InputError(
            "Wanted covariances that are matrices or variances for rows with missing values, found "
            "those of factors. Leave missing out."
        )
    return Incomplete(fold, present)


def outputs_of(wanted: Wanted, density: JointDensity, dtype: np.dtype[Any]) -> tuple[Output, ...]:
    """Give the arrays in which answers are held about rows of a type."""
    floats = dtype if dtype == np.float32 else np.dtype(np.float64)
    n_components, n_features = density.offsets.shape
    return wanted.outputs(n_components, NUMBERS, n_features, floats)


def describe_lazily(
    rows: Any, density: JointDensity, wanted: Wanted, *, missing: bool = False
) -> dict[str, Any]:
    """Say of all rows what is wanted, when it is asked for.

    Parameters
    ----------
    rows : Source or dask.array.Array
        The numbers of rows in the blocks of an array may be unknown.
    density, wanted, missing
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
    outputs = outputs_of(wanted, density, rows.dtype)
    examples = {output.name: output.empty(0) for output in outputs}
    fold = asked_of_any(Describe(density, wanted, BlockTarget(outputs)), missing=missing)
    if is_dask_array(rows):
        _refuse_columns(rows.shape[1:], f"dask array {rows.name}", density)
        return lazy_answers_of_dask(rows, fold, examples)
    refuse_other_columns(rows, density)
    _look(rows)
    if isinstance(rows, DaskSource):
        return lazy_answers_of_dask(rows.array, fold, examples)
    return lazy_answers(rows, fold, examples)


def score_rows(
    source: Source, density: JointDensity, runner: Runner, *, missing: bool = False
) -> tuple[float, float]:
    """Give the number of rows, each as often as its weight says, and their mean log density.

    Raises
    ------
    InputError, DataError
        See `describe_rows`; or if all weights are zero.
    """
    fold = asked_of_any(Score(density), missing=missing, present=True)
    (scored,) = answered(source, density, fold, runner)
    assert isinstance(scored, Scored)
    refuse_weightless(scored.rows, source.name)
    return scored.rows, scored.log_likelihood / scored.rows


def answered(
    source: Source,
    density: JointDensity,
    fold: Fold,
    runner: Runner,
    progress: Progress = SILENT,
) -> Reading:
    """Make one pass, of which a row without an answer is named.

    Raises
    ------
    InputError, DataError
        See `describe_rows`.
    """
    refuse_other_columns(source, density)
    _look(source)
    try:
        return runner.run(source, [fold], progress)
    except BadRowError as bad:
        raise bad.named(source.where) from None


def refuse_weightless(mass: float, name: str) -> None:
    """Refuse weights whose sum is nothing to divide by.

    Raises
    ------
    DataError
    """
    if not 0 < mass < np.inf:
        raise DataError(
            "Wanted rows with values, whose weights have a number above zero as sum, found "
            f"{mass:g} in {name}. Give other rows, or other weights."
        )


def _look(source: Source) -> None:
    """See that all chunks are there before any is read."""
    if isinstance(source, StoredSource):
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
