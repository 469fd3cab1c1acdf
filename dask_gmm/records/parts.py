"""The parts of a run: the calls that made it, each of which went on where the last one stopped."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

PARTS: Final = "parts"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One call of a run.

    Parameters
    ----------
    started : str
        When, in UTC.
    host : str
        Where the command ran.
    machines : tuple of str
        Kinds of processors that computed.
    versions : mapping of str to str
        Of what computed, read and scheduled.
    first_pass : int
        Number of the first pass over all rows that it made, or would have made.
    last_pass : int
        Number of the last one.
    until : str, optional
        When it ended, in UTC; of an interrupted one, when what it has left was written.
    interrupted : bool
        Whether another one had to go on.
    """

    started: str
    host: str
    machines: tuple[str, ...]
    versions: Mapping[str, str]
    first_pass: int = 1
    last_pass: int = 0
    until: str | None = None
    interrupted: bool = True

    def after(self, passes: int) -> "Part":
        """Give one that goes on after so many passes."""
        return replace(self, first_pass=passes + 1, last_pass=passes)

    def at(self, passes: int, when: datetime) -> "Part":
        """Give what is left of it if it is interrupted after the pass of this number."""
        return replace(self, last_pass=passes, until=when.isoformat())

    def ended(self, passes: int, when: datetime) -> "Part":
        """Give it as it is when the run is done."""
        return replace(self.at(passes, when), interrupted=False)

    @property
    def seconds(self) -> float:
        """From its start until it ended, as far as that is known."""
        if self.until is None:
            return 0.0
        started, until = (datetime.fromisoformat(each) for each in (self.started, self.until))
        return (until - started).total_seconds()

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {**asdict(self), "machines": list(self.machines)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Part":
        """Read it from JSON values.

        Raises
        ------
        TypeError, KeyError
            If they are others.
        """
        return cls(**{**said, "machines": tuple(said["machines"])})


def header_of(parts: Sequence[Part]) -> dict[str, Any]:
    """Give what a checkpoint keeps of the parts until then."""
    return {PARTS: [each.to_json() for each in parts]}


def parts_in(header: Mapping[str, Any]) -> tuple[Part, ...]:
    """Read the parts that a checkpoint, or a manifest, names."""
    return tuple(map(Part.from_json, header.get(PARTS, ())))
