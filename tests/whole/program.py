"""Generates and fits in a process of its own, and prints what must never change: one digest."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from dask_gmm import GaussianMixtureModel, generate_gmm_data
from dask_gmm.data import blocks
from dask_gmm.mixture.covariance import family_of
from dask_gmm.passes.cluster import open_runner
from dask_gmm.passes.cluster_spec import ClusterSpec
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.generate import generate
from dask_gmm.workflows.requests import GenerateRequest


def digest_of(folder: Path, runner: Runner, families: list[str]) -> str:
    """Generate and fit with this runner; SHA-256 of the rows and of all fitted parameters."""
    data = folder / "data.zarr"
    request = GenerateRequest(data, 6_000, 5, 4, seed=3, chunk_rows=700, imbalance=3)
    generate(request, runner, Silent())
    group: Any = zarr.open_group(data, mode="r")
    total = hashlib.sha256(np.asarray(group["x"]).tobytes())
    for family in families:
        solver = "em" if family_of(family).factored else "fast"
        asked: dict[str, Any] = {"covariance": family, "n_init": 2, "tol": 1e-5, "solver": solver}
        result = fit(FitRequest(str(data), 4, folder / family, **asked), runner, Silent())
        for values in (result.model.weights, result.model.means, result.model.covariances):
            total.update(values.tobytes())
        total.update(np.array(result.model.log_likelihoods).tobytes())
    priors: dict[str, Any] = {"solver": "em", "bayesian": "dirichlet_process", "max_iter": 5}
    kept = fit(FitRequest(str(data), 6, folder / "bayesian", **priors), runner, Silent())
    assert kept.model.inference is not None
    posterior = kept.model.inference.posterior
    for values in (posterior.concentration, posterior.means, posterior.covariances):
        total.update(values.tobytes())
    background: dict[str, Any] = {"adapt": folder / families[0], "fixed": {"means": [0]}}
    for known in ({"prior": "mclust", "components": 4}, {**background, "components": None}):
        told = fit(
            FitRequest(str(data), out=folder / "told", overwrite=True, **known), runner, Silent()
        )
        for values in (told.model.weights, told.model.means, told.model.covariances):
            total.update(values.tobytes())
    return total.hexdigest()


def in_memory() -> str:
    """Draw and fit in memory where factors would have other bits with more BLAS threads."""
    generator = np.random.default_rng(0)
    factor = generator.standard_normal((130, 130))
    covariances = np.stack([np.round(factor @ factor.T, 6) + np.eye(130)] * 2)
    x = generate_gmm_data(3000, [0.5, 0.5], np.eye(2, 130), covariances, seed=1)
    model = GaussianMixtureModel(3, 2, reg_covar=1.0).fit(x)
    return hashlib.sha256(x.tobytes() + model.covariances.tobytes()).hexdigest()


def main(folder: Path, workers: str, families: list[str]) -> None:
    """Run once, with a leaf of rows in each chunk, and print the digests as JSON."""
    vars(blocks)["LEAF_BYTES"] = 1
    if workers.startswith("threads"):
        digest = digest_of(folder, ThreadRunner(int(workers[len("threads") :])), families)
    else:
        with open_runner(ClusterSpec(workers=int(workers))) as runner:
            digest = digest_of(folder, runner, families)
    sys.stdout.write(json.dumps([digest, in_memory()]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
