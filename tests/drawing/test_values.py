"""What the drawings say is so: values, gradients, labels of contours, minima."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from helpers.drawings import DRAWINGS, KNOWN, Micrograd, Scalar, bowl, descend, objects, two_minima, waves

from groundup import plot
from groundup.drawing.contours import minima
from groundup.drawing.steps import Step, from_expression, from_objects
from groundup.drawing.words import factor, number, plain, size


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def labels(drawing) -> list[str]:
    return [text.get_text() for text in drawing.ax.texts]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.75, "3.75"),
        (-2.0, "−2"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.33"),
        (0.00015, "1.5e−4"),
        (-0.004, "−4.0e−3"),
        (123456.0, "123456"),
        (2.7e12, "2.7e12"),
        (math.nan, "nan"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_words():
    assert [size((10,)), size(("N", 784)), size(())] == ["(10,)", "(N, 784)", "()"]
    assert [factor(-2), factor(0.5)] == ["(−2)", "0.5"]
    assert [plain(text) for text in (r"$\hat y$", "$X^T G_1$", "$w_{12}$", "relu")] == ["ŷ", "Xᵀ G₁", "w₁₂", "relu"]


EXPRESSIONS = [
    "(v * relu(w * x + b) + c - y) ** 2",
    "(a*b + c*d) * (e*f + g*h)",
    "relu(w*x + b) * relu(w*x + b) + w",
    "exp(a) / (exp(a) + exp(b))",
    "1 / (1 + exp(-x))",
    "x * x + 2 * x - -3",
    "tanh(w1 * x) ** 3 / w2",
]


@pytest.mark.parametrize("formula", EXPRESSIONS)
def test_values_and_gradients_of_expressions_are_those_of_torch(formula):
    leaves = {n: torch.tensor(v, dtype=torch.float64, requires_grad=True) for n, v in KNOWN.items() if not callable(v)}
    steps = {step.source: step for step in from_expression(formula, KNOWN)}
    result = eval(formula, leaves | {"relu": torch.relu, "exp": torch.exp, "tanh": torch.tanh})
    result.backward()
    assert steps.popitem()[1].value == pytest.approx(result.item())
    for name in steps.keys() & leaves.keys():
        assert steps[name].value == leaves[name].item()
        assert steps[name].gradient == pytest.approx(leaves[name].grad.item(), abs=2e-5)


def test_a_step_has_the_gradient_of_the_result_by_its_value():
    steps = {step.source: step for step in from_expression("(w * x + b) + v * relu(w * x + b)", KNOWN)}
    z = steps["w * x + b"]
    assert (z.value, z.gradient) == (pytest.approx(1.7), pytest.approx(1 + KNOWN["v"]))
    assert steps["relu(w * x + b)"].gradient == pytest.approx(KNOWN["v"])


def test_the_graph_of_an_expression_shows_its_numbers():
    shown = labels(DRAWINGS["graph"]())
    assert shown.count("relu") == 1
    z = 0.8 * 1.5 + KNOWN["b"]
    error = -2 * z + KNOWN["c"] - 1
    for value in (z, error**2, 2 * error, 2 * error * z, 2 * error * -2, 2 * error * -2 * 1.5):
        assert number(round(value, 6)) in shown


def test_objects_have_the_values_and_the_gradients_that_they_have():
    loss, known = objects()
    steps = from_objects(loss, known)
    w, x, b = known["w"], known["x"], known["b"]
    h = 0.5 * 3 + 0.25
    error = h * h + 0.5 - 4
    assert (w.grad, x.grad) == (pytest.approx(2 * error * (2 * h * 3 + 1)), pytest.approx(2 * error * 2 * h * 0.5))
    by_name = {step.source: step for step in steps}
    for name, leaf in (("w", w), ("x", x), ("b", b)):
        assert (by_name[name].value, by_name[name].gradient) == (leaf.data, leaf.grad)
    assert [step.label for step in steps if step.inputs] == ["×", "+", "relu", "×", "+", "+", "( )²"]
    assert steps[-1].source == "L"
    assert len(steps) == 4 + 7
    shown = labels(plot.graph(loss, known))
    assert shown.count("$w$") == 2  # each time it is taken
    assert shown.count(number(w.grad)) >= 2


def test_an_engine_under_other_names_and_without_order():
    a, b = Micrograd(2, label="a"), Micrograd(3)
    steps = from_objects(Micrograd(5, (a, b), "+"), {"c": b})
    assert [step.label for step in steps] == ["$a$", "$c$", "+"]


@dataclass(eq=False)
class Edged:
    """As the book's tape has it: parents within edges, None when they are used up."""

    data: float
    edges: list | None
    op: str = ""
    grad: float = 1.0


def test_an_engine_that_keeps_its_parents_in_edges():
    w, x = Edged(2.0, []), Edged(3.0, None)
    s = Edged(6.0, [(w, abs), (x, abs)], "*")
    loss = Edged(36.0, [(s, abs), (s, abs)], "*")
    steps = from_objects(loss, {"w": w, "x": x, "s": s})
    assert [step.label for step in steps] == ["$w$", "$x$", "×", "×"]
    assert "$s$" in labels(plot.graph(loss, {"w": w, "x": x, "s": s}))  # where it is drawn a second time


def test_an_object_without_a_name_is_its_value():
    shown = labels(plot.graph(Scalar(2.0) * Scalar(3.0)))
    assert {"2", "3", "6", "×"} <= set(shown)


def test_no_gradient_yet_is_no_gradient():
    made = Scalar(2.0) * Scalar(3.0)
    made.grad = None
    assert "gradient" not in plot.graph(made).alt


def test_the_network_in_the_examples_is_computed_right():
    hidden = np.maximum(0, [[1, -1], [2, 1]] @ np.array([1, 2]))
    assert hidden.tolist() == [0, 4]
    assert ([[1, 2], [-3, -0.5]] @ hidden).tolist() == [8, -2]
    drawing = plot.network([[1, 2], [0, 4]], [[[1, -1], [2, 1]]], biases=[[0.5, -0.25]])
    assert labels(drawing).count("+0.5") == labels(drawing).count("−0.25") == 1
    assert "weights [1, −1; 2, 1] and biases (0.5, −0.25) give layer 1 = (0, 4)" in drawing.alt


def test_gradients_go_from_the_last_layer_to_the_first():
    alt = DRAWINGS["network with biases"]().alt
    places = [alt.index(f"that of {name} is") for name in ("ŷ", "h", "x")]
    assert places == sorted(places)


def test_products_and_broadcasts_are_numpys():
    a, b = np.array([[1.0, 2, 0], [3, -1, 2]]), np.array([[2.0, 0], [1, 3], [4, 1]])
    shown = labels(plot.product(a, b, at=(1, 0)))
    assert [number(v) for v in (a @ b).ravel()] == shown[14:18]
    assert "3·2 + (−1)·1 + 2·4 = 13" in shown
    assert "[[9, 8], [19, 18]]" in plot.broadcast([[10], [20]], [1, 2], "−").alt
    assert "(8, 7, 6)" in plot.shapes((8, 1, 6), (7, 1)).alt
    assert "in dimension -1 stand 10 and 784, and neither is 1" in plot.shapes((784, 10), (784,)).alt


@pytest.mark.parametrize(("shape", "steps", "start"), [((3, 4), (4, 1), 0), ((4, 3), (1, 4), 0), ((3, 4), (4, 0), 1)])
def test_strides_are_torchs(shape, steps, start):
    rows = torch.arange(12).as_strided(shape, steps, start).tolist()
    alt = plot.strides(range(12), shape, steps, start).alt
    assert "; ".join(", ".join(map(str, row)) for row in rows) + "." in alt


def test_only_a_transposed_view_leaps():
    widths = {
        steps: max(patch.get_linewidth() for patch in plot.strides(range(12), shape, steps).ax.patches)
        for shape, steps in (((3, 4), (4, 1)), ((4, 3), (1, 4)))
    }
    assert widths[1, 4] > 2 > widths[4, 1]


@pytest.mark.parametrize(("stride", "padding", "at"), [(1, 0, (2, 1)), (2, 1, (1, 1)), (2, 0, (0, 1))])
def test_convolutions_are_torchs(stride, padding, at):
    image, kernel = torch.arange(25.0).reshape(5, 5) % 4, torch.tensor([[1.0, -1], [0.5, 2]])
    wanted = torch.nn.functional.conv2d(image[None, None], kernel[None, None], stride=stride, padding=padding)[0, 0]
    drawing = plot.convolution(image.numpy(), kernel.numpy(), stride, padding, at)
    assert f"added up, is {number(wanted[at].item())}," in drawing.alt
    cells = (5 + 2 * padding) ** 2 + 4
    assert labels(drawing)[cells : cells + wanted.numel()] == [number(v) for v in wanted.ravel().tolist()]
    assert labels(drawing)[-1].endswith(f"= {number(wanted[at].item())}")


@pytest.mark.parametrize(
    ("loss", "x", "y", "levels", "each"),
    [
        (bowl, (-1, 3), (-2, 4), (0.25, 1, 2.5, 5), 1),
        (two_minima, (-1.8, 1.8), (-1.5, 2), (-0.2, 0, 0.5, 1), 1),
        (waves, (-3, 3), (-3, 3), (-0.5, 0, 0.5), 2),
    ],
)
def test_each_contour_has_the_label_of_its_loss(loss, x, y, levels, each):
    drawing = plot.descent(loss, descend(loss, x[0] / 8, y[1] / 2, 0.02, 5), x, y, levels)
    (left, right), (bottom, top) = (34, 348), (286, 24)
    found = [text for text in drawing.ax.findobj(plt.Text) if text.get_fontsize() == 9.4 and text.get_text()]
    for text in found:
        u, v = text.get_position()
        place = np.interp(u, (left, right), x), np.interp(bottom - v, (0, bottom - top), y)
        value = float(text.get_text().replace("−", "-"))
        near = min(levels, key=lambda level: abs(level - loss(*place)))
        assert value == near
    counts = [sum(text.get_text() == number(level) for text in found) for level in levels]
    assert min(counts) >= each


def test_minima_are_marked_and_the_right_one_is_named():
    heights = np.array([[two_minima(w, b) for w in np.linspace(-1.8, 1.8, 161)] for b in np.linspace(-1.5, 2, 161)])
    assert [np.linspace(-1.8, 1.8, 161)[c] < 0 for _, c in minima(heights)] == [True, False]
    right = DRAWINGS["descent between two minima"]()
    assert labels(right).count("×") == 2
    assert "ends at the minimum at about (0.97, 0.01), which is not the lowest of 2" in right.alt


def test_alt_tells_the_point_of_a_descent():
    alts = {name: DRAWINGS[name]().alt for name in ("descent", "slow descent", "descent that diverges")}
    assert "turns back by more than a right angle, a zigzag" in alts["descent"]
    assert "ends at the minimum at about (1, 0.51)" in alts["descent"]
    assert "has not reached the minimum" in alts["slow descent"]
    assert re.search(r"It leaves the drawing in step \d+, and diverges: at the end", alts["descent that diverges"])
    lost = plot.descent(bowl, [(0, 0), (1, 1), (math.nan, 1)], (-1, 3), (-2, 4), [1, 5])
    assert "diverges: at the end the loss is no number any more" in lost.alt


def test_the_receptive_field():
    assert "7 × 7 numbers of the input" in plot.receptive_field([3, 3, 3]).alt
    assert "4 × 4 numbers of the input" in plot.receptive_field([3, 2]).alt


def test_a_long_chain_of_steps_is_read_once_each():
    step: Scalar = Scalar(1.0)
    for _ in range(6):
        step = step * step
    assert len(from_objects(step, {})) == 7
    assert isinstance(from_objects(step, {})[-1], Step)
