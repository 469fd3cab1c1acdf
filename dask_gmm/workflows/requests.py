"""What can be asked of a workflow: frozen, complete, and checked when made."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from dask_gmm.checks import number, one_of, whole
from dask_gmm.objects.location import Location

Covariance: TypeAlias = Literal["full", "tied", "diag", "spherical"]
FloatType: TypeAlias = Literal["float64", "float32"]
MissingChunks: TypeAlias = Literal["error", "fill"]
OnBadChunk: TypeAlias = Literal["fail", "skip"]
Nonfinite: TypeAlias = Literal["error", "drop"]
Cache: TypeAlias = Literal["none", "memory"]
Solver: TypeAlias = Literal["fast", "em"]
Repair: TypeAlias = Literal["reseed", "drop", "keep"]
Init: TypeAlias = Literal["merge", "short-em", "kmeans", "k-means++", "random", "random_from_data"]
# Covariances beyond it are so near to singular that rounding may leave them no Cholesky factor.
MOST_CONDITION: Final = 1e12
# The largest share of the rows that bad chunks may take with them, unless told otherwise.
USUAL_BAD_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class GenerateRequest:
    """A data set to draw from a random Gaussian mixture and to write as a zarr group.

    Parameters
    ----------
    out : Location
        The group to write: ``x``, ``component``, and the truth beside them.
    rows : int
        Number of rows, at least 1.
    features : int
        Number of columns, at least 1.
    components : int
        Number of components of the mixture, at least 1.
    seed : int, default 0
        Same seed, same rows; at least 0.
    dtype : {"float64", "float32"}, default "float64"
        Type in which the rows are stored.
    chunk_rows : int, optional
        Rows per chunk; by default a chunk takes at most about 32 MB. The rows do not depend on
        it.
    overlap : float, default 0.01
        Share of the rows that the true mixture would assign to a component from which they were
        not drawn, above 0 and at most 0.5; outliers are not counted.
    imbalance : float, default 1
        Largest weight over smallest weight, at least 1.
    condition : float, default 10
        Condition number of every covariance, from 1 to 1e12.
    outliers : float, default 0
        Share of the rows drawn from a wide box around all components instead, from 0 to 0.5.
    overwrite : bool, default False
        Whether to replace a group that is already there.

    Raises
    ------
    InputError
        If a value is outside its domain.
    """

    out: Location
    rows: int
    features: int
    components: int
    seed: int = 0
    dtype: FloatType = "float64"
    chunk_rows: int | None = None
    overlap: float = 0.01
    imbalance: float = 1.0
    condition: float = 10.0
    outliers: float = 0.0
    overwrite: bool = False

    def __post_init__(self) -> None:
        make_whole(self, rows=1, features=1, components=1, seed=0)
        one_of("dtype", self.dtype, get_args(FloatType))
        if self.chunk_rows is not None:
            make_whole(self, chunk_rows=1)
        number("overlap", self.overlap, 0.0, 0.5, above=True)
        number("imbalance", self.imbalance, 1.0)
        number("condition", self.condition, 1.0, MOST_CONDITION)
        number("outliers", self.outliers, 0.0, 0.5)
        make_floats(self, "overlap", "imbalance", "condition", "outliers")


def check_bad_rows(on_bad_chunk: str, max_bad_share: float | None, nonfinite: str) -> None:
    """Check what is said of chunks that are bad and of rows that are not finite.

    Raises
    ------
    InputError
        If a value is outside its domain.
    """
    one_of("on_bad_chunk", on_bad_chunk, get_args(OnBadChunk))
    one_of("nonfinite", nonfinite, get_args(Nonfinite))
    if max_bad_share is not None:
        number("max_bad_share", max_bad_share, 0.0, 1.0)


def make_whole(request: object, **least: int) -> None:
    """Make whole numbers of numpy, which JSON does not know, Python's; refuse what is none."""
    for name, smallest in least.items():
        object.__setattr__(request, name, whole(name, getattr(request, name), smallest))


def make_floats(request: object, *names: str) -> None:
    """Make numbers of any type Python's floats, so that equal ones are the same in JSON."""
    for name in names:
        object.__setattr__(request, name, float(getattr(request, name)))
