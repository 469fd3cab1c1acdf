"""A fitted mixture as a labeled data set, or in another estimator."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from dask_gmm.errors import InputError
from dask_gmm.extras import extra
from dask_gmm.mixture.family import CovarianceFamily
from dask_gmm.mixture.model import Mixture

if TYPE_CHECKING:
    import xarray

# The second axis of a matrix needs a name of its own.
ACROSS: Final = "feature_2"

FITTED: Final = (
    "weights_init",
    "means_init",
    "precisions_init",
    "weights_",
    "means_",
    "covariances_",
    "precisions_",
    "precisions_cholesky_",
    "converged_",
    "n_iter_",
    "lower_bound_",
    "lower_bounds_",
    "weight_concentration_",
    "mean_precision_",
    "degrees_of_freedom_",
    "weight_concentration_prior_",
    "mean_precision_prior_",
    "mean_prior_",
    "degrees_of_freedom_prior_",
    "covariance_prior_",
    "n_features_in_",
    "feature_names_in_",
)


def mixture_dataset(
    mixture: Mixture, feature_names: Sequence[str] | None = None
) -> "xarray.Dataset":
    """Give the parameters of a mixture as an xarray.Dataset.

    Parameters
    ----------
    mixture : Mixture
    feature_names : sequence of str, optional
        Names of the columns; by default they are numbered.

    Returns
    -------
    xarray.Dataset
        Variables ``weights``, ``means``, ``covariances`` and ``precisions``, the latter two in the
        shape of the family; coordinates ``component``, ``feature`` and, of matrices,
        ``feature_2``, or ``noise_and_factor`` of a family of factors; the attribute
        ``covariance_type``.

    Raises
    ------
    InputError
        If there is not one name for each column.
    MissingExtraError
        If xarray is not installed.
    """
    features = list(range(mixture.n_features) if feature_names is None else feature_names)
    if len(features) != mixture.n_features:
        raise InputError(
            f"Wanted one name for each of the {mixture.n_features} columns of the mixture, found "
            f"{len(features)} in feature_names. Give as many, or leave them out."
        )
    of_covariances = mixture.family.dimensions
    across = {ACROSS: features} if ACROSS in of_covariances else {}
    dataset: xarray.Dataset = extra("xarray", "xarray").Dataset(
        {
            "weights": ("component", mixture.weights),
            "means": (("component", "feature"), mixture.means),
            "covariances": (of_covariances, mixture.covariances),
            "precisions": (of_covariances, mixture.precisions),
        },
        coords={"component": range(mixture.n_components), "feature": features, **across},
        attrs={"covariance_type": mixture.covariance_type},
    )
    return dataset


def refuse_unknown(family: CovarianceFamily) -> None:
    """Refuse covariances that scikit-learn does not know.

    Raises
    ------
    InputError
    """
    if family.factored:
        raise InputError(
            f"Wanted covariances that scikit-learn knows, found {family.name}. Go on with this "
            "estimator."
        )


def with_fitted(made: Any, model: Any) -> Any:
    """Give an estimator what another was given and has fitted, as far as it has it, in copies."""
    for name in FITTED:
        if hasattr(model, name):
            setattr(made, name, copy.deepcopy(getattr(model, name)))
    return made
