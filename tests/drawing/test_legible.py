"""The book's figures on a phone, and the function that measures any chapter's."""

from __future__ import annotations

import math
from itertools import pairwise

import matplotlib.pyplot as plt
import pytest
from matplotlib.transforms import Bbox

from groundup import plot
from groundup.drawing import smallest_text
from groundup.drawing.style import THEMES
from groundup.site import figures


@pytest.fixture(autouse=True)
def _style():
    with plt.rc_context(plot.STYLE):
        yield
        plt.close("all")


def curve(**options: object) -> plt.Figure:
    figure, ax = plt.subplots(**options)
    ax.plot([1, 2, 30_000], label="training")
    ax.set(xlabel="step of the descent", ylabel="mean squared error", title="A title")
    ax.legend()
    return figure


@pytest.mark.parametrize("width", [None, plot.WIDTH, 3.4])
def test_labels_of_a_default_figure_can_be_read_on_a_phone(width):
    figure = curve() if width is None else curve(figsize=(width, 2.8))
    assert smallest_text(figure, 358) >= 9


def test_a_figure_in_a_row_of_two_can_be_read_too():
    assert smallest_text(curve(figsize=(3.4, 2.6)), 312) >= 9


def test_labels_of_digits_can_be_read_and_do_not_meet():
    plot.images([[0.5] * 784] * 20, labels=[f"{k % 10}, not 8" for k in range(20)])
    figure, ax = plt.gcf(), plt.gca()
    assert smallest_text(figure) >= 9
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(Bbox.intersection(a, b) for a, b in pairwise(boxes))
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 + 0.5 for box in boxes)


def test_all_labels_are_inside_of_the_figure():
    figure = curve(figsize=(3.4, 2.6))
    figure.canvas.draw()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert 0 <= box.x0 < box.x1 <= width
    assert 0 <= box.y0 < box.y1 <= height


def test_what_is_measured():
    figure = curve(figsize=(5.6, 3))
    ordinary = smallest_text(figure)
    assert ordinary == pytest.approx(10.5 * 358 / (5.6 * 72))
    assert smallest_text(figure, 1000) == pytest.approx(10.5 * 96 / 72)  # never larger than it is
    figure.axes[0].annotate("small", (1, 1), size=6)
    assert smallest_text(figure) == pytest.approx(6 * 358 / (5.6 * 72))
    figure.axes[0].texts[0].set_visible(False)
    assert smallest_text(figure) == ordinary
    figure.axes[0].set_axis_off()
    figure.axes[0].legend_.remove()
    figure.axes[0].set_title("")
    assert smallest_text(figure) == math.inf


@pytest.mark.filterwarnings("error")
def test_drawings_and_digits_keep_their_place_when_saved_again(tmp_path):
    for draw in (lambda: plot.shapes((2, 3), (3,)), lambda: plot.images([[0.5] * 784], labels=["8"])):
        draw()
        files = [tmp_path / f"{k}.png" for k in range(2)]
        for file in files:
            plt.savefig(file)
        assert files[0].read_bytes() == files[1].read_bytes()


def test_the_site_shows_all_colours_of_the_scheme(tmp_path):
    source = plot.network([[1], [2]], [[[2]]], [[2], [1]], biases=[[0]]).figure
    source.savefig(file := tmp_path / "drawn.svg")
    text = file.read_text()
    assert all(colour in text for colour in THEMES["light"])
    figures.svg(text, "A network.", tmp_path / "site")
    light, dark = ({*THEMES["light"].values()}, {*THEMES["dark"].values()})
    shown = [path.read_text() for path in (tmp_path / "site").iterdir()]
    assert len(shown) == 2
    assert sum(all(colour in svg for colour in light) for svg in shown) == 1
    assert sum(all(colour in svg for colour in dark) for svg in shown) == 1
    assert not any(colour in svg for svg in shown for colour in THEMES["light"])
