"""Each command asks its twin for exactly what its options say."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dask_gmm.settings import GenerateSettings, ReportSettings
from dask_gmm.settings_fit import FitSettings, SelectSettings
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.requests import GenerateRequest
from dask_gmm.workflows.select_request import SelectRequest
from tests.doors.conftest import Invoke
from tests.doors.twins import Twins, only_request

GENERATE = ("generate", "x.zarr", "--rows", "100", "--features", "3", "--components", "2")
FIT = ("fit", "x.zarr", "--components", "2", "--out", "run")
GENERATED = GenerateRequest(out=Path("x.zarr"), rows=100, features=3, components=2)
SELECT = ("select", "x.zarr", "--components", "2:4", "--out", "run")
FITTED = FitRequest(data="x.zarr", components=2, out=Path("run"))
SELECTED = SelectRequest("x.zarr", (2, 3, 4), Path("run"))

REFRESH = {
    "warm_start": (("--warm-start", "other"), Path("other")),
    "partitions": (
        ("--partitions", "a=:5,b c=5:20"),
        {"a": slice(None, 5), "b c": slice(5, 20)},
    ),
    "incremental": (("--incremental",), True),
    "forgetting": (("--forgetting", "0.9"), 0.9),
    "changed": (("--changed", "b c,a"), ("b c", "a")),
}

ADAPT = {
    "adapt": (("--adapt", "other"), Path("other")),
    "relevance": (("--relevance", "7"), 7.0),
    "adapted": (("--adapted", "means,weights"), ("weights", "means")),
    "fixed": (("--fixed", "means=2:4+0,weights=all"), {"weights": "all", "means": (0, 2, 3)}),
}

GENERATE_OPTIONS = {
    "rows": (("--rows", "7"), 7),
    "features": (("--features", "7"), 7),
    "components": (("--components", "7"), 7),
    "seed": (("--seed", "7"), 7),
    "dtype": (("--dtype", "float32"), "float32"),
    "chunk_rows": (("--chunk-rows", "7"), 7),
    "overlap": (("--overlap", "0.2"), 0.2),
    "imbalance": (("--imbalance", "7.5"), 7.5),
    "condition": (("--condition", "100"), 100.0),
    "outliers": (("--outliers", "0.1"), 0.1),
    "overwrite": (("--overwrite",), True),
}
PRIOR = {"alpha": 2.0, "kappa": 0.01, "mean": "auto", "nu": None, "scatter": "auto"}
# What `fit` and `select` share.
FITTING_OPTIONS = {
    "out": (("--out", "elsewhere"), Path("elsewhere")),
    "seed": (("--seed", "7"), 7),
    "max_iter": (("--max-iter", "7"), 7),
    "solver": (("--solver", "em"), "em"),
    "tol": (("--tol", "1e-5"), 1e-5),
    "relative_tol": (("--relative-tol", "1e-5"), 1e-5),
    "held_out": (("--held-out", "0.1"), 0.1),
    "max_passes": (("--max-passes", "7"), 7),
    "max_seconds": (("--max-seconds", "7.5"), 7.5),
    "deadline": (
        ("--deadline", "2030-01-31T06:00:00+02:00"),
        datetime(2030, 1, 31, 4, tzinfo=UTC),
    ),
    "require_converged": (("--require-converged",), True),
    "n_init": (("--n-init", "7"), 7),
    "merge_from": (("--merge-from", "9"), 9),
    "precision": (("--precision", "float32"), "float32"),
    "sample_weight": (("--sample-weight", "x.zarr/w"), Path("x.zarr/w")),
    "labels": (("--labels", "x.zarr/l"), Path("x.zarr/l")),
    "array": (("--array", "y"), "y"),
    "columns": (("--columns", "0,2,5:8"), (0, 2, 5, 6, 7)),
    "rows": (("--rows", "10:20"), slice(10, 20)),
    "missing_chunks": (("--missing-chunks", "fill"), "fill"),
    "on_bad_chunk": (("--on-bad-chunk", "skip"), "skip"),
    "max_bad_share": (("--max-bad-share", "0.1"), 0.1),
    "nonfinite": (("--nonfinite", "drop"), "drop"),
    "missing": (("--missing", "em"), "em"),
    "cache": (("--cache", "memory"), "memory"),
    "match": (("--match", "other"), Path("other")),
    "prior": (("--prior", "alpha=2,nu=none"), PRIOR),
    "overwrite": (("--overwrite",), True),
}
FIT_OPTIONS = {
    **FITTING_OPTIONS,
    "components": (("--components", "7"), 7),
    "covariance": (("--covariance", "diag"), "diag"),
    "init": (("--init", "kmeans"), "kmeans"),
    "reg_covar": (("--reg-covar", "0"), 0.0),
    "repair": (("--repair", "drop"), "drop"),
}
SELECT_OPTIONS = {
    **FITTING_OPTIONS,
    "components": (("--components", "7,5"), (7, 5)),
    "covariance": (("--covariance", "diag,full"), ("diag", "full")),
    "init": (("--init", "kmeans,merge"), ("kmeans", "merge")),
    "criterion": (("--criterion", "icl"), "icl"),
    "drop_hopeless": (("--drop-hopeless",), True),
}
REPORT_OPTIONS: dict[str, tuple[tuple[str, ...], Any]] = {
    "out": (("--out", "page.html"), Path("page.html")),
    "features": (("--features", "0,2:4"), (0, 2, 3)),
    "overwrite": (("--overwrite",), True),
}


def test_generate_asks_for_the_defaults(twins: Twins, invoke: Invoke) -> None:
    assert invoke(*GENERATE).exit_code == 0
    assert asdict(only_request(twins, "generate")) == asdict(GENERATED)


def test_fit_asks_for_the_defaults(twins: Twins, invoke: Invoke) -> None:
    assert invoke(*FIT).exit_code == 0
    assert asdict(only_request(twins, "fit")) == asdict(FITTED)


@pytest.mark.parametrize("name", GENERATE_OPTIONS)
def test_an_option_of_generate_sets_its_field_alone(
    twins: Twins, invoke: Invoke, name: str
) -> None:
    args, value = GENERATE_OPTIONS[name]
    assert invoke(*GENERATE, *args).exit_code == 0
    assert asdict(only_request(twins, "generate")) == {**asdict(GENERATED), name: value}


@pytest.mark.parametrize("but", ["nothing", "forgetting", "changed"])
def test_the_options_of_a_refresh_set_their_fields(twins: Twins, invoke: Invoke, but: str) -> None:
    given = {name: each for name, each in REFRESH.items() if name != but}
    args = [arg for args, _ in given.values() for arg in args]
    assert invoke("fit", "x.zarr", "--out", "run", *args).exit_code == 0
    asked = {name: value for name, (_, value) in given.items()}
    wanted = {**asdict(FITTED), "components": None, "covariance": None, **asked}
    assert asdict(only_request(twins, "fit")) == wanted


def test_the_options_of_adapting_set_their_fields(twins: Twins, invoke: Invoke) -> None:
    args = [arg for args, _ in ADAPT.values() for arg in args]
    assert invoke("fit", "x.zarr", "--out", "run", *args).exit_code == 0
    asked = {name: value for name, (_, value) in ADAPT.items()}
    wanted = {**asdict(FITTED), "components": None, "covariance": None, **asked}
    assert asdict(only_request(twins, "fit")) == wanted


@pytest.mark.parametrize("option", ["--prior", "--fixed"])
@pytest.mark.parametrize("text", ["means=", "=1", "alpha=1,alpha=2", "x"])
def test_what_is_known_in_another_form_is_refused(
    twins: Twins, invoke: Invoke, option: str, text: str
) -> None:
    refused = invoke(*FIT, option, text)
    assert refused.exit_code == 2
    assert option.removeprefix("--") in refused.stderr
    assert twins.calls == []


@pytest.mark.parametrize("text", ["mon", "=0:5", "a=0:5,a=5:9", "a=0-5"])
def test_partitions_of_another_form_are_refused(twins: Twins, invoke: Invoke, text: str) -> None:
    refused = invoke(*FIT, "--partitions", text)
    assert refused.exit_code == 2
    assert "partitions" in refused.stderr
    assert twins.calls == []


@pytest.mark.parametrize("name", FIT_OPTIONS)
def test_an_option_of_fit_sets_its_field_alone(twins: Twins, invoke: Invoke, name: str) -> None:
    args, value = FIT_OPTIONS[name]
    assert invoke(*FIT, *args).exit_code == 0
    assert asdict(only_request(twins, "fit")) == {**asdict(FITTED), name: value}


def test_select_asks_for_the_defaults(twins: Twins, invoke: Invoke) -> None:
    assert invoke(*SELECT).exit_code == 0
    assert asdict(only_request(twins, "select")) == asdict(SELECTED)


@pytest.mark.parametrize("name", SELECT_OPTIONS)
def test_an_option_of_select_sets_its_field_alone(twins: Twins, invoke: Invoke, name: str) -> None:
    args, value = SELECT_OPTIONS[name]
    assert invoke(*SELECT, *args).exit_code == 0
    assert asdict(only_request(twins, "select")) == {**asdict(SELECTED), name: value}


@pytest.mark.parametrize("name", [None, *REPORT_OPTIONS])
def test_report_asks_what_its_options_say_and_opens_no_runner(
    twins: Twins, invoke: Invoke, name: str | None
) -> None:
    args, value = REPORT_OPTIONS[name] if name else ((), None)
    assert invoke("report", "run", *args).exit_code == 0
    ((verb, (request,)),) = twins.calls
    wanted = asdict(ReportRequest(Path("run")))
    assert (verb, asdict(request)) == ("report", {**wanted, **({name: value} if name else {})})
    assert twins.opened == []


def test_every_field_has_an_option_that_is_tested() -> None:
    assert {"data", *REPORT_OPTIONS} == set(ReportSettings.model_fields)
    assert {"out", *GENERATE_OPTIONS} == set(GenerateSettings.model_fields)
    known = {"bayesian", *ADAPT}
    assert {"data", *FIT_OPTIONS, *REFRESH} == set(FitSettings.model_fields) - known
    assert {"data", *SELECT_OPTIONS} == set(SelectSettings.model_fields)


def test_demo_passes_rows_and_folder(twins: Twins, invoke: Invoke) -> None:
    assert invoke("demo", "--rows", "500", "--out", "there").exit_code == 0
    ((verb, (rows, out, runner, _)),) = twins.calls
    assert (verb, rows, out, runner) == ("demo", 500, Path("there"), "the runner")
    assert twins.opened == [(None, None)]


def test_demo_has_defaults(twins: Twins, invoke: Invoke) -> None:
    assert invoke("demo").exit_code == 0
    ((_, (rows, out, *_)),) = twins.calls
    assert (rows, out) == (1_000_000, Path("runs/demo"))


def test_inspect_passes_the_path_and_opens_no_runner(twins: Twins, invoke: Invoke) -> None:
    assert invoke("inspect", "somewhere").exit_code == 0
    assert twins.calls == [("inspect", (Path("somewhere"),))]
    assert twins.opened == []


def test_run_passes_the_steps_of_the_file(twins: Twins, invoke: Invoke, tmp_path: Path) -> None:
    config = tmp_path / "steps.yaml"
    config.write_text(
        "steps:\n"
        "  - generate: {out: x.zarr, rows: 100, features: 3, components: 2}\n"
        "  - fit: {data: x.zarr, components: 2, out: run}\n"
        "cluster: {workers: 4}\n"
    )
    assert invoke("run", str(config)).exit_code == 0
    generate, fit = only_request(twins, "run")
    assert (asdict(generate), asdict(fit)) == (asdict(GENERATED), asdict(FITTED))
    assert twins.opened == [(4, None)]


def test_schema_prints_the_schema_of_a_settings_file(invoke: Invoke) -> None:
    printed = json.loads(invoke("schema").stdout)
    assert set(printed["properties"]) == {"steps", "cluster", "callbacks"}
    fit = printed["$defs"]["FitSettings"]
    assert fit["additionalProperties"] is False
    assert set(fit["required"]) == {"data", "out"}


def test_the_help_of_an_option_is_the_text_of_its_field(invoke: Invoke) -> None:
    printed = " ".join(invoke("fit", "--help").stdout.split())
    for field in FitSettings.model_fields.values():
        assert field.description is not None
    assert str(FitSettings.model_fields["tol"].description) in printed
