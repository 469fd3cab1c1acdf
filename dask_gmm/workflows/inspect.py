"""Say on one page what lies at a path: an array, a group, a table, a model or a run folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from dask_gmm.checks import number_or_none
from dask_gmm.data.open import arrays_to_choose, columns_to_choose, open_source
from dask_gmm.data.parquet_columns import NUMBERS
from dask_gmm.data.parquet_source import ParquetSource
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import DataError, InputError, kind_of_data_error
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.mixture.model import Mixture
from dask_gmm.objects.location import Location
from dask_gmm.records.kinds import INGESTED, MODEL_GROUP
from dask_gmm.records.model_file import load_model
from dask_gmm.records.run_folder import MANIFEST, MODEL, read_history, read_manifest
from dask_gmm.workflows.text import mixture_table

DETECTION: Final = ("absent chunks", "truncated chunks", "flipped bits", "swapped chunks")
# What the manifest of a run calls facts about weights and labels, and what they are called here.
BESIDE: Final = {
    "weights": "weights of rows",
    "sum_of_weights": "sum of weights",
    "rows_without_weight": "rows without weight",
    "labels": "labels",
    "labeled_rows": "labeled rows",
    "sum_of_labeled": "sum of weights of labeled rows",
}
# Whether pages have checksums is said by the pages alone.
SEEN_IN_PARQUET: Final = ("truncated files", "flipped bits in pages with checksums")
UNSEEN_IN_PARQUET: Final = (
    "absent files of a folder",
    "flipped bits in pages without checksums",
    "swapped files",
)


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What lies at a path.

    Parameters
    ----------
    kind : {"array", "group", "parquet", "model", "run"}
    path : Path or Address
    facts : mapping
        Facts by name, as JSON values.
    mixture : Mixture, optional
        The mixture, where there is one.
    """

    kind: str
    path: Location
    facts: Mapping[str, Any]
    mixture: Mixture | None = None

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {"kind": self.kind, "path": str(self.path), **self.facts}

    def to_text(self) -> str:
        """Give it as plain text, a fact per line, then the components."""
        width = max(map(len, self.facts))
        lines = [f"{name.ljust(width)}  {_shown(value)}" for name, value in self.facts.items()]
        heading = f"{self.kind} {self.path}"
        components = [] if self.mixture is None else ["", mixture_table(self.mixture)]
        return "\n".join([heading, "", *lines, *components])


def inspect(path: Location) -> Report:
    """Say what lies at a path; rows are not read.

    Parameters
    ----------
    path : Path or Address
        A zarr array, a group with one, parquet files, a model, or a run folder. Of a group with
        several arrays, none of which is ``x``, these are listed.

    Raises
    ------
    InputError
        If there is nothing of the kind.
    DataError
        If it is damaged, as far as can be told without reading rows.
    """
    if _is_run(path):
        return _run(path)
    if MODEL_GROUP.is_at(path):
        model = load_model(path)
        return Report("model", path, _model_facts(model), model.mixture)
    if columns := columns_to_choose(path):
        return _parquet(path, columns)
    if arrays := arrays_to_choose(path):
        return Report("group", path, {"arrays": arrays})
    return _array(path)


def _is_run(path: Location) -> bool:
    try:
        return (path / MANIFEST).is_file()
    except OSError as error:
        raise kind_of_data_error(error)(
            f"Wanted a place that can be looked at, but of {path} the system says "
            f'"{error.strerror or error}". See that it can be read, and run again.'
        ) from error


def _array(path: Location) -> Report:
    source = open_source(str(path), missing_chunks="fill")
    if not isinstance(source, ZarrSource):
        raise InputError(f"Wanted a zarr array, model or run folder at {path}; found another kind.")
    form = source.chunks.format
    detects = replace(source.chunks, missing_chunks="error").detects
    caught = (detects.absence, detects.truncation, detects.flips, detects.swaps)
    absent = source.check_present()
    facts = {
        "array": source.name,
        "rows": source.layout.rows,
        "columns": source.n_features,
        "type": str(form.dtype),
        "bytes": form.shape[0] * form.shape[1] * form.dtype.itemsize,
        "chunk": list(form.chunk),
        "chunks": int(np.prod(form.counts)),
        "absent chunks": absent,
        "codecs": list(form.codecs),
        "leaves": len(source.layout),
        "bytes to read, per thread": source.task_bytes(),
        "digests stored": source.verified,
        "damage that reading detects": [
            name for name, seen in zip(DETECTION, caught, strict=True) if seen
        ],
        "damage that passes unseen": [
            name for name, seen in zip(DETECTION, caught, strict=True) if not seen
        ],
    }
    return Report("array", path, {**facts, **_ingested(path)})


def _ingested(path: Location) -> dict[str, Any]:
    """Say what is known of rows that were ingested: their source, columns and standardization."""
    found = INGESTED.facts(path)
    if found is None:
        return {}
    try:
        source, names, scaling = found["source"], found["columns"], found["standardization"]
        told = {"source": source["path"], "source format": source["format"]}
        told |= {"column names": names, "standardized": scaling is not None}
        return (
            told
            if scaling is None
            else {
                **told,
                "mean subtracted": scaling["mean"],
                "divided by": scaling["scale"],
            }
        )
    except (KeyError, TypeError) as error:
        raise DataError(
            f"Wanted attributes of {path} as ingest writes them; found others "
            f"({type(error).__name__}: {error}). Restore them from a copy, or ingest it again."
        ) from error


def _parquet(path: Location, columns: Mapping[str, str]) -> Report:
    usable = [name for name, kind in columns.items() if kind in NUMBERS]
    source = open_source(str(path), columns=usable or None)
    assert isinstance(source, ParquetSource)
    groups = source.strict.groups
    facts = {
        "parquet": source.name,
        "files": len(groups.files),
        "rows": source.layout.rows,
        "columns": len(columns),
        "columns of numbers": source.n_features,
        "types": dict(columns),
        "type": str(source.dtype),
        "bytes": source.layout.rows * source.n_features * source.dtype.itemsize,
        "row groups": len(groups),
        "rows of the largest row group": int(np.diff(groups.edges).max()),
        "codecs": sorted({name.lower() for each in groups.files for name in each.codecs}),
        "leaves": len(source.layout),
        "bytes to read, per thread": source.task_bytes(),
        "digests stored": False,
        "damage that reading detects": list(SEEN_IN_PARQUET),
        "damage that passes unseen": list(UNSEEN_IN_PARQUET),
    }
    return Report("parquet", source.home, facts)


def _run(path: Location) -> Report:
    manifest, history = read_manifest(path), read_history(path)
    model = load_model(path / MODEL)
    try:
        return Report("run", path, _run_facts(manifest, history, model), model.mixture)
    except (KeyError, TypeError) as error:
        raise DataError(
            f"Wanted a {MANIFEST} and a history as a run writes them in {path}; found others "
            f"({type(error).__name__}: {error}). Restore them from a copy, or run it again."
        ) from error


def _run_facts(
    manifest: Mapping[str, Any], history: Sequence[Mapping[str, Any]], model: FittedMixture
) -> dict[str, Any]:
    seconds = sum(record["seconds"] for record in history)
    rows = model.rows if model.rows_read is None else model.rows_read
    return {
        "data": manifest["data"]["name"],
        "started": manifest["started"],
        "ended": manifest["ended"],
        "passes": manifest["passes"],
        "seconds in passes": round(seconds, 3),
        "rows per second": round(len(history) * rows / max(seconds, 1e-9)),
        **_model_facts(model),
        "warnings": manifest["warnings"],
        "missing, as a share of each column": manifest["data"]["missing"],
        **_beside(manifest["data"]),
        "fingerprint of the data": manifest["data"]["fingerprint"],
        "machines": manifest["machines"],
        "versions": manifest["versions"],
    }


def _beside(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Say what the manifest of a run does of weights and labels."""
    return {said: facts[name] for name, said in BESIDE.items() if name in facts}


def _model_facts(model: FittedMixture) -> dict[str, Any]:
    return {
        "covariance": model.mixture.covariance_type,
        "components": model.mixture.n_components,
        "columns": model.mixture.n_features,
        "rows": model.rows,
        **({} if model.mass is None else {"sum of weights": model.mass}),
        "converged": model.converged,
        "reason": model.reason,
        "iterations": model.n_iter,
        "incremental": model.incremental,
        "rows read": model.rows if model.rows_read is None else model.rows_read,
        "log-likelihood, nats per row": number_or_none(model.log_likelihood),
        "gain of the last iteration": _last_gain(model),
        "AIC": number_or_none(round(model.aic, 3)),
        "BIC": number_or_none(round(model.bic, 3)),
        "repairs": [f"iteration {number}: {text}" for number, text in model.repairs],
    }


def _last_gain(model: FittedMixture) -> float | None:
    values = model.log_likelihoods
    return number_or_none(values[-1] - values[-2]) if len(values) > 1 else None


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.3f}" if abs(value) >= 1000 else f"{value:.8g}"
        case [] | None:
            return "none"
        case list():
            return ", ".join(map(_shown, value))
        case dict():
            return ", ".join(f"{name} {text}" for name, text in value.items())
        case _:
            return str(value)
