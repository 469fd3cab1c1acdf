"""Write what a fitted model says of stored rows as a zarr group."""

from dataclasses import dataclass
from time import monotonic
from typing import Any

from dask_gmm.outputs.wanted import Wanted
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.workflows.describe_store import Stored, describe_store
from dask_gmm.workflows.models import KnownModel, density_of_mixture, known_model
from dask_gmm.workflows.row_requests import PredictRequest
from dask_gmm.workflows.sources import source_for, spread


@dataclass(frozen=True, slots=True, eq=False)
class PredictResult:
    """Predictions that were written.

    Parameters
    ----------
    stored : Stored
        The group.
    rows : int
    below : float or None
        The log density below which a row is marked as an anomaly, in nats.
    seconds : float
    """

    stored: Stored
    rows: int
    below: float | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        arrays = {each.name: [list(each.shape), each.dtype] for each in self.stored.arrays}
        return {
            "out": str(self.stored.path),
            "rows": self.rows,
            "arrays": arrays,
            "chunks": self.stored.chunks,
            "kept": self.stored.kept,
            "anomaly_below": self.below,
            "seconds": round(self.seconds, 3),
        }

    def to_text(self) -> str:
        """Give it as plain text: what was written of how many rows, and where it is."""
        names = ", ".join(each.name for each in self.stored.arrays)
        lines = [f"{names} of {self.rows:,} rows, {self.seconds:.1f} s"]
        if self.stored.kept:
            kept = "all" if self.stored.kept == self.stored.chunks else f"{self.stored.kept:,}"
            lines.append(f"{kept} of {self.stored.chunks:,} chunks of rows were there already")
        if self.below is not None:
            lines.append(f"anomaly: log density below {self.below:.6g} nats")
        return "\n".join([*lines, f"predictions: {self.stored.path}"])


def predict(request: PredictRequest, runner: Runner, progress: Progress) -> PredictResult:
    """Say of rows what a model knows, into a zarr group.

    Parameters
    ----------
    request : PredictRequest
    runner : Runner
        Where the pass runs.
    progress : Progress
        Who hears of it.

    Raises
    ------
    InputError
        If the rows have other columns than the model, it has fewer components than are asked for,
        or does not know the quantile; nothing has been read then.
    DataError, OutputExistsError, OutputError
        See `describe_store`; or if the model cannot be read.
    """
    started = monotonic()
    known, source = known_model(request.model), source_for(request)
    wanted = wanted_of(request, known)
    stored = describe_store(
        spread(source, runner),
        density_of_mixture(known.model.mixture),
        wanted,
        request.out,
        runner,
        overwrite=request.overwrite,
        missing=request.missing == "em",
        about={"model": str(known.path), "anomaly_quantile": request.anomaly_quantile},
        progress=progress,
    )
    return PredictResult(stored, source.layout.rows, wanted.below, monotonic() - started)


def wanted_of(request: PredictRequest, known: KnownModel) -> Wanted:
    """Say what is asked about each row.

    Raises
    ------
    InputError
        If the model does not know the quantile.
    """
    share = request.anomaly_quantile
    return answers_wanted(request, None if share is None else known.quantile(share))


def answers_wanted(request: PredictRequest, bound: float | None) -> Wanted:
    """Say what is asked about each row; one of a log density below the bound is an anomaly."""
    below = None if request.anomaly_quantile is None else bound
    others = request.probabilities or request.log_density or request.top or request.imputed
    labels = request.labels or not (others or below is not None)
    asked = request.probabilities, request.log_density, request.top
    return Wanted(labels, *asked, below, request.imputed)
