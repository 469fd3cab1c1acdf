"""The tables of a report, read as a text: what they say does not hang on color or on pictures."""

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import pytest

from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import read_history, read_manifest
from dask_gmm.workflows.report import report
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.report_tables import Table
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest

Lines: TypeAlias = list[dict[str, str]]

STYLE: Final = files("dask_gmm.workflows").joinpath("report.html").read_text(encoding="utf-8")
INSIDE: Final = {"table", "caption", "thead", "tbody", "tr", "th", "td"}


@dataclass
class Read:
    """A table as it is read aloud: its caption, and its cells line by line."""

    caption: str = ""
    lines: list[list[str]] = field(default_factory=list)

    def records(self) -> Lines:
        headers, *lines = self.lines
        return [dict(zip(headers, line, strict=True)) for line in lines]


class Reader(HTMLParser):
    """Takes from a page its tables as texts, and the attributes that are in them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: list[Read] = []
        self.attributes: set[str] = set()
        self.classes: set[str] = set()
        self.inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        if tag in INSIDE:
            self.attributes |= {name for name, _ in attrs}
            self.classes |= {value or "" for name, value in attrs if name == "class"}
        match tag:
            case "table":
                self.tables.append(Read())
            case "tr":
                self.tables[-1].lines.append([])
            case "th" | "td":
                self.tables[-1].lines[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "caption":
            self.tables[-1].caption += data
        elif self.inside in ("th", "td"):
            self.tables[-1].lines[-1][-1] += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = np.random.default_rng(5)
    centers = np.array([[0.0, 0], [9, 0], [0, 9]])
    x = centers[generator.integers(0, 3, 1500)] + generator.standard_normal((1500, 2))
    out = tmp_path_factory.mktemp("reading") / "select"
    request = SelectRequest(x, (1, 3), out, covariance=("full", "spherical"), held_out=0.2)
    select(request, ThreadRunner(2), Silent())
    report(ReportRequest(out))
    return out


@pytest.fixture(scope="module")
def read(folder: Path) -> Reader:
    return Reader((folder / "report.html").read_text(encoding="utf-8"))


def table(read: Reader, caption: str) -> Lines:
    (found,) = [each for each in read.tables if each.caption == caption]
    return found.records()


def test_every_table_is_told_apart_and_so_is_each_line_and_column_of_it(read: Reader) -> None:
    captions = [each.caption for each in read.tables]
    assert len(captions) == len(set(captions)) > 8
    for each in read.tables:
        headers, *lines = each.lines
        assert len(headers) == len(set(headers)), each.caption
        assert {len(line) for line in lines} == {len(headers)}, each.caption
        assert all(text.strip() for line in each.lines for text in line), each.caption
        assert len({line[0] for line in lines}) == len(lines), each.caption


def test_nothing_in_a_table_is_said_by_color(read: Reader) -> None:
    assert read.attributes == {"class", "scope"}
    assert read.classes == {"facts", "number", "text", "word"}
    rules = re.findall(r"^([^{}@]*)\{([^{}]*)\}", STYLE, re.MULTILINE)
    for name in read.classes:
        said = [rule for selector, rule in rules if f".{name}" in selector]
        assert said
        assert not re.search(r"color|background|opacity|visibility|display", " ".join(said))


def test_the_candidate_that_is_chosen_is_named_in_a_word(folder: Path, read: Reader) -> None:
    written = json.loads((folder / "selection.json").read_text())
    lines = table(read, "Candidates of the selection")
    assert [each["covariance"] for each in lines] == [
        each["covariance_type"] for each in written["candidates"]
    ]
    chosen = [each["candidate"] for each in lines if "chosen" in each["how it ended"]]
    assert chosen == [str(written["chosen"])]


def test_what_a_fact_or_a_pass_says_can_be_looked_up_by_its_name(
    folder: Path, read: Reader
) -> None:
    manifest, history = read_manifest(folder), read_history(folder)
    facts = {each["fact"]: each["value"] for each in table(read, "How it ended")}
    assert facts["why it ended"] == manifest["reason"]
    assert facts["readings of all rows"] == str(manifest["passes"])
    taken = {each["pass"]: each for each in table(read, "What the passes took")}
    assert [taken[str(each["pass"])]["tasks"] for each in history] == [
        f"{each['tasks']:,}" for each in history
    ]
    together = {each["fact"]: each["value"] for each in table(read, "What all of them took")}
    assert together["tasks"] == f"{sum(each['tasks'] for each in history):,}"
    (part,) = table(read, "Parts of the run")
    assert (part["interrupted"], part["last pass"]) == ("no", str(len(history)))


def test_columns_are_aligned_by_what_stands_in_all_of_their_cells() -> None:
    lines = (
        ("a", " 1.5", "none", "full", "1", "a cause of some length"),
        ("b", "-2e-08", "1,234", "-", "two", "none"),
    )
    kinds = ("word", "number", "number", "word", "word", "text")
    headers = ("name", "b", "c", "d", "e", "f")
    assert Table("of records", headers, lines).kinds == kinds
    assert set(Table("of facts", headers, lines, facts=True).kinds) == {"text"}
