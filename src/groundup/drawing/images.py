"""Convolutions, and what one number of a layer has seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.patches import Polygon

from groundup.drawing.sheet import MARGIN, WIDTH, Drawing, Point
from groundup.drawing.style import FORWARD, QUIET
from groundup.drawing.words import Matrix as Table
from groundup.drawing.words import number, size


def convolution(
    image: Table, kernel: Table, stride: int = 1, padding: int = 0, at: tuple[int, int] = (0, 0)
) -> Drawing:
    """A kernel over an image, and the number that it gives at `at`. Shapes: image (H, W), kernel (h, w)."""
    inner, kernel = np.asarray(image), np.asarray(kernel)
    image, (h, w), (i, j) = np.pad(inner, padding), kernel.shape, at
    result = (np.lib.stride_tricks.sliding_window_view(image, (h, w))[::stride, ::stride] * kernel).sum((2, 3))
    beside = max(w, result.shape[1])
    cell = min(26.0, (WIDTH - 2 * MARGIN - 36) / (image.shape[1] + beside))
    if cell < 19:
        raise ValueError(f"{image.shape[1]} columns and {beside} beside them: 17 together can be read")
    x, y, body, right = (
        MARGIN,
        26.0,
        max(image.shape[0] * cell, (h + len(result)) * cell + 34),
        WIDTH - MARGIN - cell * beside,
    )
    d = Drawing(
        y + body + 48,
        f"A kernel {size(kernel.shape)} on an image {size(inner.shape)} with padding {padding} and stride {stride} gives {size(result.shape)}. "
        f"With its corner at row {i * stride}, column {j * stride} of the padded image it gives {number(result[i, j])}.",
    )
    real = {(r + padding, c + padding) for r, c in np.ndindex(inner.shape)}
    window = {(i * stride + r, j * stride + c) for r, c in np.ndindex(h, w)}
    d.grid((x, y), image, cell, window, set(np.ndindex(image.shape)) - real)
    low, across = y + body - cell * len(result), x + j * stride * cell
    d.grid((right, y), kernel, cell)
    d.grid((right, low), result, cell, {at})
    d.box((across, y + i * stride * cell), (w * cell, h * cell), FORWARD, 2)
    d.box((right + j * cell, low + i * cell), (cell, cell), FORWARD, 2)
    if j + 1 < result.shape[1]:
        d.box((across + stride * cell, y + i * stride * cell), (w * cell, h * cell), FORWARD, 1.5, dash=True)
        d.line([(across, y + body + 12), (across + stride * cell, y + body + 12)], FORWARD, 1.3, 6)
    d.text(across + stride * cell + 8, y + body + 12, f"stride {stride}", FORWARD, "left")
    for tx, ty, words in (
        (x, 12, f"image {size(inner.shape)}, padding {padding}"),
        (right, 12, f"kernel {size(kernel.shape)}"),
        (right, low - 12, f"result {size(result.shape)}"),
    ):
        d.text(tx, ty, words, to="left")
    d.text(x, y + body + 34, f"window × kernel, added up: {number(result[i, j])}", to="left")
    return d


def receptive_field(kernels: Sequence[int] = (3, 3)) -> Drawing:
    """What one number of the last layer has seen, layer by layer, at stride 1. Shapes: kernels (layers), their sides."""
    fields = [1 + sum(k - 1 for k in kernels[len(kernels) - n :]) for n in range(len(kernels) + 1)]
    cell, gap, top = 22.0, 38.0, 12.0
    seen: list[Point] = []
    d = Drawing(
        sum((f + 2) * cell * 0.5 + gap for f in fields) - gap + 24,
        f"One number of layer {len(kernels)} has seen "
        + ", then ".join(
            f"{f} × {f} numbers of {'layer ' + str(len(kernels) - n) if n < len(kernels) else 'the input'}"
            for n, f in enumerate(fields)
            if n
        )
        + ".",
    )
    for n, f in enumerate(fields):

        def corner(r: int, c: int, side: int = f + 2, top: float = top) -> Point:
            return 205 + cell * (c - side / 2 - 0.45 * (r - side / 2)), top + 0.5 * cell * r

        for r, c in np.ndindex(f + 2, f + 2):
            mark = 0 < r <= f and 0 < c <= f
            d.shape(
                Polygon([corner(r, c), corner(r, c + 1), corner(r + 1, c + 1), corner(r + 1, c)]),
                FORWARD if mark else QUIET,
                0.8,
                0.25 * mark,
            )
        ring = [corner(1, 1), corner(1, f + 1), corner(f + 1, f + 1), corner(f + 1, 1)]
        d.shape(Polygon(ring), FORWARD, 2)
        for a, b in zip(seen, ring, strict=False):
            d.line([a, b], FORWARD, 0.9)
        middle = top + (f + 2) * cell * 0.25
        d.text(MARGIN, middle - 7, f"layer {len(kernels) - n}" if n < len(kernels) else "input", to="left")
        d.text(MARGIN, middle + 7, f"{f} × {f}", FORWARD, "left")
        seen, top = ring, top + (f + 2) * cell * 0.5 + gap
    return d
