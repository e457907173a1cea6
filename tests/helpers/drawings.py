"""One call of each kind of drawing that an author writes, and of each corner that has gone wrong."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from groundup import plot
from groundup.drawing import Drawing

NAMES = ["$x$", "$h$", r"$\hat y$"]
SCALARS = {name: 0.25 + 0.25 * k for k, name in enumerate("abcdefgh")} | {"w": 0.8, "x": 1.5, "y": 1.0, "v": -2.0}
KNOWN = SCALARS | {"w1": 1.0, "w2": 2.0, "relu": lambda z: max(0.0, z), "exp": math.exp, "tanh": math.tanh}
IMAGE = [[0, 1, 1, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 0], [0, 1, 1, 1, 0]]
EDGES = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


class Scalar:
    """The least that an autograd engine has: what `graph` reads."""

    def __init__(self, data: float, parents: tuple[Scalar, ...] = (), op: str = "") -> None:
        self.data, self.grad, self.parents, self.op = data, 0.0, parents, op
        self.slopes: tuple[float, ...] = ()

    def _made(self, op: str, data: float, parents: tuple[Scalar, ...], slopes: tuple[float, ...]) -> Scalar:
        made = Scalar(data, parents, op)
        made.slopes = slopes
        return made

    def __add__(self, other: Scalar) -> Scalar:
        return self._made("+", self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Scalar) -> Scalar:
        return self._made("*", self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n: int) -> Scalar:
        return self._made(f"**{n}", self.data**n, (self,), (n * self.data ** (n - 1),))

    def relu(self) -> Scalar:
        return self._made("relu", max(0.0, self.data), (self,), (float(self.data > 0),))

    def backward(self, upstream: float = 1.0) -> None:
        self.grad += upstream
        for parent, slope in zip(self.parents, self.slopes, strict=True):
            parent.backward(upstream * slope)


class Micrograd:
    """The same under micrograd's names, with parents in a set."""

    def __init__(self, data: float, parents: tuple[Micrograd, ...] = (), op: str = "", label: str = "") -> None:
        self.data, self.grad, self._prev, self._op, self.label = data, 1.0, set(parents), op, label


def objects() -> tuple[Scalar, dict[str, Scalar]]:
    names = {name: Scalar(value) for name, value in (("w", 0.5), ("x", 3.0), ("b", 0.25), ("t", -4.0))}
    h = (names["w"] * names["x"] + names["b"]).relu()
    loss = (h * h + names["w"] + names["t"]) ** 2
    loss.backward()
    return loss, names | {"L": loss}


def bowl(w: float, b: float) -> float:
    return 4 * (w - 1) ** 2 + 0.5 * (b - 0.5) ** 2 + 0.8 * (w - 1) * (b - 0.5)


def two_minima(w: float, b: float) -> float:
    return (w * w - 1) ** 2 + 0.5 * b * b + 0.3 * w


def waves(w: float, b: float) -> float:
    return math.sin(2 * w) * math.sin(2 * b) + 0.05 * (w * w + b * b)


def descend(loss: Callable[[float, float], float], w: float, b: float, lr: float, steps: int) -> list[tuple]:
    path, h = [(w, b)], 1e-6
    for _ in range(steps):
        slope = (loss(w + h, b) - loss(w - h, b)) / (2 * h), (loss(w, b + h) - loss(w, b - h)) / (2 * h)
        w, b = w - lr * slope[0], b - lr * slope[1]
        path.append((w, b))
    return path


def tensors() -> Drawing:
    known = {
        "X": np.zeros((64, 784)),
        "W": np.zeros((784, 30)),
        "b": np.zeros(30),
        "V": np.zeros((30, 10)),
        "c": np.zeros(10),
        "Y": np.zeros((64, 10)),
        "relu": lambda z: z,
        "mse": lambda p, t: 0.0,
    }
    z, below = "X@W + b", {"W": "$X^T G_1$", "b": "$1^T G_1$", "V": "$H^T G_2$", "c": "$1^T G_2$"}
    below |= {z: "$G_1$", f"relu({z})": "$G_2V^T$", f"relu({z}) @ V + c": "$G_2$"}
    return plot.graph(f"L = mse(relu({z}) @ V + c, Y)", known, below, letters={64: "N"})


SMALL = {
    "layers": [[1, 2], [0, 4], [8, -2]],
    "weights": [[[1, -1], [2, 1]], [[1, 2], [-3, -0.5]]],
    "gradients": [[-6, -3], [-7, -3], [-1, 2]],
    "weight_gradients": [[[0, 0], [-3, -6]], [[0, -4], [0, 8]]],
}

DRAWINGS: dict[str, Callable[[], Drawing]] = {
    "network": lambda: plot.network(**SMALL, names=NAMES),
    "network forward": lambda: plot.network(
        [[0.5, -1, 2], [1.2, 0, 0.4], [0.9]],
        [[[1, 0.3, 0.5], [-1, 1, 0.2], [0.4, 0, 0.1]], [[0.5, -2, 0.75]]],
        names=NAMES,
    ),
    "network with biases": lambda: plot.network(
        **SMALL, names=NAMES, biases=[[0.5, -1], [2, 0.25]], bias_gradients=[[-7, -3], [-1, 2]]
    ),
    "network of biases alone": lambda: plot.network([[1.5], [0.5]], [[[-1]]], biases=[[2]]),
    "network with wide numbers": lambda: plot.network(
        [[1.55, 1.33], [0.57, 0.25], [8.11, 1.22], [-2.66, -12.25]],
        [[[1.25, -1.25], [2.25, 1.75]], [[1.12, 2.37], [-3.12, -0.57]], [[1.25, 2.11], [-3.25, -0.55]]],
        [[-6.25, -3.25], [-7.25, -3.25], [-1.25, 2.25], [0.5, 1.25]],
        [[[-0.25, 0.55], [-3.12, -6.12]], [[0.25, -4.22], [0.57, 8.25]], [[0.12, -4.25], [0.33, 8.12]]],
        biases=[[0.25, -2.25]] * 3,
        bias_gradients=[[-0.25, -3.33]] * 3,
    ),
    "network with tensors": lambda: plot.network(
        [np.array([1.0, 2.0]), np.array([3.0])], [np.array([[1.0, 1.0]])], biases=[np.array([0.0])]
    ),
    "big network": lambda: plot.big_network([784, 30, 10], names=["pixels", "hidden units", "digits"]),
    "small big network": lambda: plot.big_network([2, 1]),
    "graph": lambda: plot.graph("L = (v * relu(w * x + b) + c - y) ** 2", KNOWN),
    "graph of tensors": tensors,
    "graph of two branches": lambda: plot.graph("L = (a*b + c*d) * (e*f + g*h)", KNOWN),
    "graph of two hidden units": lambda: plot.graph("y = relu(w1*x + b) + w2*relu(v*x + c)", KNOWN),
    "graph with a square": lambda: plot.graph("L = relu(w*x + b) * relu(w*x + b)", KNOWN),
    "graph with a way around": lambda: plot.graph("L = (w*x + b) + v*relu(w*x + b)", KNOWN),
    "graph of a softmax": lambda: plot.graph("p = exp(a) / (exp(a) + exp(b))", KNOWN),
    "graph of a sigmoid": lambda: plot.graph("y = (1 + exp(-x)) ** -1", KNOWN),
    "graph of one step": lambda: plot.graph("z = w * x", KNOWN),
    "graph of objects": lambda: plot.graph(*objects()),
    "graph of micrograd's objects": lambda: plot.graph(
        Micrograd(6, (Micrograd(2, label="a"), Micrograd(3, label="b")), "*")
    ),
    "product": lambda: plot.product(
        [[1, 2, 0], [3, -1, 2]], [[2, 0, 1, 5], [1, 3, -2, 0], [4, 1, 0, 2]], at=(1, 2), names="XWZ"
    ),
    "product of a column and a row": lambda: plot.product([[1], [2], [3]], [[4, -5]]),
    "product of shapes": lambda: plot.product(("N", 784), (784, 10), names="XWZ"),
    "shapes": lambda: plot.shapes((8, 1, 6), (7, 1)),
    "shapes that do not fit": lambda: plot.shapes((784, 10), (784,)),
    "four dimensions": lambda: plot.shapes((64, 1, 28, 28), (3, 1, 1)),
    "broadcast": lambda: plot.broadcast([[10], [20], [30]], [1, 2, 3, 4]),
    "broadcast of a number": lambda: plot.broadcast([[1.5, 2], [-3, 4]], 2, "×"),
    "strides": lambda: plot.strides(range(12), shape=(3, 4), steps=(4, 1)),
    "strides of a transposed view": lambda: plot.strides(range(12), shape=(4, 3), steps=(1, 4)),
    "a stride of 0": lambda: plot.strides(range(12), shape=(3, 4), steps=(4, 0), start=1),
    "convolution": lambda: plot.convolution(IMAGE, EDGES, stride=2, padding=1, at=(1, 1)),
    "convolution without padding": lambda: plot.convolution(IMAGE, [[1, -1], [0.5, 0]], at=(3, 3)),
    "receptive field": plot.receptive_field,
    "receptive field of three layers": lambda: plot.receptive_field([3, 3, 3]),
    "residual": lambda: plot.residual(
        ["conv 3×3", "batch norm", "ReLU", "conv 3×3", "batch norm"], shape=("N", 64, 32, 32)
    ),
    "residual of one layer": lambda: plot.residual(["linear"], after=""),
    "descent": lambda: plot.descent(bowl, descend(bowl, -0.6, 3.2, 0.21, 29), (-1, 3), (-2, 4), [0.25, 1, 2.5, 5, 10]),
    "slow descent": lambda: plot.descent(bowl, descend(bowl, -0.6, 3.2, 0.02, 12), (-1, 3), (-2, 4), [1, 5, 10]),
    "descent that diverges": lambda: plot.descent(bowl, descend(bowl, 0.8, 1, 0.4, 20), (-1, 3), (-2, 4), [1, 5, 10]),
    "descent between two minima": lambda: plot.descent(
        two_minima, descend(two_minima, 0.2, 1.5, 0.1, 40), (-1.8, 1.8), (-1.5, 2), [-0.2, 0, 0.5, 1, 2, 4]
    ),
    "descent among eight minima": lambda: plot.descent(
        waves, descend(waves, 0.2, 1.5, 0.05, 40), (-3, 3), (-3, 3), [-0.5, 0, 0.5]
    ),
}
