"""Stores with bad chunks and rows that are not finite, fitted without them from end to end."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from distributed import Client

from dask_gmm import load_model
from dask_gmm.errors import InputError, LostRowsError
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_rows import DataWarning
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest
from tests.data.arrays import DAMAGES, chunk_file
from tests.whole.refusals import command, nothing_at, refused, says
from tests.whole.test_bad_stores import (
    CHUNK_ROWS,
    DAMAGED,
    FEATURES,
    FOUND,
    N_ROWS,
    Heard,
    foreign,
)
from tests.whole.test_bad_stores import generated as generated
from tests.workflows.pages import Page

SKIP = ("--on-bad-chunk", "skip", "--max-bad-share", 0.4)
OPTIONS: dict[str, Any] = {"on_bad_chunk": "skip", "max_bad_share": 0.4}
# It is a warning on stderr, not an error.
pytestmark = pytest.mark.filterwarnings("always::dask_gmm.workflows.fit_rows.DataWarning")
CAUSES = {**FOUND, "empty": "has 0 bytes instead of 2404"}
BAD = {"chunk": "c/4/0", "rows": [400, 500], "cause": "is missing"}


def fitting(data: Path, out: Path) -> tuple[object, ...]:
    return ("fit", data, "--components", 2, "--out", out, *SKIP)


def parameters(run: Path) -> bytes:
    model = load_model(run / "model.zarr")
    return b"".join(each.tobytes() for each in (model.weights, model.means, model.covariances))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_chunk_is_left_out_and_told_of_by_every_runner(
    generated: Path, damage: str, client: Client, tmp_path: Path
) -> None:
    DAMAGES[damage](chunk_file(generated / "x", DAMAGED))
    done = command(*fitting(generated, tmp_path / "run"), "--json")
    assert done.exit_code == 0, done.output
    told, manifest = json.loads(done.stdout), read_manifest(tmp_path / "run")
    for facts in (told, manifest):
        (bad,) = facts["bad_chunks"]
        assert (bad["chunk"], bad["rows"]) == ("c/4/0", [400, 500])
        assert CAUSES[damage] in bad["cause"]
        assert (facts["skipped_rows"], facts["dropped_rows"]) == (100, 0)
    assert (told["rows"], manifest["data"]["rows"]) == (550, 650)
    assert f"Warning: 1 bad chunk of {generated}/x skipped, with 100 of 650 rows" in done.stderr
    request = FitRequest(str(generated), 2, tmp_path / "again", **OPTIONS, cache="memory")
    with pytest.warns(DataWarning, match=r"c/4/0"):
        fit(request, DistributedRunner(client), Silent())
    assert parameters(tmp_path / "again") == parameters(tmp_path / "run")
    again = read_manifest(tmp_path / "again")
    assert again["data"]["fingerprint"] == manifest["data"]["fingerprint"]


def test_what_was_left_out_is_part_of_the_fingerprint(generated: Path, tmp_path: Path) -> None:
    command(*fitting(generated, tmp_path / "whole"))
    DAMAGES["absent"](chunk_file(generated / "x", 1))
    command(*fitting(generated, tmp_path / "one"))
    DAMAGES["absent"](chunk_file(generated / "x", DAMAGED))
    command(*fitting(generated, tmp_path / "two"))
    prints = {read_manifest(each)["data"]["fingerprint"] for each in tmp_path.glob("[wot]*")}
    assert len(prints) == 3


def test_the_text_and_the_report_say_what_was_left_out(generated: Path, tmp_path: Path) -> None:
    DAMAGES["absent"](chunk_file(generated / "x", DAMAGED))
    done = command(*fitting(generated, tmp_path / "run"))
    assert "left out: 100 rows of 1 bad chunk\n" in done.stdout
    again = command(*fitting(generated, tmp_path / "run"))
    assert "nothing to do" in again.stdout
    assert "left out: 100 rows of 1 bad chunk\n" in again.stdout
    assert command("report", tmp_path / "run").exit_code == 0
    texts = Page((tmp_path / "run" / "report.html").read_text()).texts
    assert {"c/4/0", "400 to 500", "is missing"} <= set(texts)


def test_a_share_that_is_too_large_is_refused(generated: Path, tmp_path: Path) -> None:
    for chunk in (DAMAGED, 2):
        DAMAGES["absent"](chunk_file(generated / "x", chunk))
    asked = ("fit", generated, "--components", 2, "--out", tmp_path / "run")
    message = refused(*asked, "--on-bad-chunk", "skip", code=65)
    parts = ("at most 0.01", "2 bad chunks with 200 of 650 rows", "c/2/0 is missing", "c/4/0")
    says(message, *parts, "Restore them from a copy, or set max_bad_share")
    nothing_at(tmp_path / "run")
    assert command(*asked, *SKIP).exit_code == 0


def test_a_share_is_of_chunks_that_are_skipped_alone(generated: Path, tmp_path: Path) -> None:
    asked = ("fit", generated, "--components", 2, "--out", tmp_path / "run")
    message = refused(*asked, "--max-bad-share", 0.1, code=2)
    says(message, "max_bad_share with on_bad_chunk skip alone", "found 0.1 with fail")


def test_rows_in_memory_have_no_chunks_to_skip(tmp_path: Path) -> None:
    request = FitRequest(np.eye(9), 2, tmp_path / "run", on_bad_chunk="skip")
    with pytest.raises(InputError, match="Wanted stored rows for on_bad_chunk skip"):
        fit(request, ThreadRunner(1), Silent())


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_chunk_that_is_lost_later_can_be_restored_and_the_command_goes_on(
    generated: Path, damage: str, tmp_path: Path
) -> None:
    DAMAGES["absent"](chunk_file(generated / "x", DAMAGED))
    assert command(*fitting(generated, tmp_path / "whole")).exit_code == 0
    file = chunk_file(generated / "x", 2)
    stored = file.read_bytes()
    heard = Heard(lambda: DAMAGES[damage](file))
    with pytest.warns(DataWarning), pytest.raises(LostRowsError, match="c/2/0"):
        fit(FitRequest(str(generated), 2, tmp_path / "run", **OPTIONS), ThreadRunner(2), heard)
    message = refused(*fitting(generated, tmp_path / "run"), code=75)
    says(message, "c/2/0 (rows 200 to 300", "whole in the first pass", "the same command goes on")
    if file.is_dir():
        file.rmdir()
    file.write_bytes(stored)
    # What was skipped is there again, and is left out as it was.
    chunk_file(generated / "x", DAMAGED).write_bytes(stored)
    done = command(*fitting(generated, tmp_path / "run"))
    assert done.exit_code == 0, done.output
    assert parameters(tmp_path / "run") == parameters(tmp_path / "whole")
    assert read_manifest(tmp_path / "run")["bad_chunks"] == [BAD]


def test_a_chunk_of_a_stranger_is_known_again_by_its_time(tmp_path: Path) -> None:
    data = foreign(tmp_path / "x")
    DAMAGES["absent"](chunk_file(data, DAMAGED))
    assert command(*fitting(data, tmp_path / "whole")).exit_code == 0
    file = chunk_file(data, 2)
    shutil.copy2(file, tmp_path / "copy")
    heard = Heard(lambda: DAMAGES["absent"](file))
    with pytest.warns(DataWarning), pytest.raises(LostRowsError, match="c/2/0"):
        fit(FitRequest(str(data), 2, tmp_path / "run", **OPTIONS), ThreadRunner(2), heard)
    shutil.copyfile(tmp_path / "copy", file)
    message = refused(*fitting(data, tmp_path / "run"), code=73)
    says(message, "that are others or were written again")
    shutil.copy2(tmp_path / "copy", file)
    assert command(*fitting(data, tmp_path / "run")).exit_code == 0
    assert parameters(tmp_path / "run") == parameters(tmp_path / "whole")


def test_a_selection_leaves_out_the_same(generated: Path, tmp_path: Path) -> None:
    DAMAGES["flipped"](chunk_file(generated / "x", DAMAGED))
    asked = ("select", generated, "--components", "1,2", "--out", tmp_path / "run", *SKIP)
    done = command(*asked, "--json")
    assert done.exit_code == 0, done.output
    (bad,) = json.loads(done.stdout)["bad_chunks"]
    assert (bad["rows"], read_manifest(tmp_path / "run")["bad_chunks"]) == ([400, 500], [bad])
    again = command(*asked)
    assert "left out: 100 rows of 1 bad chunk\n" in again.stdout
    assert command(*fitting(generated, tmp_path / "two")).exit_code == 0
    request = SelectRequest(str(generated), (2,), tmp_path / "only", merge_from=4, **OPTIONS)
    with pytest.warns(DataWarning):
        result = select(request, ThreadRunner(1), Silent())
    (model,) = result.models
    assert model.rows == N_ROWS - CHUNK_ROWS
    assert model.means.tobytes() == load_model(tmp_path / "two" / "model.zarr").means.tobytes()


def holed(path: Path) -> Path:
    """Rows three of which are not finite, written by a stranger."""
    array = zarr.open_array(foreign(path))
    array[3, 0], array[310, 2], array[649, 1] = np.nan, np.inf, -np.inf
    return path


def test_rows_that_are_not_finite_are_dropped_where_that_is_asked_for(tmp_path: Path) -> None:
    data = holed(tmp_path / "x")
    asked = ("fit", data, "--components", 2, "--out", tmp_path / "run")
    says(refused(*asked, code=65), "3 of 650 rows", "row 3, column 0", "nonfinite drop")
    done = command(*asked, "--nonfinite", "drop")
    assert done.exit_code == 0, done.output
    assert "left out: 3 rows that are not finite\n" in done.stdout
    assert "Warning: 3 of 650 rows" in done.stderr
    manifest = read_manifest(tmp_path / "run")
    assert (manifest["dropped_rows"], manifest["bad_chunks"]) == (3, [])
    assert load_model(tmp_path / "run" / "model.zarr").rows == 647


def test_both_are_asked_for_in_settings_too(tmp_path: Path) -> None:
    data = holed(tmp_path / "x")
    DAMAGES["half"](chunk_file(data, 3))
    step = f"data: {data}, components: 2, out: {tmp_path}/run, nonfinite: drop"
    (tmp_path / "c.yaml").write_text(
        f"steps: [{{fit: {{{step}, on_bad_chunk: skip, max_bad_share: 0.2}}}}]"
    )
    done = command("run", tmp_path / "c.yaml")
    assert done.exit_code == 0, done.output
    manifest = read_manifest(tmp_path / "run")
    assert (manifest["skipped_rows"], manifest["dropped_rows"]) == (100, 2)
    assert load_model(tmp_path / "run" / "model.zarr").means.shape == (2, FEATURES)
