"""Blocks of layers with a shortcut."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.patches import Circle

from groundup.drawing.sheet import Drawing
from groundup.drawing.style import BACKWARD, FORWARD, INK, QUIET
from groundup.drawing.words import extent, size

PITCH, HALF = 38.0, 60.0


def residual(branch: Sequence[str], after: str = "ReLU", shape: Sequence[object] = ()) -> Drawing:
    """A residual block, top to bottom: the branch, the shortcut around it, the sum. Shapes: `shape`, of x and of y.

    `after` is what follows the sum, or nothing.
    """
    if not 1 <= len(branch) <= 10:
        raise ValueError(f"{len(branch)} layers in the branch: 1 to 10 can be drawn")
    longest = max([*branch, after], key=lambda words: extent(words).width)
    if extent(longest).width > 2 * HALF - 8:
        raise ValueError(f"{longest!r} does not fit in its box: shorten it")
    x, side, first = 104.0, 214.0, 58.0
    ys = [first + PITCH * k for k in range(len(branch) + (2 if after else 1))]
    drawing = Drawing(
        ys[-1] + 50,
        f"A residual block: x goes through {', '.join(branch)}. A shortcut carries x around them unchanged, and the "
        f"two are added{f', then comes {after}' if after else ''}. On the way back the shortcut carries the "
        "gradient of the sum to x, unchanged too.",
    )
    plus, bottom = ys[len(branch)], 12.0 if not after else 13.0
    for y, words in zip(ys, [*branch, "+", after], strict=False):
        above = 10 if y == first else 12 if y - PITCH == plus else 13
        drawing.line([(x, y - PITCH + above), (x, y - (12 if y == plus else 13))], INK, head=6)
        if y == plus:
            drawing.shape(Circle((x, y), 12), FORWARD, 1.4, 0.16)
        else:
            drawing.box((x - HALF, y - 13), (2 * HALF, 26), rounding=4)
        drawing.text(x, y, words, high=14 if y == plus else 10)
    drawing.line([(x, ys[-1] + bottom), (x, ys[-1] + 32)], INK, head=6)
    drawing.line([(x, 37), (side, 37), (side, plus), (x + 13, plus)], FORWARD, 1.8, 7)
    drawing.line([(side + 9, plus), (side + 9, 37)], BACKWARD, 1.3, 7)
    drawing.text(x, 10, "$x$", high=15)
    drawing.text(x, ys[-1] + 41, "$y$", high=15)
    drawing.text(x + 14, 10, size(shape) if shape else "", QUIET, "left")
    told = (("shortcut:", INK), ("↓ x, unchanged", FORWARD), ("↑ its gradient,", BACKWARD), ("unchanged", BACKWARD))
    for k, (words, colour) in enumerate(told):
        drawing.text(side + 20, (37 + plus) / 2 + 15 * (k - 1.5), words, colour, "left")
    return drawing.checked("shorten the names")
