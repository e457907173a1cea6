"""How small the smallest letters of a figure are where a reader sees it."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

PHONE = 358.0  # CSS pixels: the column of a page that is 390 wide
INCH, POINTS = 96.0, 72.0  # CSS pixels and points in an inch


def smallest_text(figure: Figure, shown: float = PHONE) -> float:
    """The height in CSS pixels of a figure's smallest label, where the column is `shown` pixels wide.

    The page shows a figure at its own size or, if that is too wide, as wide as the column. An index or an exponent
    counts as the label that it belongs to. Infinite where nothing is written.
    """
    sizes = _Sizes()
    figure.draw(sizes)
    return min(sizes.points, default=math.inf) * min(INCH, shown / figure.get_figwidth()) / POINTS


class _Sizes(RendererBase):
    """Draws nothing and notes how large each text would be."""

    def __init__(self) -> None:
        super().__init__()
        self.points: list[float] = []

    def draw_path(self, *_: Any, **__: Any) -> None:
        pass

    def draw_image(self, *_: Any, **__: Any) -> None:
        pass

    def draw_text(
        self, gc: GraphicsContextBase, x: float, y: float, s: str, prop: FontProperties, *_: Any, **__: Any
    ) -> None:
        self.points.append(prop.get_size_in_points())
