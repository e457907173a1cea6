"""Numbers, shapes and formulas as text, and how much room a text takes."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from matplotlib.transforms import Bbox

from groundup.drawing.style import STYLE

Matrix = Sequence[Sequence[Any]] | np.ndarray

SMALL = str.maketrans("0123456789ijkmnTt", "₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₘₙTₜ")
RAISED = str.maketrans("0123456789-Tn", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀⁿ")


def number(value: float) -> str:
    """Two decimals at most, no needless zeros, a true minus: 3.75, −2, 0, 1.5e−4."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    if 0 < abs(value) < 0.005 or abs(value) >= 1e6:
        text = f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    return ("0" if text == "-0" else text).replace("-", "−")


def factor(value: float) -> str:
    """A number in a product: negative ones in parentheses."""
    return f"({number(value)})" if value < 0 else number(value)


def listed(values: Iterable[Any], form: Callable[[Any], str] = number) -> str:
    """The values, separated by commas."""
    return ", ".join(map(form, values))


def size(shape: Sequence[object]) -> str:
    """A shape as Python writes it: (N, 784), (10,)."""
    return f"({listed(shape, str)}{',' if len(shape) == 1 else ''})"


def plain(words: str) -> str:
    r"""A formula as one would type it: "$\hat y$" is ŷ, "$X^T G_1$" is Xᵀ G₁."""
    words = re.sub(r"\\hat\s*\{?(\w)\}?", "\\1\u0302", words.replace("\\,", " "))
    words = re.sub(r"\^\{?(\w+)\}?", lambda m: m[1].translate(RAISED), words)
    words = re.sub(r"_\{?(\w+)\}?", lambda m: m[1].translate(SMALL), words)
    return unicodedata.normalize("NFC", re.sub(r"[${}\\]", "", words))


@functools.lru_cache(maxsize=4096)
def extent(words: str, high: float = 10) -> Bbox:
    """The box that the ink of a text fills, in points, from the beginning of its baseline; y grows upwards."""
    if not words.strip():
        return Bbox([(0, 0), (0, 0)])
    box = TextPath((0, 0), words, size=high, prop=FontProperties(family=STYLE["font.family"])).get_extents()
    return Bbox([(0, box.y0), (box.x1, box.y1)])
