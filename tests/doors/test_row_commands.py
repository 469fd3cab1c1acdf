"""Each command about rows and a model asks its twin for exactly what its options say."""

from dataclasses import asdict
from pathlib import Path

import pytest

from dask_gmm.errors import DriftError
from dask_gmm.settings_rows import ImputeSettings, PredictSettings, ScoreSettings
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest
from tests.doors.conftest import Invoke
from tests.doors.twins import FakeResult, Twins, only_request

PREDICT = ("predict", "x.zarr", "run", "--out", "y.zarr")
SCORE = ("score", "x.zarr", "run")
PREDICTED = PredictRequest("x.zarr", Path("run"), Path("y.zarr"))
SCORED = ScoreRequest("x.zarr", Path("run"))

# What `predict` and `score` share.
ASKING_OPTIONS = {
    "array": (("--array", "y"), "y"),
    "columns": (("--columns", "0,2,5:8"), (0, 2, 5, 6, 7)),
    "rows": (("--rows", "10:20"), slice(10, 20)),
    "missing_chunks": (("--missing-chunks", "fill"), "fill"),
}
PREDICT_OPTIONS = {
    **ASKING_OPTIONS,
    "imputed": (("--imputed",), True),
    "missing": (("--missing", "em"), "em"),
    "out": (("--out", "elsewhere"), Path("elsewhere")),
    "labels": (("--labels",), True),
    "probabilities": (("--probabilities",), True),
    "log_density": (("--log-density",), True),
    "top": (("--top", "2"), 2),
    "anomaly_quantile": (("--anomaly-quantile", "0.01"), 0.01),
    "overwrite": (("--overwrite",), True),
}
SCORE_OPTIONS = {
    **ASKING_OPTIONS,
    "missing": (("--missing", "em"), "em"),
    "sample_weight": (("--sample-weight", "x.zarr/w"), Path("x.zarr/w")),
    "against_quantile": (("--against-quantile", "0.01"), 0.01),
    "fail_below": (("--fail-below", "0.5"), 0.5),
}
IMPUTE_OPTIONS = {
    **ASKING_OPTIONS,
    "out": (("--out", "elsewhere"), Path("elsewhere")),
    "overwrite": (("--overwrite",), True),
}


def test_predict_and_score_ask_for_the_defaults(twins: Twins, invoke: Invoke) -> None:
    assert invoke(*PREDICT).exit_code == 0
    assert asdict(only_request(twins, "predict")) == asdict(PREDICTED)
    twins.calls.clear()
    assert invoke(*SCORE).exit_code == 0
    assert asdict(only_request(twins, "score")) == asdict(SCORED)


@pytest.mark.parametrize("name", PREDICT_OPTIONS)
def test_an_option_of_predict_sets_its_field_alone(twins: Twins, invoke: Invoke, name: str) -> None:
    args, value = PREDICT_OPTIONS[name]
    assert invoke(*PREDICT, *args).exit_code == 0
    assert asdict(only_request(twins, "predict")) == {**asdict(PREDICTED), name: value}


@pytest.mark.parametrize("name", SCORE_OPTIONS)
def test_an_option_of_score_sets_its_field_alone(twins: Twins, invoke: Invoke, name: str) -> None:
    args, value = SCORE_OPTIONS[name]
    assert invoke(*SCORE, *args).exit_code == 0
    assert asdict(only_request(twins, "score")) == {**asdict(SCORED), name: value}


@pytest.mark.parametrize("command", ["score", "run"])
@pytest.mark.parametrize("as_json", [False, True])
def test_what_was_found_is_shown_where_rows_have_drifted(
    twins: Twins, invoke: Invoke, tmp_path: Path, command: str, as_json: bool
) -> None:
    (tmp_path / "c.yaml").write_text("steps: [score: {data: x.zarr, model: run, fail_below: 0}]")
    args = {"score": SCORE, "run": ("run", str(tmp_path / "c.yaml"))}[command]
    twins.error = DriftError("They have drifted.", FakeResult("score"))
    result = invoke(*args, *("--json",) * as_json)
    assert result.exit_code == 3
    assert result.stdout.strip() == (
        '{\n  "verb": "score"\n}' if as_json else "the result of score"
    )
    assert "Error: They have drifted." in result.stderr


@pytest.mark.parametrize("name", [None, *IMPUTE_OPTIONS])
def test_impute_asks_for_rows_alone(twins: Twins, invoke: Invoke, name: str | None) -> None:
    args, value = IMPUTE_OPTIONS[name] if name else ((), None)
    assert invoke("impute", *PREDICT[1:], *args).exit_code == 0
    wanted = {**asdict(PREDICTED), "imputed": True, "missing": "em"}
    found = asdict(only_request(twins, "predict"))
    assert found == {**wanted, **({name: value} if name else {})}


def test_every_field_has_an_option_that_is_tested() -> None:
    assert {"data", "model", *PREDICT_OPTIONS} == set(PredictSettings.model_fields)
    assert {"data", "model", *SCORE_OPTIONS} == set(ScoreSettings.model_fields)
    assert {"data", "model", *IMPUTE_OPTIONS} == set(ImputeSettings.model_fields)
