"""What a mixture can say of rows, and in which arrays."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dask_gmm.checks import number, whole
from dask_gmm.errors import InputError

LABELS: Final = "labels"
PROBABILITIES: Final = "probabilities"
LOG_DENSITY: Final = "log_density"
TOP_COMPONENTS: Final = "top_components"
TOP_PROBABILITIES: Final = "top_probabilities"
ANOMALY: Final = "anomaly"
# As in other groups of rows, so that it is found there.
ROWS: Final = "x"
DOUBLE: Final = np.dtype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """One array of answers, a line per row.

    Parameters
    ----------
    name : str
    dtype : dtype
    width : int or None
        Its columns; None for an array of one axis.
    """

    name: str
    dtype: np.dtype[Any]
    width: int | None

    def shape(self, rows: int) -> tuple[int, ...]:
        """Give its shape for so many rows."""
        return (rows,) if self.width is None else (rows, self.width)

    def empty(self, rows: int) -> npt.NDArray[Any]:
        """Give an array for so many rows, with whatever it holds."""
        return np.empty(self.shape(rows), self.dtype)

    @property
    def row_bytes(self) -> int:
        """Bytes of a line."""
        return int(np.prod(self.shape(1))) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked about each row.

    Parameters
    ----------
    labels : bool
        The component of the largest probability, the first of several.
    probabilities : bool
        Of every component.
    log_density : bool
        Logarithm of the density of the mixture, in nats.
    top : int
        So many components of the largest probabilities, and these, in descending order; equal
        ones by their numbers. 0 for none.
    below : float, optional
        Whether the log density is below this, in nats.
    imputed : bool
        The rows themselves, with what the mixture expects in the place of missing values.

    Raises
    ------
    InputError
        If nothing is asked for, ``top`` is no whole number, or ``below`` is not finite.
    """

    labels: bool = False
    probabilities: bool = False
    log_density: bool = False
    top: int = 0
    below: float | None = None
    imputed: bool = False

    def __post_init__(self) -> None:
        whole("top", self.top, 0)
        marks = self.below is not None
        if marks:
            number("below", self.below, -math.inf)
        others = self.labels or self.probabilities or self.log_density or self.top
        if not (others or marks or self.imputed):
            raise InputError(
                "Wanted something to be said of the rows, found nothing asked for. Ask for labels, "
                "probabilities, log_density, top, below or imputed."
            )

    def outputs(
        self,
        n_components: int,
        numbers: np.dtype[np.signedinteger[Any]],
        n_features: int = 1,
        dtype: np.dtype[np.floating] = DOUBLE,
    ) -> tuple[Output, ...]:
        """Give the arrays of the answers about rows of so many columns and of a type.

        Numbers of components are of a stated type.

        Raises
        ------
        InputError
            If there are not so many components.
        """
        if self.top > n_components:
            raise InputError(
                f"Wanted top to be at most the number of components, {n_components}, found "
                f"{self.top}. Ask for fewer."
            )
        every = (
            (self.labels, Output(LABELS, numbers, None)),
            (self.probabilities, Output(PROBABILITIES, DOUBLE, n_components)),
            (self.log_density, Output(LOG_DENSITY, DOUBLE, None)),
            (bool(self.top), Output(TOP_COMPONENTS, numbers, self.top)),
            (bool(self.top), Output(TOP_PROBABILITIES, DOUBLE, self.top)),
            (self.below is not None, Output(ANOMALY, np.dtype(np.bool_), None)),
            (self.imputed, Output(ROWS, dtype, n_features)),
        )
        return tuple(output for asked, output in every if asked)
