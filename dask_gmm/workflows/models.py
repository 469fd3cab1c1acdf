"""A model by its path, its density, and what it knows of the rows that it was fitted to."""

from dataclasses import replace
from pathlib import Path

from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.fitting.sample import Sample
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.quantiles import DensityQuantiles
from dask_gmm.outputs.wanted import LOG_DENSITY, Wanted
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.records.kinds import RUN_FOLDER
from dask_gmm.records.model_file import load_model
from dask_gmm.records.run_folder import MODEL
from dask_gmm.workflows.describe import density_of, describe_rows


def model_at(path: Path) -> FittedMixture:
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
    described = describe_rows(ArraySource.of(sample.rows), density, wanted, ThreadRunner())
    return replace(model, quantiles=DensityQuantiles.of(described[LOG_DENSITY]))
