"""The parts of a mixture by their names; nothing is imported, so that settings know them soon."""

from typing import Final

PARTS: Final = ("weights", "means", "covariances")
# Of all components.
ALL: Final = "all"
# As how many rows of each component a background counts, in Reynolds, Quatieri and Dunn (2000).
USUAL_RELEVANCE: Final = 16.0
USUALLY_ADAPTED: Final = ("means",)
