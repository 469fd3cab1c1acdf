"""What can be asked of a fitted model about rows: frozen, complete, and checked when made."""

from dataclasses import dataclass
from typing import Any, get_args

from dask_gmm.checks import number, one_of, whole
from dask_gmm.errors import InputError
from dask_gmm.fitting.bounds import SHARES, name_of
from dask_gmm.objects.location import Location
from dask_gmm.workflows.requests import Missing, MissingChunks


@dataclass(frozen=True, slots=True, eq=False)
class PredictRequest:
    """What a model says of rows, to be written as a zarr group.

    Parameters
    ----------
    data : str, Path, Address, ndarray, zarr.Array or dask array
        The rows; a path is that of a zarr array, or of a group that holds one.
    model : str or Path
        Of a model, or of a run folder.
    out : Path or Address
        The group to write, an array for each answer, with a line per row.
    labels : bool, default False
        ``labels``: the component of the largest probability. Without any answer asked for, these
        are given.
    probabilities : bool, default False
        ``probabilities`` of every component.
    log_density : bool, default False
        ``log_density`` of the mixture, in nats.
    top : int, default 0
        So many components of the largest probabilities, ``top_components``, and these,
        ``top_probabilities``; 0 for none.
    anomaly_quantile : {0.0001, 0.001, 0.01, 0.05, 0.5}, optional
        ``anomaly``: whether the log density is below this quantile of those of the rows that the
        model was fitted to.
    imputed : bool, default False
        ``x``: the rows, with what the mixture expects in the place of missing values.
    missing : {"error", "em"}, default "error"
        Whether NaN is an error, or a value that is missing at random. Then all is said of what is
        there; a row without any value has the weights of the mixture as probabilities, the
        component of the largest as label, and the log density 0.
    array, columns, rows, missing_chunks
        See `FitRequest`.
    overwrite : bool, default False
        Whether to replace other predictions that are already there.

    Raises
    ------
    InputError
        If a value is outside its domain.
    """

    data: Any
    model: str | Location
    out: Location
    labels: bool = False
    probabilities: bool = False
    log_density: bool = False
    top: int = 0
    anomaly_quantile: float | None = None
    imputed: bool = False
    missing: Missing = "error"
    array: str | None = None
    columns: tuple[int | str, ...] | None = None
    rows: slice | None = None
    missing_chunks: MissingChunks = "error"
    overwrite: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "top", whole("top", self.top, 0))
        _check_share("anomaly_quantile", self.anomaly_quantile)
        one_of("missing_chunks", self.missing_chunks, get_args(MissingChunks))
        one_of("missing", self.missing, get_args(Missing))

    @property
    def verb(self) -> str:
        """The command that asks the same: one of its own where rows are filled in, and no more."""
        others = self.labels, self.probabilities, self.log_density, self.top, self.anomaly_quantile
        return "impute" if self.imputed and not any(others) else "predict"


@dataclass(frozen=True, slots=True, eq=False)
class ScoreRequest:
    """How well a model describes rows, beside those that it was fitted to.

    Parameters
    ----------
    data, model
        See `PredictRequest`.
    against_quantile : {0.0001, 0.001, 0.01, 0.05, 0.5}, optional
        The share of rows is given whose log density is below this quantile of those of the rows
        that the model was fitted to; by default 0.001, where the model knows it.
    fail_below : float, optional
        The rows have drifted if their mean log-likelihood is lower than that of the fit by more
        than this, in nats per row, at least 0. By default nothing is said of that.
    missing : {"error", "em"}, default "error"
        See `PredictRequest`.
    sample_weight, array, columns, rows, missing_chunks
        See `FitRequest`.

    Raises
    ------
    InputError
        If a value is outside its domain.
    """

    data: Any
    model: str | Location
    against_quantile: float | None = None
    fail_below: float | None = None
    missing: Missing = "error"
    sample_weight: Any = None
    array: str | None = None
    columns: tuple[int | str, ...] | None = None
    rows: slice | None = None
    missing_chunks: MissingChunks = "error"

    def __post_init__(self) -> None:
        _check_share("against_quantile", self.against_quantile)
        if self.fail_below is not None:
            number("fail_below", self.fail_below, 0.0)
            object.__setattr__(self, "fail_below", float(self.fail_below))
        one_of("missing", self.missing, get_args(Missing))
        one_of("missing_chunks", self.missing_chunks, get_args(MissingChunks))


def _check_share(name: str, value: object) -> None:
    """Refuse a quantile that models do not know."""
    if value is not None and (isinstance(value, bool) or value not in SHARES):
        raise InputError(
            f"Wanted one of {', '.join(map(name_of, SHARES))}, the quantiles that models know, "
            f"found {value!r} as {name}. Give another value for {name}."
        )
