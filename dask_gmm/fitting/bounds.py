"""Bounds of what a fit can be asked for; nothing is imported, so that settings know them soon."""

from typing import Final

# Rounding of a mean of log densities, relative to its size.
NOISE: Final = {"float64": 1e-13, "float32": 1e-6}
# Of the rows, held out.
LARGEST_SHARE: Final = 0.5
# From how many components for each that is asked for the start ``merge`` begins.
MERGED_FROM: Final = 2
# Shares of the rows of a fit below the log densities that its model knows.
SHARES: Final = (0.0001, 0.001, 0.01, 0.05, 0.5)


def name_of(share: float) -> str:
    """Write such a share as it stands in records, such as 0.001."""
    return f"{share:g}"
