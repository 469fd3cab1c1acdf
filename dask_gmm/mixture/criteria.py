"""Information criteria; smaller is better."""

import numpy as np


def aic(log_likelihood: float, rows: int, n_parameters: int) -> float:
    """Akaike's criterion (1974) from the mean log-likelihood per row, in nats."""
    return 2 * n_parameters - 2 * log_likelihood * rows


def bic(log_likelihood: float, rows: int, n_parameters: int) -> float:
    """Schwarz's criterion (1978) from the mean log-likelihood per row, in nats."""
    return n_parameters * float(np.log(rows)) - 2 * log_likelihood * rows
