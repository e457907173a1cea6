"""Blocks of layers with a shortcut."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.patches import Circle

from groundup.drawing.sheet import Drawing
from groundup.drawing.style import BACKWARD, FORWARD, INK, QUIET
from groundup.drawing.words import size


def residual(branch: Sequence[str], after: str = "ReLU", shape: Sequence[object] = ()) -> Drawing:
    """A residual block, top to bottom: the branch, the shortcut around it, and the sum. Shapes: `shape`, of x and of y."""
    x, side, ys = 104.0, 214.0, [58 + 38.0 * k for k in range(len(branch) + (2 if after else 1))]
    d = Drawing(
        ys[-1] + 48,
        f"x goes through {', '.join(branch)}. A shortcut carries x around them unchanged, and the two are added"
        f"{', then ' + after if after else ''}. On the way back the shortcut carries the gradient, unchanged too.",
    )
    plus = ys[len(branch)]
    for y, words in zip(ys, [*branch, "", after], strict=False):
        d.line([(x, y - 38 + (11 if y != ys[0] else 10)), (x, y - 12)], INK, head=6)
        if y == plus:
            d.shape(Circle((x, y), 12), FORWARD, 1.4, 0.16)
        else:
            d.box((x - 60, y - 13), (120, 26), rounding=4)
        d.text(x, y, words or "+", high=10 if words else 14)
    d.line([(x, ys[-1] + 13), (x, ys[-1] + 32)], INK, head=6)
    d.line([(x, 37), (side, 37), (side, plus), (x + 13, plus)], FORWARD, 1.8, 7)
    d.line([(side + 9, plus), (side + 9, 37)], BACKWARD, 1.3, 7)
    d.text(x, 10, "$x$", high=15)
    d.text(x, ys[-1] + 40, "$y$", high=15)
    d.text(x + 14, 10, size(shape) if shape else "", QUIET, "left")
    for k, (words, colour) in enumerate(
        (("shortcut:", INK), ("↓ x, unchanged", FORWARD), ("↑ its gradient,", BACKWARD), ("unchanged", BACKWARD))
    ):
        d.text(side + 20, (37 + plus) / 2 + 15 * (k - 1.5), words, colour, "left")
    return d
