"""Bad input at every door: refused with one message, which says enough."""

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dask_gmm.cli import cli
from dask_gmm.errors import DaskGMMError
from tests.data.arrays import files_of


def command(*args: object) -> Result:
    """Run a command; what is not an error of this package is raised."""
    return CliRunner().invoke(cli, [str(each) for each in args], catch_exceptions=False)


def refused(*args: object, code: int) -> str:
    """Run a command that must fail with this code and one message, and give the message."""
    result = command(*args)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    _, *messages = re.split(r"^Error: ", result.stderr, flags=re.MULTILINE)
    assert len(messages) == 1
    return messages[0]


def says(message: object, *parts: object) -> None:
    """See that a message has all these parts, and ends as a sentence does."""
    text = str(message)
    assert [str(part) for part in parts if str(part) not in text] == [], text
    assert text.rstrip().endswith((".", "?")), text


def same_error(caught: pytest.ExceptionInfo[DaskGMMError], message: str) -> None:
    """See that a command said what the same call in Python raised."""
    assert message == f"{caught.value}\n"


class Kept:
    """What lay at a path, which must lie there afterwards, to the byte."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = files_of(path)
        assert self.files

    def check(self) -> None:
        """See that it is as it was."""
        assert files_of(self.path) == self.files


def nothing_at(path: Path) -> None:
    """See that nothing was published at a path."""
    assert not os.path.lexists(path)
