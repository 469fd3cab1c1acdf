"""What can be asked of a fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from dask_gmm.checks import moment, number, one_of
from dask_gmm.errors import InputError
from dask_gmm.fitting.bounds import LARGEST_SHARE, NOISE
from dask_gmm.mixture.names import rank_of, refuse_factors
from dask_gmm.objects.location import Location
from dask_gmm.workflows.bayesian_request import check_bayesian
from dask_gmm.workflows.known_request import check_known
from dask_gmm.workflows.label_request import check_labels
from dask_gmm.workflows.refresh_request import check_partitions, check_start, distinct
from dask_gmm.workflows.requests import (
    Cache,
    FloatType,
    Init,
    Missing,
    MissingChunks,
    Nonfinite,
    OnBadChunk,
    Repair,
    Solver,
    check_bad_rows,
    make_floats,
    make_whole,
)


@dataclass(frozen=True, slots=True, eq=False)
class FitRequest:
    """A mixture to fit to rows, and the run folder in which it is kept.

    Parameters
    ----------
    data : str, Path, Address, ndarray, zarr.Array or dask array
        The rows; a path is that of a zarr array, of a group that holds one, or of parquet files.
    components : int or None
        Number of components, at least 1; None for as many as the model of ``warm_start`` has.
    out : Path or Address
        The run folder to write; the model lies in its ``model.zarr``.
    covariance : {"full", "tied", "diag", "spherical", "lowrank-RANK"}, optional
        Family of the covariances; by default that of the model of ``warm_start``, else ``full``.
        ``lowrank-5`` is five factors and a noise for each column; it needs the solver ``em``.
    seed : int, default 0
        Same seed, same model; at least 0.
    max_iter : int, default 100
        Largest number of iterations, each of one reading of the rows, at least 1.
    solver : {"fast", "em"}, default "fast"
        Accelerated ascent from samples to all rows, or plain EM on all rows.
    init : {"merge", "short-em", "kmeans", "k-means++", "random", "random_from_data"}, optional
        How starts are drawn from the sample; by default ``merge`` for ``fast``, ``kmeans`` for
        ``em``, which knows neither ``merge`` nor ``short-em``, the best of eight short runs of EM.
    tol : float or "auto", default "auto"
        The fit has converged when less than this is left to gain (solver ``em``: was gained by an
        iteration), in nats per row; 0 is never. ``auto`` is when less is left to gain than a tenth
        of the statistical error of the parameters.
    relative_tol : float, default 0
        It has also converged when less than this share of the log-likelihood per row is gained, or
        left to gain.
    bayesian : str or mapping, optional
        Priors of all parameters: ``dirichlet_process`` or ``dirichlet_distribution``, or those of
        scikit-learn's `BayesianGaussianMixture` by name. A variational posterior is sought and kept
        in the run folder; the model is a mixture in its place. Tolerances are about the lower bound
        of the log evidence, per row. ``em`` makes scikit-learn's iterations, and ``auto`` is 0.001
        nats of all rows there; ``fast`` also makes two components one where that raises the bound.
    held_out : float, default 0
        Share of the rows that the fit does not see, at most 0.5, always the same ones. It ends when
        two iterations describe them worse than one before, with the parameters of that one.
    max_passes : int, optional
        Largest number of readings of all rows, at least 2: the survey, and one that measures.
    max_seconds : float, optional
        After so many seconds no other pass over all rows is begun, but the first that measures.
    deadline : datetime, optional
        After this time, which has a zone, no other pass over all rows is begun, but the first that
        measures. The same fit may be asked for again with another one.
    n_init : int, default 1
        Number of starts, at least 1; the likeliest model is kept.
    merge_from : int, optional
        With the init ``merge``, from how many components it begins, at least ``components``; by
        default twice as many. `select` begins all numbers of components from the same ones, and
        says from how many.
    reg_covar : float, optional
        With the solver ``em`` or ``bayesian``, added to the variance of every feature after each
        iteration, in squared units of the data; 1e-6 by default, none with a prior of covariances.
    repair : {"reseed", "drop", "keep"}, optional
        With the solver ``fast``, what becomes of components that have less than one row or are the
        same as another: set on rows of the sample that are explained worst, which is the default,
        taken out of the model when all else is done, or kept.
    precision : {"float64", "float32"}, default "float64"
        Type in which a pass computes, whatever the type in which the rows are stored.
    sample_weight : str, Path, Address, ndarray, zarr.Array or dask array, optional
        How often each row of the array counts, at least 0: 2 is the row twice, 0 as if it were not
        there. Of stored rows a zarr array of one axis and of chunks of the same rows, or its path,
        or an array in memory; of others an array as they are.
    labels : str, Path, Address, ndarray, zarr.Array or dask array, optional
        The component that each row of the array is known to be of, -1 where it is not known; such
        an array as ``sample_weight``. Components keep these numbers.
    array : str, optional
        Name of the array inside a group; by default ``x``, else the only array with two axes.
    columns : tuple of int or str, optional
        Columns to use, in this order; by default all. Those of parquet files also have names.
    rows : slice, optional
        Rows to use, in steps of 1; by default all.
    missing_chunks : {"error", "fill"}, default "error"
        Whether a chunk that is not stored is an error, or reads as the fill value of its array.
    on_bad_chunk : {"fail", "skip"}, default "fail"
        Whether a chunk of a zarr array that is not there or not whole is an error, or is left out
        with its rows, if the first pass finds it so. Later ones are errors in any case.
    max_bad_share : float, optional
        With ``skip``, the largest share of the rows that may be left out so; 0.01 by default.
    nonfinite : {"error", "drop"}, default "error"
        Whether a row with NaN or infinity is an error, or is left out.
    missing : {"error", "em"}, default "error"
        Whether NaN is a value that is not finite, or one that is missing at random, of which the
        fit takes the conditional expectation; then a row of which all are missing is left out.
    cache : {"none", "memory"}, default "none"
        Whether zarr arrays are read in every pass, or once, and then kept decoded in the memory of
        the processes that compute; it changes no byte. Other arrays are used as they are.
    match : str or Path, optional
        A model or run folder whose order the components have; by default, by decreasing weight, as
        with ``bayesian`` always.
    warm_start : str or Path, optional
        A model or run folder of the same columns with whose mixture the fit begins; components keep
        their order.
    prior : "mclust", MixturePrior or mapping, optional
        What is known before any row, by mclust's defaults, or by values of a `MixturePrior`.
    adapt : str or Path, optional
        A model or run folder of the same columns that is adapted: the fit begins with it, and it
        counts beside the rows. Components keep their order.
    relevance : float, optional
        As how many rows of each component it counts, above 0; 16 by default.
    adapted : sequence of {"weights", "means", "covariances"}, optional
        What of it is adapted; by default means. All else stays.
    fixed : mapping, optional
        Of ``weights``, ``means`` and ``covariances``, each to ``all`` or to numbers of components:
        what stays, to the byte, as it is in the model of ``warm_start`` or ``adapt``.
    partitions : mapping of str to slice, optional
        Names for ranges of rows, by the numbers of the array; each row that is fitted is in one.
        Their sufficient statistics are kept in the run folder, for which there is one more reading.
    incremental : bool, default False
        Instead of a fit, one step of incremental EM from the run folder of ``warm_start`` and the
        statistics of its partitions, which reads only partitions that are new or others.
    forgetting : float, optional
        What the rows of a kept partition count in that step, as a share of what they counted
        before, above 0 and at most 1; by default 1.
    changed : sequence of str, optional
        Partitions that are read in that step, whether they differ or not; with it, all others are
        taken to be the same where nothing tells whether they are.
    require_converged : bool, default False
        Whether it is an error, which carries the result, if it ends before it has converged.
    overwrite : bool, default False
        Whether to replace a run folder that is already there.

    Raises
    ------
    InputError
        If a value is outside its domain.
    """

    data: Any
    components: int | None
    out: Location
    covariance: str | None = None
    seed: int = 0
    max_iter: int = 100
    solver: Solver = "fast"
    init: Init | None = None
    tol: float | Literal["auto"] = "auto"
    relative_tol: float = 0.0
    bayesian: str | Mapping[str, Any] | None = None
    held_out: float = 0.0
    max_passes: int | None = None
    max_seconds: float | None = None
    deadline: datetime | None = None
    n_init: int = 1
    merge_from: int | None = None
    reg_covar: float | None = None
    repair: Repair | None = None
    precision: FloatType = "float64"
    sample_weight: Any = None
    labels: Any = None
    array: str | None = None
    columns: tuple[int | str, ...] | None = None
    rows: slice | None = None
    missing_chunks: MissingChunks = "error"
    on_bad_chunk: OnBadChunk = "fail"
    max_bad_share: float | None = None
    nonfinite: Nonfinite = "error"
    missing: Missing = "error"
    cache: Cache = "none"
    match: str | Location | None = None
    warm_start: str | Location | None = None
    prior: Any = None
    adapt: str | Location | None = None
    relevance: float | None = None
    adapted: Sequence[str] | None = None
    fixed: Mapping[str, Any] | None = None
    partitions: Mapping[str, slice] | None = None
    incremental: bool = False
    forgetting: float | None = None
    changed: Sequence[str] | None = None
    require_converged: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        make_whole(self, seed=0, max_iter=1, n_init=1)
        self._check_solver()
        self._check_mixture()
        if self.reg_covar is not None:
            number("reg_covar", self.reg_covar, 0.0)
            make_floats(self, "reg_covar")
        one_of("precision", self.precision, get_args(FloatType))
        self._check_limits()
        if self.merge_from is not None and self.components is not None:
            make_whole(self, merge_from=self.components)
        one_of("missing_chunks", self.missing_chunks, get_args(MissingChunks))
        check_bad_rows(self.on_bad_chunk, self.max_bad_share, self.nonfinite, self.missing)
        if self.max_bad_share is not None:
            make_floats(self, "max_bad_share")
        one_of("cache", self.cache, get_args(Cache))

    @property
    def begins_with(self) -> str | Location | None:
        """The model to start from, or to adapt; None where there is none."""
        return self.adapt if self.warm_start is None else self.warm_start

    @property
    def n_labels(self) -> int:
        """Labels are below it; 0 without labels."""
        return 0 if self.labels is None else self.components or 0

    def _check_mixture(self) -> None:
        check_labels(self)
        check_start(self)
        check_known(self)
        check_partitions(self)
        check_bayesian(self)
        if self.components is not None:
            make_whole(self, components=1)
        if self.begins_with is None and self.covariance is None:
            object.__setattr__(self, "covariance", "full")
        if self.covariance is not None:
            rank_of(self.covariance)
            if self.solver == "fast":
                refuse_factors(self.covariance)
            if self.missing == "em":
                refuse_factors(self.covariance, "missing em", "Leave missing out")
        if self.partitions is not None:
            object.__setattr__(self, "partitions", dict(self.partitions))
        if self.changed is not None:
            object.__setattr__(self, "changed", distinct(self.changed))
        if self.forgetting is not None:
            make_floats(self, "forgetting")

    def _check_limits(self) -> None:
        number("relative_tol", self.relative_tol, 0.0)
        number("held_out", self.held_out, 0.0, LARGEST_SHARE)
        make_floats(self, "relative_tol", "held_out")
        if self.tol != "auto":
            number("tol", self.tol, 0.0)
            make_floats(self, "tol")
            self._refuse_rounding("tol", float(self.tol))
        self._refuse_rounding("relative_tol", self.relative_tol)
        if self.max_passes is not None:
            make_whole(self, max_passes=2)
        if self.max_seconds is not None:
            number("max_seconds", self.max_seconds, 0.0)
            make_floats(self, "max_seconds")
        if self.deadline is not None:
            object.__setattr__(self, "deadline", moment("deadline", self.deadline))

    def _refuse_rounding(self, name: str, value: float) -> None:
        """Refuse a tolerance that only rounding could meet."""
        floor = NOISE[self.precision if self.solver == "fast" else "float64"]
        if 0 < value < floor:
            raise InputError(
                f"Wanted {name} of 0 or at least {floor:g}, below which changes of a mean log "
                f"density in {self.precision} are rounding; found {value:g}. Choose a larger one."
            )

    def _check_solver(self) -> None:
        one_of("solver", self.solver, get_args(Solver))
        if self.init is not None:
            one_of("init", self.init, get_args(Init))
        if self.repair is not None:
            one_of("repair", self.repair, get_args(Repair))
