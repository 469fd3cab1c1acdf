"""What a fit gives: for people, for programs, and for Python."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dask_gmm.fitting.result import FittedMixture
from dask_gmm.records.run_folder import MODEL
from dask_gmm.workflows.about import held_out
from dask_gmm.workflows.order import Ordered
from dask_gmm.workflows.text import mixture_table


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
