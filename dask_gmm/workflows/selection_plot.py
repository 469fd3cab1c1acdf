"""The criteria of a selection against the number of components, as a picture."""

import io
import math
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dask_gmm.errors import InputError, output_errors
from dask_gmm.extras import extra
from dask_gmm.fitting.selected import CRITERIA, Entry, Selected
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.objects.either import move
from dask_gmm.objects.location import Location
from dask_gmm.records.publish import aside
from dask_gmm.workflows.selection_text import NAMES, named

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Style(NamedTuple):
    """How the line of a family looks: each of the three alone tells it from others."""

    color: str
    marker: str
    line: str | tuple[int, tuple[int, ...]]


# Colors of Okabe and Ito (2008), which readers without some of the three cones tell apart, too.
STYLES: Final = (
    Style("#0072B2", "o", "-"),
    Style("#D55E00", "s", "--"),
    Style("#009E73", "^", "-."),
    Style("#AA4499", "D", ":"),
    Style("#E69F00", "v", (0, (8, 3))),
    Style("#56B4E9", "P", (0, (5, 1, 1, 1, 1, 1))),
    Style("#000000", "X", (0, (1, 4))),
)
INK: Final = "#1f2328"
FAINT: Final = "#d5dae0"
SETTINGS: Final = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "svg.hashsalt": "dask-gmm",
}
WIDTH: Final = 4.2
HEIGHT: Final = 3.3
MOST_TICKS: Final = 12
# Differences up to this are drawn to scale, larger ones by their logarithms; of rows held out,
# differences up to the power of ten above the standard error.
LINEAR: Final = 10.0


def can_plot() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def plot(selected: Selected, path: Location) -> None:
    """Draw a selection to an SVG file, the same bytes for the same selection and matplotlib.

    Parameters
    ----------
    selected : Selected
    path : Path or Address
        Its place, replaced if something is there.

    Raises
    ------
    InputError
        If the name does not end in ``.svg``.
    MissingExtraError
        If matplotlib is not installed.
    OutputError
        If it cannot be written.
    """
    if path.suffix != ".svg":
        raise InputError(
            f"Wanted a name that ends in .svg, which is what the picture is, found {path}. Give "
            "another name."
        )
    drawn = picture(selected)
    with output_errors(path):
        half = aside(path)
        half.write_bytes(drawn)
        move(half, path)


def picture(selected: Selected, form: str = "svg", **options: Any) -> bytes:
    """Give the picture as bytes of a form that matplotlib knows, without the time of its making."""
    return rendered(lambda: _figure(selected), form, **options)


def rendered(figure: "Callable[[], Figure]", form: str = "svg", **options: Any) -> bytes:
    """Give the bytes of a figure that is made and saved with the settings of this package alone."""
    matplotlib, out = extra("matplotlib", "plot"), io.BytesIO()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        metadata = {"Date": None} if form == "svg" else None
        figure().savefig(out, format=form, metadata=metadata, **options)
    return out.getvalue()


def _figure(selected: Selected) -> "Figure":
    """A panel for each criterion that has values, from the one that decides."""
    names = [name for name in CRITERIA if selected.ranked(name)]
    names.sort(key=lambda name: name != selected.criterion)
    columns = 2 if len(names) == 4 else len(names)
    rows = len(names) // columns
    size = (WIDTH * columns, HEIGHT * rows + 0.4)
    figure: Figure = extra("matplotlib.figure", "plot").Figure(size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=True):
        _draw_panel(axes, selected, name)
    told = [axes.get_legend_handles_labels() for axes in panels]
    shown = {
        label: each for handles, labels in told for label, each in zip(labels, handles, strict=True)
    }
    figure.legend(
        shown.values(), shown, loc="outside lower center", ncols=len(shown), frameon=False
    )
    return figure


def _draw_panel(axes: "Axes", selected: Selected, name: str) -> None:
    ranked, winner = selected.ranked(name), selected.winner_by(name)
    if name == selected.criterion:
        winner = selected.winner
    assert winner is not None  # of a criterion with values
    least = ranked[0].loss(name)
    error = ranked[0].held_out_error if name == "held_out" else None
    _label(axes, name, f"{NAMES[name]}: {named(winner, selected.entries)}")
    styles = _styles(selected)
    for family, curve in selected.curves(name).items():
        above, style = [each.loss(name) - least for each in curve], styles[family]
        _draw_curve(axes, family, style, curve, above)
        if error:
            _draw_errors(axes, style, curve, above)
    if error:
        _draw_one_error(axes, error)
    _mark(axes, winner, winner.loss(name) - least)
    _scale(axes, error or LINEAR)
    _number_ticks(axes, sorted({each.n_components for each in ranked}))


def _draw_curve(
    axes: "Axes", family: str, style: Style, curve: Sequence[Entry], above: Sequence[float]
) -> None:
    numbers = [each.n_components for each in curve]
    axes.plot(
        numbers,
        above,
        label=family,
        color=style.color,
        marker=style.marker,
        linestyle=style.line,
        markersize=5,
    )


def _draw_errors(
    axes: "Axes", style: Style, curve: Sequence[Entry], above: Sequence[float]
) -> None:
    errors = [each.held_out_error or 0.0 for each in curve]
    numbers, color = [each.n_components for each in curve], style.color
    axes.errorbar(numbers, above, errors, fmt="none", ecolor=color, elinewidth=1, capsize=2.5)


def _mark(axes: "Axes", winner: Entry, above: float) -> None:
    """A ring around the winner."""
    axes.plot(
        winner.n_components,
        above,
        "o",
        color=INK,
        zorder=4,
        markersize=14,
        markerfacecolor="none",
        markeredgewidth=1.6,
    )


def _draw_one_error(axes: "Axes", error: float) -> None:
    """Where what is one standard error below the best lies."""
    label = "one standard error of the best"
    axes.axhline(error, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label=label)


def _label(axes: "Axes", name: str, title: str) -> None:
    below = "nats per row below the best"
    axes.set_title(title, loc="left", color=INK)
    axes.set_xlabel("components")
    axes.set_ylabel(below if name == "held_out" else f"{NAMES[name]} above the least")
    axes.margins(y=0.07)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _scale(axes: "Axes", linear: float) -> None:
    """Logarithms above a power of ten, where there is more than that."""
    decade = 10.0 ** math.ceil(math.log10(linear))
    if axes.dataLim.y1 > decade:
        axes.set_yscale("symlog", linthresh=decade)


def _number_ticks(axes: "Axes", numbers: Sequence[int]) -> None:
    """A tick for each number of components, or for some whole numbers where they are many."""
    if len(numbers) <= MOST_TICKS:
        axes.set_xticks(numbers)
    else:
        axes.locator_params("x", integer=True)


def _styles(selected: Selected) -> dict[str, Style]:
    """Families of matrices and variances have styles of their own, others take turns."""
    own = dict(zip(FAMILIES, STYLES, strict=False))
    shown = dict.fromkeys(each.covariance_type for each in selected.entries)
    others = (each for each in shown if each not in own)
    return own | dict(zip(others, cycle(STYLES[len(FAMILIES) :]), strict=False))
