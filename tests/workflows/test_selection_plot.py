"""The picture of a selection: the same bytes, whole, and in other ways than by color alone."""

import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest

from dask_gmm.errors import InputError, MissingExtraError, OutputError
from dask_gmm.fitting.selected import Selected
from dask_gmm.workflows.selection_plot import SETTINGS, STYLES, picture, plot
from tests.fitting.selections import ROWS, entry, grid, selected

SVG: Final = "{http://www.w3.org/2000/svg}"
ANEW = """
import hashlib
from dask_gmm.workflows.selection_plot import picture
from tests.fitting.selections import grid, selected
print(hashlib.sha256(picture(selected(*grid(True)))).hexdigest())
"""


def groups(selected: Selected, name: str) -> int:
    """The number of parts of the picture with a name that begins so."""
    found = ElementTree.fromstring(picture(selected)).iter(f"{SVG}g")
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


@pytest.mark.parametrize("error", [0.0011, 0.045, 0.5, 1e-9])
def test_numbers_beside_an_axis_keep_apart(error: float) -> None:
    entries = [replace(each, held_out_error=error) for each in grid(True)]
    panels = tick_heights(selected(*entries))
    assert len(panels) == 4
    for heights in panels:
        assert len(heights) > 1
        assert np.diff(np.sort(heights)).min() > SETTINGS["font.size"]


def tick_heights(told: Selected) -> list[list[float]]:
    """The heights of the numbers beside the axis of each panel, in points."""
    panels: dict[str, list[float]] = {}
    for panel in ElementTree.fromstring(picture(told)).iter(f"{SVG}g"):
        if panel.get("id", "").startswith("axes_"):
            ticks = [g for g in panel.iter(f"{SVG}g") if g.get("id", "").startswith("ytick_")]
            moves = [re.search(r"translate\(\S+ (\S+)\)", _text_of(tick)) for tick in ticks]
            panels[panel.get("id", "")] = [float(each[1]) for each in moves if each]
    return list(panels.values())


def _text_of(tick: ElementTree.Element) -> str:
    """The transformation of the text of a tick."""
    found = (each.get("transform", "") for each in tick.iter(f"{SVG}g"))
    return next((each for each in found if each), "")


def test_what_lies_close_together_is_drawn_to_scale() -> None:
    near = [entry(k, bic=100.0 + k, aic=100.0 + k, icl=100.0 + k) for k in (1, 2, 3)]
    for heights in tick_heights(selected(*near)):
        assert len(heights) > 3
        assert np.ptp(np.diff(heights)) < 1e-3


def test_the_line_of_one_standard_error_is_told() -> None:
    label = b"<!-- one standard error of the best -->"
    assert picture(selected(*grid(True))).count(label) == 1
    assert label not in picture(selected(*grid()))


def test_families_differ_in_more_than_color() -> None:
    for parts in zip(*STYLES, strict=True):
        assert len(set(parts)) == len(STYLES) == 7


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
