"""The candidates of a selection in a run folder: a model each, named by family and size."""

from collections.abc import Sequence
from typing import Final

from dask_gmm.fitting.result import FittedMixture
from dask_gmm.objects.location import Location
from dask_gmm.records.model_file import write_model

CANDIDATES: Final = "candidates"


def candidate_name(number: int, covariance_type: str, n_components: int) -> str:
    """Name the model of a candidate, of which the number is that of its line in the table."""
    return f"{number:03d}-{covariance_type}-{n_components}.zarr"


def write_candidates(
    folder: Location, names: Sequence[str], models: Sequence[FittedMixture]
) -> None:
    """Write a model for each candidate into a run folder in the making.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    for name, model in zip(names, models, strict=True):
        write_model(model, folder / CANDIDATES / name, {})
