"""New rows are described as well as those of the fit, unless they have drifted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from distributed import Client

from dask_gmm import GaussianMixtureModel, load_model
from dask_gmm.errors import DataError, DriftError, InputError
from dask_gmm.passes.cost import Reading
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import MODEL, read_manifest
from dask_gmm.workflows.row_requests import ScoreRequest
from dask_gmm.workflows.score import ScoreResult, score
from tests.workflows.asking import FITTED, FRESH, K, drawn, reference, scored
from tests.workflows.asking import fresh as fresh
from tests.workflows.asking import run as run
from tests.workflows.predicting import Forbidden


def told(result: ScoreResult) -> dict[str, Any]:
    """Give all but the seconds."""
    return {name: each for name, each in result.to_json().items() if name != "seconds"}


def test_it_is_what_scikit_learn_says(run: Path, fresh: Path) -> None:
    found, model = told(scored(fresh, run)), reference(run)
    values, manifest = model.score_samples(FRESH), read_manifest(run)
    bound = manifest["log_density_quantiles"]["0.001"]
    assert found["rows"] == len(FRESH)
    assert found["log_likelihood"] == pytest.approx(values.mean(), rel=1e-10)
    assert found["standard_error"] == pytest.approx(values.std(ddof=1) / len(FRESH) ** 0.5)
    assert found["log_likelihood_of_fit"] == manifest["log_likelihood"]
    assert found["difference"] == pytest.approx(values.mean() - manifest["log_likelihood"])
    assert found["weights"] == load_model(run / MODEL).weights.tolist()
    np.testing.assert_allclose(found["shares"], model.predict_proba(FRESH).mean(axis=0))
    rows = int(np.sum(values < bound))
    share = rows / len(FRESH)
    wanted = {"quantile": 0.001, "log_density": bound, "rows": rows, "share": share}
    assert found["below_quantile"] == wanted
    assert (found["rows_of_fit"], found["fail_below"], found["drifted"]) == (12_000, None, False)


def test_the_rows_of_the_fit_differ_by_rounding(run: Path) -> None:
    assert abs(scored(FITTED, run).examined.mean) < 1e-12


@pytest.mark.usefixtures("small_leaves")
def test_all_is_the_same_from_any_threads_and_workers(
    run: Path, fresh: Path, client: Client
) -> None:
    one, two = (told(scored(fresh, run, threads)) for threads in (1, 2))
    request = ScoreRequest(fresh, run)
    assert one == two == told(score(request, DistributedRunner(client), Silent()))


def test_one_reading_is_made(run: Path, fresh: Path) -> None:
    class Counting(ThreadRunner):
        passes = 0

        def run(self, *args: Any) -> Reading:
            self.passes += 1
            return super().run(*args)

    runner = Counting(1)
    score(ScoreRequest(fresh, run), runner, Silent())
    assert runner.passes == 1


def test_fresh_rows_of_the_same_mixture_have_not_drifted(run: Path, fresh: Path) -> None:
    result = scored(fresh, run, fail_below=0.05)
    error = result.examined.standard_error
    assert error is not None
    assert abs(result.examined.mean) < 4 * error < 0.05
    assert not result.drifted
    assert result.share_below < 0.003


SHIFTED = {
    "moved": FRESH + 1.0,
    "wider": 1.5 * FRESH,
    "of one component": drawn(5_000, 2, first=0.0),
}


@pytest.mark.parametrize("kind", SHIFTED)
def test_other_rows_have_drifted(run: Path, kind: str) -> None:
    with pytest.raises(DriftError, match=r"Wanted a log-likelihood at most 0.05 nats") as caught:
        scored(SHIFTED[kind], run, fail_below=0.05)
    found = caught.value.result
    assert isinstance(found, ScoreResult)
    assert found.drifted
    assert found.to_json()["drifted"] is True
    assert found.examined.mean < -0.05
    scored(SHIFTED[kind], run, fail_below=found.examined.mean * -1.01)
    assert not scored(SHIFTED[kind], run).drifted
    if kind == "of one component":
        assert sorted(found.shares) == pytest.approx([0, 1], abs=0.01)
    else:
        assert found.share_below > 0.005


def test_the_quantile_decides_which_rows_are_counted(run: Path, fresh: Path) -> None:
    rare = scored(fresh, run, against_quantile=0.001)
    usual = scored(fresh, run, against_quantile=0.05)
    assert told(rare) == told(scored(fresh, run))
    assert rare.share_below < usual.share_below == pytest.approx(0.05, abs=0.01)


def test_rows_columns_and_array_are_chosen(run: Path, fresh: Path) -> None:
    some = scored(fresh, run, rows=slice(0, 1000), columns=(2, 1, 0), array="x")
    wanted = reference(run).score(FRESH[:1000, ::-1])
    assert some.log_likelihood == pytest.approx(wanted, rel=1e-10)


def test_the_array_is_the_one_that_is_named(run: Path, tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "g", mode="w")
    for name, rows in {"x": FRESH, "y": FRESH[:, ::-1]}.items():
        array = group.create_array(name, shape=rows.shape, chunks=(1000, 3), dtype="f8")
        array[...] = rows
    group.create_array("z", shape=(9,), dtype="f8")
    usual, named = scored(group, run), scored(group, run, array="y")
    assert usual.log_likelihood == pytest.approx(reference(run).score(FRESH), rel=1e-10)
    assert named.log_likelihood == pytest.approx(reference(run).score(FRESH[:, ::-1]), rel=1e-10)
    assert usual.log_likelihood != named.log_likelihood


def test_chunks_that_are_not_stored_are_refused_or_hold_the_fill_value(
    run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "x.zarr"
    array = zarr.create_array(path, shape=(4000, 3), chunks=(1000, 3), dtype="f8")
    array[...] = FRESH[:4000]
    (path / "c" / "2" / "0").unlink()
    with pytest.raises(DataError, match=r"c/2/0"):
        scored(path, run)
    filled = np.concatenate([FRESH[:2000], np.zeros((1000, 3)), FRESH[3000:4000]])
    found = scored(path, run, missing_chunks="fill")
    assert found.log_likelihood == pytest.approx(reference(run).score(filled), rel=1e-10)


def test_a_model_without_quantiles_says_nothing_of_them(fresh: Path, tmp_path: Path) -> None:
    GaussianMixtureModel(K, 3).fit(FITTED).save(tmp_path / "model")
    result = scored(fresh, tmp_path / "model")
    assert result.to_json()["below_quantile"] is None
    assert "quantile" not in result.to_text()
    with pytest.raises(InputError, match="knows the quantiles"):
        scored(fresh, tmp_path / "model", against_quantile=0.001)


def test_it_is_told_in_text_and_json(run: Path, fresh: Path) -> None:
    result = scored(fresh, run)
    text = result.to_text()
    assert f"log-likelihood {result.log_likelihood:.6f} nats per row, standard error" in text
    assert f"that of the fit {result.of_fit:.6f}, difference {result.examined.mean:+.6f}" in text
    assert "below the 0.001 quantile of the rows of the fit" in text
    assert text.splitlines()[-2].split()[0] == "0"
    assert json.loads(json.dumps(result.to_json()))["shares"] == result.shares


def test_a_single_row_is_scored(run: Path) -> None:
    result = scored(FRESH[:1], run)
    assert result.to_json()["standard_error"] is None
    assert "standard error" not in result.to_text()


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"against_quantile": 0.3}, "one of 0.0001, 0.001, 0.01, 0.05, 0.5.* found 0.3"),
    ({"against_quantile": 0.0001}, "fewer below 0.0001 of the 12,000 rows"),
    ({"fail_below": -0.1}, "found -0.1 as fail_below"),
    ({"fail_below": float("nan")}, "found nan as fail_below"),
    ({"columns": (0,)}, "Wanted rows of 3 columns, as the mixture has, found 1"),
    ({"missing_chunks": "ignore"}, "found 'ignore' as missing_chunks"),
]


@pytest.mark.parametrize(("asked", "match"), REFUSED)
def test_what_cannot_be_said_is_refused_before_anything_is_read(
    run: Path, fresh: Path, asked: dict[str, Any], match: str
) -> None:
    with pytest.raises(InputError, match=match):
        score(ScoreRequest(fresh, run, **asked), Forbidden(1), Silent())


def test_a_bad_row_is_named(run: Path) -> None:
    rows = FRESH.copy()
    rows[777, 1] = np.inf
    with pytest.raises(DataError, match="row 777, column 1"):
        scored(rows, run)
