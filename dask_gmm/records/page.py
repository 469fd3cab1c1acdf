"""A page of this package: one file, told from others by a line that says who made it."""

from typing import Any, Final

from dask_gmm.errors import output_errors
from dask_gmm.objects.either import read_if_there
from dask_gmm.objects.location import Location
from dask_gmm.records.kinds import Kind
from dask_gmm.records.publish import aside, publish, refuse_existing

GENERATOR: Final = "dask-gmm report"
# The line stands among the first of the page.
HEAD_BYTES: Final = 1000


class PageKind(Kind):
    """A page; it is a file, and says in its head what it is."""

    def facts(self, path: Location) -> dict[str, Any] | None:
        """Give that it is one of this kind; None if there is none at a path."""
        with output_errors(path):
            head = (read_if_there(path) or b"")[:HEAD_BYTES]
        return {"format": self.form} if f'content="{self.form}"'.encode() in head else None


REPORT: Final = PageKind("report", "", (), GENERATOR)


def is_written(text: str, path: Location) -> bool:
    """Whether a page is there already, to the byte."""
    with output_errors(path):
        return read_if_there(path) == text.encode()


def write_page(text: str, path: Location, overwrite: bool) -> None:
    """Write a page; it appears when it is whole.

    Raises
    ------
    InputError, OutputExistsError, OutputError
        See `publish`.
    """
    refuse_existing(path, overwrite, REPORT)
    wip = aside(path)
    try:
        with output_errors(path):
            wip.write_bytes(text.encode())
        publish(wip, path, overwrite, REPORT)
    except BaseException:
        wip.unlink(missing_ok=True)
        raise
