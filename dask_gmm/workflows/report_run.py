"""A finished run as its folder keeps it, read to be reported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dask_gmm.errors import InputError
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.fitting.selected import Selected
from dask_gmm.mixture.features import Array
from dask_gmm.objects.location import Location
from dask_gmm.records.kinds import RUN_FOLDER
from dask_gmm.records.model_file import load_model
from dask_gmm.records.run_folder import MANIFEST, MODEL, read_history, read_manifest
from dask_gmm.records.sample_file import read_sample
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.selection_file import read_table

USUAL_FEATURES: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class KeptRun:
    """What a run folder holds, and which columns of it are to be shown.

    Parameters
    ----------
    path : Path or Address
    manifest : mapping
    history : sequence of mapping
        A record per pass.
    model : FittedMixture
    rows : ndarray of shape (n, D), optional
        Some of those that were fitted.
    selected : Selected, optional
        Of a selection.
    features : tuple of int
    """

    path: Location
    manifest: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    model: FittedMixture
    rows: Array | None
    selected: Selected | None
    features: tuple[int, ...]

    def name(self, feature: int) -> str:
        """Name a column of the model, and of the data where some were chosen."""
        chosen = self.manifest["settings"].get("columns")
        return f"column {feature}" + (f" ({chosen[feature]} of the data)" if chosen else "")


def kept_run(request: ReportRequest, path: Location) -> KeptRun:
    """Read a run folder.

    Raises
    ------
    InputError
        If there is none, or the model lacks a column.
    DataError
        If it is damaged, or of another version.
    """
    if not RUN_FOLDER.is_at(path) and not (path / MANIFEST).exists():
        raise InputError(
            f"Wanted a run folder, which fit and select write, found none at {path}. Give the "
            f"path of a folder with a {MANIFEST}."
        )
    manifest, history = read_manifest(path), read_history(path)
    model = load_model(path / MODEL)
    n_features = model.mixture.n_features
    features = request.features or tuple(range(min(n_features, USUAL_FEATURES)))
    if max(features) >= n_features:
        raise InputError(
            f"Wanted features from 0 to {n_features - 1}, the columns of the model in {path}, "
            f"found {max(features)}. Choose others."
        )
    rows = _complete(read_sample(path, n_features))
    selected = read_table(path)[0] if manifest.get("selection") else None
    return KeptRun(path, manifest, history, model, rows, selected, features)


def _complete(rows: Array | None) -> Array | None:
    """Give those rows (n, D) that lack nothing; None where there are none."""
    if rows is None or not np.isnan(rows).any():
        return rows
    complete = rows[~np.isnan(rows).any(axis=1)]
    return complete if len(complete) else None
