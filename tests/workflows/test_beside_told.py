"""What is told of weights and labels, and of weights that are hardly counts."""

from pathlib import Path

import numpy as np
import pytest

from dask_gmm.errors import DataError
from dask_gmm.records.run_folder import read_manifest
from dask_gmm.workflows.fit_rows import DataWarning
from dask_gmm.workflows.inspect import inspect
from dask_gmm.workflows.report import report
from dask_gmm.workflows.report_request import ReportRequest
from tests.workflows.beside import EM, FAST, LABELS, WEIGHTS, N, fitted
from tests.workflows.beside import _small as _small
from tests.workflows.beside import data as data


def test_a_run_says_what_lay_beside_its_rows(data: Path, tmp_path: Path) -> None:
    out, known = tmp_path / "run", int(((LABELS >= 0) & (WEIGHTS > 0)).sum())
    fitted(data, out, sample_weight=data / "w", labels=LABELS, **EM)
    told = inspect(out).to_json()
    assert (told["weights of rows"], told["labels"]) == (str(data / "w"), "in memory")
    assert told["labeled rows"] == known
    assert told["sum of weights of labeled rows"] == WEIGHTS[LABELS >= 0].sum()
    report(ReportRequest(out))
    page = (out / "report.html").read_text()
    for each in (str(data / "w"), "labeled rows", f"{known:,}", f"{WEIGHTS.sum():.10g}"):
        assert each in page
    others = fitted(data, tmp_path / "other", labels=np.roll(LABELS, 1), **EM)
    plain = fitted(data, tmp_path / "plain", **EM)
    prints = {read_manifest(each)["data"]["fingerprint"] for each in (out, others.out, plain.out)}
    assert len(prints) == 3
    assert not {"weights of rows", "labels", "labeled rows"} & set(inspect(plain.out).to_json())


def test_weights_that_hardly_count_rows_are_told(data: Path, tmp_path: Path) -> None:
    shares = WEIGHTS / WEIGHTS.sum()
    equal = 1 / (shares @ shares)
    with pytest.warns(DataWarning, match=r"as much as .* rows of one weight: .*, multiply them"):
        few = fitted(data, tmp_path / "few", sample_weight=10 * shares, **EM)
    assert read_manifest(few.out)["warnings"] == list(few.warnings)
    (text,) = few.warnings
    assert text.startswith("the weights of ")
    assert "count its rows 10 times together" in text
    assert float(text.rsplit(maxsplit=1)[1]) == pytest.approx(equal / 10, rel=0.2)
    many = fitted(data, tmp_path / "many", sample_weight=data / "w", **EM)
    np.testing.assert_allclose(few.model.means, many.model.means, rtol=1e-6)
    with pytest.raises(DataError, match=r"with a sum of at least 3 that is .* Multiply them by"):
        fitted(data, tmp_path / "none", sample_weight=shares, **FAST)
    with pytest.warns(DataWarning, match="count its rows 10 times together"):
        fast = fitted(data, tmp_path / "fast", sample_weight=10 * shares, **FAST)
    assert np.isfinite(fast.model.log_likelihood)
    bimodal = np.where(np.arange(N) % 20, 1e-4, 1.0)
    assert fitted(data, tmp_path / "bimodal", sample_weight=bimodal, **EM).warnings == ()
