"""The same rows ingested from every format, and what comes of it."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr

from dask_gmm.passes.progress import Silent
from dask_gmm.workflows.ingest import IngestResult, ingest
from dask_gmm.workflows.requests import IngestRequest
from tests.data.arrays import files_of
from tests.data.ingestible import FORMATS, some_rows, write

ROWS = 1_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    for name in FORMATS:
        write(folder, name, some_rows(ROWS))
    return folder


def make(source: Path, out: Path, **knobs: Any) -> IngestResult:
    return ingest(IngestRequest(source, out, **{"chunk_rows": 70, **knobs}), Silent())


def array(out: Path) -> npt.NDArray[Any]:
    return np.asarray(zarr.open_array(out / "x", mode="r")[...])


def facts_of(out: Path) -> Any:
    return zarr.open_group(out, mode="r").attrs["dask_gmm"]


def stored(out: Path) -> dict[str, bytes]:
    """The files of the rows and of their digests."""
    return {name: data for name, data in files_of(out).items() if name != "zarr.json"}
