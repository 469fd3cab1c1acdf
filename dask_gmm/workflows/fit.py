"""Fit a mixture to stored rows, and keep it in a run folder."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from operator import index
from pathlib import Path
from typing import Any, Final

import numpy as np

from dask_gmm.checks import local_path
from dask_gmm.data.source import Source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import InputError
from dask_gmm.fitting.held_out import HeldOut
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.fitting.spec import MERGE, RESEED, TRIES, Spec
from dask_gmm.fitting.survey import SurveyAnswer
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.records.run_folder import MODEL, RunFolder
from dask_gmm.workflows.fit_rows import FitOutcome, fit_rows
from dask_gmm.workflows.limits import Limits
from dask_gmm.workflows.order import Ordered, in_order, reference_at
from dask_gmm.workflows.requests import FitRequest
from dask_gmm.workflows.sources import source_of, spread
from dask_gmm.workflows.text import mixture_table

NOT_SETTINGS: Final = ("out", "overwrite")
USUAL_RIDGE: Final = 1e-6
PACKAGES: Final = ("dask-gmm", "numpy", "scipy", "scikit-learn", "zarr", "dask", "distributed")


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """A fitted mixture and the run folder that keeps it.

    Parameters
    ----------
    ordered : Ordered
        The mixture, and the order in which its components are.
    out : Path
        The run folder.
    passes : int
        Readings of all rows, the survey included.
    seconds : float
    warnings : tuple of str
    """

    ordered: Ordered
    out: Path
    passes: int
    seconds: float
    warnings: tuple[str, ...]

    @property
    def model(self) -> FittedMixture:
        """The fitted mixture."""
        return self.ordered.model

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values; the parameters in full."""
        model = self.model
        return {
            "out": str(self.out),
            "rows": model.rows,
            "converged": model.converged,
            "reason": model.reason,
            "iterations": model.n_iter,
            "passes": self.passes,
            "seconds": round(self.seconds, 3),
            "log_likelihood": model.log_likelihood,
            "log_likelihoods": list(model.log_likelihoods),
            "levels": [asdict(climb) for climb in model.climbs],
            "notes": list(model.notes),
            "dropped": [asdict(each) for each in model.dropped],
            "held_out": held_out(model),
            "left_to_gain": model.left,
            "statistical_error": model.statistical_error,
            "aic": model.aic,
            "bic": model.bic,
            "covariance": model.mixture.covariance_type,
            "weights": model.weights.tolist(),
            "means": model.means.tolist(),
            "covariances": model.covariances.tolist(),
            **self.ordered.to_json(),
            "repairs": [list(repair) for repair in model.repairs],
            "warnings": list(self.warnings),
        }

    def to_text(self) -> str:
        """Give it as plain text: how it ended, the components, and where the model is."""
        components = mixture_table(self.model.mixture)
        return "\n".join([self.summary(), "", components, "", f"model: {self.out / MODEL}"])

    def summary(self) -> str:
        """Give some lines of plain text: how it ended."""
        model = self.model
        return "\n".join(
            [
                model.reason,
                f"{model.n_iter} iterations, {self.passes} readings of {model.rows:,} rows, "
                f"{self.seconds:.1f} s",
                f"log-likelihood {model.log_likelihood:.6f} nats per row, BIC {model.bic:,.1f}",
                *_held_out_text(model),
                *_left(model),
                *self.ordered.to_text(),
                *(f"repaired in iteration {number}: {text}" for number, text in model.repairs),
                *("(repairs have the numbers of components during the fit)",) * bool(model.repairs),
            ]
        )


def fit(request: FitRequest, runner: Runner, progress: Progress) -> FitResult:
    """Fit a mixture and write the run folder.

    Parameters
    ----------
    request : FitRequest
    runner : Runner
        Where the passes run.
    progress : Progress
        Who hears of the passes.

    Raises
    ------
    InputError, DataError
        See `fit_rows`; or if the model to match cannot be read, or has other columns.
    OutputExistsError
        If the run folder is there already and may not be overwritten, or is none; nothing has been
        read then.
    OutputError
        If it cannot be written. A note says where the model is, if that was written.
    """
    started = datetime.now(UTC)
    folder = RunFolder(local_path(request.out), request.overwrite)
    spec = _spec(request)
    source = source_of(
        request.data,
        array=request.array,
        columns=request.columns,
        rows=request.rows,
        missing_chunks=request.missing_chunks,
    )
    _refuse_own_rows(source, folder.path)
    reference = reference_at(request.match, source)
    settings = _settings(request)
    with folder.started():
        machines = runner.machines()
        outcome = fit_rows(
            spread(source, runner),
            spec,
            request.n_init,
            runner,
            progress,
            lambda record: folder.add_pass(record.to_json()),
            limits=Limits(request.max_passes, request.max_seconds),
        )
        ended = datetime.now(UTC)
        times = {"started": started.isoformat(), "ended": ended.isoformat()}
        about = {**times, **settings, "machines": list(machines)}
        ordered = in_order(outcome.model, reference)
        manifest = {**about, **_manifest(source, outcome), **ordered.to_json()}
        folder.finish(ordered.model, manifest)
    seconds = (ended - started).total_seconds()
    return FitResult(ordered, request.out, len(outcome.passes), seconds, outcome.warnings)


def held_out(model: FittedMixture) -> dict[str, float] | None:
    """Give what the rows held out say of a model as JSON values, in nats per row."""
    last = model.last
    if last.held_out is None or last.held_out_error is None:
        return None
    return {"log_likelihood": last.held_out, "standard_error": last.held_out_error}


def _held_out_text(model: FittedMixture) -> tuple[str, ...]:
    found = held_out(model)
    if found is None:
        return ()
    mean, error = found["log_likelihood"], found["standard_error"]
    return (f"rows held out: log-likelihood {mean:.6f} nats per row, standard error {error:.1e}",)


def _left(model: FittedMixture) -> tuple[str, ...]:
    if model.left is None:
        return ()
    errors = model.left / model.statistical_error
    return (f"left to gain: about {model.left:.1e} nats per row, {errors:.2g} statistical errors",)


def _refuse_own_rows(source: Source, out: Path) -> None:
    """Refuse a run folder that would replace the rows it is about."""
    stored = source.chunks.place.folder if isinstance(source, ZarrSource) else None
    if stored is not None and out.resolve() in (stored.resolve(), *stored.resolve().parents):
        raise InputError(
            f"A run folder must not replace its own rows, but those are in {stored}, and the run "
            f"folder is {out}. Choose another place."
        )


def _spec(request: FitRequest) -> Spec:
    fast = request.solver == "fast"
    if fast and request.reg_covar is not None:
        raise InputError(
            f"Wanted reg_covar with the solver em alone, found {request.reg_covar:g} with fast, "
            "which keeps covariances from collapsing by a prior. Leave one of them out."
        )
    if not fast and request.init in TRIES:
        raise InputError(
            f"Wanted init {request.init} with the solver fast alone, found it with em. Choose "
            "another."
        )
    if not fast and request.repair is not None:
        raise InputError(
            f"Wanted repair with the solver fast alone, found {request.repair} with em, which "
            "keeps all components. Leave one of them out."
        )
    return Spec(
        n_components=request.components,
        covariance_type=request.covariance,
        solver=request.solver,
        init=request.init or (MERGE if fast else "kmeans"),
        tol=None if request.tol == "auto" else request.tol,
        relative_tol=request.relative_tol,
        held_out=HeldOut(request.held_out),
        max_iter=request.max_iter,
        reg_covar=USUAL_RIDGE if request.reg_covar is None else request.reg_covar,
        precision=request.precision,
        seed=request.seed,
        repair=request.repair or RESEED,
    )


def _manifest(source: Source, outcome: FitOutcome) -> dict[str, Any]:
    model = outcome.model
    return {
        "data": {
            "name": source.name,
            "rows": source.layout.rows,
            "features": source.n_features,
            "dtype": str(source.dtype),
            "fingerprint": fingerprint(source, outcome.survey),
        },
        "converged": model.converged,
        "reason": model.reason,
        "iterations": model.n_iter,
        "passes": len(outcome.passes),
        "log_likelihood": model.log_likelihood,
        "levels": [asdict(climb) for climb in model.climbs],
        "notes": list(model.notes),
        "dropped": [asdict(each) for each in model.dropped],
        "held_out": held_out(model),
        "left_to_gain": model.left,
        "statistical_error": model.statistical_error,
        "repairs": [list(repair) for repair in model.repairs],
        "warnings": list(outcome.warnings),
        "versions": versions(),
    }


def _settings(request: FitRequest) -> dict[str, Any]:
    """Everything that was asked but where to put it, the same for requests that ask the same."""
    names = (name for name in request.__slots__ if name not in NOT_SETTINGS)
    settings = {name: getattr(request, name) for name in names}
    settings["data"] = str(request.data) if isinstance(request.data, str | Path) else None
    settings["match"] = None if request.match is None else str(request.match)
    if request.columns is not None:
        settings["columns"] = [index(column) for column in request.columns]
    if request.rows is not None:
        ends = (request.rows.start, request.rows.stop)
        settings["rows"] = [None if end is None else index(end) for end in ends]
    canonical = json.dumps(settings, sort_keys=True).encode()
    return {"settings": settings, "settings_sha256": hashlib.sha256(canonical).hexdigest()}


def fingerprint(source: Source, survey: SurveyAnswer) -> str:
    """SHA-256 of the layout, the chunks' digests and the moments of the rows."""
    summary = survey.summary
    digest = hashlib.sha256(f"{source.n_features} {source.dtype}".encode())
    for values in (source.layout.edges, survey.digests, summary.mean, summary.scatter):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def versions() -> Mapping[str, str]:
    """Versions of Python and of what computes, reads and schedules."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
