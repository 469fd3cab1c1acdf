"""What can be asked of a selection: a grid of mixtures, and by what one of them is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, get_args

from dask_gmm.checks import one_of, whole
from dask_gmm.errors import InputError
from dask_gmm.fitting.bounds import MERGED_FROM
from dask_gmm.objects.location import Location
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.requests import (
    Cache,
    FloatType,
    Init,
    Missing,
    MissingChunks,
    Nonfinite,
    OnBadChunk,
    Solver,
)

Criterion: TypeAlias = Literal["bic", "aic", "icl", "held_out"]

# What the request of a candidate makes plain.
SAME_AS_FIT: Final = (
    "seed",
    "max_iter",
    "max_passes",
    "max_seconds",
    "deadline",
    "n_init",
    "tol",
    "relative_tol",
    "held_out",
    "max_bad_share",
    "prior",
)


@dataclass(frozen=True, slots=True, eq=False)
class SelectRequest:
    """Mixtures of several sizes and families to fit to the same rows, and a run folder for them.

    Parameters
    ----------
    data : str, Path, Address, ndarray, zarr.Array or dask array
        See `FitRequest`.
    components : sequence of int
        Numbers of components, at least one.
    out : Path or Address
        The run folder to write: the model that is chosen lies in its ``model.zarr``, all of them
        in ``candidates``.
    covariance : sequence of str, default ("full",)
        Families of the covariances, as `FitRequest` says; ``lowrank-2`` and ``lowrank-5`` are two.
    init : sequence of str, optional
        How starts are drawn, each as `FitRequest` says. By default, with the solver ``fast``, all
        numbers of components of a family are merged from the same components.
    merge_from : int, optional
        From how many, with the init ``merge`` or by default; by default twice the largest number.
    criterion : {"bic", "aic", "icl", "held_out"}, default "bic"
        By which one is chosen; the others are in the table too. ``held_out`` needs rows held out,
        and chooses the simplest within one standard error of the best by them.
    drop_hopeless : bool, default False
        Whether candidates end early that cannot become the best by the criterion, which must not be
        ``held_out``; see `without_hopeless`.
    seed, max_iter, solver, tol, relative_tol, held_out, max_passes, max_seconds, deadline, n_init
        See `FitRequest`; of each candidate.
    precision
        See `FitRequest`; of each candidate.
    sample_weight, labels
        See `FitRequest`; there are labels of the smallest number of components at most.
    array, columns, rows, missing_chunks, on_bad_chunk, max_bad_share, nonfinite, missing
        See `FitRequest`.
    cache, match, prior, require_converged, overwrite
        See `FitRequest`; ``match`` of each candidate, ``require_converged`` of the chosen one.

    Raises
    ------
    InputError
        If a value is outside its domain, the grid is empty or says the same twice.
    """

    data: Any
    components: Sequence[int]
    out: Location
    covariance: Sequence[str] = ("full",)
    init: Sequence[Init] | None = None
    criterion: Criterion = "bic"
    drop_hopeless: bool = False
    seed: int = 0
    max_iter: int = 100
    solver: Solver = "fast"
    tol: float | Literal["auto"] = "auto"
    relative_tol: float = 0.0
    held_out: float = 0.0
    max_passes: int | None = None
    max_seconds: float | None = None
    deadline: datetime | None = None
    n_init: int = 1
    merge_from: int | None = None
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
    prior: Any = None
    require_converged: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        for name in ("components", "covariance", *(() if self.init is None else ("init",))):
            object.__setattr__(self, name, _distinct(name, getattr(self, name)))
        one_of("criterion", self.criterion, get_args(Criterion))
        counts = tuple(whole("components", each, 1) for each in self.components)
        object.__setattr__(self, "components", counts)
        if self.merge_from is not None:
            object.__setattr__(self, "merge_from", whole("merge_from", self.merge_from, 1))
        first = self.cells()[0]
        for name in SAME_AS_FIT:
            object.__setattr__(self, name, getattr(first, name))
        if self.criterion == "held_out" and not self.held_out:
            raise InputError(
                "Wanted a share of rows held out for the criterion held_out, found 0. Set "
                "held_out, such as 0.1, or choose another criterion."
            )
        if self.criterion == "held_out" and self.drop_hopeless:
            raise InputError(
                "Wanted drop_hopeless with a criterion that the log-likelihood bounds, found "
                "held_out. Choose another criterion, or leave drop_hopeless out."
            )

    @property
    def merged_from(self) -> int | None:
        """How many components those of all sizes are merged from; None where each has its own."""
        apart = self.solver != "fast" or self.labels is not None
        if self.merge_from is not None or self.init is not None or apart:
            return self.merge_from
        return MERGED_FROM * max(self.components)

    @property
    def n_labels(self) -> int:
        """Labels are below it; 0 without labels."""
        return 0 if self.labels is None else min(self.components)

    def cells(self) -> tuple[FitRequest, ...]:
        """Give what each candidate is asked: the grid, numbers of components last."""
        return tuple(
            self._cell(components, covariance, init)
            for init in self.init or (None,)
            for covariance in self.covariance
            for components in self.components
        )

    def _cell(self, components: int, covariance: str, init: Init | None) -> FitRequest:
        shared = set(FitRequest.__slots__) & set(self.__slots__)
        shared -= {"components", "covariance", "init"}
        asked = {name: getattr(self, name) for name in shared}
        asked["merge_from"] = self.merged_from if init in (None, "merge") else None
        return FitRequest(components=components, covariance=covariance, init=init, **asked)


def _distinct(name: str, values: object) -> tuple[Any, ...]:
    """Make a tuple of what is asked for, each once.

    Raises
    ------
    InputError
        If there is nothing, or the same twice.
    """
    found = (values,) if isinstance(values, str | int) else tuple(values)  # type: ignore[arg-type]
    if not found or len(set(found)) < len(found):
        raise InputError(
            f"Wanted at least one value of {name}, each once, found {list(found)}. Name those "
            "to be compared."
        )
    return found
