"""What a Bayesian fit ended with, kept beside the mixture that stands in its place."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from dask_gmm.data.groups import ArraySpec, documents, put_documents, read_written
from dask_gmm.data.plain import write_plain
from dask_gmm.errors import DataError
from dask_gmm.mixture.beliefs import Hyperparameters
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import as_float64, refuse_unusable
from dask_gmm.mixture.variational import Inference, Variational
from dask_gmm.objects.location import Location
from dask_gmm.records.kinds import POSTERIOR_GROUP

POSTERIOR: Final = "posterior.zarr"
VERSION: Final = 1
# Arrays by their names in the group, which are scikit-learn's.
OF_POSTERIOR: Final[Mapping[str, str]] = {
    "weight_concentration": "concentration",
    "mean_precision": "mean_precision",
    "means": "means",
    "degrees_of_freedom": "degrees_of_freedom",
    "covariances": "covariances",
}
OF_PRIOR: Final[Mapping[str, str]] = {"mean_prior": "mean", "covariance_prior": "covariance"}
NUMBERS: Final[Mapping[str, str]] = {
    "weight_concentration_prior": "concentration",
    "mean_precision_prior": "mean_precision",
    "degrees_of_freedom_prior": "degrees_of_freedom",
}


def write_posterior(inference: Inference, folder: Location) -> None:
    """Write what a fit ended with into a run folder in the making.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    posterior, prior = inference.posterior, inference.prior
    arrays = {name: getattr(posterior, field) for name, field in OF_POSTERIOR.items()}
    arrays |= {name: getattr(prior, field) for name, field in OF_PRIOR.items()}
    specs = {name: _spec(name, values) for name, values in arrays.items()}
    facts = {
        "format": POSTERIOR_GROUP.form,
        "version": VERSION,
        "covariance_type": posterior.covariance_type,
        "dirichlet_process": prior.process,
        **{name: getattr(prior, field) for name, field in NUMBERS.items()},
        "lower_bound": inference.lower_bound,
    }
    put_documents(folder / POSTERIOR, documents({"dask_gmm": facts}, tuple(specs.values())))
    for name, spec in specs.items():
        whole = arrays[name].reshape(spec.shape)
        write_plain(spec.path(folder / POSTERIOR, 0), [spec.chunk_of(whole)])


def _spec(name: str, values: Array) -> ArraySpec:
    shape = values.shape or (1,)
    axes = tuple(f"{name}_{axis}" for axis in range(len(shape)))
    return ArraySpec(name, shape, "float64", shape[0], axes)


def read_posterior(folder: Location) -> Inference | None:
    """Read what a run folder keeps; None if it is not that of a Bayesian fit.

    Raises
    ------
    DataError
        If it is damaged, or of another version.
    """
    path = folder / POSTERIOR
    if not path.exists():
        return None
    facts = POSTERIOR_GROUP.facts(path)
    if facts is None or facts.get("version") != VERSION:
        raise _unusable(path, "another kind of group, or of another version")
    try:
        arrays = {name: read_written(path, name) for name in (*OF_POSTERIOR, *OF_PRIOR)}
        return _inference(arrays, facts)
    except Exception as error:
        raise _unusable(path, f"none that can be read ({error})") from error


def _inference(arrays: dict[str, Array], facts: Mapping[str, Any]) -> Inference:
    name, process = str(facts["covariance_type"]), facts["dirichlet_process"] is True
    n_components, n_features = arrays["means"].shape
    shapes = _shapes(name, process, n_components, n_features)
    found = {key: as_float64(values.reshape(shapes[key])) for key, values in arrays.items()}
    prior = {NUMBERS[key]: float(facts[key]) for key in NUMBERS}
    posterior = {OF_POSTERIOR[key]: found[key] for key in OF_POSTERIOR}
    known = Hyperparameters(
        process=process, mean=found["mean_prior"], covariance=found["covariance_prior"], **prior
    )
    inferred = Variational(**posterior, covariance_type=name)
    refuse_unusable(inferred.mixture)
    return Inference(inferred, known, float(facts["lower_bound"]))


def _shapes(
    covariance_type: str, process: bool, n_components: int, n_features: int
) -> dict[str, tuple[int, ...]]:
    family = family_of(covariance_type)
    return {
        "weight_concentration": (2, n_components) if process else (n_components,),
        "mean_precision": (n_components,),
        "means": (n_components, n_features),
        "degrees_of_freedom": () if family.shared else (n_components,),
        "covariances": family.shape(n_components, n_features),
        "mean_prior": (n_features,),
        "covariance_prior": family.seen(np.eye(n_features)).shape,
    }


def _unusable(path: Location, found: str) -> DataError:
    return DataError(
        f"Wanted the posterior that a Bayesian fit kept in {path}; found {found}. Restore it from "
        f"a copy, or fit again; {path.parent} holds a mixture that does without."
    )
