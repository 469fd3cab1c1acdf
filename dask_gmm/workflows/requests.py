"""What can be asked of a workflow: frozen, complete, and checked when made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from dask_gmm.checks import number, one_of, whole
from dask_gmm.errors import InputError
from dask_gmm.objects.location import Location

FloatType: TypeAlias = Literal["float64", "float32"]
MissingChunks: TypeAlias = Literal["error", "fill"]
OnBadChunk: TypeAlias = Literal["fail", "skip"]
Nonfinite: TypeAlias = Literal["error", "drop"]
Missing: TypeAlias = Literal["error", "em"]
NonfiniteIn: TypeAlias = Literal["error", "keep"]
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
    out : Path or Address
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


@dataclass(frozen=True, slots=True, eq=False)
class IngestRequest:
    """Rows of another format to read, and to write as a zarr group.

    Parameters
    ----------
    source : Path or Address
        An npy, npz, parquet, CSV, HDF5 or netCDF file, a folder of parquet or of CSV files, or
        that of a zarr array or group, which may also be at an address.
    out : Path or Address
        The group to write: ``x``, and digests beside it.
    array : str, optional
        An array of several, whose axes are rows and columns.
    variables : sequence of str, optional
        In its place, arrays that are columns together: each element along the axes that all of
        them share is a row, and a last axis that one has besides is as many columns.
    columns : sequence of int or str, optional
        The columns to take, in this order, by number or by name; by default all.
    chunk_rows : int, optional
        Rows per chunk; by default a chunk takes at most about 32 MB. The rows do not depend on
        it.
    standardize : bool, default False
        Whether to subtract the mean of each column and to divide it by its standard deviation.
    nonfinite : {"error", "keep"}, default "error"
        Whether a value that is missing, NaN or infinite is an error, or is written as it is.
    missing_chunks : {"error", "fill"}, default "error"
        Whether a chunk that is not stored is an error, or reads as the fill value.
    overwrite : bool, default False
        Whether to replace an ingested group that is already there.

    Raises
    ------
    InputError
        If a value is outside its domain.
    """

    source: Location
    out: Location
    array: str | None = None
    variables: Sequence[str] | None = None
    columns: Sequence[int | str] | None = None
    chunk_rows: int | None = None
    standardize: bool = False
    nonfinite: NonfiniteIn = "error"
    missing_chunks: MissingChunks = "error"
    overwrite: bool = False

    def __post_init__(self) -> None:
        one_of("nonfinite", self.nonfinite, get_args(NonfiniteIn))
        one_of("missing_chunks", self.missing_chunks, get_args(MissingChunks))
        if self.chunk_rows is not None:
            make_whole(self, chunk_rows=1)
        if self.array is not None and self.variables is not None:
            raise InputError(
                f"Wanted array or variables, found both ({self.array} and "
                f"{', '.join(self.variables)}) in one request. Give one."
            )
        for name in ("variables", "columns"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, _several(name, given))


def _several(name: str, given: object) -> tuple[int | str, ...]:
    """Give different names, or numbers, as a tuple."""
    found = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else ()
    if not found or len(set(found)) < len(found):
        raise InputError(
            f"Wanted one or several different {name}, found {given!r}. Give each of them once."
        )
    return found


def check_bad_rows(
    on_bad_chunk: str, max_bad_share: float | None, nonfinite: str, missing: str
) -> None:
    """Check what is said of chunks that are bad, of rows that are not finite, and of NaN.

    Raises
    ------
    InputError
        If a value is outside its domain.
    """
    one_of("on_bad_chunk", on_bad_chunk, get_args(OnBadChunk))
    one_of("nonfinite", nonfinite, get_args(Nonfinite))
    one_of("missing", missing, get_args(Missing))
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
