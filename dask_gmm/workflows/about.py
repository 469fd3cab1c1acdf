"""What a run says of itself: what was asked, and what came of it."""

import hashlib
import json
from dataclasses import asdict
from operator import index
from typing import Any, Final

from dask_gmm.checks import number_or_none
from dask_gmm.errors import InputError
from dask_gmm.fitting.held_out import HeldOut
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.fitting.spec import MERGE, RESEED, TRIES, USUAL, Spec
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.variational import Variational
from dask_gmm.objects.location import Location
from dask_gmm.records.posterior_file import read_posterior
from dask_gmm.workflows.about_rows import IN_MEMORY
from dask_gmm.workflows.bayesian_request import beliefs_of
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.known import with_known
from dask_gmm.workflows.order import Reference

# The same run may be asked for with others of these.
NOT_SETTINGS: Final = ("out", "overwrite", "cache", "deadline", "require_converged")
# Arrays beside the rows.
BESIDE: Final = ("sample_weight", "labels")
USUAL_RIDGE: Final = 1e-6


def spec_of(request: FitRequest, start: Reference | None = None) -> Spec:
    """Give what a candidate is asked to be, and where it starts if that is given.

    Raises
    ------
    InputError
        If options of one solver are asked of the other, or another mixture than that of the start.
    """
    posterior = posterior_of(request, start)
    mixture = None if start is None else _refuse_other(request, start)
    _refuse_other_solvers(request)
    fast = request.solver == "fast"
    merges = fast and mixture is None and request.bayesian is None
    init = request.init or (MERGE if merges else USUAL)
    if request.merge_from is not None and init != MERGE:
        raise InputError(
            f"Wanted merge_from with the init {MERGE} alone, found {request.merge_from} with "
            f"{init}. Leave one of them out."
        )
    spec = Spec(
        n_components=request.components or (mixture.n_components if mixture else 0),
        covariance_type=_covariance(request, mixture),
        start=mixture if posterior is None else posterior.mixture,
        solver=request.solver,
        init=init,
        merge_from=request.merge_from,
        tol=None if request.tol == "auto" else request.tol,
        relative_tol=request.relative_tol,
        held_out=HeldOut(request.held_out),
        max_iter=request.max_iter,
        reg_covar=USUAL_RIDGE if request.reg_covar is None else request.reg_covar,
        precision=request.precision,
        seed=request.seed,
        repair=request.repair or RESEED,
        beliefs=beliefs_of(request),
        posterior=posterior,
        n_labels=request.n_labels,
    )
    return with_known(request, spec)


def _refuse_other_solvers(request: FitRequest) -> None:
    """Refuse options of one solver that are asked of the other."""
    fast = request.solver == "fast"
    if fast and request.reg_covar is not None and request.bayesian is None:
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


def posterior_of(request: FitRequest, start: Reference | None) -> Variational | None:
    """Give the posterior to start from, where both fits are Bayesian.

    Raises
    ------
    DataError
        If it is damaged.
    """
    if start is None or request.bayesian is None or request.warm_start is None:
        return None
    kept = read_posterior(start.path)
    return None if kept is None else kept.posterior


def _covariance(request: FitRequest, start: Mixture | None) -> str:
    """Give the family asked for, or that of the start; refuse partitions that it has no sums of."""
    found = request.covariance or (start.covariance_type if start else "")
    if request.partitions is not None and family_of(found).factored:
        raise InputError(
            f"Wanted statistics of partitions that add whatever the parameters, found {found}, "
            "whose sums are about the factors of one pass. Leave partitions out, or take another "
            "covariance."
        )
    return found


def _refuse_other(request: FitRequest, start: Reference) -> Mixture:
    """Give the mixture to start from; refuse one of another size or family than asked for."""
    mixture = start.mixture
    wanted = {"components": request.components, "covariance": request.covariance}
    found = {"components": mixture.n_components, "covariance": mixture.covariance_type}
    for name, value in wanted.items():
        if value not in (None, found[name]):
            raise InputError(
                f"Wanted {name} {value}, as asked for, of the model to start from, found "
                f"{found[name]} in {start.path}. Leave {name} out, or start from another model."
            )
    return mixture


def settings_of(request: Any) -> dict[str, Any]:
    """Everything that was asked, in its words, but where to put it and by when."""
    names = (name for name in request.__slots__ if name not in NOT_SETTINGS)
    settings = {name: getattr(request, name) for name in names}
    settings["data"] = str(request.data) if isinstance(request.data, str | Location) else None
    settings |= {name: str(each) for name, each in settings.items() if isinstance(each, Location)}
    for name in BESIDE:
        if settings.get(name) is not None:
            settings[name] = _place(settings[name])
    if request.columns is not None:
        settings["columns"] = list(map(_column, request.columns))
    if request.prior is not None:
        settings["prior"] = request.prior.to_json()
    if request.rows is not None:
        settings["rows"] = _ends(request.rows)
    if settings.get("partitions") is not None:
        named = request.partitions.items()
        settings["partitions"] = {name: _ends(rows) for name, rows in named}
    canonical = json.dumps(settings, sort_keys=True).encode()
    return {"settings": settings, "settings_sha256": hashlib.sha256(canonical).hexdigest()}


def _place(array: Any) -> str:
    """Give where an array lies beside the rows, in words."""
    return str(array) if isinstance(array, str | Location) else IN_MEMORY


def _column(column: int | str) -> int | str:
    return column if isinstance(column, str) else index(column)


def _ends(rows: slice) -> list[int | None]:
    return [None if end is None else index(end) for end in (rows.start, rows.stop)]


def model_facts(model: FittedMixture) -> dict[str, Any]:
    """Say how a model came about."""
    return {
        "converged": model.converged,
        "reason": model.reason,
        "iterations": model.n_iter,
        "log_likelihood": number_or_none(model.log_likelihood),
        "objective": model.objective,
        "incremental": model.incremental,
        "rows_read": model.rows_read,
        "levels": [asdict(climb) for climb in model.climbs],
        "notes": list(model.notes),
        "dropped": [asdict(each) for each in model.dropped],
        "held_out": held_out(model),
        "left_to_gain": model.left,
        "statistical_error": model.statistical_error,
        "repairs": [list(repair) for repair in model.repairs],
        "bayesian": bayesian_facts(model),
        **(model.quantiles.to_json() if model.quantiles else {}),
    }


def bayesian_facts(model: FittedMixture) -> dict[str, Any] | None:
    """Give what a Bayesian fit says besides, as JSON values."""
    if model.inference is None:
        return None
    bound, prior = model.inference.lower_bound, model.inference.prior
    rows = model.inference.posterior.rows(prior)
    return {"lower_bound": bound, "components_with_rows": int((rows >= 1).sum())}


def held_out(model: FittedMixture) -> dict[str, float] | None:
    """Give what the rows held out say of a model as JSON values, in nats per row."""
    last = model.last
    if last.held_out is None or last.held_out_error is None:
        return None
    return {"log_likelihood": last.held_out, "standard_error": last.held_out_error}
