"""When to stop: what is left to gain, and what the parameters are uncertain by anyway."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from dask_gmm.fitting.members import Evaluation, best_held_out
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.model import Mixture

# The share of the statistical error that may be left to gain.
STATISTICAL_SHARE: Final = 0.1
# Passes in a row in which too little was left to gain.
QUIET_PASSES: Final = 2
# Passes in a row that describe the rows held out worse than one before.
WORSE_PASSES: Final = 2


def statistical_error(n_parameters: int, rows: float) -> float:
    """Give what the likeliest parameters of so many rows gain over the true ones, in nats per row.

    It is half a parameter per row, on average (Wilks, 1938).
    """
    return n_parameters / (2 * rows)


def statistical_share(mixture: Mixture, rows: float) -> float:
    """Give what may be left to gain: a tenth of the statistical error, in nats per row."""
    return STATISTICAL_SHARE * statistical_error(mixture.n_parameters, rows)


def enough(spec: Spec, mixture: Mixture, rows: float, value: float) -> float:
    """Give what may be left to gain, in nats per row, by the tolerances that are asked for.

    Parameters
    ----------
    spec : Spec
    mixture : Mixture
    rows : float
    value : float
        Of the log-likelihood per row.
    """
    absolute = statistical_share(mixture, rows) if spec.tol is None else spec.tol
    return max(absolute, spec.relative_tol * abs(value))


def kept_since_best(history: Sequence[Evaluation]) -> int:
    """Count the passes that were kept and describe the rows held out worse than one before."""
    return sum(each.kept for each in history[best_held_out(history) + 1 :])


def overtrained(history: Sequence[Evaluation]) -> bool:
    """Say whether rows that are held out have been described no better for some passes."""
    return history[-1].held_out is not None and kept_since_best(history) >= WORSE_PASSES


def left_to_gain(history: Sequence[Evaluation]) -> float:
    """Estimate what EM will still gain, in nats per row, from its last two gains.

    Gains shrink by a constant factor in the end (Aitken's extrapolation); infinite where there are
    not two yet, or they do not shrink.
    """
    if len(history) < 3:
        return np.inf
    before, middle, last = (each.maximized for each in history[-3:])
    gain, ratio = last - middle, (last - middle) / (middle - before) if middle > before else 1.0
    if gain <= 0:
        return 0.0
    return gain * ratio / (1 - ratio) if ratio < 1 else np.inf
