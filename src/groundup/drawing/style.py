"""The one look of figures and drawings: colours, fonts, matplotlib's settings. Importing it sets them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib import font_manager
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.layout_engine import PlaceHolderLayoutEngine

# What drawings and figures are drawn with. Of each, the site puts in the shade of its light or its dark scheme.
INK = "#0a0b0c"  # what is given: text, axes, weights
FORWARD = "#4c78dc"  # values on their way forward, and what to look at; it and the next two read on white and on black
BACKWARD = "#c4611d"  # gradients, and nothing else
QUIET = "#7c7f86"
THEMES = {
    "light": {INK: "#2b2f38", FORWARD: "#3564cf", BACKWARD: "#b0500e", QUIET: "#666b75"},
    "dark": {INK: "#c9ceda", FORWARD: "#82a6f7", BACKWARD: "#ef9a5d", QUIET: "#969ca9"},
}

TILE = "#1d2433"  # the ground of a picture, which stands out from a white page and from a black one
COLOURS = ["#4c78dd", "#e8833a", "#3ba272", "#d1495b", "#8e6bbf", "#8c8c8c"]
WIDTH = 5.6  # inches
SIZE = 10.5  # points: 9.3 pixels where a figure of this width is shown 358 wide, on a phone

DIGIT = LinearSegmentedColormap.from_list("digit", [TILE, "#ffffff"])
# The middle is dark, as the ground of a digit is; both ends are bright: a pale middle would vanish on a white page.
SIGNED = LinearSegmentedColormap.from_list("signed", ["#a9c6ff", COLOURS[0], TILE, COLOURS[1], "#ffd3ab"], N=257)

STYLE: dict[Any, Any] = {
    "figure.figsize": (WIDTH, 3.4),
    "figure.constrained_layout.use": True,  # every label inside of the figure, which is then shown as it is, uncropped
    "font.family": ["Inter", "DejaVu Sans"],  # the second has the letters that the first lacks
    "font.size": SIZE,
    "mathtext.fontset": "cm",  # the letters of the formulas on the page
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLOURS),
    "xtick.color": INK,
    "ytick.color": INK,
    "patch.edgecolor": INK,  # arrows are patches
    "legend.frameon": False,
    "image.interpolation": "none",
    "image.cmap": "digit",
    "svg.fonttype": "path",
    "svg.hashsalt": "groundup",  # the same figure, the same bytes
}

# For a figure that places its parts itself: with layout="none" matplotlib takes the style's after a first save.
FIXED = PlaceHolderLayoutEngine(adjust_compatible=True, colorbar_gridspec=True)


def use() -> None:
    """Set matplotlib's fonts, colour maps and style to the book's."""
    font_manager.fontManager.addfont(Path(__file__).parents[1] / "assets" / "Inter-Regular.ttf")
    if "digit" not in mpl.colormaps:
        mpl.colormaps.register(DIGIT)
        mpl.colormaps.register(SIGNED)
    mpl.rcParams.update(STYLE)


def themed(svg: str, theme: str) -> str:
    """The same picture in the shades of a scheme of the site: "light" or "dark"."""
    for drawn, shown in THEMES[theme].items():
        svg = svg.replace(drawn, shown)
    return svg


use()
