"""Rows that a fit leaves out: which may be, which were, and how that is told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from dask_gmm.data.source import BadChunk, Source
from dask_gmm.data.stored import StoredSource
from dask_gmm.errors import DataError, InputError
from dask_gmm.fitting.survey import SurveyAnswer
from dask_gmm.workflows.requests import USUAL_BAD_SHARE

# Where rows may be left out, a sample is drawn as if no more than this share of them were left.
FEWEST_LEFT: Final = 0.25
# So many bad chunks are named in a message.
NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be left out.

    Parameters
    ----------
    bad_share : float, optional
        The largest share of the rows that bad chunks may take with them; None where each is an
        error.
    nonfinite : bool
        Whether rows that are not finite are left out, instead of being an error.
    missing : bool
        Whether NaN stand for values that are missing; rows with no other value are left out.
    """

    bad_share: float | None = None
    nonfinite: bool = False
    missing: bool = False

    @classmethod
    def by(cls, request: Any) -> "Allowed":
        """Give what the request of a fit or a selection allows.

        Raises
        ------
        InputError
            If a share is given of what is not skipped.
        """
        skips, share = request.on_bad_chunk == "skip", request.max_bad_share
        if share is not None and not skips:
            raise InputError(
                f"Wanted max_bad_share with on_bad_chunk skip alone, found {share:g} with "
                f"{request.on_bad_chunk}. Leave one of them out."
            )
        usual = USUAL_BAD_SHARE if share is None else share
        missing = request.missing == "em"
        return cls(usual if skips else None, request.nonfinite == "drop", missing)

    @property
    def usable(self) -> float:
        """Give a share of the rows that is left, or nearly always is."""
        if self.nonfinite or self.missing:
            return FEWEST_LEFT
        return max(1 - (self.bad_share or 0.0), FEWEST_LEFT)

    def of(self, source: Source) -> Source:
        """Give the source whose first reading leaves out what may be.

        Raises
        ------
        InputError
            If bad chunks are to be left out of rows that are not stored.
        """
        if self.bad_share is None:
            return source
        if not isinstance(source, StoredSource):
            raise InputError(
                f"Wanted stored rows for on_bad_chunk skip, found {source.name}, which has no "
                "stored chunks. Give a path or a zarr array, or leave on_bad_chunk out."
            )
        return source.skipping()


NOTHING: Final = Allowed()


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """What was left out.

    Parameters
    ----------
    chunks : tuple of BadChunk
        Bad ones; their rows have the numbers of the array.
    dropped_rows : int
        Number of rows that are not finite.
    empty_rows : int
        Number of rows of which all values are missing.
    """

    chunks: tuple[BadChunk, ...] = ()
    dropped_rows: int = 0
    empty_rows: int = 0

    @classmethod
    def of(cls, source: Source, survey: SurveyAnswer) -> "LeftOut":
        """Give what a survey left out of a source."""
        first = source.first_row if isinstance(source, StoredSource) else 0
        chunks = (
            replace(each, start=each.start + first, stop=each.stop + first)
            for each in survey.bad_chunks
        )
        return cls(tuple(chunks), survey.summary.bad_rows, survey.summary.empty_rows)

    @classmethod
    def kept_in(cls, manifest: Mapping[str, Any]) -> "LeftOut":
        """Give what the manifest of a run says of it."""
        chunks = (
            BadChunk(each["chunk"], each["rows"][0], each["rows"][1], each["cause"])
            for each in manifest["bad_chunks"]
        )
        return cls(tuple(chunks), manifest["dropped_rows"], manifest["empty_rows"])

    @property
    def skipped_rows(self) -> int:
        """Number of rows of bad chunks."""
        return sum(each.rows for each in self.chunks)

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        chunks = [
            {"chunk": each.key, "rows": [each.start, each.stop], "cause": each.cause}
            for each in self.chunks
        ]
        return {
            "bad_chunks": chunks,
            "skipped_rows": self.skipped_rows,
            "dropped_rows": self.dropped_rows,
            "empty_rows": self.empty_rows,
        }

    def to_text(self) -> tuple[str, ...]:
        """Give it as lines of plain text; none if it is nothing."""
        skipped = f"left out: {self.skipped_rows:,} rows of {_chunks(self.chunks)}"
        dropped = f"left out: {self.dropped_rows:,} rows that are not finite"
        empty = f"left out: {self.empty_rows:,} rows of which all values are missing"
        counts = (len(self.chunks), self.dropped_rows, self.empty_rows)
        lines = zip(counts, (skipped, dropped, empty), strict=True)
        return tuple(line for count, line in lines if count)


NOTHING_LEFT_OUT: Final = LeftOut()
NAN_IS_MISSING: Final = ", or take NaN for values that are missing with missing em"


def rows_left(source: Source, survey: SurveyAnswer) -> int:
    """Give the number of rows that count and are not left out; those held out are among them."""
    summary, rows = survey.summary, source.layout.rows - survey.weightless
    return rows - survey.skipped_rows - summary.bad_rows - summary.empty_rows


def check_left(source: Source, survey: SurveyAnswer, allowed: Allowed, least: int) -> None:
    """Refuse a survey that had to leave out more than is allowed, or left too little.

    Parameters
    ----------
    source : Source
    survey : SurveyAnswer
    allowed : Allowed
    least : int
        The fewest rows that can be fitted.

    Raises
    ------
    DataError
    """
    rows, skipped = source.layout.rows, survey.skipped_rows
    if skipped > rows * (allowed.bad_share or 0.0):
        raise DataError(
            f"Wanted bad chunks to take at most {allowed.bad_share or 0.0:.3g} of the rows with "
            f"them; found {_chunks(survey.bad_chunks)} with {skipped:,} of {rows:,} rows of "
            f"{source.name}: {_named(survey.bad_chunks)}. Restore them from a copy, or set "
            "max_bad_share."
        )
    if survey.summary.bad_rows and not allowed.nonfinite:
        row, column = survey.summary.first_bad
        found = "infinity" if allowed.missing else "NaN or infinity"
        missing = "" if allowed.missing else NAN_IS_MISSING
        raise DataError(
            f"Wanted finite values; found {found} in {survey.summary.bad_rows:,} of "
            f"{rows:,} rows, the first at {source.where(row, column)}. Clean the data, or let fit "
            f"or select leave out such rows with nonfinite drop{missing}."
        )
    left = rows_left(source, survey)
    if survey.leaves_out and left < least:
        raise DataError(
            f"Wanted at least {least:,} rows that are whole and finite; found {left:,} of "
            f"{rows:,} in {source.name}. Restore or clean the data."
        )


def told(source: Source, survey: SurveyAnswer) -> Iterator[str]:
    """Say what was left out, a line each for chunks and rows."""
    rows = source.layout.rows
    if survey.bad_chunks:
        yield (
            f"{_chunks(survey.bad_chunks)} of {source.name} skipped, with {survey.skipped_rows:,} "
            f"of {rows:,} rows: {_named(survey.bad_chunks)}"
        )
    if survey.summary.bad_rows:
        yield (
            f"{survey.summary.bad_rows:,} of {rows:,} rows of {source.name} left out, which are "
            f"not finite, the first at {source.where(*survey.summary.first_bad)}"
        )


def _chunks(bad: Sequence[BadChunk]) -> str:
    return f"{len(bad):,} bad chunk{'s' * (len(bad) > 1)}"


def _named(bad: Sequence[BadChunk]) -> str:
    more = f", and {len(bad) - NAMED:,} more" * (len(bad) > NAMED)
    return ", ".join(f"{each.key} {each.cause}" for each in bad[:NAMED]) + more
