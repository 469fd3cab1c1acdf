"""What is known of a source before it is written: its rows, and by what columns are scaled."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dask_gmm.errors import DataError
from dask_gmm.mixture.summary import DataSummary


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """What is subtracted from each column, and what it is divided by then.

    Parameters
    ----------
    mean, scale : ndarray of float64, shape (n_features,)
        The scale is the standard deviation, or 1 where that is 0.
    """

    mean: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]

    @classmethod
    def of(cls, summary: DataSummary, name: str) -> "Scaling":
        """Make that of all finite rows.

        Raises
        ------
        DataError
            If there are none, or their moments are too large.
        """
        with np.errstate(invalid="ignore"):
            scale = np.sqrt(summary.variance)
        if not summary.rows or not np.isfinite([summary.mean, scale]).all():
            found = f"{summary.rows:,} finite rows" if not summary.rows else "numbers too large"
            raise DataError(
                f"To standardize columns they must have a mean and a standard deviation, but there "
                f"are {found} in {name}. Ingest it without standardize, or scale it before."
            )
        return cls(summary.mean, np.where(scale > 0, scale, 1.0))

    @classmethod
    def of_json(cls, stored: dict[str, list[float]]) -> "Scaling":
        """Make that which `to_json` gave."""
        return cls(np.array(stored["mean"]), np.array(stored["scale"]))

    def to_json(self) -> dict[str, list[float]]:
        """Give it as JSON values, which have the same bits."""
        return {"mean": self.mean.tolist(), "scale": self.scale.tolist()}

    def apply(self, rows: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Standardize rows, in float64; the type stays."""
        return ((rows - self.mean) / self.scale).astype(rows.dtype)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What is known of a source before its rows are written.

    Parameters
    ----------
    rows : int
    scaling : Scaling, optional
    """

    rows: int
    scaling: Scaling | None

    @classmethod
    def of_json(cls, stored: dict[str, Any]) -> "Found":
        """Make that which `to_json` gave."""
        scaling = stored["standardization"]
        return cls(stored["rows"], None if scaling is None else Scaling.of_json(scaling))

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        scaling = None if self.scaling is None else self.scaling.to_json()
        return {"rows": self.rows, "standardization": scaling}
