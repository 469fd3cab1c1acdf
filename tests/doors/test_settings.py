"""Settings files: what is read, and what is refused with key, file and nearest key."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dask_gmm.errors import SettingsError
from dask_gmm.settings import GenerateSettings, ReportSettings, RunSettings, schema
from dask_gmm.settings_base import Settings
from dask_gmm.settings_file import load_settings
from dask_gmm.settings_fit import FitSettings
from dask_gmm.settings_rows import PredictSettings, ScoreSettings
from dask_gmm.settings_values import column_numbers, counts, row_range
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.requests import GenerateRequest
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest
from dask_gmm.workflows.select_request import SelectRequest

FIT = "data: x, components: 2, out: r"


def load(folder: Path, text: str) -> RunSettings:
    path = folder / "settings.yaml"
    path.write_text(text)
    return load_settings(path)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(folder, text)
    assert str(folder / "settings.yaml") in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "place", "nearest"),
    [
        ("steps: [{fti: {}}]", "steps[0].fti", "fit"),
        (f"steps: [{{fit: {{{FIT}, max_iters: 3}}}}]", "steps[0].fit.max_iters", "max_iter"),
        (f"steps: [{{fit: {{{FIT}, cov: full}}}}]", "steps[0].fit.cov", "covariance"),
        ("steps: [{generate: {row: 3}}]", "steps[0].generate.row", "rows"),
        (f"steps: [{{fit: {{{FIT}}}}}]\ncluster: {{worker: 3}}", "cluster.worker", "workers"),
        (f"step: [{{fit: {{{FIT}}}}}]", "step of", "steps"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_valid_one(
    tmp_path: Path, text: str, place: str, nearest: str
) -> None:
    first, *_ = refused(tmp_path, text).splitlines()
    assert first.startswith(place)
    assert f"Did you mean {nearest!r}" in first


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "wanted a mapping, found None"),
        ("- 1", "wanted a mapping, found [1]"),
        ("steps: []", "wanted at least one step, found none"),
        ("steps: 3", "steps of "),
        ("{}", "steps of "),
        ("steps: [{fit: }]", "exactly one of the keys generate, ingest, fit"),
        ("steps: [{}]", "exactly one of the keys generate, ingest, fit"),
        ("steps: [{fit: {data: x, components: 2}}]", "steps[0].fit.out"),
        ("steps: [{fit: {data: x, components: 2.5, out: r}}]", "wanted a whole number, found 2.5"),
        ("steps: [{fit: {data: x, components: 0, out: r}}]", "steps[0]"),
        ("steps: [{fit: {data: x, components: 0, out: r}}]", "found 0 as components"),
        (f"steps: [{{fit: {{{FIT}, tol: -1}}}}]", "found -1.0 as tol"),
        (f"steps: [{{fit: {{{FIT}, tol: .nan}}}}]", "wanted a finite number or auto, found nan"),
        (f"steps: [{{fit: {{{FIT}, columns: '5-8'}}}}]", "found '5-8'"),
        (f"steps: [{{fit: {{{FIT}, columns: 5:8}}}}]", "a text in quotes, for columns"),
        (f"steps: [{{fit: {{{FIT}, rows: 10:50}}}}]", "wanted a text (in quotes)"),
        (f"steps: [{{fit: {{{FIT}, rows: '1'}}}}]", "wanted rows such as '0:1000', found '1'"),
        (f"steps: [{{fit: {{{FIT}, seed: 1, seed: 2}}}}]", "the key 'seed' stands twice"),
        (f"steps: [{{fit: {{{FIT}, bayesian: 3}}}}]", "bayesian of "),
        (f"steps: [{{fit: {{{FIT}, bayesian: 3}}}}]", "wanted a mapping, found 3"),
        (f"steps: [{{fit: {{{FIT}, prior: 3}}}}]", "wanted a mapping, found 3"),
        (f"steps: [{{fit: {{{FIT}, prior: {{alpha: 0.5}}}}}}]", "alpha as finite numbers of at"),
        (f"steps: [{{fit: {{{FIT}, fixed: 3}}}}]", "wanted a mapping, found 3"),
        (f"steps: [{{fit: {{{FIT}, partitions: a=}}}}]", "wanted partitions such as"),
        ("steps: [", "Wanted YAML"),
        ("steps: !!python/object/apply:os.getcwd []", "Wanted YAML"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = "steps: [{fit: {dat: x, components: many}}]"
    places = [line.split(" of ")[0] for line in refused(tmp_path, text).splitlines()]
    assert places[0] == "steps[0].fit.dat"
    assert set(places) == {f"steps[0].fit.{key}" for key in ("dat", "data", "components", "out")}


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none that can be read at .*nowhere\.yaml"):
        load_settings(tmp_path / "nowhere.yaml")


def test_values_are_read_as_people_write_them(tmp_path: Path) -> None:
    text = f"steps: [{{fit: {{{FIT}, tol: 1e-5, columns: [0, 3], rows: ':50'}}}}]"
    (request,) = load(tmp_path, text).requests()
    assert isinstance(request, FitRequest)
    assert (request.tol, request.columns, request.rows) == (1e-5, (0, 3), slice(None, 50))


@pytest.mark.parametrize(
    ("settings", "request_type", "given"),
    [
        (GenerateSettings, GenerateRequest, {}),
        # What a fit without a model to start from needs.
        (FitSettings, FitRequest, {"components": 1, "covariance": "full"}),
        (ReportSettings, ReportRequest, {}),
        (PredictSettings, PredictRequest, {}),
        (ScoreSettings, ScoreRequest, {}),
    ],
)
def test_settings_and_requests_have_the_same_fields_and_defaults(
    settings: type[Settings], request_type: type, given: dict[str, Any]
) -> None:
    optional = {
        name: field.default
        for name, field in settings.model_fields.items()
        if not field.is_required()
    }
    required = dict.fromkeys(set(settings.model_fields) - set(optional), 1) | given
    made = request_type(**required)
    assert {field.name for field in fields(made)} == set(settings.model_fields)
    assert asdict(made) == {**optional, **required}


def test_settings_are_frozen() -> None:
    settings = FitSettings(data="x", components=2, out=Path("r"))
    with pytest.raises(ValidationError, match="frozen"):
        settings.components = 3  # type: ignore[misc]


def test_every_key_of_the_schema_is_documented() -> None:
    models = [schema(), *schema()["$defs"].values()]
    for model in models:
        for name, key in model["properties"].items():
            assert key["description"].endswith("."), name


@given(st.lists(st.integers(0, 99), min_size=1))
def test_columns_are_read_as_they_are_written(columns: list[int]) -> None:
    assert column_numbers(",".join(map(str, columns))) == tuple(columns)


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_span_of_columns_ends_before_its_stop(start: int, width: int) -> None:
    assert column_numbers(f"{start}:{start + width}") == tuple(range(start, start + width))


@given(st.none() | st.integers(0), st.none() | st.integers(0))
def test_a_range_of_rows_may_leave_out_its_ends(start: int | None, stop: int | None) -> None:
    text = f"{'' if start is None else start}:{'' if stop is None else stop}"
    assert row_range(text) == slice(start, stop)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("2:5", (2, 3, 4, 5)), ("2,4,8", (2, 4, 8)), ("1,3:4", (1, 3, 4)), (3, (3,))],
)
def test_numbers_of_components_include_both_ends(text: object, numbers: tuple[int, ...]) -> None:
    assert counts(text) == numbers


def test_other_texts_are_no_numbers_of_components() -> None:
    with pytest.raises(ValueError, match="wanted numbers such as '2:16' or '2,4,8', found 'few'"):
        counts("few")


def test_a_step_can_select(tmp_path: Path) -> None:
    text = "steps: [select: {data: x.zarr, components: '2:4', covariance: 'full,diag', out: run}]"
    (request,) = load(tmp_path, text).requests()
    assert isinstance(request, SelectRequest)
    assert request.components == (2, 3, 4)
    assert request.covariance == ("full", "diag")
    assert len(request.cells()) == 6


def test_a_step_can_report(tmp_path: Path) -> None:
    (request,) = load(tmp_path, "steps: [report: {data: run, features: '0,2'}]").requests()
    assert isinstance(request, ReportRequest)
    assert (request.features, str(request.page)[-15:]) == ((0, 2), "run/report.html")


def test_a_step_can_ask_a_model_about_rows(tmp_path: Path) -> None:
    text = """steps:
  - predict: {data: x.zarr, model: run, out: y.zarr, top: 2, rows: '5:'}
  - score: {data: x.zarr, model: run, fail_below: 0.5, columns: '0,2'}
"""
    predict, score = load(tmp_path, text).requests()
    assert isinstance(predict, PredictRequest)
    assert (predict.model, predict.top, predict.rows) == (Path("run"), 2, slice(5, None))
    assert isinstance(score, ScoreRequest)
    assert (score.fail_below, score.columns) == (0.5, (0, 2))
    text = "steps: [score: {data: x.zarr, model: run, against_quantile: 0.2}]"
    assert "found 0.2 as against_quantile" in refused(tmp_path, text)
