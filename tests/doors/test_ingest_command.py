"""The command `ingest`, and the step of a settings file: each asks its twin for what it says."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from dask_gmm.settings import IngestSettings
from dask_gmm.settings_file import load_settings
from dask_gmm.workflows.requests import IngestRequest
from tests.doors.conftest import Invoke
from tests.doors.twins import Twins

INGEST = ("ingest", "x.parquet", "x.zarr")
ASKED = IngestRequest(Path("x.parquet"), Path("x.zarr"))
OPTIONS: dict[str, tuple[tuple[str, ...], Any]] = {
    "array": (("--array", "/g/x"), "/g/x"),
    "variables": (("--variables", "u,v"), ("u", "v")),
    "columns": (("--columns", "a,c d"), ("a", "c d")),
    "chunk_rows": (("--chunk-rows", "7"), 7),
    "standardize": (("--standardize",), True),
    "nonfinite": (("--nonfinite", "keep"), "keep"),
    "missing_chunks": (("--missing-chunks", "fill"), "fill"),
    "overwrite": (("--overwrite",), True),
}


@pytest.mark.parametrize("name", [None, *OPTIONS])
def test_ingest_asks_what_its_options_say_and_opens_no_runner(
    twins: Twins, invoke: Invoke, name: str | None
) -> None:
    args, value = OPTIONS[name] if name else ((), None)
    assert invoke(*INGEST, *args).exit_code == 0
    ((verb, (request, _)),) = twins.calls
    assert (verb, asdict(request)) == (
        "ingest",
        {**asdict(ASKED), **({name: value} if name else {})},
    )
    assert twins.opened == []


def test_every_field_has_an_option_that_is_tested() -> None:
    assert {"source", "out", *OPTIONS} == set(IngestSettings.model_fields)


@pytest.mark.parametrize("text", [",", "a,a", "1,1"])
def test_columns_of_no_use_are_refused(twins: Twins, invoke: Invoke, text: str) -> None:
    refused = invoke(*INGEST, "--columns", text)
    assert refused.exit_code == 2
    assert "columns" in refused.stderr
    assert twins.calls == []


def test_a_step_of_a_file_has_lists_or_texts(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "steps:\n"
        "  - ingest: {source: x.parquet, out: x.zarr, columns: [a, 3, '3'], standardize: true}\n"
        "  - ingest: {source: x.nc, out: y.zarr, variables: 'u,v', columns: '2,0:1'}\n"
    )
    first, second = load_settings(path).requests()
    assert isinstance(first, IngestRequest)
    assert isinstance(second, IngestRequest)
    assert (first.columns, first.standardize) == (("a", 3, "3"), True)
    assert (second.variables, second.columns) == (("u", "v"), (2, 0))
