"""How well a fitted model describes rows, beside those that it was fitted to."""

import math
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from dask_gmm.checks import number_or_none
from dask_gmm.errors import DriftError, InputError
from dask_gmm.fitting.bounds import name_of
from dask_gmm.fitting.examined import Examine, Examined
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.workflows.describe import (
    answered,
    asked_of_any,
    refuse_other_columns,
    refuse_weightless,
)
from dask_gmm.workflows.models import KnownModel, density_of_mixture, known_model
from dask_gmm.workflows.row_requests import ScoreRequest
from dask_gmm.workflows.sources import source_for, spread
from dask_gmm.workflows.text import SHOWN_COMPONENTS, table

USUAL_SHARE: Final = 0.001


@dataclass(frozen=True, slots=True)
class Bound:
    """A log density below which few of the rows of the fit are.

    Parameters
    ----------
    share : float
        How many of them, as a share.
    value : float
        In nats.
    """

    share: float
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class ScoreResult:
    """How well a model describes rows.

    Parameters
    ----------
    known : KnownModel
    data : str
        Where the rows are.
    examined : Examined
        What it makes of them, measured from the log-likelihood of its fit.
    bound : Bound, optional
        Rows below it are counted.
    fail_below : float, optional
        See `ScoreRequest`.
    seconds : float
    weighed : bool
        Whether rows count as often as weights say.
    """

    known: KnownModel
    data: str
    examined: Examined
    bound: Bound | None
    fail_below: float | None
    seconds: float
    weighed: bool = False

    @property
    def of_fit(self) -> float | None:
        """Mean log-likelihood of the rows of the fit, in nats per row; None where it is unknown."""
        return number_or_none(self.known.model.log_likelihood)

    @property
    def log_likelihood(self) -> float:
        """Mean log-likelihood of the rows, in nats per row."""
        return (self.of_fit or 0.0) + self.examined.mean

    @property
    def difference(self) -> float | None:
        """From that of the fit, in nats per row; None where that is unknown."""
        return None if self.of_fit is None else self.examined.mean

    @property
    def shares(self) -> list[float]:
        """Share of the rows of each component, as the sum of its responsibilities."""
        return [float(each) / self.examined.mass for each in self.examined.responsibilities]

    @property
    def share_below(self) -> float:
        """Share of the rows below the bound."""
        return self.examined.below / self.examined.mass

    @property
    def drifted(self) -> bool:
        """Whether the rows are described worse than those of the fit by more than is allowed."""
        return self.fail_below is not None and self.examined.mean < -self.fail_below

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "data": self.data,
            "model": str(self.known.path),
            "rows": self.examined.rows,
            **({"sum_of_weights": self.examined.mass} if self.weighed else {}),
            "log_likelihood": self.log_likelihood,
            "standard_error": self.examined.standard_error,
            "log_likelihood_of_fit": self.of_fit,
            "rows_of_fit": self.known.model.rows,
            "difference": self.difference,
            "weights": self.known.model.weights.tolist(),
            "shares": self.shares,
            "below_quantile": self._below(),
            "fail_below": self.fail_below,
            "drifted": self.drifted,
            "seconds": round(self.seconds, 3),
        }

    def _below(self) -> dict[str, Any] | None:
        if self.bound is None:
            return None
        return {
            "quantile": self.bound.share,
            "log_density": self.bound.value,
            "rows": self.examined.below,
            "share": self.share_below,
        }

    def to_text(self) -> str:
        """Give it as plain text: both log-likelihoods, what is rare, and the components."""
        error = self.examined.standard_error
        said = "" if error is None else f", standard error {error:.2g}"
        lines = [
            f"{self._count()} of {self.data}, {self.seconds:.1f} s",
            f"log-likelihood {self.log_likelihood:.6f} nats per row{said}",
            self._beside(),
        ]
        if self.bound is not None:
            lines.append(
                f"below the {name_of(self.bound.share)} quantile of the rows of the fit "
                f"({self.bound.value:.6g} nats): {self.share_below:.3g} of the rows"
            )
        return "\n".join([*lines, "", self._components()])

    def _count(self) -> str:
        rows = f"{self.examined.rows:,} rows"
        return f"{rows} that count {self.examined.mass:,.6g} times" if self.weighed else rows

    def _beside(self) -> str:
        if self.of_fit is None:
            return "that of the fit is unknown: its last step read no row"
        of = "the rows read last" if self.known.model.incremental else "the fit"
        return f"that of {of} {self.of_fit:.6f}, difference {self.examined.mean:+.6f}"

    def _components(self) -> str:
        weights, shares = self.known.model.weights[:SHOWN_COMPONENTS], self.shares
        shown = table(
            [
                ["component", *map(str, range(len(weights)))],
                ["weight", *(f"{each:.4f}" for each in weights)],
                ["share here", *(f"{each:.4f}" for each in shares[:SHOWN_COMPONENTS])],
            ]
        )
        left_out = len(shares) - len(weights)
        return f"{shown}\n(and {left_out:,} components more)" if left_out else shown


def score(request: ScoreRequest, runner: Runner, progress: Progress) -> ScoreResult:
    """Say how well a model describes rows, in one reading.

    Parameters
    ----------
    request : ScoreRequest
    runner : Runner
        Where the pass runs.
    progress : Progress
        Who hears of it.

    Raises
    ------
    InputError
        If the rows have other columns than the model, or it does not know a quantile that is asked
        for; nothing has been read then.
    DataError
        If a row is not finite, too far off, or damaged; or the model cannot be read.
    DriftError
        If the rows are described worse than those of the fit by more than ``fail_below``; it has
        the result.
    """
    started = monotonic()
    known, source = known_model(request.model), source_for(request)
    bound, density = bound_of(request, known), density_of_mixture(known.model.mixture)
    refuse_other_columns(source, density)
    usual = usual_of(request, known)
    examine = Examine(density, usual, -math.inf if bound is None else bound.value)
    fold = asked_of_any(examine, missing=request.missing == "em", present=True)
    progress.start_pass("score", source.layout.rows)
    (examined,) = answered(spread(source, runner), density, fold, runner, progress)
    refuse_weightless(examined.mass, source.name)
    ending = (request.fail_below, monotonic() - started, request.sample_weight is not None)
    result = ScoreResult(known, source.name, examined, bound, *ending)
    progress.end_pass(f"log-likelihood {result.log_likelihood:.6f} nats per row")
    _refuse_drift(result)
    return result


def usual_of(request: ScoreRequest, known: KnownModel) -> float:
    """Give what log densities are measured from: the mean of the fit, or 0 where it is unknown.

    Raises
    ------
    InputError
        If it is to be compared with, and unknown.
    """
    value = number_or_none(known.model.log_likelihood)
    if value is None and request.fail_below is not None:
        raise InputError(
            f"Wanted a model whose log-likelihood is known for fail_below, found {known.path}, "
            "whose last step read no row. Leave fail_below out, or fit all rows."
        )
    return 0.0 if value is None else value


def bound_of(request: ScoreRequest, known: KnownModel) -> Bound | None:
    """Give the bound below which rows are counted; None where the usual one is not known.

    Raises
    ------
    InputError
        If one is asked for that the model does not know.
    """
    if request.against_quantile is not None:
        return Bound(request.against_quantile, known.quantile(request.against_quantile))
    quantiles = known.model.quantiles
    value = None if quantiles is None else quantiles.at(USUAL_SHARE)
    return None if value is None else Bound(USUAL_SHARE, value)


def _refuse_drift(result: ScoreResult) -> None:
    if result.drifted:
        raise DriftError(
            f"Wanted a log-likelihood at most {result.fail_below:g} nats per row below that of the "
            f"fit, {result.of_fit or 0.0:.6f}, found {result.log_likelihood:.6f} of the rows of "
            f"{result.data} in the model {result.known.path}. Look at what differs; if these rows "
            "are right, fit a model to them.",
            result,
        )
