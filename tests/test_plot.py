"""The figures: one style, set by the import, that works on a light and on a dark page."""

import io
import random
import re
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.colors import to_hex, to_rgb

from groundup import plot
from groundup.plot import COLOURS, INK, SIGNED, TILE, images, weights

DIGITS = [[random.Random(seed).random() for _ in range(784)] for seed in range(12)]


@pytest.fixture(autouse=True)
def _style():
    with mpl.rc_context(plot.STYLE):
        mpl.use("Agg")
        yield
        plt.close("all")


def svg() -> str:
    file = io.StringIO()
    plt.savefig(file, format="svg", bbox_inches="tight", transparent=True, metadata={"Date": None})
    return file.getvalue()


def drawn() -> np.ndarray:
    (image,) = plt.gca().images
    return np.ma.filled(image.get_array(), np.nan)


def texts() -> list[str]:
    return [text.get_text() for text in plt.gca().texts]


def test_importing_sets_the_style():
    program = (
        "import matplotlib; import groundup.plot; r = matplotlib.rcParams; "
        "print(r['font.family'][0], r['text.color'], r['axes.spines.top'], r['axes.prop_cycle'].by_key()['color'][0])"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout
    assert output == f"Inter {INK} False {COLOURS[0]}\n"


def test_the_font_comes_with_the_book():
    assert font_manager.findfont("Inter", fallback_to_default=False).endswith("Inter-Regular.ttf")


def test_text_and_axes_are_drawn_in_ink_and_in_no_other_dark_colour():
    plt.plot([1, 2, 3], label="loss")
    plt.xlabel("step")
    plt.title("A title")
    plt.legend()
    plt.annotate("here", (1, 2), (1, 1.5), arrowprops={"arrowstyle": "->"})
    colours = set(re.findall(r"#[0-9a-f]{6}", svg()))
    assert colours - {"#ffffff"} == {INK, COLOURS[0]}
    assert "#000000" not in colours


def test_the_same_figure_gives_the_same_bytes():
    files = []
    for _ in range(2):
        plt.figure()
        plt.scatter([1, 2], [3, 4])
        files.append(svg())
    assert files[0] == files[1]


def luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("page", ["#ffffff", "#14161a"])
def test_lines_stand_out_from_a_light_and_from_a_dark_page(colour, page):
    low, high = sorted([luminance(colour), luminance(page)])
    assert (high + 0.05) / (low + 0.05) >= 2.5


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (5, 5, 1), (10, 10, 1), (12, 10, 2)])
def test_images_are_tiles_of_one_picture(count, columns, rows):
    images(DIGITS[:count])
    canvas = drawn()
    assert canvas.shape == (rows * 31 - 3, columns * 31 - 3)
    assert canvas[:28, :28].ravel().tolist() == DIGITS[0]
    assert np.isnan(canvas).sum() == canvas.size - count * 784
    last = divmod(count - 1, columns)
    assert canvas[31 * last[0], 31 * last[1]] == DIGITS[count - 1][0]


@pytest.mark.parametrize("count", [1, 5, 10])
def test_a_tile_has_the_same_size_whatever_their_number(count):
    images(DIGITS[:count])
    assert plt.gcf().get_size_inches()[0] / drawn().shape[1] == pytest.approx(5.6 / 310)


def test_images_takes_lists_squares_and_bytes():
    square = np.arange(784).reshape(28, 28) % 256
    images([square.ravel() / 255, square / 255, square.astype(np.uint8)])
    canvas = drawn()
    assert np.allclose(canvas[:, :28], canvas[:, 31:59])
    assert np.allclose(canvas[:, :28], canvas[:, 62:])


def test_labels():
    images(DIGITS, labels=range(12), columns=6)
    assert texts() == [str(number) for number in range(12)]


def test_a_grid_of_digits_is_a_small_file_with_sharp_pixels():
    images(DIGITS[:10])
    file = svg()
    assert len(file) < 20_000
    assert "image-rendering:pixelated" in file
    assert file.count("<image") == 1


def test_texts_do_not_touch_the_tiles():
    images(DIGITS, labels=["8"] * 12)
    figure, axes = plt.gcf(), plt.gca()
    figure.canvas.draw()
    canvas = np.isnan(drawn())
    for text in axes.texts:
        (left, bottom), (right, top) = axes.transData.inverted().transform(text.get_window_extent())
        rows = slice(max(0, round(min(top, bottom) + 0.5)), round(max(top, bottom) + 0.5))
        assert canvas[rows, round(left) : round(right)].all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: images([]), "at least one picture"),
        (lambda: images(DIGITS, labels=[1]), "12 pictures and 1 labels: give one for each"),
        (lambda: images([[0.0] * 783]), "a picture of 783 numbers: give 784"),
        (lambda: weights([0.0]), "a picture of 1 numbers"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_weights_are_symmetric_about_zero():
    weights([-2.0] + [0.5] * 783)
    image = plt.gcf().axes[0].images[0]
    assert image.get_clim() == (-2.0, 2.0)
    assert to_hex(SIGNED(0.5)) == TILE
    blue, orange = SIGNED(0.25), SIGNED(0.75)
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]


def test_weights_into_given_axes_have_no_colour_bar():
    _, axes = plt.subplots(1, 2)
    weights([0.0] * 784, axes[1])
    assert [len(ax.images) for ax in plt.gcf().axes] == [0, 1]
    assert axes[1].images[0].get_clim() == (-1.0, 1.0)
