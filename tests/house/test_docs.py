"""What is written about the package is true of it: the drawing, the examples, the links."""

import doctest
import re
from pathlib import Path
from types import FunctionType

import pytest

import dask_gmm
from dask_gmm.errors import DaskGMMError
from tests.house.test_project import subclasses
from tests.house.tree import PACKAGE, ROOT

DESIGN = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "docs/callbacks.md",
    ROOT / "docs/design.md",
    ROOT / "docs/scaling.md",
    ROOT / "docs/scikit-learn.md",
]
WITH_EXAMPLES = (
    "Background",
    "BayesianGaussianMixture",
    "GaussianMixture",
    "GaussianMixtureModel",
    "MixturePrior",
    "generate_gmm_data",
    "load_model",
    "save_model",
)
LARGEST_PICTURE = 200_000


def drawn_files() -> list[str]:
    """The files in the drawing of the house, relative to the package."""
    drawing = DESIGN.split("\ndask_gmm/\n")[1].split("\n```")[0]
    files, folder = [], ""
    for line in drawing.splitlines():
        found = re.match(r"(│   )?[├└]── ([\w.]+)(/?)", line)
        if found is None:
            continue
        inside, name, is_folder = found.groups()
        if is_folder:
            folder = f"{name}/"
        else:
            files.append(f"{folder if inside else ''}{name}")
    return files


def test_the_drawing_shows_every_file_and_no_other() -> None:
    kinds = (".py", ".typed", ".html")
    there = [each for each in PACKAGE.rglob("*") if Path(f"x{each.name}").suffix in kinds]
    names = [path.relative_to(PACKAGE).as_posix() for path in there]
    assert sorted(drawn_files()) == sorted(names)


def test_the_table_of_errors_has_each_that_is_raised_with_its_code() -> None:
    rows = re.findall(r"^\| ((?:`\w+Error`(?:, )?)+) \| (\d+) \|", DESIGN, re.MULTILINE)
    codes = {name: int(code) for names, code in rows for name in re.findall(r"\w+", names)}
    below = subclasses(DaskGMMError)[1:]
    assert codes == {each.__name__: each.exit_code for each in below if is_raised(each)}


def is_raised(error: type[DaskGMMError]) -> bool:
    """Whether anything but its definition, and those of errors below it, names an error."""
    texts = (path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    code = "\n".join(
        re.sub(r"^class .*|^ +[*+-] .*", "", text, flags=re.MULTILINE) for text in texts
    )
    return error.__name__ in code


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_public_name_are_what_happens(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    thing = getattr(dask_gmm, name)
    assert isinstance(thing, type | FunctionType)
    examples = [test for test in doctest.DocTestFinder().find(thing, name) if test.examples]
    assert [test.name for test in examples] == [name]
    runner = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF)
    report: list[str] = []
    runner.run(examples[0], out=report.append)
    assert (runner.failures, "".join(report)) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_points_at_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r'(?:\]\(|src="|srcset=")([^)"#]+)', text)
    assert [each for each in links if "://" not in each and not (page.parent / each).exists()] == []
    files = re.findall(r"`((?:\w+/)+[\w-]+\.(?:py|md|yaml|txt))`", text)
    tried = [(ROOT / name, PACKAGE / name) for name in files if not name.startswith("runs/")]
    assert [str(here) for here, there in tried if not here.exists() and not there.exists()] == []


def test_pictures_are_small() -> None:
    pictures = sorted((ROOT / "docs").glob("*.png"))
    assert [picture.name for picture in pictures] == ["picture-dark.png", "picture-light.png"]
    assert all(picture.stat().st_size < LARGEST_PICTURE for picture in pictures)
