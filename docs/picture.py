"""The picture of the README: rows, the fitted mixture, and how the log-likelihood climbed to it.

    python docs/picture.py

Writes ``picture-light.png`` and ``picture-dark.png`` beside this file. Needs matplotlib, the extra
``plot``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from dask_gmm import (
    FittedMixture,
    GaussianMixtureModel,
    Mixture,
    checked_mixture,
    generate_gmm_data,
)

Array = npt.NDArray[np.floating]

ROWS: Final = 200_000
DRAWN: Final = 6_000
SEED: Final = 4
FONT: Final = {"font.family": "DejaVu Sans", "font.size": 9.5, "axes.titlesize": 10.5}


@dataclass(frozen=True, slots=True)
class Theme:
    """Colors of one background."""

    background: str
    ink: str
    faint: str
    rows: str
    accent: str
    components: tuple[str, ...]


THEMES: Final[Mapping[str, Theme]] = {
    "light": Theme(
        "#ffffff", "#1f2328", "#d5dae0", "#8b97a6", "#0969da",
        ("#d1495b", "#00798c", "#e08e0b", "#6a4c93", "#4a7c2c"),
    ),
    "dark": Theme(
        "#0d1117", "#e6edf3", "#30363d", "#6b7888", "#58a6ff",
        ("#ff7b8a", "#3fc1d0", "#f4b942", "#b794f4", "#8bc34a"),
    ),
}  # fmt: skip


def truth() -> Mixture:
    """Five components of different sizes, shapes and weights, some of which overlap."""
    weights = [0.30, 0.25, 0.20, 0.15, 0.10]
    means = [[-3.7, -0.6], [0.6, 1.5], [0.9, -2.2], [4.6, 0.6], [-2.2, 4.2]]
    spreads = [(1.35, 0.55, 50), (1.25, 0.50, -28), (1.05, 0.62, 12), (0.50, 1.45, -12),
               (0.85, 0.32, 20)]  # fmt: skip
    return checked_mixture(weights, means, [_covariance(*spread) for spread in spreads])


def _covariance(length: float, width: float, degrees: float) -> Array:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return turn @ np.diag([length**2, width**2]) @ turn.T


def draw_rows(axes: Axes, rows: Array, fitted: FittedMixture, theme: Theme) -> None:
    """Some of the rows, and the ellipses of one and two standard deviations."""
    axes.scatter(*rows[:DRAWN].T, s=1.8, color=theme.rows, alpha=0.5, linewidths=0)
    order = np.argsort(-fitted.weights)
    for color, k in zip(theme.components, order, strict=True):
        draw_component(axes, fitted, int(k), color, theme)
    axes.set_aspect("equal")
    axes.set_xlim(-6.6, 6.9)
    axes.set_ylim(-4.4, 5.8)
    axes.set_title(
        f"{len(rows):,} rows; components and weights as fitted", loc="left", color=theme.ink
    )


def draw_component(axes: Axes, fitted: FittedMixture, k: int, color: str, theme: Theme) -> None:
    """Its ellipses and mean; its weight above the topmost point of the outer ellipse."""
    mean, covariance = fitted.means[k], fitted.covariances[k]
    values, vectors = np.linalg.eigh(covariance)
    angle = float(np.rad2deg(np.arctan2(*vectors[::-1, 1])))
    for deviations, width in ((1, 2.0), (2, 1.2)):
        size = 2 * deviations * np.sqrt(values[::-1])
        axes.add_patch(Ellipse(tuple(mean), *size, angle=angle, fill=False, color=color, lw=width))
    axes.plot(*mean, "o", color=color, ms=4.5, mec=theme.background, mew=0.8)
    top = mean + 2 * covariance[:, 1] / np.sqrt(covariance[1, 1])
    axes.annotate(
        f"{fitted.weights[k]:.3f}",
        top,
        (0, 3),
        textcoords="offset points",
        ha="center",
        color=color,
        weight="bold",
        bbox={"boxstyle": "round,pad=0.1", "fc": theme.background, "ec": "none", "alpha": 0.7},
    )


def draw_climb(axes: Axes, fitted: FittedMixture, reference: float, theme: Theme) -> None:
    """The log-likelihood of each pass, and that of the true mixture."""
    values = fitted.log_likelihoods
    axes.axhline(reference, color=theme.ink, lw=1, ls=(0, (4, 3)))
    axes.annotate(
        "at the true parameters",
        (len(values), reference),
        (0, -13),
        textcoords="offset points",
        ha="right",
        color=theme.ink,
    )
    axes.plot(range(1, len(values) + 1), values, "-o", color=theme.accent, lw=1.6, ms=3.6)
    axes.set_xticks(range(1, len(values) + 1))
    axes.set_xlabel("pass over the rows")
    axes.set_title("log-likelihood, nats per row", loc="left", color=theme.ink)
    axes.grid(axis="y", color=theme.faint, lw=0.6)
    axes.set_axisbelow(True)
    axes.margins(y=0.08)


def style(axes: Axes, theme: Theme) -> None:
    """Set the theme's colors, and leave out what says nothing."""
    axes.set_facecolor(theme.background)
    axes.tick_params(colors=theme.ink, length=3)
    axes.xaxis.label.set_color(theme.ink)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.faint)


def picture(rows: Array, fitted: FittedMixture, reference: float, theme: Theme) -> Figure:
    """Both halves, side by side."""
    figure = Figure(figsize=(9.6, 3.9), facecolor=theme.background, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.12, 1))
    draw_rows(left, rows, fitted, theme)
    draw_climb(right, fitted, reference, theme)
    for axes in (left, right):
        style(axes, theme)
    return figure


def main() -> None:
    """Generate, fit and draw."""
    mixture = truth()
    parameters = (mixture.weights, mixture.means, mixture.covariances)
    rows = generate_gmm_data(ROWS, *parameters, seed=SEED)
    fitted = GaussianMixtureModel(5, tol=1e-6, seed=SEED).fit(rows).result
    at_truth = GaussianMixtureModel(5, 1, start=mixture).fit(rows).result.log_likelihoods[0]
    for name, theme in THEMES.items():
        with mpl.rc_context(FONT):
            figure = picture(rows, fitted, at_truth, theme)
            figure.savefig(Path(__file__).with_name(f"picture-{name}.png"), dpi=160)


if __name__ == "__main__":
    main()
