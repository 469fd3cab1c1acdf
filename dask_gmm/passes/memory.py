"""What a pass will hold at most, in bytes, known before its first task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dask_gmm.data.beside import RowsBeside
from dask_gmm.data.source import Source
from dask_gmm.errors import MemoryLimitError
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.held import Held

# Of a weight, or of a label.
NUMBER_BYTES: Final = 8
PROCESS_BYTES: Final = 300 * 2**20
# So much more than its share of all rows may a process come to hold.
IMBALANCE: Final = 1.5


@dataclass(frozen=True, slots=True)
class Projection:
    """Bytes that one process will hold at most.

    Parameters
    ----------
    reading : int
        Per thread: the leaf in use, the one read ahead, and what reading holds meanwhile.
    tile : int
        Per thread: what the folds derive from a tile.
    threads : int
        Threads of the process that work on the pass.
    base : int
        The interpreter and the libraries.
    held : int
        Rows that are held from one pass to the next.
    beside : int
        What the process holds that is nobody's in the pass, such as a sample.
    """

    reading: int
    tile: int
    threads: int
    base: int = PROCESS_BYTES
    held: int = 0
    beside: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        kept = self.held + self.beside
        return self.base + self.threads * (self.reading + self.tile) + kept

    def require(self, limit: int, name: str) -> None:
        """Refuse if it is more than the limit, in bytes; 0 is no limit.

        Raises
        ------
        MemoryLimitError
            With the numbers, and the cure.
        """
        if limit and self.total > limit:
            raise MemoryLimitError(
                f"Wanted a pass over {name} to hold at most {_mib(limit)} per process; projected "
                f"{_mib(self.total)}: {self.threads} x ({_mib(self.reading)} to read chunks + "
                f"{_mib(self.tile)} to compute on a tile) + {_mib(self.base)} for the process"
                f"{self._kept()}. {self._cure()}, use fewer threads per process, or give each "
                "process more memory."
            )

    def _kept(self) -> str:
        held = f" + {_mib(self.held)} for rows that are kept" if self.held else ""
        return held + (f" + {_mib(self.beside)} for a sample" if self.beside else "")

    def _cure(self) -> str:
        if self.held:
            return "Set cache to none"
        return "Store the rows in smaller chunks (of parquet: smaller row groups, or ingest them)"


def project(
    source: Source,
    folds: Sequence[Fold],
    threads: int,
    of: int | None = None,
    beside: int = 0,
) -> Projection:
    """Project what a process will hold at most.

    Parameters
    ----------
    source : Source
    folds : sequence of Fold
    threads : int
        Those of the process.
    of : int, optional
        Those of all processes that work on the pass; by default there is one.
    beside : int
        See `Projection`.
    """
    tile = sum(fold.tile_bytes(source.n_features) for fold in folds)
    held = bytes_of(source) if isinstance(source, Held) else 0
    if of is not None and of > threads:
        held = min(held, int(IMBALANCE * held * threads / of))
    return Projection(source.task_bytes(), tile, threads, held=held, beside=beside)


def bytes_of(source: Source) -> int:
    """Bytes of all rows of a source, and of what lies beside them, decoded."""
    if isinstance(source, Held):
        return bytes_of(source.source)
    beside = len(source.columns) * NUMBER_BYTES if isinstance(source, RowsBeside) else 0
    return source.layout.rows * (source.n_features * source.dtype.itemsize + beside)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
