"""A model by its path, its density, and what it knows of the rows that it was fitted to."""

from dataclasses import dataclass, replace

import numpy as np

from dask_gmm.data.array_source import ArraySource
from dask_gmm.errors import InputError
from dask_gmm.fitting.bounds import name_of
from dask_gmm.fitting.quantiles import FEWEST_BELOW, DensityQuantiles
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.fitting.sample import Sample
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.model import Mixture
from dask_gmm.objects.location import Location, location
from dask_gmm.outputs.wanted import LOG_DENSITY, Wanted
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.records.kinds import RUN_FOLDER
from dask_gmm.records.model_file import load_model
from dask_gmm.records.run_folder import MODEL
from dask_gmm.workflows.describe import density_of, describe_rows


@dataclass(frozen=True, slots=True, eq=False)
class KnownModel:
    """A model, and where it was read.

    Parameters
    ----------
    path : Path or Address
        Of the model, or of its run folder.
    model : FittedMixture
    """

    path: Location
    model: FittedMixture

    def quantile(self, share: float) -> float:
        """Give a quantile of the log densities of the rows that it was fitted to, in nats.

        Raises
        ------
        InputError
            If it is not known.
        """
        quantiles = self.model.quantiles
        if quantiles is None:
            raise InputError(
                f"Wanted a model that knows the quantiles of its rows' log densities, found none "
                f"in {self.path}. Models of the commands fit and select have them: fit it again, "
                "or leave the quantile out."
            )
        value = quantiles.at(share)
        if value is None:
            known = ", ".join(name for name, each in quantiles.values.items() if each is not None)
            raise InputError(
                f"Wanted a quantile with at least {FEWEST_BELOW} rows below it, found fewer below "
                f"{name_of(share)} of the {quantiles.rows:,} rows that {self.path} was measured "
                f"at. Choose another one ({known or 'it has none'})."
            )
        return value


def known_model(path: str | Location) -> KnownModel:
    """Read a model, or that of a run folder.

    Raises
    ------
    InputError
        If the path is an address of an unknown kind.
    DataError
        If there is none, or it is damaged.
    """
    place = location(path)
    return KnownModel(place, model_at(place))


def model_at(path: Location) -> FittedMixture:
    """Read a model, or that of a run folder.

    Raises
    ------
    DataError
        If there is none, or it is damaged.
    """
    return load_model(path / MODEL if RUN_FOLDER.is_at(path) else path)


def density_of_mixture(mixture: Mixture) -> JointDensity:
    """Prepare a mixture for rows that it was not fitted to; see `density_of`."""
    with ONE_THREAD:
        factors = mixture.precisions_cholesky
    return density_of(mixture.weights, mixture.means, factors, mixture.covariance_type)


def with_quantiles(model: FittedMixture, sample: Sample) -> FittedMixture:
    """Give a model the quantiles of the log densities of a sample of the rows it was fitted to."""
    density, wanted = density_of_mixture(model.mixture), Wanted(log_density=True)
    source, missing = ArraySource.of(sample.rows), bool(np.isnan(sample.rows).any())
    described = describe_rows(source, density, wanted, ThreadRunner(), missing=missing)
    quantiles = DensityQuantiles.of(described[LOG_DENSITY], sample.counts)
    return replace(model, quantiles=quantiles)
