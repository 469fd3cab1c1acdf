"""Write one page about a run: what was asked, what came of it, and what it looks like."""

from dataclasses import dataclass
from typing import Any

from dask_gmm.errors import DataError
from dask_gmm.objects.location import Location, location
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.records.page import is_written, write_page
from dask_gmm.workflows.report_page import page
from dask_gmm.workflows.report_plot import pictures
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.report_run import KeptRun, kept_run
from dask_gmm.workflows.selection_plot import can_plot


@dataclass(frozen=True, slots=True, eq=False)
class ReportResult:
    """A page that was written.

    Parameters
    ----------
    out : Path or Address
        The page.
    run : Path or Address
        The run folder that it is about.
    pictures : tuple of str
        Names of those that it shows.
    rows_drawn : int
        Rows in its pictures.
    """

    out: Location
    run: Location
    pictures: tuple[str, ...]
    rows_drawn: int

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "out": str(self.out),
            "run": str(self.run),
            "pictures": list(self.pictures),
            "rows_drawn": self.rows_drawn,
        }

    def to_text(self) -> str:
        """Give it as plain text: where the page is, and what it shows."""
        shown = ", ".join(self.pictures) or "none, without the extra plot (matplotlib)"
        rows = f"{self.rows_drawn:,}" if self.rows_drawn else "none"
        return "\n".join([f"report: {self.out}", f"pictures: {shown}", f"rows drawn: {rows}"])


def report(request: ReportRequest) -> ReportResult:
    """Write a page about a run; the same bytes for the same run folder and versions.

    Parameters
    ----------
    request : ReportRequest

    Raises
    ------
    InputError
        If there is no run folder, or its model lacks a column.
    DataError
        If the run folder is damaged, or of another version.
    OutputExistsError
        If there is something else in the place of the page and ``overwrite`` is false, or it is no
        report. The same page is left as it is.
    OutputError
        If it cannot be written.
    """
    path = location(request.data)
    run = kept_run(request, path)
    text, names = _page(run)
    if not is_written(text, request.page):
        write_page(text, request.page, request.overwrite)
    drawn = len(run.rows) if run.rows is not None and names else 0
    return ReportResult(request.page, path, names, drawn)


def _page(run: KeptRun) -> tuple[str, tuple[str, ...]]:
    try:
        with ONE_THREAD:
            drawn = pictures(run) if can_plot() else {}
            return page(run, drawn), tuple(drawn)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"Wanted a manifest and a history as a run writes them in {run.path}; found others "
            f"({type(error).__name__}: {error}). Restore them from a copy, or run it again."
        ) from error
