"""How far below its optimum a fit of few rows ends that says it has converged.

    python -m benchmarks.ends [--problems 240] [--seed 0]

Rows are 200 to 400, drawn from random mixtures of 3 to 8 full covariances in 2 to 8 columns whose
Bayes error of assignment is 35%; they are fitted with as many components by the solver ``fast``, in
each family in turn, every third problem with weights and every third with the prior of
`MixturePrior`. From where the fit ends plain EM goes on with what the fit maximizes, until a step
gains less than 1e-10 nats per row. What it gains is told in units of the tolerance of the fit, a
tenth of the statistical error; so is what the fit said.
"""

import argparse
import json
import warnings
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np

from dask_gmm import generate_gmm_data
from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.cohort import best, search
from dask_gmm.fitting.known import prior_of
from dask_gmm.fitting.members import Finished
from dask_gmm.fitting.questions import ALL_ROWS, EStep, Question
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.fitting.stopping import statistical_share
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.conjugate_prior import MixturePrior
from dask_gmm.mixture.coordinates import objective
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.mixture.mstep import MStep, m_step
from dask_gmm.mixture.truth import random_mixture
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.workflows.fit_rows import cohort_of
from dask_gmm.workflows.trip import Trip

OVERLAP: Final = 0.35
NO_GAIN: Final = 1e-10
MOST_STEPS: Final = 20_000


class Problem(NamedTuple):
    """Rows, and what is to be fitted to them."""

    rows: ArraySource
    spec: Spec


class Ended(NamedTuple):
    """Readings of all rows and passes over them in memory, and what is left, in tolerances."""

    problem: int
    family: str
    readings: int
    in_memory: int
    why: str
    said: float
    left: float
    steps: int


def problem(seed: int) -> Problem:
    """Draw a problem."""
    generator = np.random.default_rng(seed)
    n, d, k = (int(generator.choice(each)) for each in ((200, 300, 400), (2, 4, 8), (3, 5, 8)))
    truth = random_mixture(
        k, d, overlap=OVERLAP, imbalance=3, condition=10, generator=np.random.default_rng(seed)
    )
    x = generate_gmm_data(n, truth.weights, truth.means, truth.full_covariances(), seed=seed)
    source = ArraySource.of(np.asarray(x, dtype=np.float64))
    family = list(FAMILIES)[seed % len(FAMILIES)]
    spec = Spec(k, family, solver="fast", init=MERGE, tol=None, max_iter=1000, seed=seed)
    if seed % 3 == 1:
        source = replace(source, weights=generator.integers(1, 4, n).astype(np.float64))
    if seed % 3 == 2:
        spec = replace(spec, prior=MixturePrior())
    return Problem(source, spec)


class Counting(Trip):
    """A trip that counts passes over rows in memory."""

    in_memory = 0

    def run_pass(self, rows: Any, questions: Any) -> Any:
        """Answer questions."""
        self.in_memory += not rows.are_all
        return super().run_pass(rows, questions)


def ended(number: int) -> Ended:
    """Fit a problem, and go on by EM."""
    rows, spec = problem(number)
    trip = Counting(rows, ThreadRunner(1), Silent(), lambda record: None)
    with ONE_THREAD, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cohort = cohort_of(trip, [spec], 1)
        survey: Survey = cohort[0].survey  # type: ignore[union-attr]
        finished = best(search(cohort, trip.run_pass, trip.keep))
        readings, in_memory = len(trip.records), trip.in_memory
        gained, steps = left_by_em(finished, survey, trip)
    unit = statistical_share(finished.mixture, survey.summary.mass)
    said = float("nan") if finished.left is None else finished.left / unit
    why = finished.why.name
    return Ended(number, spec.covariance_type, readings, in_memory, why, said, gained / unit, steps)


def left_by_em(finished: Finished, survey: Survey, trip: Trip) -> tuple[float, int]:
    """Give what EM gains from where a fit ended, in nats per row, and in how many steps."""
    summary, prior = survey.summary, prior_of(finished.spec, survey, survey.summary)
    step = MStep(finished.mixture.moved(-survey.frame.shift), ())
    values: list[float] = []
    while len(values) < 2 or (values[-1] - values[-2] > NO_GAIN and len(values) < MOST_STEPS):
        asked = Question(ALL_ROWS, EStep.at(step.mixture, survey.frame, "float64"))
        answer = trip.run_pass(ALL_ROWS, [asked])[0]
        values.append(objective(answer, step.mixture, summary, prior))
        step = m_step(answer, step.mixture, summary, 0.0, "float64", prior)
    return values[-1] - values[0], len(values)


def told(all_ended: list[Ended]) -> str:
    """Say how many end too low, and what that takes."""
    left = np.array([each.left for each in all_ended])
    lines = [f"{len(left)} fits, {sum(each.why == 'LITTLE_LEFT' for each in all_ended)} converged"]
    lines += [f"more than {n} tolerances left: {(left > n).mean():.1%}" for n in (1, 3)]
    lines.append(f"most left: {left.max():.2f} tolerances")
    for name in ("readings", "in_memory"):
        values = [getattr(each, name) for each in all_ended]
        lines.append(f"{name}: median {np.median(values):.0f}, 90% {np.quantile(values, 0.9):.0f}")
    return "\n".join(lines)


def main() -> None:
    """Fit all problems, and print what is left."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--problems", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", action="store_true", help="print each problem as JSON")
    asked = parser.parse_args()
    found = []
    for number in range(asked.seed, asked.seed + asked.problems):
        found.append(ended(number))
        if asked.each:
            print(json.dumps(found[-1]._asdict()), flush=True)
    print(told(found))


if __name__ == "__main__":
    main()
