"""Statistics of partitions of the rows, kept beside a model for the next incremental step."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dask_gmm.data.groups import ArraySpec, documents, put_documents, read_written
from dask_gmm.data.plain import write_plain
from dask_gmm.errors import DataError, InputError
from dask_gmm.fitting.increment import unbounded
from dask_gmm.fitting.partitions import KeptPartition, KeptPartitions
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import NOWHERE, DataSummary
from dask_gmm.objects.location import Location
from dask_gmm.records.kinds import PARTITIONS_GROUP

PARTITIONS: Final = "partitions.zarr"
VERSION: Final = 1
# Arrays with a line for each partition: their axes behind that.
STATISTICS: Final[Mapping[str, tuple[str, ...]]] = {
    "sums": ("sum", "component"),
    "centers": ("component", "feature"),
    "rows": (),
    "log_likelihood": (),
    "weight": (),
}
SUMMARY: Final[Mapping[str, tuple[str, ...]]] = {
    "mass": (),
    "mean": ("feature",),
    "remainder": ("feature",),
    "scatter": ("feature", "feature_2"),
    "minimum": ("feature",),
    "maximum": ("feature",),
}
# Arrays that all share.
SHARED: Final[Mapping[str, tuple[str, ...]]] = {
    "shift": ("feature",),
    "scale": ("feature",),
    "typical": ("feature", "feature_2"),
}


def write_partitions(kept: KeptPartitions, folder: Location) -> None:
    """Write what is kept of partitions into a run folder in the making.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    arrays = _arrays(kept)
    specs = {name: _spec(name, values) for name, values in arrays.items()}
    facts = {
        "format": PARTITIONS_GROUP.form,
        "version": VERSION,
        "partitions": [
            {"name": each.name, "rows": each.rows, "identity": each.identity} for each in kept.parts
        ],
    }
    path = folder / PARTITIONS
    put_documents(path, documents({"dask_gmm": facts}, tuple(specs.values())))
    for name, spec in specs.items():
        for chunk in range(spec.n_chunks):
            rows = arrays[name][chunk * spec.chunk_rows : (chunk + 1) * spec.chunk_rows]
            write_plain(spec.path(path, chunk), [spec.chunk_of(rows)])


def _arrays(kept: KeptPartitions) -> dict[str, npt.NDArray[Any]]:
    parts, shared = kept.parts, (kept.frame.shift, kept.frame.scale, kept.typical)
    values = {
        "weight": [each.weight for each in parts],
        **{name: [getattr(each.summary, name) for each in parts] for name in SUMMARY},
        **{
            name: [getattr(each.statistics, name) for each in parts]
            for name in STATISTICS
            if name != "weight"
        },
    }
    stacked = {name: np.array(each, dtype=np.float64) for name, each in values.items()}
    return {**stacked, **dict(zip(SHARED, shared, strict=True))}


def _spec(name: str, values: npt.NDArray[Any]) -> ArraySpec:
    """What takes much memory has a chunk for each partition."""
    axes = SHARED.get(name) or ("partition", *{**STATISTICS, **SUMMARY}[name])
    chunk_rows = 1 if values.ndim > 2 else len(values)
    return ArraySpec(name, values.shape, str(values.dtype), chunk_rows, axes)


def read_partitions(folder: Location, model: Mixture) -> KeptPartitions:
    """Read what a run folder keeps of partitions, of the rows of its model.

    Raises
    ------
    InputError
        If it keeps nothing.
    DataError
        If that is damaged, of another version, or of another model.
    """
    path = folder / PARTITIONS
    if not path.exists():
        raise InputError(
            f"Wanted a run folder that keeps statistics of partitions to start from, found none in "
            f"{folder}. Fit it with partitions, or leave incremental out."
        )
    facts = PARTITIONS_GROUP.facts(path)
    if facts is None or facts.get("version") != VERSION:
        raise _unusable(path, "another kind of group, or of another version")
    try:
        named = [(str(e["name"]), int(e["rows"]), e["identity"]) for e in facts["partitions"]]
        arrays = {name: read_written(path, name) for name in (*STATISTICS, *SUMMARY, *SHARED)}
        _check(arrays, len(named), model)
    except Exception as error:
        raise _unusable(path, f"none that can be read ({error})") from error
    frame = unbounded(Frame(arrays["shift"], arrays["scale"], arrays["shift"]))
    parts = tuple(_part(arrays, i, frame, *each) for i, each in enumerate(named))
    return KeptPartitions(parts, frame, arrays["typical"])


def _check(arrays: Mapping[str, Array], count: int, model: Mixture) -> None:
    features = model.family.features(model.n_features)
    sizes = {
        "sum": features.size,
        "component": model.n_components,
        "feature": model.n_features,
        "feature_2": model.n_features,
    }
    for name, axes in {**STATISTICS, **SUMMARY, **SHARED}.items():
        shape = (*(() if name in SHARED else (count,)), *(sizes[axis] for axis in axes))
        if arrays[name].shape != shape:
            raise ValueError(f"{name} of shape {arrays[name].shape}, not {shape}")


def _part(
    arrays: Mapping[str, Array], i: int, frame: Frame, name: str, rows: int, identity: str | None
) -> KeptPartition:
    weight, total, value = (float(arrays[each][i]) for each in ("weight", "rows", "log_likelihood"))
    statistics = SufficientStatistics(
        total, value, arrays["sums"][i], frame, centers=arrays["centers"][i]
    )
    moments: dict[str, Any] = {each: arrays[each][i] for each in SUMMARY if each != "mass"}
    mass = float(arrays["mass"][i])
    summary = DataSummary(rows, mass, **moments, bad_rows=0, first_bad=NOWHERE)
    return KeptPartition(name, identity, statistics, summary, weight)


def _unusable(path: Location, found: str) -> DataError:
    return DataError(
        f"Wanted statistics of partitions that a run kept in {path}, of the components of its "
        f"model; found {found}. Restore them from a copy, or fit with partitions again."
    )
