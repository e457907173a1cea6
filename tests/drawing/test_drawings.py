"""Every drawing can be read: on a phone, in light and dark, and in words."""

from __future__ import annotations

import functools
import re
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers.drawings import DRAWINGS
from matplotlib.colors import to_rgb
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from groundup.drawing import Drawing, smallest_text
from groundup.drawing.style import BACKWARD, FORWARD, INK, QUIET, THEMES

PAGES = {"light": "#ffffff", "dark": "#171a21"}
JUPYTER = 358 / (358 + 14.4)  # its crop adds 7.2 points on each side
every = pytest.mark.parametrize("name", DRAWINGS)


@functools.cache
def drawn(name: str) -> Drawing:
    lines, draw = [], Drawing.line

    def noted(self, points, *rest, **named):
        lines.append(np.array(points))
        draw(self, points, *rest, **named)

    Drawing.line = noted
    try:
        drawing = DRAWINGS[name]()
    finally:
        Drawing.line = draw
    drawing.lines = lines
    plt.close(drawing.figure)
    drawing.figure.set_dpi(72)
    drawing.figure.canvas.draw()
    return drawing


def written(drawing: Drawing) -> list[tuple[str, Bbox]]:
    """The texts and the boxes that they fill, as matplotlib measures them; half of a line's leading is taken off."""
    found = [t for t in drawing.ax.findobj(Text) if t.get_text() and t.axes and t in drawing.ax.texts]
    found += [t for t in drawing.ax.findobj(Text) if t.get_text() and t not in found and t.get_rotation()]
    boxes = []
    for text in found:
        box = text.get_window_extent()
        boxes.append((text.get_text(), box.shrunk(1, 0.8) if not text.get_rotation() else box.shrunk(0.8, 0.8)))
    return boxes


@every
def test_no_letter_is_smaller_than_9_pixels(name):
    assert smallest_text(drawn(name).figure) * JUPYTER >= 9


@every
def test_no_two_texts_overlap(name):
    for (one, a), (other, b) in combinations(written(drawn(name)), 2):
        assert Bbox.intersection(a, b) is None, f"{one} and {other}"


@every
def test_nothing_is_off_the_sheet(name):
    drawing = drawn(name)
    sheet = drawing.figure.bbox
    for words, box in written(drawing):
        assert sheet.x0 <= box.x0, words
        assert box.x1 <= sheet.x1, words
        assert sheet.y0 <= box.y0, words
        assert box.y1 <= sheet.y1, words
    for patch in drawing.ax.patches:
        box = patch.get_window_extent()
        assert min(box.x0, box.y0, sheet.x1 - box.x1, sheet.y1 - box.y1) > 0, patch


@every
def test_no_line_runs_through_a_text(name):
    drawing = drawn(name)
    for points in drawing.lines:
        path = Path(points).transformed(drawing.ax.transData)
        for words, box in [(words, box) for words, box in written(drawing) if words != "×"]:
            assert not path.intersects_bbox(box.shrunk(0.9, 0.8), filled=False), words


@every
def test_the_same_bytes_twice(name):
    first = drawn(name).svg("dark")
    assert drawn(name).svg("dark") == first
    again = DRAWINGS[name]()
    assert again.svg("dark") == first
    plt.close(again.figure)


@every
@pytest.mark.parametrize("theme", THEMES)
def test_all_colours_are_those_of_the_scheme(name, theme):
    colours = set(re.findall(r"#[0-9a-f]{6}\b", drawn(name).svg(theme)))
    assert INK not in colours
    assert colours <= set(THEMES[theme].values()) | {"#ffffff"}  # the sheet, which is transparent


@every
def test_alt_is_words(name):
    alt = drawn(name).alt
    assert 40 < len(alt) < 1200
    assert alt.endswith(".")
    assert not set(alt) & set("$\\{}_")
    assert repr(drawn(name)) == alt


@pytest.mark.parametrize("name", [name for name in DRAWINGS if name.startswith(("network", "graph"))])
def test_the_numbers_of_networks_and_graphs_are_in_the_alt_text(name):
    said = re.findall(r"−?\d+(?:\.\d+)?", drawn(name).alt)
    for text in drawn(name).ax.texts:
        if re.fullmatch(r"[+−]?\d+(?:\.\d+)?", text.get_text()):
            assert text.get_text().lstrip("+") in said


def luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", PAGES)
def test_the_colours_of_a_scheme_stand_out(theme):
    assert list(THEMES[theme]) == [INK, FORWARD, BACKWARD, QUIET]
    assert min(contrast(colour, PAGES[theme]) for colour in THEMES[theme].values()) >= 4.5


@pytest.mark.parametrize("colour", [FORWARD, BACKWARD, QUIET])
def test_as_drawn_the_colours_can_be_seen_on_any_page(colour):
    assert min(contrast(colour, page) for page in PAGES.values()) >= 3.9


@pytest.fixture(scope="module", autouse=True)
def _closed():
    yield
    drawn.cache_clear()
