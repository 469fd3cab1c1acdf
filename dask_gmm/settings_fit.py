"""Settings of the verbs that fit mixtures."""

from dask_gmm.settings_base import Settings
from dask_gmm.settings_known import FixedParts, Priors, PriorValues
from dask_gmm.settings_values import (
    Columns,
    Counts,
    Families,
    Family,
    Inits,
    Moment,
    Names,
    Partitions,
    RowRange,
    Tolerance,
    Where,
    row_range,
    with_rows,
)
from dask_gmm.workflows.fit_request import FitRequest
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
)
from dask_gmm.workflows.select_request import Criterion, SelectRequest


class FittingSettings(Settings):
    """What ``fit`` and ``select`` share: rows, how far to go, and the run folder."""

    data: str
    """Path or address of a zarr array, of a group that holds one, or path of parquet files."""
    out: Where
    """The run folder to write; the model lies in its model.zarr."""
    seed: int = 0
    """Same seed, same model."""
    max_iter: int = 100
    """Largest number of iterations, each of one reading of the rows."""
    solver: Solver = "fast"
    """Accelerated ascent from samples to all rows, or plain EM on all rows."""
    tol: Tolerance = "auto"
    """Converged when less is left to gain, in nats per row; auto: a tenth of their uncertainty."""
    relative_tol: float = 0.0
    """Converged, too, when less than this share of the log-likelihood is left to gain."""
    held_out: float = 0.0
    """Share of rows that the fit does not see; it ends when they are described worse again."""
    max_passes: int | None = None
    """Largest number of readings of all rows, at least 2."""
    max_seconds: float | None = None
    """After so many seconds no other pass over all rows is begun."""
    deadline: Moment | None = None
    """Time with its zone, as 2030-01-31T06:00:00+00:00; later no other pass is begun."""
    n_init: int = 1
    """Number of starts, of which the likeliest model is kept."""
    merge_from: int | None = None
    """With init merge, from how many components it begins; or twice as many as are asked for."""
    precision: FloatType = "float64"
    """Type in which a pass computes."""
    sample_weight: Where | None = None
    """A zarr array that says how often each row counts, at least 0, in chunks of the same rows."""
    labels: Where | None = None
    """A zarr array that says of which component each row is known to be, -1 for unknown."""
    array: str | None = None
    """Name of the array inside a group; by default x, else the only one with two axes."""
    columns: Columns | None = None
    """Columns to use, such as 0,2,5:8, or by names, a,b, where they have some; by default all."""
    rows: RowRange | None = None
    """Rows to use, as start:stop; by default all."""
    missing_chunks: MissingChunks = "error"
    """Whether a chunk that is not stored is an error, or reads as the fill value."""
    on_bad_chunk: OnBadChunk = "fail"
    """Whether a chunk that is not there or not whole is an error, or is left out with its rows."""
    max_bad_share: float | None = None
    """With on_bad_chunk skip, the largest share of rows that may be left out so; or 0.01."""
    nonfinite: Nonfinite = "error"
    """Whether a row with NaN or infinity is an error, or is left out."""
    missing: Missing = "error"
    """Whether NaN is an error, or a value that is missing at random, which em makes up for."""
    cache: Cache = "none"
    """Read stored rows in every pass, or once, and keep them in memory."""
    match: Where | None = None
    """A model or run folder whose order the components have; by default, by decreasing weight."""
    prior: PriorValues | None = None
    """What is known before any row: mclust, or values such as alpha=2,kappa=0.1,nu=none."""
    require_converged: bool = False
    """End with exit code 4, the result written, if that has not converged."""
    overwrite: bool = False
    """Replace a run folder that is already there."""


class FitSettings(FittingSettings):
    """Settings of ``fit``: a mixture to fit to rows, and the run folder in which it is kept."""

    components: int | None = None
    """Number of components of the mixture; by default that of the model to start from."""
    covariance: Family | None = None
    """full, tied, diag, spherical or lowrank-RANK; by default that of a start, or full."""
    init: Init | None = None
    """How starts are drawn from the sample; by default merge for fast, kmeans for em."""
    bayesian: Priors | None = None
    """Priors of all parameters: dirichlet_process or dirichlet_distribution, and some by name."""
    reg_covar: float | None = None
    """With em or bayesian, added to every variance, in squared units of the data; or 1e-6."""
    repair: Repair | None = None
    """With the solver fast, what becomes of components without rows of their own; or reseed."""
    warm_start: Where | None = None
    """A model or run folder to start from; its components keep their order."""
    adapt: Where | None = None
    """A model or run folder to adapt: the fit begins with it, and it counts beside the rows."""
    relevance: float | None = None
    """As how many rows of each component a model that is adapted counts; or 16."""
    adapted: Names | None = None
    """What of it is adapted, of weights,means,covariances; or means."""
    fixed: FixedParts | None = None
    """What stays as in the model to start from, such as means=0+2,weights=all."""
    partitions: Partitions | None = None
    """Ranges of rows of which statistics are kept, such as mon=0:1000,tue=1000:2000."""
    incremental: bool = False
    """One step from the run folder to start from, which reads only partitions that changed."""
    forgetting: float | None = None
    """What rows of kept partitions count in that step, as a share of before; or 1."""
    changed: Names | None = None
    """Partitions to be read in that step, such as tue,wed, where nothing tells what changed."""

    def request(self) -> FitRequest:
        """What is asked of the workflow; InputError if a value is outside its domain."""
        asked = with_rows(self)
        if self.partitions is not None:
            asked["partitions"] = {name: row_range(t) for name, t in self.partitions.items()}
        return FitRequest(**asked)


class SelectSettings(FittingSettings):
    """Settings of ``select``: a grid of mixtures to fit to rows together, and which to choose."""

    components: Counts
    """Numbers of components, such as 2:16, which is 2 to 16, or 2,4,8."""
    covariance: Families = ("full",)
    """Families of the covariances, such as full,diag or lowrank-2,lowrank-5."""
    init: Inits | None = None
    """How starts are drawn, such as merge,kmeans; by default as fit draws them."""
    criterion: Criterion = "bic"
    """By which one is chosen; held_out needs rows held out."""
    drop_hopeless: bool = False
    """Stop candidates early that cannot become the best by the criterion."""

    def request(self) -> SelectRequest:
        """What is asked of the workflow; InputError if a value is outside its domain."""
        return SelectRequest(**with_rows(self))
