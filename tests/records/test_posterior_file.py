"""The posterior kept beside a mixture: the same one again, whole or not at all."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from dask_gmm.errors import DataError
from dask_gmm.mixture.beliefs import WEIGHT_PRIORS, Beliefs
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import summarize
from dask_gmm.mixture.variational import Inference, started_at
from dask_gmm.records.posterior_file import POSTERIOR, read_posterior, write_posterior
from tests.mixture.examples import FAMILY_NAMES
from tests.records.stored import differences


def inference(family: str, kind: str = WEIGHT_PRIORS[0]) -> Inference:
    rows = np.random.default_rng(0).standard_normal((50, 3))
    summary = summarize(rows)
    prior = Beliefs(kind).known(summary, np.zeros(3), family_of(family), 4)
    mixture = Mixture.like(4, family, np.ones(3)).moved(rows[0])
    return Inference(started_at(mixture, summary, prior).posterior, prior, -12.5)


@pytest.mark.parametrize("kind", WEIGHT_PRIORS)
@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_posterior_comes_back_to_the_same_bytes(tmp_path: Path, family: str, kind: str) -> None:
    known = inference(family, kind)
    write_posterior(known, tmp_path)
    found = read_posterior(tmp_path)
    assert list(differences(found, known)) == []
    group: Any = zarr.open_group(tmp_path / POSTERIOR, mode="r")
    np.testing.assert_array_equal(np.asarray(group["means"]), known.posterior.means)
    assert dict(group.attrs)["dask_gmm"]["lower_bound"] == -12.5


def test_a_folder_without_a_posterior_has_none(tmp_path: Path) -> None:
    assert read_posterior(tmp_path) is None


@pytest.mark.parametrize("name", ["means", "weight_concentration", "covariance_prior"])
def test_damaged_ones_are_refused(tmp_path: Path, name: str) -> None:
    write_posterior(inference("full"), tmp_path)
    (chunk,) = (each for each in (tmp_path / POSTERIOR / name / "c").rglob("*") if each.is_file())
    stored = chunk.read_bytes()
    for damaged in (b"", stored[:-1], bytes([stored[0] ^ 1]) + stored[1:]):
        chunk.write_bytes(damaged)
        with pytest.raises(DataError, match="Wanted the posterior"):
            read_posterior(tmp_path)
    chunk.unlink()
    with pytest.raises(DataError, match="is missing"):
        read_posterior(tmp_path)


def test_another_version_another_family_and_no_mixture_are_refused(tmp_path: Path) -> None:
    document = tmp_path / POSTERIOR / "zarr.json"
    write_posterior(inference("full"), tmp_path)
    facts = json.loads(document.read_text())
    for name, value in (("version", 2), ("covariance_type", "diag"), ("dirichlet_process", False)):
        changed = json.loads(document.read_text())
        changed["attributes"]["dask_gmm"][name] = value
        document.write_text(json.dumps(changed))
        with pytest.raises(DataError, match="Wanted the posterior"):
            read_posterior(tmp_path)
        document.write_text(json.dumps(facts))
    known = inference("full")
    negative = replace(known.posterior, covariances=-known.posterior.covariances)
    write_posterior(replace(known, posterior=negative), tmp_path / "negative")
    with pytest.raises(DataError, match="positive definite"):
        read_posterior(tmp_path / "negative")
