"""What a run says of the rows that it read, of what lies beside them, and of what read them."""

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.beside import RowsBeside
from dask_gmm.data.parquet_source import ParquetSource
from dask_gmm.data.source import Source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import InputError
from dask_gmm.fitting.survey import SurveyAnswer
from dask_gmm.objects.location import Location
from dask_gmm.workflows.left_out import LeftOut
from dask_gmm.workflows.missing import missing_shares

# What rows count whose component is known, in the manifest of a run.
LABELED: Final = "sum_of_labeled"
# What is said of an array beside the rows that has no path.
IN_MEMORY: Final = "in memory"
PACKAGES: Final = ("dask-gmm", "numpy", "scipy", "scikit-learn", "zarr", "dask", "distributed")


def refuse_own_rows(source: Source, out: Location) -> None:
    """Refuse a run folder that would replace the rows it is about."""
    for stored in _homes(source):
        if out.resolve() in (stored.resolve(), *stored.resolve().parents):
            raise InputError(
                f"A run folder must not replace its own rows, but those are in {stored}, and the "
                f"run folder is {out}. Choose another place."
            )


def _homes(source: Source) -> list[Location]:
    """Give where stored rows are, and what lies beside them."""
    parts = source.parts if isinstance(source, RowsBeside) else (source,)
    homes = (part.home for part in parts if isinstance(part, ZarrSource | ParquetSource))
    return [home for home in homes if home is not None]


def facts_of(source: Source, survey: SurveyAnswer) -> dict[str, Any]:
    """Say which rows were read, and with what."""
    return {
        "data": {
            "name": source.name,
            "rows": source.layout.rows,
            "features": source.n_features,
            "dtype": str(source.dtype),
            "fingerprint": fingerprint(source, survey),
            "missing": missing_shares(survey),
            **_beside(source, survey),
        },
        **LeftOut.of(source, survey).to_json(),
        "versions": {**versions(), **_reading(source)},
    }


def _beside(source: Source, survey: SurveyAnswer) -> dict[str, Any]:
    """Say how much rows count, where they have weights, and of how many the component is known."""
    facts: dict[str, Any] = {}
    if survey.sample.weights is not None:
        facts["weights"] = _place_beside(source, "weights")
        facts["sum_of_weights"] = survey.summary.mass
        facts["rows_without_weight"] = survey.weightless
    if survey.labeled is not None:
        facts["labels"] = _place_beside(source, "labels")
        facts["labeled_rows"] = survey.labeled.rows
        facts[LABELED] = float(survey.labeled.mass.sum())
    return facts


def _place_beside(source: Source, name: str) -> str:
    """Give where weights or labels of rows are, in words."""
    column = getattr(source, name) if isinstance(source, RowsBeside) else source
    if isinstance(column, ArraySource):
        return IN_MEMORY
    return column.name if isinstance(source, RowsBeside) else f"with {source.name}"


def fingerprint(source: Source, survey: SurveyAnswer) -> str:
    """SHA-256 of the layout, the chunks' digests, what was left out, and moments of the rows.

    The moments of those whose components are known are among them.
    """
    summary, labeled = survey.summary, survey.labeled
    digest = hashlib.sha256(f"{source.n_features} {source.dtype}".encode())
    for values in (source.layout.edges, survey.digests, summary.mean, summary.scatter):
        digest.update(np.ascontiguousarray(values).tobytes())
    if labeled is not None:
        digest.update(labeled.mass.tobytes() + labeled.sums.tobytes())
    digest.update(json.dumps(LeftOut.of(source, survey).to_json()).encode())
    return digest.hexdigest()


def _reading(source: Source) -> Mapping[str, str]:
    """Give the versions of what reads these rows alone."""
    rows = source.source if isinstance(source, RowsBeside) else source
    return {"pyarrow": version("pyarrow")} if isinstance(rows, ParquetSource) else {}


def versions() -> Mapping[str, str]:
    """Versions of Python and of what computes, reads and schedules."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
