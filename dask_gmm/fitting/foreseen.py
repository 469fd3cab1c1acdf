"""What candidates will ask of all rows, known before the first pass."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np

from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.spec import DROP, TRIES, USUAL, Spec
from dask_gmm.fitting.survey import SurveyAnswer, SurveyFold
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture

# Passes after the last iteration: one measures, and with the solver ``fast`` one goes back to
# where EM leads from a trial that gained too little.
LAST_PASSES: Final[Mapping[str, int]] = MappingProxyType({"em": 1, "fast": 2})


def survey_of(specs: Sequence[Spec], n_rows: int, n_features: int) -> SurveyFold:
    """Give what the first pass asks; all specs have the seed, and the rows held out, of the first.

    Its sample has rows enough for each of them.
    """
    size = max(each.sample_rows(n_rows, n_features) for each in specs)
    matrix = not all(family_of(each.covariance_type).factored for each in specs)
    n_labels = min(each.n_labels for each in specs)
    fold = SurveyFold(specs[0].seed, size, n_rows, specs[0].held_out, matrix=matrix)
    return replace(fold, n_labels=n_labels)


def knowing(spec: Spec, *, labeled: bool) -> Spec:
    """Give what is asked where it is known whether rows are labeled.

    A start from labeled rows is one of as many components as are asked for.
    """
    if not labeled:
        return replace(spec, n_labels=0)
    return replace(spec, init=USUAL if spec.init in TRIES else spec.init, merge_from=None)


def largest_e_step(specs: Sequence[Spec], n_features: int) -> EStep:
    """Give the question of a single candidate that takes the most memory."""
    e_steps = (EStep.like(each.most_components, each.covariance_type, n_features) for each in specs)
    return max(e_steps, key=lambda e_step: e_step.tile_bytes(n_features))


def asking_at_once(
    specs: Sequence[Spec], n_init: int, n_rows: int, n_features: int
) -> tuple[Spec, ...]:
    """Give the candidates that ask in one round of all rows at most, of so many starts for each.

    Of a race that is decided on samples a single one asks about all rows.
    """
    raced = (each.candidates(n_init) for each in specs)
    return tuple(
        spec
        for race in raced
        for spec in (race[:1] if _is_decided(race[0], n_rows, n_features) else race)
    )


def e_steps_near(specs: Sequence[Spec], answer: SurveyAnswer) -> list[EStep]:
    """Give questions of candidates at parameters such as some of the rows suggest.

    Means are rows of the sample, and variances those of all rows, so that as many components are
    exact in float64 or not as during a fit.

    Raises
    ------
    DataError
        If a column varies by so much, or so little, that float64 cannot hold its variance.
    """
    summary, rows = answer.summary, answer.sample.rows
    frame = Frame.of(summary)
    variances = np.where(summary.constant, 1.0, summary.variance)
    asked = []
    for spec in specs:
        like = Mixture.like(spec.n_components, spec.covariance_type, variances)
        means = rows[np.arange(spec.n_components) % len(rows)] - frame.shift
        means = np.where(np.isnan(means), 0.0, means)
        near = Mixture.of(like.weights, means, like.covariances, spec.covariance_type)
        asked.append(EStep.at(near, frame, spec.precision, spec.held_out))
    return asked


def most_rounds(specs: Sequence[Spec], n_rows: int, n_features: int) -> int | None:
    """Give the number of rounds after the survey at most, as far as ``max_iter`` bounds it.

    None where all rows are so few that races and escapes are made on them, ascent after ascent.
    """
    sampled = (not each.races or _is_decided(each, n_rows, n_features) for each in specs)
    return max(map(_rounds, specs)) if all(sampled) else None


def _is_decided(spec: Spec, n_rows: int, n_features: int) -> bool:
    """Whether a race is decided on samples, before all rows, of which some may be held out."""
    seen = n_rows - int(n_rows * spec.held_out.share)
    return spec.races and bool(spec.level_sizes(seen, n_features))


def _rounds(spec: Spec) -> int:
    # Each time that components are dropped, what is left is measured, and climbs again.
    drops = spec.n_components - 1 if spec.solver == "fast" and spec.repair == DROP else 0
    return spec.max_iter + LAST_PASSES[spec.solver] * (1 + drops)
