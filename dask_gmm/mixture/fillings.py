"""What a mixture expects in the gaps of a tile, a portion of its rows at a time."""

from collections.abc import Iterator
from typing import Final

from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Floats
from dask_gmm.mixture.filling import Filling
from dask_gmm.mixture.filling_apart import Apart
from dask_gmm.mixture.filling_together import Together
from dask_gmm.mixture.gaps import Gaps

# What is computed of gaps at once takes about so many numbers of float64, a few times over.
LARGEST_PORTION: Final = 2**21
COPIES: Final = 4


class Fillings:
    """What a mixture expects in gaps, portion by portion; see `Filling`.

    Each takes little memory. What is expected in a single one is found once, and in several of them
    as often as one looks through them.
    """

    def __init__(self, gaps: Gaps, density: JointDensity, z: Floats) -> None:
        self._kind = Together if density.features.crossed else Apart
        self._density, self._z = density, z
        size = density.offsets.shape
        self._portions = gaps.portions(lambda q: self._kind.costs(q, *size), LARGEST_PORTION)
        self._only = self._found(gaps) if len(self._portions) == 1 else None

    def __iter__(self) -> Iterator[Filling]:
        if self._only is not None:
            yield self._only
        else:
            yield from map(self._found, self._portions)

    def _found(self, gaps: Gaps) -> Filling:
        return self._kind(gaps, self._density, self._z)
