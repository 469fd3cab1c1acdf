"""The picture of a selection: the same bytes, whole, and in other ways than by color alone."""

import hashlib
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import pytest

from dask_gmm.errors import InputError, MissingExtraError, OutputError
from dask_gmm.fitting.selected import Selected
from dask_gmm.workflows.selection_plot import STYLES, picture, plot
from tests.fitting.selections import ROWS, entry, grid, selected

ANEW = """
import hashlib
from dask_gmm.workflows.selection_plot import picture
from tests.fitting.selections import grid, selected
print(hashlib.sha256(picture(selected(*grid(True)))).hexdigest())
"""


def groups(selected: Selected, name: str) -> int:
    """The number of parts of the picture with a name that begins so."""
    found = ElementTree.fromstring(picture(selected)).iter("{http://www.w3.org/2000/svg}g")
    return sum(each.get("id", "").startswith(name) for each in found)


def test_a_picture_has_the_same_bytes_in_another_process() -> None:
    told = selected(*grid(True))
    done = subprocess.run([sys.executable, "-c", ANEW], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(picture(told)).hexdigest()
    assert b"<dc:date>" not in picture(told)


def test_a_picture_heeds_no_settings_and_leaves_them() -> None:
    told = selected(*grid())
    wanted = picture(told)
    with mpl.rc_context({"font.size": 30.0, "axes.grid": True}):
        assert picture(told) == wanted
        assert mpl.rcParams["font.size"] == 30.0


def test_there_is_a_panel_for_each_criterion_that_has_values() -> None:
    assert groups(selected(*grid()), "axes_") == 3
    assert groups(selected(*grid(True)), "axes_") == 4
    assert groups(selected(entry(2, icl=None), entry(3, icl=None)), "axes_") == 2


def test_the_criterion_that_decides_changes_the_picture() -> None:
    assert picture(selected(*grid())) != picture(selected(*grid(), criterion="icl"))


@pytest.mark.parametrize(
    "told",
    [
        selected(entry(1)),
        selected(*grid(True, most=40)),
        selected(entry(2, held_out=-4.0, held_out_error=0.0), criterion="held_out"),
        selected(entry(2, bic=-1e9), entry(3, bic=1e9), entry(4, dropped="too slow")),
    ],
    ids=["one", "many", "no error", "far apart"],
)
def test_any_selection_can_be_drawn(told: Selected) -> None:
    assert ElementTree.fromstring(picture(told)).tag.endswith("svg")


def test_families_differ_in_more_than_color() -> None:
    for parts in zip(*STYLES, strict=True):
        assert len(set(parts)) == len(STYLES) == 4


def test_a_picture_is_written_whole_and_replaces_an_old_one(tmp_path: Path) -> None:
    told, path = selected(*grid()), tmp_path / "criteria.svg"
    path.write_text("old")
    plot(told, path)
    assert path.read_bytes() == picture(told)
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_is_refused(tmp_path: Path) -> None:
    told = Selected(grid(), ROWS)
    with pytest.raises(InputError, match=r"ends in \.svg"):
        plot(told, tmp_path / "criteria.png")
    with pytest.raises(OutputError, match="No such file"):
        plot(told, tmp_path / "nowhere" / "criteria.svg")


def test_without_matplotlib_a_picture_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dask-gmm\[plot\]'"):
        picture(selected(*grid()))


def test_a_table_needs_no_matplotlib() -> None:
    code = "import sys, dask_gmm.workflows.selection_plot; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
