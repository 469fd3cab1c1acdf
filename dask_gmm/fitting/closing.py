"""The end of a fit to few rows: Newton's step, with their own curvature, says what is left.

Where there is no sample that is much smaller than all rows, they are climbed by L-BFGS, which knows
the curvature along its last steps alone. What it says is left to gain is too little where the
objective is flat in other directions. So the climb is taken up once more as that of the last level,
with the rows that the survey holds below it, whose gradients cost no reading.
"""

from dataclasses import replace
from typing import Final

from dask_gmm.fitting.ascent import EMPTY, Ascended
from dask_gmm.fitting.members import Climb
from dask_gmm.fitting.newton import Solving
from dask_gmm.fitting.stopping import QUIET_PASSES
from dask_gmm.fitting.trust import FIRST

# Of what may be left to gain: a few more readings of few rows, and what is left is known well.
STRICT: Final = 0.01


def closing(ended: Ascended) -> Solving | None:
    """Give what looks whether little is left as Newton's step sees it, if nothing has yet.

    That is one of the passes in a row in which too little must be left: where it agrees, no more
    passes are made.
    """
    at, survey = ended.at, ended.at.survey
    if len(survey.levels) > 1 or survey.loose.rows.are_all or not _is_at_its_end(ended):
        return None
    levels = (survey.loose, *survey.levels)
    last = replace(
        at,
        survey=replace(survey, levels=levels),
        level=1,
        base=ended.base,
        best=ended.base,
        memory=EMPTY,
        radius=FIRST,
        quiet=QUIET_PASSES - 1,
        strict=STRICT,
        climb=Climb(at.summary.rows),
        climbs=(*at.climbs, at.climb),
    )
    return last.solving(ended.base)


def _is_at_its_end(ended: Ascended) -> bool:
    """Whether it has converged, and has not gone back to what describes rows held out better."""
    last = ended.at.base
    return ended.why.converged and (last is None or ended.base.value >= last.value)
