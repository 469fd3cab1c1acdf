"""The pictures of a report: weights, passes, and components over rows, as SVG for its page."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dask_gmm.extras import extra
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.projection import View, along, principal_axes
from dask_gmm.workflows.report_run import KeptRun
from dask_gmm.workflows.selection_plot import FAINT, INK, picture, rendered

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Seen on light and on dark paper.
ROWS: Final = "#4b86bd"
WIDTH: Final = 7.2
HEIGHT: Final = 2.9
PANEL: Final = 2.5
RADIUS: Final = 2.0
# Points of one part hide each other; those of several add up to what is dense.
PARTS: Final = 4
EDGE: Final = 0.005
BINS: Final = 40
MOST_NUMBERED: Final = 20
MOST_TICKS: Final = 30
# What stands for the colors of the page, so that pictures follow it into the dark.
THEME: Final = {"#000000": "currentColor", INK: "currentColor"} | {
    "#ffffff": "var(--paper)",
    FAINT: "var(--rule)",
}
ELLIPSES: Final = (
    f"Ellipses hold what is up to {RADIUS:g} standard deviations from a mean, 86% of a component's "
    f"rows; the {MOST_NUMBERED} heaviest components have their numbers."
)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture and what is said of it.

    Parameters
    ----------
    title : str
    svg : str
        An element, to be put into a page.
    alt : str
        What it shows, for those who do not see it.
    caption : str
    """

    title: str
    svg: str
    alt: str
    caption: str


def pictures(run: KeptRun) -> dict[str, Picture]:
    """Draw all pictures of a report, by name; the same bytes for the same run and matplotlib.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    drawn = {"weights": _weights(run), "passes": _passes(run)}
    if run.model.mixture.n_features > 1:
        drawn["axes"] = _axes(run)
    drawn["pairs"] = _pairs(run)
    if run.selected is not None:
        drawn["selection"] = Picture(
            "Criteria against the number of components",
            inline(picture(run.selected), "selection"),
            "Lines: each criterion above its least, against the number of components, for each "
            "family of covariances; the table of candidates has the numbers.",
            "A ring marks the one that each criterion chooses; families differ in line and marker.",
        )
    return drawn


def inline(svg: bytes, name: str) -> str:
    """Make of an SVG file an element of a page: names of its own, colors of the page."""
    text = svg.decode()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r'\bid="|(?<=href=")#|(?<=url\()#', rf"\g<0>{name}-", text)
    for color, of_page in THEME.items():
        text = text.replace(color, of_page)
    return re.sub(r"\n\s*", "\n", text)


def _drawn(name: str, size: tuple[float, float], draw: "Callable[[Figure], None]") -> str:
    def figure() -> "Figure":
        made: Figure = extra("matplotlib.figure", "plot").Figure(size, layout="constrained")
        draw(made)
        return made

    return inline(rendered(figure), name)


def _weights(run: KeptRun) -> Picture:
    weights = run.model.weights

    def draw(figure: "Figure") -> None:
        axes = _plain(figure.subplots())
        bars = axes.bar(range(len(weights)), weights, color=ROWS)
        if len(weights) <= MOST_NUMBERED:
            axes.bar_label(bars, [f"{weight:.3g}" for weight in weights], padding=2, fontsize=8)
        if len(weights) <= MOST_TICKS:
            axes.set_xticks(range(len(weights)))
        axes.set(xlabel="component", ylabel="weight")
        axes.margins(x=0.02, y=0.12)

    return Picture(
        "Weights",
        _drawn("weights", (WIDTH, HEIGHT), draw),
        f"Bars: weights of {len(weights)} components, from {weights.max():.3g} down to "
        f"{weights.min():.3g}; the table of components has the numbers.",
        "The weight of each component: its share of the rows.",
    )


def _passes(run: KeptRun) -> Picture:
    best = [(each["pass"], max(each["log_likelihoods"])) for each in run.history if _known(each)]
    numbers = [each["pass"] for each in run.history]

    def draw(figure: "Figure") -> None:
        left, right = map(_plain, figure.subplots(1, 2, sharex=True))
        left.plot(*zip(*best, strict=True), color=INK, marker="o", markersize=4)
        left.set(xlabel="pass", ylabel="log-likelihood, nats per row")
        left.ticklabel_format(useOffset=False)
        _widen(left, 0.1 * (run.manifest["statistical_error"] or 0.0))
        right.bar(numbers, [each["rows_per_second"] for each in run.history], color=ROWS)
        right.set(xlabel="pass", ylabel="rows per second")
        right.yaxis.set_major_formatter("{x:,.0f}")
        right.locator_params("x", integer=True)
        if len(numbers) <= MOST_TICKS // 2:
            right.set_xticks(numbers)

    ends = f", from {best[0][1]:.6f} to {best[-1][1]:.6f} nats per row" if best else ""
    return Picture(
        "Passes",
        _drawn("passes", (WIDTH, HEIGHT), draw),
        f"A line: the log-likelihood of the best candidate after each pass{ends}. Bars: rows read "
        "per second in each pass. The table of passes has the numbers.",
        "Left, the best candidate after each pass over all rows; right, how fast rows were read.",
    )


def _widen(axes: "Axes", least: float) -> None:
    """Let what differs by less than this look as flat as it is."""
    low, high = axes.get_ylim()
    room = max(0.0, least - (high - low)) / 2
    axes.set_ylim(low - room, high + room)


def _known(record: Any) -> bool:
    return bool(record["log_likelihoods"])


def _axes(run: KeptRun) -> Picture:
    axes = principal_axes(run.model.mixture, 2)
    view = axes.of(run.model.mixture)
    rows = None if run.rows is None else axes.of_rows(run.rows)
    first, second = (f"{share:.0%}" for share in axes.shares)

    def draw(figure: "Figure") -> None:
        panel = _plain(figure.subplots())
        _draw_plane(panel, view, rows)
        panel.set(xlabel=f"first axis, {first} of the variance", ylabel=f"second axis, {second}")

    return Picture(
        "Components on the two leading principal axes",
        _drawn("axes", (WIDTH, 0.7 * WIDTH), draw),
        f"{_points(run)} and the ellipses of {len(view.weights)} components on the principal axes "
        f"with {first} and {second} of the variance.",
        "Principal axes of the mixture, columns in units of their own deviations. "
        f"{ELLIPSES} {_edges(run)}",
    )


def _pairs(run: KeptRun) -> Picture:
    features, n = run.features, len(run.features)
    size = max(PANEL * n, 1.6 * PANEL)
    names = [run.name(feature) for feature in features]

    def draw(figure: "Figure") -> None:
        panels: Any = figure.subplots(n, n, squeeze=False)
        for row, column in np.ndindex(n, n):
            panel = _plain(panels[row, column])
            if column > row:
                panel.remove()
            elif column == row:
                _draw_line(panel, run, features[row])
            else:
                pair = features[column], features[row]
                rows = None if run.rows is None else run.rows[:, list(pair)]
                _draw_plane(panel, along(run.model.mixture, pair), rows)
            panel.set(
                xlabel=names[column] if row == n - 1 else "",
                ylabel="density" if column == row else names[row] if column == 0 else "",
            )

    bars = "the rows kept as bars, and " if run.rows is not None else ""
    return Picture(
        "Pairs of columns",
        _drawn("pairs", (size, max(PANEL * n, PANEL)), draw),
        f"{_points(run)} and the ellipses of the components for each pair of {', '.join(names)}; "
        "on the diagonal the density of each.",
        f"On the diagonal, {bars}the density of the mixture as a line. {ELLIPSES} {_edges(run)}",
    )


def _points(run: KeptRun) -> str:
    return "No rows" if run.rows is None else f"{len(run.rows):,} rows"


def _edges(run: KeptRun) -> str:
    if run.rows is None:
        return "The run folder keeps no rows, so that none are drawn."
    return (
        f"Points are {len(run.rows):,} of {run.model.rows:,} rows, drawn at random; the edges "
        f"leave out {EDGE:.1%} of them on each side, and no mean."
    )


def _draw_plane(panel: "Axes", view: View, rows: Array | None) -> None:
    """Rows as points, components as ellipses with their numbers."""
    if rows is not None:
        for part in range(PARTS):
            panel.add_patch(_dots(rows[part::PARTS]))
    for k in range(len(view.weights)):
        panel.plot(*view.ellipse(k, RADIUS).T, color=INK, linewidth=1.1)
    for k in np.argsort(-view.weights, kind="stable")[:MOST_NUMBERED]:
        _write(panel, str(k), view.means[k])
    panel.set_xlim(*_limits(view, rows, 0))
    panel.set_ylim(*_limits(view, rows, 1))


def _write(panel: "Axes", text: str, at: Array) -> None:
    box = {"boxstyle": "round,pad=0.15", "facecolor": "#ffffff", "edgecolor": "none", "alpha": 0.85}
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 9, "zorder": 5}
    panel.text(float(at[0]), float(at[1]), text, clip_on=True, bbox=box, **style)


def _dots(rows: Array) -> Any:
    """Points as one path of strokes without length, which takes little room in a file."""
    path = extra("matplotlib.path", "plot").Path(np.repeat(rows, 2, axis=0), [1, 2] * len(rows))
    path.should_simplify = False
    patches = extra("matplotlib.patches", "plot")
    style = {"facecolor": "none", "edgecolor": ROWS, "linewidth": 2.0, "alpha": 0.6}
    return patches.PathPatch(path, capstyle="round", **style)


def _draw_line(panel: "Axes", run: KeptRun, feature: int) -> None:
    """Rows as a histogram, the mixture as its density."""
    view = along(run.model.mixture, (feature,))
    rows = None if run.rows is None else run.rows[:, [feature]]
    low, high = _limits(view, rows, 0)
    if rows is not None:
        inside = rows[(rows >= low) & (rows <= high)]
        width = (high - low) / BINS
        counts, edges = np.histogram(inside, BINS, (low, high))
        panel.bar(edges[:-1], counts / (len(rows) * width), width, align="edge", color=ROWS)
    at = np.linspace(low, high, 400)
    panel.plot(at, view.density(at), color=INK, linewidth=1.3)
    panel.set_xlim(low, high)


def _limits(view: View, rows: Array | None, axis: int) -> tuple[float, float]:
    low, high = min(_ends(view, rows, axis)), max(_ends(view, rows, axis))
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


def _ends(view: View, rows: Array | None, axis: int) -> Iterator[float]:
    means = view.means[:, axis]
    if rows is not None:
        yield from np.quantile(rows[:, axis], [EDGE, 1 - EDGE]).tolist()
    else:
        deviations = np.sqrt(view.covariances[:, axis, axis])
        yield from (means - RADIUS * deviations).tolist()
        yield from (means + RADIUS * deviations).tolist()
    yield from means.tolist()


def _plain(axes: "Axes") -> "Axes":
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return axes
