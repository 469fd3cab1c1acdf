"""A zarr group of what a mixture says of rows: its chunks, and what decides its contents."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any, Final
from uuid import uuid4

import numpy as np

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.blocks import regular_layout
from dask_gmm.data.identity import identity_of
from dask_gmm.data.parquet_source import ParquetSource
from dask_gmm.data.place import DIGESTS
from dask_gmm.data.sink import ArraySpec, Sink
from dask_gmm.data.source import Layout, Source
from dask_gmm.data.stored import StoredSource
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import InputError, OutputExistsError
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.sampling import component_dtype
from dask_gmm.mixture.scoring import parameters_digest
from dask_gmm.objects.location import Location
from dask_gmm.outputs.wanted import (
    PROBABILITIES,
    ROWS,
    TOP_COMPONENTS,
    TOP_PROBABILITIES,
    Output,
    Wanted,
)
from dask_gmm.passes.dask_source import DaskSource
from dask_gmm.records.kinds import PREDICTIONS
from dask_gmm.records.publish import aside

CHUNK_BYTES: Final = 32 * 2**20
FEWEST_ROWS: Final = 1024
PACKAGES: Final = ("dask-gmm", "numpy", "zarr")
DECIDING: Final = ("model", "data", "wanted")
SECOND_AXES: Final[Mapping[str, str]] = {
    PROBABILITIES: "component",
    TOP_COMPONENTS: "rank",
    TOP_PROBABILITIES: "rank",
    ROWS: "column",
}


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """A group of predictions to be written.

    Parameters
    ----------
    source : Source
        The rows, in leaves of whole chunks of the group.
    specs : tuple of ArraySpec
        Its arrays.
    facts : mapping of str to JSON
        What decides its contents, ``data`` being None for rows without an identity; and versions.
    """

    source: Source
    specs: tuple[ArraySpec, ...]
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, source: Source, density: JointDensity, wanted: Wanted) -> "Predictions":
        """Plan the group.

        Raises
        ------
        InputError
            If more components are wanted than there are.
        """
        n_components = len(density.constants)
        of_rows = source.n_features, source.dtype
        outputs = wanted.outputs(n_components, component_dtype(n_components), *of_rows)
        widest = max(output.row_bytes for output in outputs)
        source, chunk_rows = in_whole_chunks(source, max(1, CHUNK_BYTES // widest))
        facts = {
            "format": PREDICTIONS.form,
            "version": 1,
            "model": parameters_digest(density),
            "data": identity_of(source),
            "wanted": asdict(wanted),
            "versions": {name: version(name) for name in PACKAGES},
        }
        rows = source.layout.rows
        return cls(source, tuple(_spec(each, rows, chunk_rows) for each in outputs), facts)

    @property
    def n_chunks(self) -> int:
        """Number of chunks of rows."""
        return self.specs[0].n_chunks

    @property
    def repeatable(self) -> bool:
        """Whether the same rows could be told from others when it is written again."""
        return self.facts["data"] is not None

    def sink(self, path: Location) -> Sink:
        """Give what writes it aside, until it is published at a path.

        The folder is named after what decides its contents, so that it is found again by calls
        about the same alone.
        """
        return Sink(aside(path, self._mark()), self.specs)

    def _mark(self) -> str:
        if not self.repeatable:
            return uuid4().hex[:16]
        facts = json.dumps(self.facts, sort_keys=True).encode()
        return hashlib.sha256(facts).hexdigest()[:16]

    def is_at(self, path: Location, *, overwrite: bool) -> bool:
        """Whether it lies at a path, finished.

        Raises
        ------
        OutputExistsError
            If another group of predictions does, and it may not be overwritten.
        """
        found = PREDICTIONS.facts(path)
        if found is None:
            return False
        differing = self._differences(path, found)
        if differing and not overwrite:
            raise OutputExistsError(
                f"Predictions are written where there are none, or the same already, but those in "
                f"{path} differ in {', '.join(differing)}. Choose another place, or overwrite them."
            )
        return not differing

    def _differences(self, path: Location, found: Mapping[str, Any]) -> list[str]:
        names = [name for name in DECIDING if found.get(name) != self.facts[name]]
        if not self.repeatable:
            return ["data (rows in memory or of dask cannot be compared)"]
        if not names and not Sink(path, self.specs).is_whole():
            return ["chunks (some are missing)"]
        return names


def refuse_own_rows(source: Source, out: Location) -> None:
    """Refuse a group that would replace the rows that it is about, or lie among them.

    The place beside them that digests are read from is theirs, also where there are none.

    Raises
    ------
    InputError
        With both places.
    """
    stored = source.home if isinstance(source, StoredSource) else None
    if stored is None:
        return
    rows, place = stored.resolve(), out.resolve()
    theirs = {rows, rows.parent / DIGESTS}
    if place in (*theirs, *rows.parents) or theirs & set(place.parents):
        raise InputError(
            f"Predictions must not replace the rows that they are about, nor lie among them, but "
            f"those are in {stored}, their digests in {DIGESTS} beside it, and the predictions are "
            f"to be in {out}. Choose another place."
        )


def in_whole_chunks(source: Source, most: int) -> tuple[Source, int]:
    """Give the rows in leaves of whole chunks of an output, and the rows of such a chunk.

    Parameters
    ----------
    source : Source
        Its leaves are taken as they are if a chunk of a fair size divides them.
    most : int
        Rows that a chunk may have at most.
    """
    layout = source.layout
    fewest = min(most, FEWEST_ROWS, layout.rows)
    found = largest_divisor(_common_rows(layout, most), most)
    if found >= fewest:
        return source, found
    chunk_rows = _power_of_two(min(most, max(layout.largest, fewest)))
    return _in_leaves_of(source, chunk_rows * -(-layout.largest // chunk_rows)), chunk_rows


def largest_divisor(number: int, most: int) -> int:
    """Give the largest divisor of a number that is at most so large."""
    low = [each for each in range(1, math.isqrt(number) + 1) if not number % each]
    return max(each for divisor in low for each in (divisor, number // divisor) if each <= most)


def _common_rows(layout: Layout, most: int) -> int:
    """What all leaves that others follow begin at multiples of; a single leaf takes any chunks."""
    inner = layout.edges[1:-1]
    return int(np.gcd.reduce(inner)) if len(inner) else min(layout.rows, most)


def _power_of_two(most: int) -> int:
    return 1 << (most.bit_length() - 1)


def _in_leaves_of(source: Source, rows: int) -> Source:
    if isinstance(source, DaskSource):
        return source.in_blocks_of(rows)
    assert isinstance(source, ArraySource | ZarrSource | ParquetSource)  # nothing lies beside it
    return replace(source, layout=regular_layout(source.layout.rows, rows))


def _spec(output: Output, rows: int, chunk_rows: int) -> ArraySpec:
    names: Sequence[str] = ("sample", SECOND_AXES.get(output.name, ""))
    shape = output.shape(rows)
    return ArraySpec(output.name, shape, str(output.dtype), chunk_rows, tuple(names[: len(shape)]))
