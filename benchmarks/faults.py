"""What a fit suffers and survives, and the seconds that each fault costs it.

    python -m benchmarks.faults [--times N] [--seed N]

Each class of faults is let happen so many times to one fit by plain EM, or to a fit by the solver
``fast``, a selection or an incremental step, at places drawn from the seed, in processes of their
own; the same command is run again until it ends well or refuses for good. The
bytes of what it ends with are compared with those of a run that nothing has disturbed, and so are
the seconds of all its commands together, which importing the package is a good part of.
"""

import argparse
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from tests.data.arrays import DAMAGES, chunk_file
from tests.faults.armed import armed_faults
from tests.faults.programs import BEFORE, BLOCKS, DRAW, KINDS, Place, ended
from tests.faults.within import CHAOS
from tests.whole.refusals import command

THREADS: Final[tuple[object, ...]] = ()
WORKERS: Final[tuple[object, ...]] = ("--workers", 2)
COMMANDS: Final = 20
# Readings of all rows that the fit makes for certain.
READINGS: Final = 6
# ... and that commands of other kinds make.
FEWEST: Final = 2
STEPS: Final = ("write", "flush", "place")
HEADER: Final = (
    f"{'fault':45} {'injected':>8} {'same bytes':>10} {'refused':>8} {'codes':>8} {'lost, s':>8}"
)
Draw = random.Random


def nothing(place: Place, draw: Draw) -> None:
    """Let nothing happen between two commands."""


@dataclass(frozen=True, slots=True, eq=False)
class Fault:
    """A class of faults.

    Parameters
    ----------
    name : str
    where : tuple
        Options of the command: where its passes run.
    arm : callable
        Arms one.
    between : callable
        What happens after a command that did not end well.
    refused : int, optional
        The code of a command that refuses for good.
    kind : str
        Of the command, one of `tests.faults.programs.KINDS`.
    variables : mapping
        Of the environment.
    """

    name: str
    where: tuple[object, ...]
    arm: Callable[[Place, Draw], None]
    between: Callable[[Place, Draw], None] = nothing
    refused: int | None = None
    kind: str = "em"
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Suffered:
    """What came of one.

    Parameters
    ----------
    codes : tuple of int
        Of the commands.
    digest : str
        Of what was fitted; empty if nothing was.
    seconds : float
        Of all commands.
    """

    codes: tuple[int, ...]
    digest: str
    seconds: float


def after_a_pass(what: str, readings: int = READINGS) -> Callable[[Place, Draw], None]:
    """Let something happen to the command after one of its passes."""
    return lambda place, draw: place.armed.arm(f"pass-{draw.randint(1, readings)}", what)


def in_a_pass(what: str, readings: int = READINGS, first: int = 0) -> Callable[[Place, Draw], None]:
    """Let something happen to who reads a block, from the first one on that is read."""

    def arm(place: Place, draw: Draw) -> None:
        before = ["pass"] * draw.randrange(readings)
        place.armed.arm(f"chunk-{draw.randrange(first, BLOCKS)}", *before, what)

    return arm


def at_a_checkpoint(what: str, steps: tuple[str, ...] = STEPS) -> Callable[[Place, Draw], None]:
    """Let something happen while a checkpoint is written."""

    def arm(place: Place, draw: Draw) -> None:
        name = f"checkpoint-{draw.randint(1, READINGS):06d}.{draw.choice(('npz', 'json'))}"
        place.armed.arm(f"{draw.choice(steps)}:{name}", what)

    return arm


def a_read_fails(place: Place, draw: Draw) -> None:
    """Let a file fail once."""
    before = ["pass"] * draw.randrange(READINGS)
    place.armed.arm(f"file-c.{draw.randrange(BLOCKS)}.0", *before, "broken")


def always_deadly(place: Place, draw: Draw) -> None:
    """Let a block kill whoever reads it."""
    place.armed.always(f"chunk-{draw.randrange(BLOCKS)}", "kill")


def damage_a_checkpoint(place: Place, draw: Draw) -> None:
    """Damage the newest one, if another one is there."""
    found = sorted(place.folder.glob(".out.wip-*/checkpoints/checkpoint-*.npz"))
    if len(found) > 1:
        DAMAGES[draw.choice(("absent", "flipped", "truncated", "empty"))](found[-1])


def damage_a_chunk(place: Place, draw: Draw) -> None:
    """Damage a block of rows."""
    chunk = chunk_file(place.folder / "d.zarr" / "x", draw.randrange(1, BLOCKS))
    DAMAGES[draw.choice(tuple(DAMAGES))](chunk)


# Their kind, what they are called, and the first block that they read.
OTHERS: Final = (
    ("fast", "a fit by the solver fast", 0),
    ("select", "a selection", 0),
    ("step", "an incremental step", BLOCKS // 2),
)
FAULTS: Final = (
    Fault("the command is killed after a pass", THREADS, after_a_pass("kill")),
    Fault("... in a pass", THREADS, in_a_pass("kill")),
    Fault("... while it writes a checkpoint", THREADS, at_a_checkpoint("kill")),
    Fault("... and its newest checkpoint damaged", THREADS, in_a_pass("kill"), damage_a_checkpoint),
    Fault("... and a chunk of rows damaged", THREADS, in_a_pass("kill"), damage_a_chunk, 65),
    Fault("the command is told to stop", THREADS, after_a_pass("term")),
    Fault("a read fails once", THREADS, a_read_fails),
    Fault("the disk of checkpoints is full", THREADS, at_a_checkpoint("full", ("write",))),
    Fault("a command with workers is killed after a pass", WORKERS, after_a_pass("kill")),
    Fault("a worker is killed in a pass", WORKERS, in_a_pass("kill")),
    Fault("a worker is frozen in a pass", WORKERS, in_a_pass("stop")),
    Fault("workers die at random", WORKERS, lambda place, draw: None, variables={CHAOS: "5s"}),
    Fault("a block always kills its worker", WORKERS, always_deadly, refused=75),
    *(
        Fault(name, THREADS, arm, kind=kind)
        for kind, called, first in OTHERS
        for name, arm in (
            (f"{called} is killed after a pass", after_a_pass("kill", FEWEST)),
            ("... in a pass", in_a_pass("kill", FEWEST, first)),
        )
    ),
)


def fitted(like: Path, fault: Fault, draw: Draw) -> Suffered:
    """Let one happen in a folder of its own, and run the command until it ends well or for good."""
    with tempfile.TemporaryDirectory() as folder, armed_faults() as armed:
        shutil.copytree(like, folder, dirs_exist_ok=True)
        place = Place(Path(folder), armed)
        fault.arm(place, draw)
        codes: list[int] = []
        started = time.monotonic()
        while len(codes) < COMMANDS and (not codes or codes[-1] not in (0, fault.refused)):
            if codes:
                fault.between(place, draw)
            words = (*KINDS[fault.kind], "--out", "out", *fault.where)
            with place.running(*words, **fault.variables) as process:
                codes.append(ended(process).code)
        seconds = time.monotonic() - started
        return Suffered(tuple(codes), place.digest() if codes[-1] == 0 else "", seconds)


def line(fault: Fault, suffered: list[Suffered], undisturbed: Suffered) -> str:
    """Give a line of the table."""
    same = sum(each.digest == undisturbed.digest for each in suffered)
    refused = sum(each.codes[-1] == fault.refused for each in suffered)
    said = {code for each in suffered for code in each.codes} - {0, -signal.SIGKILL}
    lost = median(each.seconds for each in suffered) - undisturbed.seconds
    codes = ", ".join(map(str, sorted(said))) or "-"
    return f"{fault.name:45} {len(suffered):8} {same:10} {refused:8} {codes:>8} {lost:8.1f}"


def undisturbed(like: Path, fault: Fault, times: int) -> Suffered:
    """Give the run of median time of a command that nothing happens to."""
    quiet = Fault("nothing", fault.where, nothing, kind=fault.kind)
    runs = [fitted(like, quiet, random.Random(0)) for _ in range(times)]
    return sorted(runs, key=lambda each: each.seconds)[len(runs) // 2]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    draw = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        like = Path(folder)
        assert command("generate", like / "d.zarr", *DRAW).exit_code == 0
        with armed_faults() as armed, Place(like, armed).running(*BEFORE) as process:
            assert ended(process).code == 0
        quiet: dict[tuple[object, ...], Suffered] = {}
        print(HEADER)
        for fault in FAULTS:
            key = (fault.kind, fault.where)
            quiet[key] = quiet.get(key) or undisturbed(like, fault, asked.times)
            suffered = [fitted(like, fault, draw) for _ in range(asked.times)]
            print(line(fault, suffered, quiet[key]), flush=True)


if __name__ == "__main__":
    main()
