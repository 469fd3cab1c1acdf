"""What can be asked of a report: about which run, of which columns, and where to write it."""

from dataclasses import dataclass
from typing import Final

from dask_gmm.checks import whole
from dask_gmm.errors import InputError
from dask_gmm.objects.location import Location, location
from dask_gmm.records.kinds import PAGE

# Each is drawn against each other one: of more, none could be told apart.
MOST_FEATURES: Final = 6


@dataclass(frozen=True, slots=True, eq=False)
class ReportRequest:
    """A page to write about a run.

    Parameters
    ----------
    data : str or Path
        The run folder of a fit or of a selection.
    out : Path or Address, optional
        The page to write; by default ``report.html`` in the run folder.
    features : tuple of int, optional
        Columns of the model to be shown, counted from 0, at most 6; by default the first three.
    overwrite : bool, default False
        Whether to replace a report that is already there.

    Raises
    ------
    InputError
        If a value is outside its domain.
    """

    data: str | Location
    out: Location | None = None
    features: tuple[int, ...] | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.features is None:
            return
        features = tuple(whole("features", each, 0) for each in self.features)
        if not 0 < len(set(features)) == len(features) <= MOST_FEATURES:
            raise InputError(
                f"Wanted from 1 to {MOST_FEATURES} columns as features, each once, found "
                f"{list(features)}. Name those to be shown."
            )
        object.__setattr__(self, "features", features)

    @property
    def page(self) -> Location:
        """Where the page will be."""
        return location(self.data) / PAGE if self.out is None else location(self.out)
