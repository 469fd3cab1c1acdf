"""What candidates will ask of all rows, known before the first pass."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.spec import DROP, Spec
from dask_gmm.fitting.survey import SurveyFold

# Passes after the last iteration: one measures, and with the solver ``fast`` one goes back to
# where EM leads from a trial that gained too little.
LAST_PASSES: Final[Mapping[str, int]] = MappingProxyType({"em": 1, "fast": 2})


def survey_of(specs: Sequence[Spec], n_rows: int, n_features: int) -> SurveyFold:
    """Give what the first pass asks; all specs have the seed, and the rows held out, of the first.

    Its sample has rows enough for each of them.
    """
    size = max(each.sample_rows(n_rows, n_features) for each in specs)
    return SurveyFold(specs[0].seed, size, n_rows, specs[0].held_out)


def largest_e_step(specs: Sequence[Spec], n_features: int) -> EStep:
    """Give the question of a single candidate that takes the most memory."""
    e_steps = (EStep.like(each.most_components, each.covariance_type, n_features) for each in specs)
    return max(e_steps, key=lambda e_step: e_step.tile_bytes(n_features))


def e_steps_at_once(
    specs: Sequence[Spec], n_init: int, n_rows: int, n_features: int
) -> list[EStep]:
    """Give what is asked in one round of all rows at most, where so many starts are asked for.

    Of a race that is decided on samples a single candidate asks about all rows.
    """
    asked = []
    for spec in specs:
        count = 1 if _is_sampled(spec, n_rows, n_features) else len(spec.candidates(n_init))
        one = EStep.like(spec.n_components, spec.covariance_type, n_features)
        asked += [one] * count
    return asked


def most_rounds(specs: Sequence[Spec], n_rows: int, n_features: int) -> int | None:
    """Give the number of rounds after the survey at most, as far as ``max_iter`` bounds it.

    None where all rows are so few that races and escapes are made on them, ascent after ascent.
    """
    sampled = (each.solver == "em" or _is_sampled(each, n_rows, n_features) for each in specs)
    return max(map(_rounds, specs)) if all(sampled) else None


def _is_sampled(spec: Spec, n_rows: int, n_features: int) -> bool:
    """Whether samples are climbed before all rows, of which some may be held out."""
    seen = n_rows - int(n_rows * spec.held_out.share)
    return bool(spec.level_sizes(seen, n_features))


def _rounds(spec: Spec) -> int:
    # Each time that components are dropped, what is left is measured, and climbs again.
    drops = spec.n_components - 1 if spec.solver == "fast" and spec.repair == DROP else 0
    return spec.max_iter + LAST_PASSES[spec.solver] * (1 + drops)
