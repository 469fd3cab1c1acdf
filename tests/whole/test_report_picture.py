"""A report in a browser looks as the stored pictures do.

``python -m tests.whole.pictured`` draws them anew. Letters, times, versions and machines are
the same in all of them, so that nothing but the look of a page is compared: the mean colors of
small squares.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

pytest.importorskip("matplotlib", reason="the pictures of a report need matplotlib")

from PIL import Image

from tests.whole.pictured import VIEWS, View, browser, difference, pages, photographed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(browser() is None, reason="no Chromium shows pages here"),
]

# Of 255. Hinting of letters and colors of stored pictures differ by less than 10; the least that
# goes wrong below differs by more than 40.
CLOSE: Final = 25.0
LARGEST: Final = 150_000


def styled(rule: str) -> Callable[[str], str]:
    return lambda page: page.replace("</style>", f"{rule}</style>", 1)


def without(pattern: str) -> Callable[[str], str]:
    def cut(page: str) -> str:
        left, n = re.subn(pattern, "", page, flags=re.S)
        assert n == 1
        return left

    return cut


WRONG: Final[dict[str, Callable[[str], str]]] = {
    "a section is lost": without(r'<section aria-labelledby="remarks">.*?</section>'),
    "a table is lost": without(r'<div class="wide"[^>]*aria-label="What all of them.*?</div>'),
    "a line is lost": without(r'<tr><th scope="row">solver.*?</tr>'),
    "charts are empty": styled("figure:first-of-type svg { visibility: hidden }"),
    "a column is empty": styled("td:nth-child(2) { visibility: hidden }"),
    "tables overlap": styled(".wide { margin-bottom: -3rem }"),
    "captions are lost": styled("caption { visibility: hidden }"),
    "numbers are not aligned": styled(".number { text-align: left !important }"),
    "there are no styles": without(r"<style>.*?</style>"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return pages(tmp_path_factory.mktemp("pictured"))


def apart(page: str, view: View, folder: Path) -> tuple[float, int]:
    """How far a page is from the stored picture, and at which height; both in ``folder``."""
    drawn = photographed(page, view, folder)
    drawn.save(folder / "seen.png")
    shutil.copy(view.stored, folder / "stored.png")
    with Image.open(view.stored) as stored:
        return difference(drawn, stored)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_report_looks_as_it_did(view: View, made: dict[str, str], tmp_path: Path) -> None:
    gap, height = apart(made[view.run], view, tmp_path)
    assert gap < CLOSE, f"differs at {height} px; compare seen.png and stored.png in {tmp_path}"


@pytest.mark.parametrize("wrong", WRONG)
def test_what_goes_wrong_is_seen(wrong: str, made: dict[str, str], tmp_path: Path) -> None:
    assert apart(WRONG[wrong](made["fit"]), VIEWS[0], tmp_path)[0] > CLOSE


def test_stored_pictures_are_small_and_of_all_views() -> None:
    stored = sorted(VIEWS[0].stored.parent.iterdir())
    assert stored == sorted(view.stored for view in VIEWS)
    assert all(each.stat().st_size < LARGEST for each in stored)
