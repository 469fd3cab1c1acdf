"""A few of the rows that a mixture was fitted to, kept beside it so that it can be looked at."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dask_gmm.data.groups import ArraySpec, documents, put_documents, read_written
from dask_gmm.data.plain import write_plain
from dask_gmm.errors import DataError
from dask_gmm.fitting.sample import Sample
from dask_gmm.mixture.features import Array
from dask_gmm.objects.location import Location
from dask_gmm.records.kinds import SAMPLE_GROUP

SAMPLE: Final = "sample.zarr"
KEPT_ROWS: Final = 2000
VERSION: Final = 1
ROWS: Final = "x"
NUMBERS: Final = "index"


def write_sample(sample: Sample, rows: int, folder: Location) -> None:
    """Write the first rows of a sample into a run folder in the making, in the order of the data.

    Parameters
    ----------
    sample : Sample
    rows : int
        Of the fit, of which the sample is one.
    folder : Path or Address
        The run folder.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    kept = sample.first(KEPT_ROWS)
    order = np.argsort(kept.index)
    arrays = {ROWS: kept.rows[order], NUMBERS: kept.index[order]}
    specs = {name: _spec(name, values) for name, values in arrays.items()}
    facts = {"format": SAMPLE_GROUP.form, "version": VERSION, "rows": len(order), "of_rows": rows}
    put_documents(folder / SAMPLE, documents({"dask_gmm": facts}, tuple(specs.values())))
    for name, spec in specs.items():
        write_plain(spec.path(folder / SAMPLE, 0), [spec.chunk_of(arrays[name])])


def _spec(name: str, values: npt.NDArray[Any]) -> ArraySpec:
    return ArraySpec(name, values.shape, str(values.dtype), len(values))


def read_sample(folder: Location, n_features: int) -> Array | None:
    """Read the rows (n, n_features) that a run folder keeps, as float64; None if it keeps none.

    NaN are values that were missing.

    Raises
    ------
    DataError
        If they are damaged, of another version, or of other columns.
    """
    path = folder / SAMPLE
    if not path.exists():
        return None
    facts = SAMPLE_GROUP.facts(path)
    if facts is None or facts.get("version") != VERSION:
        raise _unusable(path, n_features, "another kind of group, or of another version")
    try:
        rows = read_written(path, ROWS, gaps=True)
    except Exception as error:
        raise _unusable(path, n_features, f"none that can be read ({error})") from error
    if rows.ndim != 2 or rows.shape[1] != n_features:
        raise _unusable(path, n_features, f"an array of shape {rows.shape}")
    return rows


def _unusable(path: Location, n_features: int, found: str) -> DataError:
    return DataError(
        f"Wanted finite rows of {n_features} columns that a run kept in {path}; found {found}. "
        f"Restore them from a copy, or remove {path.name}: the rest of the folder does without."
    )
