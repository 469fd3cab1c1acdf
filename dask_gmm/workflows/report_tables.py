"""Tables of a report, as texts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

# What may stand in a column of numbers: they, and what says that there is none.
NUMBER: Final = re.compile(r"[-+]?(\d[\d,]*(\.\d+)?(e[-+]\d+)?|inf|nan)|none|-")
# Texts up to this many characters stay in one line.
SHORT: Final = 16


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first column names its lines.

    Parameters
    ----------
    caption : str
    headers : tuple of str
    lines : tuple of tuple of str
    facts : bool
        Whether it is a list of facts, each of which may be a number or a text of any length.
    """

    caption: str
    headers: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    facts: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """What stands in each column: "number", "word" (a short text) or "text"."""
        return tuple(
            "text" if self.facts else _kind(each) for each in zip(*self.lines, strict=True)
        )


def _kind(cells: Sequence[str]) -> str:
    if all(NUMBER.fullmatch(cell.strip()) for cell in cells):
        return "number"
    return "word" if max(map(len, cells)) <= SHORT else "text"


def flat(facts: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Names and texts of facts, those inside others with the names of both."""
    for key, value in facts.items():
        name = f"{above}{key}".replace("_", " ")
        if isinstance(value, dict):
            yield from flat(value, f"{name}: ")
        else:
            yield name, shown(value)


def of_mapping(caption: str, facts: Mapping[str, Any]) -> Table:
    """A table of facts by their names."""
    return of_pairs(caption, [*flat(facts)])


def of_pairs(caption: str, pairs: Sequence[tuple[str, str]]) -> Table:
    """A table of facts and what each is called."""
    return Table(caption, ("fact", "value"), tuple(pairs), facts=True)


def of_columns(caption: str, columns: Sequence[Sequence[str]]) -> Table:
    """A table of columns, each of which begins with its header."""
    headers, *lines = zip(*columns, strict=True)
    return Table(caption, headers, tuple(lines))


def of_records(caption: str, first: str, records: Sequence[Mapping[str, Any]]) -> Table:
    """A table of records that have the same keys, which it counts from 0."""
    headers = tuple(records[0]) if records else ()
    lines = (
        (str(number), *(shown(each[name]) for name in headers))
        for number, each in enumerate(records)
    )
    return Table(caption, (first, *headers), tuple(lines))


def shown(value: Any) -> str:
    """Write a JSON value for people."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.10g}"
        case None | []:
            return "none"
        case list():
            return ", ".join(map(shown, value))
        case dict():
            return ", ".join(
                f"{name.replace('_', ' ')} {shown(each)}" for name, each in value.items()
            )
        case _:
            return str(value)
