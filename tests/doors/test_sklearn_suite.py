"""scikit-learn's own tests of `GaussianMixture`, with our class in the place of theirs.

What they may find is in the table of ``docs/scikit-learn.md``, and there alone.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree

import pytest
import sklearn

from tests.house.tree import ROOT

SUITE = ("sklearn.mixture.tests.test_gaussian_mixture", "sklearn.mixture.tests.test_mixture")
SWAP = ("-p", "tests.doors.sklearn_swap")
# Their tests in float32 as well, with several seeds, and with their warnings as errors.
THEIR_SETTINGS = {
    "SKLEARN_RUN_FLOAT32_TESTS": "1",
    "SKLEARN_TESTS_GLOBAL_RANDOM_SEED": "40-42",
    "SKLEARN_WARNINGS_AS_ERRORS": "1",
}
OUR_SETTINGS = ("PYTEST_ADDOPTS", "SCIPY_ARRAY_API")
FEWEST_TESTS = 80
pytestmark = pytest.mark.slow

Outcomes: TypeAlias = dict[str, tuple[str, str]]


def exceptions() -> dict[str, str]:
    """The tests that fail, by the table of the document, and why; ``*`` stands for any text."""
    text = (ROOT / "docs" / "scikit-learn.md").read_text(encoding="utf-8")
    table = text.split("\n| test | why |\n|---|---|\n")[1].split("\n\n")[0]
    rows = [re.fullmatch(r"\| `(\S+)` \| (.+) \|", line) for line in table.splitlines()]
    assert None not in rows, table
    return {row[1]: row[2] for row in rows if row}


def is_meant(name: str, row: str) -> bool:
    """Whether a row of the table is about a test."""
    return re.fullmatch(re.escape(row).replace(r"\*", ".*"), name) is not None


def run_suite(folder: Path, *options: str) -> Outcomes:
    """Run the suite in a process of its own; what became of each test, and why."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    where = ("-c", f"{folder / 'pytest.ini'}", f"--rootdir={Path(sklearn.__file__).parents[1]}")
    command = [sys.executable, "-m", "pytest", "-q", *where, "-p", "no:cacheprovider", *options]
    environment = {name: value for name, value in os.environ.items() if name not in OUR_SETTINGS}
    done = subprocess.run(
        [*command, f"--junitxml={folder / 'report.xml'}", "--pyargs", *SUITE],
        cwd=ROOT,
        env=environment | THEIR_SETTINGS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return dict(map(outcome, ElementTree.parse(folder / "report.xml").iter("testcase")))


def outcome(case: ElementTree.Element) -> tuple[str, tuple[str, str]]:
    """Name, outcome and message of a test in the report."""
    result = next((each for each in case if each.tag in ("failure", "error", "skipped")), None)
    message = "" if result is None else result.get("message", "")
    return case.attrib["name"], ("passed" if result is None else result.tag, message)


def failures(outcomes: Outcomes) -> dict[str, str]:
    return {
        name: message for name, (what, message) in outcomes.items() if what in ("failure", "error")
    }


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return run_suite(tmp_path_factory.mktemp("suite"), *SWAP)


def test_what_fails_is_in_the_table(ours: Outcomes) -> None:
    known = exceptions()
    found = failures(ours).items()
    assert {test: why for test, why in found if not any(is_meant(test, row) for row in known)} == {}


@pytest.mark.parametrize("row", exceptions())
def test_every_test_in_the_table_fails(row: str, ours: Outcomes) -> None:
    meant = {test for test in ours if is_meant(test, row)}
    assert meant
    assert meant - set(failures(ours)) == set()


def test_what_is_skipped_needs_other_arrays_than_those_of_numpy(ours: Outcomes) -> None:
    skipped = [message for what, message in ours.values() if what == "skipped"]
    assert [message for message in skipped if "array_api" not in message.lower()] == []
    assert len(ours) - len(skipped) >= FEWEST_TESTS


def test_their_class_passes_all(tmp_path: Path) -> None:
    assert failures(run_suite(tmp_path)) == {}
