"""What cannot be read is refused, with what to draw instead."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers.drawings import IMAGE, KNOWN, SMALL, Scalar, bowl

from groundup import plot

CHAIN = "relu(" * 8 + "x" + ")" * 8
PATH = [(0.0, 0.0), (0.5, 0.5)]
RANGES = {"x": (-1, 3), "y": (-2, 4), "levels": [1, 5]}


def chain(length: int) -> Scalar:
    step = Scalar(1.0)
    for _ in range(length):
        step = step.relu()
    return step


REFUSED = {
    "draw more with big_network": lambda: plot.network([[1] * 4] * 3, [np.ones((4, 4))] * 2),
    "3 layers of 3 units can be read": lambda: plot.network([[1]] * 5, [np.ones((1, 1))] * 4),
    "give the inputs and at least one layer more": lambda: plot.network([[1]], []),
    r"weights of shapes \(1, 2\): these layers need \(2, 1\)": lambda: plot.network([[1], [2, 3]], [[[1, 2]]]),
    r"weights of shapes : these layers need": lambda: plot.network([[1], [2, 3]], []),
    r"biases of shapes \(1,\), \(2,\), \(2,\): these layers need \(2,\), \(2,\)": lambda: plot.network(
        **SMALL, biases=[[1], [1, 2], [1, 2]]
    ),
    "2 × 3 say the same": lambda: plot.network([[1, 2, 3]] * 2, [np.ones((3, 3))], weight_gradients=[np.ones((3, 3))]),
    "'12345.67' is too wide for its place: take rounder": lambda: plot.network([[1], [12345.67]], [[[1]]]),
    "'1234.5' is too wide": lambda: plot.convolution([[1234.5]], [[1]]),
    "give 2 to 4 sizes": lambda: plot.big_network([784]),
    "a name for each or none": lambda: plot.big_network([784, 10], ["pixels"]),
    "shorten the names": lambda: plot.big_network([784, 300, 10], ["pixels of an image", "hidden units of it", "d"]),
    "7 can be read: name a part": lambda: plot.graph(f"y = {CHAIN}", KNOWN),
    "numbers too wide for 6 steps in a row": lambda: plot.graph(
        "y = relu(relu(relu(relu(relu(a * b)))))", KNOWN | {"a": 123456.25, "b": 0.5}
    ),
    "9 steps in a row": lambda: plot.graph(chain(9)),
    "more than 60 objects: draw a part": lambda: plot.graph(chain(5000)),
    "give an expression, or an object with data, grad, parents and op": lambda: plot.graph(3.0),
    "q in the graph's expression: `known` needs it": lambda: plot.graph("L = q * 2", KNOWN),
    "stands at a kink: choose other numbers": lambda: plot.graph("L = relu(a * b)", KNOWN | {"a": 0.0}),
    "nothing is computed": lambda: plot.graph("L = a", KNOWN),
    "below: z is no step of the graph": lambda: plot.graph("L = a * b", KNOWN, below={"z": "$G$"}),
    "branches than can be drawn apart|drawn apart": lambda: plot.graph("L = relu(a, b, c, d)", KNOWN | {"relu": max}),
    r"\(2, 3\) @ \(2, 3\): give two matrices whose inner": lambda: plot.product(np.ones((2, 3)), np.ones((2, 3))),
    r"\(784, 10\) @ \(784, 10\): give two shapes": lambda: plot.product((784, 10), (784, 10)),
    "give the two shapes in their place": lambda: plot.product(np.ones((2, 16)), np.ones((16, 2))),
    "take rounder or smaller": lambda: plot.product(np.full((2, 5), 10.25), np.full((5, 2), 333.25)),
    r"at=\(2, 0\): the product has the shape \(2, 2\)": lambda: plot.product([[1], [2]], [[3, 4]], at=(2, 0)),
    "1 to 4 can be drawn": lambda: plot.shapes((1, 2, 3, 4, 5), (1,)),
    "smaller numbers": lambda: plot.shapes((123456, 1, 1, 1), (1, 1234567, 1, 1)),
    "these do not fit, draw them with shapes": lambda: plot.broadcast([[1, 2]], [1, 2, 3]),
    "draw more with shapes": lambda: plot.broadcast(np.ones((2, 6)), 1),
    "and 2 can be drawn": lambda: plot.broadcast([1, 2], [3, 4]),
    r"sign '/'": lambda: plot.broadcast([[1]], [[2]], "/"),
    r"read place 12 of 12: give more memory": lambda: plot.strides(range(12), (3, 4), (4, 1), start=1),
    r"20 places read as \(4, 5\)": lambda: plot.strides(range(20), (4, 5), (5, 1)),
    "give a smaller kernel or more padding": lambda: plot.convolution(IMAGE, np.ones((6, 6))),
    r"at=\(3, 0\): the result has the shape \(3, 3\)": lambda: plot.convolution(IMAGE, np.ones((3, 3)), at=(3, 0)),
    "take a smaller image": lambda: plot.convolution(np.ones((12, 12)), np.ones((3, 3))),
    "stride=0": lambda: plot.convolution(IMAGE, [[1]], stride=0),
    "up to 4 layers and 7 × 7": lambda: plot.receptive_field([5, 5]),
    "does not fit in its box: shorten it": lambda: plot.residual(["a convolution of 3 × 3 numbers"]),
    "1 to 10 can be drawn": lambda: plot.residual([]),
    "a first point inside of x and y": lambda: plot.descent(bowl, [(9, 9), (0, 0)], **RANGES),
    "the path needs a step": lambda: plot.descent(bowl, [(0, 0)], **RANGES),
    "can be drawn here": lambda: plot.descent(bowl, PATH, **RANGES | {"levels": [1e9]}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_read_is_refused_with_the_remedy(message):
    before = plt.get_fignums()
    with pytest.raises(ValueError, match=message):
        REFUSED[message]()
    assert plt.get_fignums() == before  # half a drawing would be shown under the error


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os').getcwd()",
        "x.__class__",
        "[x for x in (1, 2)]",
        "(lambda: 1)()",
        "'a' * 3",
        "x if y else w",
        "relu(*[x])",
        "relu(x, key=y)",
        "open('f')",
    ],
)
def test_nothing_is_evaluated_but_arithmetic(formula):
    with pytest.raises(ValueError, match="in the graph's expression"):
        plot.graph(f"L = {formula}", KNOWN)
