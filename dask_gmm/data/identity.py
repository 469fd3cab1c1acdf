"""Whether two sources are about the same rows, told without reading them."""

import hashlib
from collections.abc import Mapping
from typing import Any

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.beside import RowsBeside
from dask_gmm.data.parquet_file import stamp_or_none
from dask_gmm.data.parquet_source import ParquetSource
from dask_gmm.data.row_data import LABELS, WEIGHTS
from dask_gmm.data.selection import column_parts
from dask_gmm.data.source import Source
from dask_gmm.data.zarr_source import ZarrSource


def identity_of(source: Source) -> dict[str, Any] | None:
    """Give what tells the rows of a source from others, as JSON values.

    Stored digests of chunks tell what is in them. Where there are none, the place of the array
    and the sizes and times of its files stand for that, and so they do for parquet: files that are
    written again, be it with the same bytes, are others.

    Returns
    -------
    dict or None
        None for rows of which nothing is known before they are read: those in memory, of a dask
        array, and of a zarr store without digests that is not a folder.
    """
    if isinstance(source, RowsBeside):
        return _of_all(source)
    if isinstance(source, ParquetSource):
        return _of_files(source)
    if not isinstance(source, ZarrSource):
        return None
    content = _content(source)
    if content is None:
        return None
    return {
        "metadata_sha256": hashlib.sha256(source.chunks.format.document).hexdigest(),
        **content,
        "rows": [source.rows.start, source.rows.stop],
        "columns": None if source.columns is None else list(source.columns),
        "missing_chunks": source.chunks.missing_chunks,
    }


def _of_all(source: RowsBeside) -> dict[str, Any] | None:
    rows = identity_of(source.source)
    for name, column in ((WEIGHTS, source.weights), (LABELS, source.labels)):
        if column is not None and rows is not None:
            known = _of_column(column)
            rows = None if known is None else {**rows, name: known}
    return rows


def _of_column(column: ZarrSource | ArraySource) -> dict[str, Any] | None:
    if isinstance(column, ArraySource):
        return {"sha256": hashlib.sha256(column.values().tobytes()).hexdigest()}
    return identity_of(column)


def _of_files(source: ParquetSource) -> dict[str, Any]:
    found = [(each.path.name, *stamp_or_none(each.path)) for each in source.strict.groups.files]
    return {
        "files": str(source.home.resolve()),
        "files_sha256": hashlib.sha256(repr(found).encode()).hexdigest(),
        "rows": [source.rows.start, source.rows.stop],
        "columns": list(source.columns.names),
    }


def _content(source: ZarrSource) -> dict[str, str] | None:
    chunks, place = source.chunks, source.chunks.place
    if chunks.verified and chunks.digests is not None:
        return {"digests_sha256": hashlib.sha256(chunks.digests.tobytes()).hexdigest()}
    if place.location is None:
        return None
    stamps = place.stamps(source.chunk_keys())
    return {"array": str(place.location.resolve()), "files_sha256": _files(stamps)}


def _files(stamps: Mapping[str, str | None]) -> str:
    """SHA-256 of names, sizes and times of files, and of the names of those that are not there."""
    digest = hashlib.sha256()
    for key, stamp in stamps.items():
        digest.update(f"{key}\n".encode() if stamp is None else f"{key} {stamp}\n".encode())
    return digest.hexdigest()


def identity_of_rows(source: Source, start: int, stop: int) -> str | None:
    """Give what tells some of the rows of a source from others, wherever in an array they lie.

    Stored digests of their chunks tell that: the same rows in chunks of another shape are others,
    and so are those whose chunk holds other rows that changed.

    Parameters
    ----------
    source : Source
    start, stop : int
        Rows of the source.

    Returns
    -------
    str or None
        64 hexadecimal digits; None where no digests are stored.
    """
    if not isinstance(source, ZarrSource) or not source.verified:
        return None
    chunks, form = source.chunks, source.chunks.format
    assert chunks.digests is not None
    top, height = source.rows.start + start, form.chunk[0]
    first, last = top // height, -(-(source.rows.start + stop) // height)
    parts = column_parts(source.columns, form.shape[1], form.chunk[1])
    facts = [str(form.dtype), form.shape[1], *form.chunk, *form.codecs]
    facts += [source.columns, top - first * height, stop - start]
    digest = hashlib.sha256(repr(facts).encode())
    digest.update(chunks.digests[first:last, [part.chunk for part in parts]].tobytes())
    return digest.hexdigest()
