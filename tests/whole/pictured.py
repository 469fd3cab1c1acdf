"""Reports as a browser shows them, and how far two pictures of one differ.

    python -m tests.whole.pictured

draws the stored pictures, ``tests/whole/pictures/*.png``, anew: look at them before they are kept.
Needs Chromium and matplotlib.
"""

import base64
import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image

from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import HISTORY, MANIFEST, read_history, read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.report import report
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest
from dask_gmm.workflows.selection_file import TABLE

PICTURES: Final = Path(__file__).parent / "pictures"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--force-device-scale-factor=1", "--force-color-profile=srgb", "--disable-lcd-text"),
    *("--font-render-hinting=none", "--virtual-time-budget=10000"),
)
TALLEST: Final = 12_000
BELOW: Final = 20
# A stored picture is half as wide as the page, in so many colors.
SMALLER: Final = 2
COLORS: Final = 160
# Pictures are compared by the mean colors of squares of so many of their points.
SQUARE: Final = 10
# What differs from run to run and from machine to machine, or hangs on a last bit.
STEADY: Final[dict[str, Any]] = {
    "seconds": 1.25,
    "rows_per_second": 1_500_000,
    "peak_bytes": 300 * 2**20,
    "started": "2026-01-02T03:04:05.678901+00:00",
    "until": "2026-01-02T03:04:15.678901+00:00",
    "ended": "2026-01-02T03:04:15.678901+00:00",
    "host": "host",
    "machines": ["a kind of processor"],
    "versions": {"python": "3.11.0", "dask-gmm": "0.1.0", "numpy": "2.0.0"},
    "restart": 0,
    "order": [0, 1, 2],
    "settings_sha256": "0123456789abcdef" * 4,
    "fingerprint": "0123456789abcdef" * 4,
}
# What a plain run has not to say.
SAID: Final[dict[str, Any]] = {
    "warnings": ["Column 2 is 0.5 in all rows: it tells no component from another."],
    "repairs": [[3, "component 1 was split"]],
    "bad_chunks": [{"chunk": "c/3/0", "rows": [2100, 2800], "cause": "its digest is another"}],
}


@dataclass(frozen=True, slots=True)
class View:
    """A report, and how it is looked at.

    Parameters
    ----------
    run : {"fit", "select"}
    width : int
        Of the window, in pixels.
    kind : {"light", "dark", "print"}
    """

    run: str
    width: int
    kind: str

    @property
    def name(self) -> str:
        return f"{self.run}-{self.width}-{self.kind}"

    @property
    def stored(self) -> Path:
        return PICTURES / f"{self.name}.png"


VIEWS: Final = (
    View("fit", 1000, "light"),
    View("fit", 700, "print"),
    View("select", 1000, "dark"),
    View("select", 400, "light"),
)


def browser() -> str | None:
    """The path of a browser; None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def pages(folder: Path) -> dict[str, str]:
    """Fit and select, and give the pages about both by the names of their runs."""
    generator = np.random.default_rng(3)
    centers = np.array([[0.0, 0, 0], [9, 0, 4], [0, 9, -4]])
    x = centers[generator.integers(0, 3, 3000)] + generator.standard_normal((3000, 3))
    fit(FitRequest(x, 3, folder / "fit", held_out=0.1), ThreadRunner(2), Silent())
    asked = SelectRequest(
        x, (1, 2, 3), folder / "select", covariance=("full", "diag"), columns=(2, 0), held_out=0.2
    )
    select(asked, ThreadRunner(2), Silent())
    return {"fit": _page(folder / "fit", SAID), "select": _page(folder / "select", {})}


def _page(folder: Path, said: dict[str, Any]) -> str:
    manifest = steady({**read_manifest(folder), **said})
    (folder / MANIFEST).write_text(json.dumps(manifest))
    lines = (json.dumps(steady(each)) for each in read_history(folder))
    (folder / HISTORY).write_text("".join(f"{line}\n" for line in lines))
    if (folder / TABLE).exists():
        table = steady(json.loads((folder / TABLE).read_text()))
        (folder / TABLE).write_text(json.dumps(table))
    return report(ReportRequest(folder)).out.read_text()


def steady(value: Any) -> Any:
    """JSON values as any run on any machine has them."""
    match value:
        case dict():
            return {name: STEADY.get(name, steady(each)) for name, each in value.items()}
        case list():
            return [steady(each) for each in value]
        case float():
            return round(value, 4)
        case _:
            return value


def photographed(page: str, view: View, folder: Path) -> Image.Image:
    """Show a page in a browser with a new profile, and give what it draws, smaller."""
    html, png = folder / "page.html", folder / "page.png"
    html.write_text(_dressed(page, view), encoding="utf-8")
    dark = view.kind == "dark"
    command = [
        *(browser() or "chromium", *FLAGS, f"--user-data-dir={folder / 'profile'}"),
        *(f"--window-size={view.width},{TALLEST}", f"--screenshot={png}"),
        *(f"--blink-settings=preferredColorScheme={0 if dark else 1}", html.as_uri()),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=200)
    with Image.open(png) as drawn:
        return _trimmed(drawn.convert("RGB")).reduce(SMALLER)


def _dressed(page: str, view: View) -> str:
    """The page with letters that are the same on all machines, on paper where that is wanted."""
    if view.kind == "print":
        page = page.replace("@media print", "@media all")
    faces = "".join(
        f"@font-face {{ font-family: Pictured; font-weight: {weight}; "
        f"src: url(data:font/ttf;base64,{_letters(name)}); }}\n"
        for name, weight in (("DejaVuSans", 400), ("DejaVuSans-Bold", 700))
    )
    page = page.replace("system-ui, sans-serif", "Pictured")
    return page.replace("</head>", f"<style>{faces}</style></head>", 1)


def _letters(name: str) -> str:
    fonts = Path(mpl.get_data_path()) / "fonts" / "ttf"
    return base64.b64encode((fonts / f"{name}.ttf").read_bytes()).decode()


def _trimmed(drawn: Image.Image) -> Image.Image:
    """Without the empty paper below the last line."""
    points = np.asarray(drawn)
    lines = np.flatnonzero((points != points[-1, -1]).any(axis=(1, 2)))
    return drawn.crop((0, 0, drawn.width, min(drawn.height, int(lines[-1]) + BELOW)))


def difference(one: Image.Image, other: Image.Image) -> tuple[float, int]:
    """The largest difference between squares of two pictures, from 0 to 255, and its height.

    A picture that is less high ends in paper.
    """
    height = max(one.height, other.height)
    gap = np.abs(_squares(one, height) - _squares(other, height)).max(axis=(1, 2))
    return float(gap.max()), int(gap.argmax()) * SQUARE * SMALLER


def _squares(picture: Image.Image, height: int) -> npt.NDArray[np.float64]:
    points = np.asarray(picture.convert("RGB"), dtype=np.float64)
    rows, columns = -(-height // SQUARE), points.shape[1] // SQUARE
    whole = np.empty((rows * SQUARE, columns * SQUARE, 3))
    whole[:] = points[0, 0]
    whole[: len(points)] = points[:, : columns * SQUARE]
    means: npt.NDArray[np.float64] = whole.reshape(rows, SQUARE, columns, SQUARE, 3).mean((1, 3))
    return means


def main() -> None:
    """Draw all stored pictures anew."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        made = pages(Path(place))
        for view in VIEWS:
            drawn = photographed(made[view.run], view, Path(place))
            drawn.quantize(COLORS, dither=Image.Dither.NONE).save(view.stored, optimize=True)


if __name__ == "__main__":
    main()
