"""Quantiles of log densities: what is usual for rows of a mixture, and what is rare."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dask_gmm.checks import number, whole
from dask_gmm.fitting.bounds import SHARES, name_of
from dask_gmm.mixture.features import Array

# Of fewer rows below a quantile, their number says too little about the share of all rows there.
FEWEST_BELOW: Final = 10
QUANTILES: Final = "log_density_quantiles"
ROWS: Final = "log_density_rows"


@dataclass(frozen=True, slots=True, eq=False)
class DensityQuantiles:
    """Quantiles of the log densities of rows.

    Parameters
    ----------
    rows : int
        Of how many rows.
    values : mapping of str to float or None
        In nats, under the shares of `SHARES` as they are written; None where fewer than ten of
        these rows are below the quantile.
    """

    rows: int
    values: Mapping[str, float | None]

    @classmethod
    def of(cls, log_densities: Array, weights: Array | None = None) -> "DensityQuantiles":
        """Take those of rows, of which the log densities (n,) are given, in any order.

        With weights (n,), a share is one of their sum.
        """
        order = np.argsort(log_densities, kind="stable")
        ordered, upto = log_densities[order], None
        if weights is not None:
            upto = np.cumsum(weights[order])
        values = {name_of(share): _quantile(ordered, upto, share) for share in SHARES}
        return cls(len(ordered), values)

    def at(self, share: float) -> float | None:
        """Give the quantile at one of `SHARES`; None where there is none."""
        return self.values[name_of(share)]

    def to_json(self) -> dict[str, Any]:
        """Give them as JSON values, with the number of rows."""
        return {QUANTILES: dict(self.values), ROWS: self.rows}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> "DensityQuantiles | None":
        """Read what `to_json` gave among other facts; None if it is not among them.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is something else.
        """
        if facts.get(QUANTILES) is None:
            return None
        found = {name_of(share): facts[QUANTILES][name_of(share)] for share in SHARES}
        for name, value in found.items():
            if value is not None:
                number(f"{QUANTILES} {name}", value, -np.inf)
        return cls(whole(ROWS, facts[ROWS], 1), found)


def _quantile(ordered: Array, upto: Array | None, share: float) -> float | None:
    if upto is None:
        value = float(np.quantile(ordered, share))
    else:
        value = float(ordered[np.searchsorted(upto, share * upto[-1])])
    return value if np.searchsorted(ordered, value) >= FEWEST_BELOW else None
