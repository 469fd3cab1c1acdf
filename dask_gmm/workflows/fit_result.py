"""What a fit gives: for people, for programs, and for Python."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from dask_gmm.errors import NotConvergedError
from dask_gmm.fitting.members import Climb
from dask_gmm.fitting.result import Dropped, FittedMixture
from dask_gmm.objects.location import Location
from dask_gmm.records.model_file import load_model
from dask_gmm.records.posterior_file import read_posterior
from dask_gmm.records.run_folder import MODEL, read_manifest
from dask_gmm.workflows.about import bayesian_facts, held_out
from dask_gmm.workflows.about_rows import LABELED
from dask_gmm.workflows.course import seconds_of
from dask_gmm.workflows.left_out import NOTHING_LEFT_OUT, LeftOut
from dask_gmm.workflows.order import Ordered, Reference, in_order
from dask_gmm.workflows.text import mixture_table

DONE_BEFORE: Final = "nothing to do: the run folder is there, and was asked the same"


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """A fitted mixture and the run folder that keeps it.

    Parameters
    ----------
    ordered : Ordered
        The mixture, and the order in which its components are.
    out : Path or Address
        The run folder.
    passes : int
        Readings of all rows, the survey included.
    seconds : float
    warnings : tuple of str
    done_before : bool
        Whether the run folder was there already, and nothing had to be done.
    left_out : LeftOut
        Rows that the fit did not see.
    """

    ordered: Ordered
    out: Location
    passes: int
    seconds: float
    warnings: tuple[str, ...]
    done_before: bool = False
    left_out: LeftOut = NOTHING_LEFT_OUT

    @property
    def model(self) -> FittedMixture:
        """The fitted mixture."""
        return self.ordered.model

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values; the parameters in full."""
        model = self.model
        return {
            "out": str(self.out),
            "done_before": self.done_before,
            "rows": model.rows,
            **({} if model.mass is None else {"sum_of_weights": model.mass}),
            "converged": model.converged,
            "reason": model.reason,
            "iterations": model.n_iter,
            "passes": self.passes,
            "seconds": round(self.seconds, 3),
            "incremental": model.incremental,
            "rows_read": model.rows_read,
            "log_likelihood": model.log_likelihood,
            "log_likelihoods": list(model.log_likelihoods),
            "objective": model.objective,
            "levels": [asdict(climb) for climb in model.climbs],
            "notes": list(model.notes),
            "dropped": [asdict(each) for each in model.dropped],
            "held_out": held_out(model),
            "left_to_gain": model.left,
            "statistical_error": model.statistical_error,
            "bayesian": bayesian_facts(model),
            "aic": model.aic,
            "bic": model.bic,
            "covariance": model.mixture.covariance_type,
            "weights": model.weights.tolist(),
            "means": model.means.tolist(),
            "covariances": model.covariances.tolist(),
            **self.ordered.to_json(),
            "repairs": [list(repair) for repair in model.repairs],
            **self.left_out.to_json(),
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
                *(DONE_BEFORE,) * self.done_before,
                model.reason,
                f"{model.n_iter} iterations, {self.passes} readings of {_read(model)}, "
                f"{self.seconds:.1f} s",
                *self.left_out.to_text(),
                _likelihood(model),
                *_objective(model),
                *_held_out_text(model),
                *_left(model),
                *_bayesian(model),
                *self.ordered.to_text(),
                *(f"repaired in iteration {number}: {text}" for number, text in model.repairs),
                *("(repairs have the numbers of components during the fit)",) * bool(model.repairs),
            ]
        )


def stored_fit(path: Location, reference: Reference | None, *, numbered: bool = False) -> FitResult:
    """Read what a fit gave from its run folder; see `in_order`.

    Raises
    ------
    DataError
        If it is damaged.
    """
    manifest = read_manifest(path)
    model = replace(load_model(path / MODEL), inference=read_posterior(path))
    numbered = numbered or bool(manifest["data"].get(LABELED))
    found = in_order(_as_it_was(model, manifest), reference, numbered=numbered)
    ordered = replace(found, order=tuple(manifest["order"]))
    told, seconds = tuple(manifest["warnings"]), seconds_of(manifest)
    passes, left_out = manifest["passes"], LeftOut.kept_in(manifest)
    return FitResult(ordered, path, passes, seconds, told, done_before=True, left_out=left_out)


def refuse_unconverged(model: FittedMixture, out: Location, result: object) -> None:
    """Refuse a model that has not converged, of a result that has been written.

    Raises
    ------
    NotConvergedError
        With the result.
    """
    if not model.converged:
        raise NotConvergedError(
            f"Wanted a model that has converged, found in {out} one that has not "
            f"({model.reason}). Raise what ended it and overwrite it, or take it as it is, without "
            "require_converged.",
            result,
        )


def _as_it_was(model: FittedMixture, manifest: Mapping[str, Any]) -> FittedMixture:
    """Give a model what its file does not hold."""
    judged = manifest["held_out"] or {}
    mean, error = judged.get("log_likelihood"), judged.get("standard_error")
    history = [
        replace(each, held_out=mean, held_out_error=error) if each is model.last else each
        for each in model.history
    ]
    return replace(
        model,
        history=tuple(history),
        climbs=tuple(Climb(**each) for each in manifest["levels"]),
        left=manifest["left_to_gain"],
        notes=tuple(manifest["notes"]),
        dropped=tuple(Dropped(**each) for each in manifest["dropped"]),
    )


def _read(model: FittedMixture) -> str:
    of_all = "" if model.rows_read is None else f"{model.rows_read:,} of "
    weigh = "" if model.mass is None else f" that count {model.mass:,.6g} times"
    return f"{of_all}{model.rows:,} rows{weigh}"


def _likelihood(model: FittedMixture) -> str:
    if model.rows_read == 0:
        return "log-likelihood unknown, since no row was read"
    value = f"log-likelihood {model.log_likelihood:.6f} nats per row"
    return f"{value}, of those read" if model.incremental else f"{value}, BIC {model.bic:,.1f}"


def _objective(model: FittedMixture) -> tuple[str, ...]:
    """Say what was maximized, where that is seen to be another number."""
    if model.objective is None or model.inference is not None or model.rows_read == 0:
        return ()
    value = f"{model.objective:.6f}"
    if value == f"{model.log_likelihood:.6f}":
        return ()
    return (f"with the log prior {value} nats per row, which was maximized",)


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


def _bayesian(model: FittedMixture) -> tuple[str, ...]:
    found = bayesian_facts(model)
    if found is None:
        return ()
    bound, n_used = found["lower_bound"], found["components_with_rows"]
    return (
        f"lower bound of the log evidence, less what never changes: {bound:,.3f} nats; {n_used} of "
        f"{model.mixture.n_components} components have a row or more",
    )
