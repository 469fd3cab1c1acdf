"""Tables in plain text, for terminals and pipes."""

from collections.abc import Sequence

import numpy as np

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture

SHOWN_FEATURES = 6


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out cells in columns, aligned to the right, under a header."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def numbers(values: Array, shown: int = SHOWN_FEATURES) -> str:
    """Write a vector on one line, cut after a few values."""
    text = " ".join(f"{value:.4g}" for value in values[:shown])
    return f"[{text}{' ...' if len(values) > shown else ''}]"


def mixture_table(mixture: Mixture) -> str:
    """Show each component: weight, mean, standard deviations."""
    deviations = np.sqrt(np.einsum("kdd->kd", mixture.full_covariances()))
    rows = [
        [str(k), f"{mixture.weights[k]:.4f}", numbers(mixture.means[k]), numbers(deviations[k])]
        for k in range(mixture.n_components)
    ]
    return table(["component", "weight", "mean", "standard deviation"], rows)
