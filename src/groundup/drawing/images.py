"""Convolutions, and what one number of a layer has seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.patches import Polygon

from groundup.drawing.sheet import MARGIN, WIDTH, Drawing, Point
from groundup.drawing.style import FORWARD, QUIET
from groundup.drawing.words import Matrix, extent, factor, listed, number, size

TOP, GAP = 26.0, 36.0
CELL, RISE = 22.0, 38.0  # of a receptive field: the side of a cell, and the height between two layers


def convolution(
    image: Matrix, kernel: Matrix, stride: int = 1, padding: int = 0, at: tuple[int, int] = (0, 0)
) -> Drawing:
    """A kernel over an image, and the number that it gives at `at`. Shapes: image (H, W), kernel (h, w)."""
    inner, kernel = np.asarray(image), np.asarray(kernel)
    if inner.ndim != 2 or kernel.ndim != 2:
        raise ValueError(f"image {size(inner.shape)} and kernel {size(kernel.shape)}: give two matrices")
    if stride < 1 or padding < 0:
        raise ValueError(f"stride={stride}, padding={padding}: at least 1, and at least 0")
    padded, (h, w), (i, j) = np.pad(inner, padding), kernel.shape, at
    if h > padded.shape[0] or w > padded.shape[1]:
        raise ValueError(f"kernel {size(kernel.shape)} on {size(padded.shape)}: give a smaller kernel or more padding")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (h, w))[::stride, ::stride]
    result = (windows * kernel).sum((2, 3))
    if not (0 <= i < len(result) and 0 <= j < result.shape[1]):
        raise ValueError(f"at={at}: the result has the shape {size(result.shape)}")
    beside = max(w, result.shape[1])
    cell = min(26.0, (WIDTH - 2 * MARGIN - GAP) / (padded.shape[1] + beside))
    if cell < 17.7 or len(padded) > 16:
        raise ValueError(
            f"{padded.shape[1]} columns and {beside} beside them, {len(padded)} rows: 17 columns and 16 rows can be "
            "read, take a smaller image"
        )
    body = max(len(padded) * cell, (h + len(result)) * cell + 34)
    pairs = zip(windows[i, j].ravel(), kernel.ravel(), strict=True)
    says = f"{' + '.join(f'{number(p)}·{factor(q)}' for p, q in pairs)} = {number(result[i, j])}"
    if extent(says).width > WIDTH - 2 * MARGIN:
        says = f"window × kernel, number by number, added up: {number(result[i, j])}"
    drawing = Drawing(
        TOP + body + 48,
        f"A kernel {size(kernel.shape)} on an image {size(inner.shape)} with padding {padding} and stride {stride} "
        f"gives a result {size(result.shape)}. Its window at row {i * stride}, column {j * stride} of the padded "
        f"image times the kernel, added up, is {number(result[i, j])}, in row {i}, column {j} of the result.",
    )
    real = {(r + padding, c + padding) for r, c in np.ndindex(inner.shape)}
    window = {(i * stride + r, j * stride + c) for r, c in np.ndindex(h, w)}
    x, right = MARGIN, WIDTH - MARGIN - cell * beside
    low, across, down = TOP + body - cell * len(result), x + j * stride * cell, TOP + i * stride * cell
    drawing.grid((x, TOP), padded, cell, window, set(np.ndindex(padded.shape)) - real)
    drawing.grid((right, TOP), kernel, cell)
    drawing.grid((right, low), result, cell, {at})
    if j + 1 < result.shape[1]:
        drawing.box((across + stride * cell, down), (w * cell, h * cell), FORWARD, 1.5, dash=True)
        drawing.line([(across, TOP + body + 12), (across + stride * cell, TOP + body + 12)], FORWARD, 1.3, 6)
        drawing.text(across + stride * cell + 8, TOP + body + 12, f"stride {stride}", FORWARD, "left")
    else:
        drawing.text(x, TOP + body + 12, f"stride {stride}", FORWARD, "left")
    drawing.box((across, down), (w * cell, h * cell), FORWARD, 2)
    drawing.box((right + j * cell, low + i * cell), (cell, cell), FORWARD, 2)
    middle = (right + x + padded.shape[1] * cell) / 2  # along the lines of the cells, and not across their numbers
    edge, goal = down + h * cell, low + i * cell
    way = [(across + w * cell, edge), (middle, edge), (middle, goal), (right + j * cell, goal)]
    drawing.line(way, FORWARD, 1.3, 0 if j else 7)
    drawing.text(x, 12, f"image {size(inner.shape)}, padding {padding}", to="left")
    drawing.text(right, 12, f"kernel {size(kernel.shape)}", to="left")
    drawing.text(right, low - 12, f"result {size(result.shape)}", to="left")
    drawing.text(x, TOP + body + 34, says, to="left")
    return drawing.checked("take shorter numbers or a smaller image")


def receptive_field(kernels: Sequence[int] = (3, 3)) -> Drawing:
    """What one number of the last layer has seen, layer by layer, at stride 1. Shapes: kernels (layers), the sides."""
    count = len(kernels)
    fields = [1 + sum(k - 1 for k in kernels[count - n :]) for n in range(count + 1)]
    if not 1 <= count <= 4 or min(kernels) < 1 or fields[-1] > 7:
        raise ValueError(f"kernels {listed(kernels, str)} see {fields[-1]} × {fields[-1]}: up to 4 layers and 7 × 7")
    names = [f"layer {count - n}" if n < count else "the input" for n in range(count + 1)]
    seen = [f"{f} × {f} numbers of {name}" for f, name in zip(fields, names, strict=True)]
    drawing = Drawing(
        sum((f + 2) * CELL * 0.5 + RISE for f in fields) - RISE + 24,
        f"One number of layer {count} has seen {', and through them '.join(seen[1:])}: its receptive field.",
    )
    top = 12.0
    before: list[Point] = []
    for f, name in zip(fields, names, strict=True):
        for r, c in np.ndindex(f + 2, f + 2):
            mark = 0 < r <= f and 0 < c <= f
            tile = [_corner(f, top, *place) for place in ((r, c), (r, c + 1), (r + 1, c + 1), (r + 1, c))]
            drawing.shape(Polygon(tile), FORWARD if mark else QUIET, 0.8, 0.25 * mark)
        ring = [_corner(f, top, *place) for place in ((1, 1), (1, f + 1), (f + 1, f + 1), (f + 1, 1))]
        drawing.shape(Polygon(ring), FORWARD, 2)
        for a, b in zip(before, ring, strict=False):
            drawing.line([a, b], FORWARD, 0.9)
        middle = top + (f + 2) * CELL * 0.25
        drawing.text(MARGIN, middle - 7, name.removeprefix("the "), to="left")
        drawing.text(MARGIN, middle + 7, f"{f} × {f}", FORWARD, "left")
        before, top = ring, top + (f + 2) * CELL * 0.5 + RISE
    return drawing.checked("give fewer layers")


def _corner(field: int, top: float, row: int, column: int) -> Point:
    """A corner of a cell of a layer that is seen from the side."""
    return 205 + CELL * (column - 0.45 * row - 0.275 * (field + 2)), top + 0.5 * CELL * row
