"""What docs/scaling.md says of large sizes follows from the constants that it says."""

import re

from benchmarks.scaling import PARTS
from benchmarks.scaling_tables import computing_table, constants_in, dask_table, sizes_table
from tests.house.tree import ROOT

PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")


def test_its_table_of_sizes_follows_from_its_constants() -> None:
    assert sizes_table(constants_in(PAGE)) in PAGE


def test_its_constants_stand_there_as_they_are_printed() -> None:
    constants = constants_in(PAGE)
    assert computing_table(constants) in PAGE
    assert dask_table(constants.dask) in PAGE


def test_other_constants_make_another_table() -> None:
    line = next(line for line in PAGE.splitlines() if line.startswith("| product |"))
    slower = PAGE.replace(line, "| product | 9 | 9 | ns per multiplication |")
    assert sizes_table(constants_in(slower)) != sizes_table(constants_in(PAGE))


def test_its_commands_name_parts_that_there_are() -> None:
    commands = re.findall(r"python -m benchmarks\.scaling((?: [a-z]+)*)", PAGE)
    assert {part for command in commands for part in command.split()} == set(PARTS)
