"""Dask's own report of its tasks, as an HTML page."""

import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from distributed import Client, performance_report

from dask_gmm.errors import MissingExtraError, OutputError, OutputExistsError
from dask_gmm.extras import extra

PACKAGE: Final = "bokeh"
# What stands in the head of such a page.
TITLE: Final = b"<title>Dask Performance Report</title>"
HEAD_BYTES: Final = 1000


def check_report(path: Path) -> None:
    """Refuse a report that could not be written, before anything is started.

    Raises
    ------
    MissingExtraError
        If the package that draws it is not there.
    OutputExistsError
        If there is something else in its place.
    OutputError
        If its folder cannot be made.
    """
    extra(PACKAGE, "dashboard")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        other = path.exists() and not _is_report(path)
    except OSError as error:
        raise _unwritten(path, error) from error
    if other:
        raise OutputExistsError(
            f"Wanted a place for the performance report, or an older one that it replaces; found "
            f"something else at {path}. Choose another place."
        )


@contextmanager
def reported(client: Client, path: Path | None) -> Iterator[None]:
    """Have Dask report what its tasks do meanwhile, also where that ends in an error.

    Raises
    ------
    MissingExtraError
        If the scheduler lacks the package that draws the report.
    OutputError
        If it cannot be written.
    """
    if path is None:
        yield
        return
    _check_scheduler(client)
    report = performance_report(filename=str(path), mode="inline")
    with client.as_current():
        report.__enter__()
        try:
            yield
        except BaseException as error:
            try:
                _write(report, path)
            except OutputError as unwritten:
                error.add_note(str(unwritten))
            raise
        _write(report, path)


def _check_scheduler(client: Client) -> None:
    try:
        client.run_on_scheduler(importlib.metadata.version, PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingExtraError(
            f"Wanted {PACKAGE} where the scheduler runs, which draws the performance report there; "
            "found none. Install it there, or leave the report out."
        ) from error


def _write(report: performance_report, path: Path) -> None:
    try:
        report.__exit__(None, None, None)
    except Exception as error:
        raise _unwritten(path, error) from error


def _is_report(path: Path) -> bool:
    with path.open("rb") as file:
        return TITLE in file.read(HEAD_BYTES)


def _unwritten(path: Path, error: Exception) -> OutputError:
    return OutputError(
        f"Wanted to write a performance report to {path}, found {type(error).__name__}: {error}. "
        "Choose another place, or leave it out."
    )
