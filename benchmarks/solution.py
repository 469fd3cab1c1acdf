"""Seconds from rows in zarr to a fitted mixture, against scikit-learn with the rows in memory.

    python -m benchmarks.solution [--rows 1000000] [--features 8 16] [--components 4 16]
                                  [--kinds well moderate]

``fit`` is the whole command, start-up included. ``default`` is ``GaussianMixture(K).fit(x)``
alone, without start-up and reading. ``same gap`` is that run continued, with as many iterations as
it needs to come as near to its best known optimum as ``fit`` comes, at most ``--most``: they are
counted with our plain EM from the same start, whose iterates are the same, and multiplied by the
seconds that an iteration of scikit-learn took. Where it ends in a worse optimum, it never comes
there; what is missing then is said in statistical errors.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import zarr
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from benchmarks.passes import OVERLAPS, Array, rows_of
from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.fit_rows import fit_rows

# Iterations of scikit-learn that are timed.
TIMED: Final = 3


class Default(NamedTuple):
    """A run of scikit-learn: seconds, those of its start and of an iteration, log-likelihood."""

    seconds: float
    start: float
    each: float
    log_likelihood: float


def command(data: Path, out: Path, components: int) -> tuple[float, dict[str, Any]]:
    """Run ``dask-gmm fit``; give its seconds and its result."""
    program = [sys.executable, "-m", "dask_gmm", "fit", str(data), "--json", "--overwrite"]
    started = time.perf_counter()
    done = subprocess.run(
        [*program, "--components", str(components), "--out", str(out)],
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - started, json.loads(done.stdout)


def default(x: Array, components: int) -> Default:
    """Fit with scikit-learn's defaults, and time its k-means alone too."""
    short, longer = (
        _seconds(GaussianMixture(components, init_params="random_from_data", max_iter=n, tol=0), x)
        for n in (1, 1 + TIMED)
    )
    each = (longer - short) / TIMED
    model = GaussianMixture(components, random_state=0)
    seconds = _seconds(model, x)
    return Default(seconds, seconds - each * model.n_iter_, each, model.score(x))


def _seconds(model: GaussianMixture, x: Array) -> float:
    started = time.perf_counter()
    model.fit(x)
    return time.perf_counter() - started


def iterations_to(x: Array, components: int, wanted: float, most: int) -> tuple[int, float]:
    """Count iterations of EM until a log-likelihood is reached, and give the last one."""
    labels = KMeans(components, n_init=1, random_state=0).fit(x).labels_
    groups = [x[labels == k] for k in range(components)]
    start = Mixture.of(
        [len(each) / len(x) for each in groups],
        np.stack([each.mean(axis=0) for each in groups]),
        np.stack([np.cov(each.T, bias=True) + 1e-6 * np.eye(x.shape[1]) for each in groups]),
    )
    spec = Spec(components, start=start, tol=1e-13, max_iter=most)
    model = fit_rows(ArraySource.of(x), spec, 1, ThreadRunner(), Silent()).model
    reached = np.array(model.log_likelihoods)
    there = np.flatnonzero(reached >= wanted)
    return int(there[0]) if len(there) else most, float(reached[-1])


def compare(kind: str, features: int, components: int, rows: int, most: int) -> None:
    """Print a line."""
    x, _ = rows_of(kind, features, components, 0, rows)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "x.zarr"
        chunks = (2**25 // (8 * features), features)
        zarr.create_array(str(data), data=x, chunks=chunks)
        ours = min((command(data, Path(folder) / "run", components) for _ in range(2)), key=_first)
    theirs = default(x, components)
    seconds, result = ours
    wanted = result["log_likelihood"] - 0.1 * result["statistical_error"]
    needed, last = iterations_to(x, components, wanted, most)
    same = theirs.start + theirs.each * needed
    short = max((wanted - last) / result["statistical_error"], 0.0)
    gap = (result["log_likelihood"] - theirs.log_likelihood) / result["statistical_error"]
    print(
        f"{kind:13s} D={features:<3d} K={components:<3d} fit {seconds:6.1f} s  "
        f"default {theirs.seconds:7.1f} s ({theirs.seconds / seconds:5.1f}x, {gap:6.1f} below)  "
        f"same gap {same:8.1f} s ({same / seconds:6.1f}x, {needed} iterations"
        f"{f', still {short:.1f} below' if short else ''})",
        flush=True,
    )


def _first(pair: tuple[float, dict[str, Any]]) -> float:
    return pair[0]


def main() -> None:
    """Print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--components", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--kinds", nargs="+", default=["well", "moderate"], choices=OVERLAPS)
    parser.add_argument("--most", type=int, default=1000, help="iterations of a continued run")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for kind in arguments.kinds:
        for features in arguments.features:
            for components in arguments.components:
                compare(kind, features, components, arguments.rows, arguments.most)


if __name__ == "__main__":
    main()
