"""A fitted mixture as a zarr group: arrays and JSON, readable without this package."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import zarr
from zarr.abc.buffer import Buffer
from zarr.codecs import Crc32cCodec
from zarr.storage import MemoryStore

from dask_gmm.checks import number, number_or_none, whole
from dask_gmm.data.address_store import zarr_store
from dask_gmm.errors import DataError, kind_of_any, output_errors
from dask_gmm.fitting.members import Evaluation
from dask_gmm.fitting.quantiles import DensityQuantiles
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture, refuse_unusable
from dask_gmm.objects.either import remove, remove_quietly
from dask_gmm.objects.location import Location, location
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.records.kinds import MODEL_GROUP
from dask_gmm.records.publish import aside, publish, refuse_existing

KEY: Final = "dask_gmm"
VERSION: Final = 1
# The sum of the weights of the rows, where that is not their number.
MASS: Final = "mass"
DIMENSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "weights": ("component",),
    "means": ("component", "feature"),
    "log_likelihoods": ("pass",),
}


def save_model(
    model: FittedMixture,
    path: str | Location,
    *,
    provenance: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a fitted mixture as a zarr group; the group appears when it is whole.

    Parameters
    ----------
    model : FittedMixture
    path : str or Path
        The group, such as "model.zarr".
    provenance : mapping, optional
        JSON values to keep beside it: settings, versions, the data's fingerprint.
    overwrite : bool, default False
        Whether to replace a model, or an empty folder, that is there.

    Raises
    ------
    OutputExistsError
        If there is something and ``overwrite`` is false, or it is of another kind.
    OutputError
        If it cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> import zarr
    >>> from dask_gmm import GaussianMixtureModel, save_model
    >>> rows = np.random.default_rng(0).normal(size=(200, 2))
    >>> fitted = GaussianMixtureModel(num_components=1).fit(rows).result
    >>> save_model(fitted, "model.zarr")
    >>> zarr.open_group("model.zarr", mode="r")["means"].shape
    (1, 2)
    """
    path = location(path)
    refuse_existing(path, overwrite, MODEL_GROUP)
    wip = aside(path)
    try:
        with output_errors(path):
            write_model(model, wip, provenance or {})
        publish(wip, path, overwrite, MODEL_GROUP)
    except BaseException:
        remove_quietly(wip)
        raise


def write_model(model: FittedMixture, path: Location, provenance: Mapping[str, Any]) -> None:
    """Write the group in its place, replacing what is there; for a folder that is not published.

    Zarr writes to memory, and that goes to its place file by file: of several files that it writes
    at once, some would still come after one had failed. What says that it is a model comes last.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    remove(path, last=MODEL_GROUP.document)
    stored = _stored(model, provenance)
    for key in sorted(stored, key=lambda each: each == MODEL_GROUP.document):
        file = path / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(stored[key].to_bytes())


def _stored(model: FittedMixture, provenance: Mapping[str, Any]) -> dict[str, Buffer]:
    stored: dict[str, Buffer] = {}
    attributes = {KEY: {**_facts(model), "provenance": dict(provenance)}}
    group = zarr.create_group(MemoryStore(stored), attributes=attributes, zarr_format=3)
    for name, values in _arrays(model).items():
        array = group.create_array(
            name,
            shape=values.shape,
            chunks=values.shape,
            dtype=values.dtype,
            compressors=[Crc32cCodec()],
            fill_value=np.nan,
            dimension_names=_dimensions(model, name),
            config={"write_empty_chunks": True},
        )
        array[...] = values
    return stored


def load_model(path: str | Location) -> FittedMixture:
    """Read a fitted mixture from the zarr group that `save_model` wrote.

    Raises
    ------
    InputError
        If the path is an address of an unknown kind.
    DataError
        If there is no model, or it is of another version, incomplete or damaged.

    Examples
    --------
    >>> import numpy as np
    >>> from dask_gmm import GaussianMixtureModel, load_model
    >>> rows = np.random.default_rng(0).normal(size=(200, 2))
    >>> model = GaussianMixtureModel(num_components=1).fit(rows)
    >>> model.save("model.zarr")
    >>> np.array_equal(load_model("model.zarr").means, model.means)
    True
    """
    path = location(path)
    facts = model_facts(path)
    names = ("weights", "means", "covariances", "log_likelihoods")
    arrays = {name: _read(path, name) for name in names}
    try:
        return _fitted(arrays, facts)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{_wanted(path)}; found contents of no such model ({_said(error)}). Restore the "
            "model from a copy, or fit it again."
        ) from error


def _fitted(arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> FittedMixture:
    mixture = Mixture.of(
        arrays["weights"], arrays["means"], arrays["covariances"], facts["covariance_type"]
    )
    refuse_unusable(mixture)
    history = tuple(
        Evaluation(float(value), str(precision), tuple(map(str, repairs)), kept is True, objective)
        for value, precision, repairs, kept, objective in zip(
            arrays["log_likelihoods"],
            facts["precisions"],
            facts["repairs"],
            facts["kept"],
            _objectives(facts),
            strict=True,
        )
    )
    if not any(each.kept for each in history):
        raise ValueError("no log-likelihood of parameters that were kept")
    rows, reason = whole("rows", facts["rows"], 1), str(facts["reason"])
    quantiles = DensityQuantiles.from_json(facts)
    converged, read = facts["converged"] is True, facts.get("rows_read")
    return FittedMixture(
        mixture,
        history,
        converged,
        reason,
        rows,
        quantiles=quantiles,
        rows_read=None if read is None else whole("rows_read", read, 0),
        n_fixed=whole("n_fixed", facts.get("n_fixed", 0), 0),
        mass=_mass(facts),
    )


def _objectives(facts: Mapping[str, Any]) -> list[float | None]:
    """What was maximized in each pass; models of before do not say."""
    found = facts.get("objectives", [None] * len(facts["kept"]))
    return [None if each is None else float(each) for each in found]


def _mass(facts: Mapping[str, Any]) -> float | None:
    if MASS not in facts:
        return None
    number(MASS, facts[MASS], 0.0, above=True)
    return float(facts[MASS])


def _said(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def model_facts(path: str | Location) -> dict[str, Any]:
    """Read what is said of a model beside its arrays.

    Raises
    ------
    DataError
        If there is no model of a known version.
    """
    try:
        facts = dict(zarr.open_group(zarr_store(location(path)), mode="r").attrs).get(KEY)
    except Exception as error:
        raise kind_of_any(error)(
            f"{_wanted(path)}; found none ({error}). Check the path."
        ) from error
    if not isinstance(facts, dict) or facts.get("format") != "model":
        raise DataError(f"{_wanted(path)}; found a zarr group of another kind. Check the path.")
    if facts.get("version") != VERSION:
        raise DataError(
            f"{_wanted(path)} of version {VERSION}; found version {facts.get('version')!r}. "
            "Read it with the release that wrote it."
        )
    return facts


def _facts(model: FittedMixture) -> dict[str, Any]:
    return {
        "format": "model",
        "version": VERSION,
        "covariance_type": model.mixture.covariance_type,
        "converged": model.converged,
        "reason": model.reason,
        "rows": model.rows,
        **({} if model.mass is None else {MASS: model.mass}),
        "n_iter": model.n_iter,
        "log_likelihood": number_or_none(model.log_likelihood),
        "incremental": model.incremental,
        "rows_read": model.rows_read,
        "precisions": [each.precision for each in model.history],
        "repairs": [list(each.repairs) for each in model.history],
        "kept": [each.kept for each in model.history],
        "objectives": [each.objective for each in model.history],
        "n_fixed": model.n_fixed,
        **(model.quantiles.to_json() if model.quantiles else {}),
    }


def _arrays(model: FittedMixture) -> dict[str, Array]:
    with ONE_THREAD:
        precisions = model.precisions
    return {
        "weights": model.weights,
        "means": model.means,
        "covariances": model.covariances,
        "precisions": precisions,
        "log_likelihoods": np.array(model.log_likelihoods),
    }


def _dimensions(model: FittedMixture, name: str) -> tuple[str, ...]:
    return DIMENSIONS.get(name, model.mixture.family.dimensions)


def _read(path: Location, name: str) -> Array:
    try:
        array = zarr.open_array(zarr_store(path / name), mode="r")
        missing = not path.joinpath(name, "c", *("0" for _ in array.shape)).is_file()
        values = np.asarray(array[...], dtype=np.float64)
    except Exception as error:
        raise kind_of_any(error)(
            f"Wanted the array {name!r} of the model {path}; found it missing or damaged "
            f"({error}). Restore the model from a copy, or fit it again."
        ) from error
    if missing:
        raise DataError(
            f"Wanted the array {name!r} of the model {path}; found its chunk missing. Restore "
            "the model from a copy, or fit it again."
        )
    return values


def _wanted(path: str | Location) -> str:
    return f"Wanted a model written by save_model at {path}"
