"""What a mixture expects in the gaps of a tile, a portion of its rows at a time."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Floats
from dask_gmm.mixture.filling import Filling
from dask_gmm.mixture.filling_alike import Alike
from dask_gmm.mixture.filling_apart import Apart
from dask_gmm.mixture.filling_together import Together
from dask_gmm.mixture.gaps import Gaps
from dask_gmm.mixture.inverses import THINNEST, thinnest_of

# What is computed of gaps at once takes about so many numbers of float64, up to three times over.
LARGEST_PORTION: Final = 2**20
# So many portions are kept.
MOST_KEPT: Final = 5
COPIES: Final = MOST_KEPT + 3


class Fillings:
    """What a mixture expects in gaps, portion by portion; see `Filling`.

    Each takes little memory. What is expected in few of them is found once, and in many of them as
    often as one looks through them.
    """

    def __init__(self, gaps: Gaps, density: JointDensity, z: Floats) -> None:
        self._kind = _kind_for(density)
        self._density, self._z = density, z
        size = density.offsets.shape
        self._portions = gaps.portions(lambda q: self._kind.costs(q, *size), LARGEST_PORTION)
        few = len(self._portions) <= MOST_KEPT
        self._kept = [self._found(each) for each in self._portions] if few else None

    def __iter__(self) -> Iterator[Filling]:
        return iter(self._kept) if self._kept is not None else map(self._found, self._portions)

    def _found(self, gaps: Gaps) -> Filling:
        return self._kind(gaps, self._density, self._z)


def _kind_for(density: JointDensity) -> type[Filling]:
    """Choose what is exact for a density, whatever is missing."""
    if not density.features.crossed:
        return Apart
    if density.lacks_common and thinnest_of(density.factors[0].astype(np.float64)) > THINNEST:
        return Alike
    return Together
