from math import tanh

relu = lambda z: max(z, 0.0)  # noqa: E731
relu_grad = lambda z: float(z > 0)  # noqa: E731


def sigmoid(z):
    return 0.5 * (1 + tanh(z / 2)) if z > -30 else _tail(z)


def _tail(z):
    from math import exp

    return exp(z)


def sigmoid_grad(z):
    return sigmoid(z) * sigmoid(-z)
