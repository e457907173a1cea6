# %% [markdown]
# Classic wrong answers to chapter 2's exercises, each with what the check must say to it.

# %% exercise="relu" message="z > 0 and not z >= 0"
def relu(z):
    return float(max(0, z))


def relu_grad(z):
    return 1.0 if z >= 0 else 0.0


# %% exercise="relu" message="give back a float, always"
def relu(z):
    return max(0, z)


def relu_grad(z):
    return 1.0 if z > 0 else 0.0


# %% exercise="relu" message="relu(-2.0) is -0.02: something negative leaks through"
def relu(z):
    return float(z) if z > 0 else 0.01 * z


def relu_grad(z):
    return 1.0 if z > 0 else 0.0


# %% exercise="relu" message="a fair compromise"
def relu(z):
    return float(max(0, z))


def relu_grad(z):
    return 1.0 if z > 0 else 0.5 if z == 0 else 0.0


# %% exercise="relu" message="not the value itself"
def relu(z):
    return float(max(0, z))


def relu_grad(z):
    return float(max(0, z))


# %% exercise="relu" message="what is negative becomes 0, not positive"
def relu(z):
    return float(abs(z))


def relu_grad(z):
    return 1.0 if z > 0 else 0.0


# %% exercise="relu" message="every z needs a `return`"
def relu(z):
    print(float(max(0, z)))


def relu_grad(z):
    return 1.0 if z > 0 else 0.0


# %% exercise="relu" message="the number itself passes, not a 1"
def relu(z):
    return 1.0 if z > 0 else 0.0


def relu_grad(z):
    return 1.0 if z > 0 else 0.0


# %% exercise="relu" message="relu(-2.0) is -0.86"
import math


def relu(z):
    return float(z) if z > 0 else math.exp(z) - 1.0


def relu_grad(z):
    return 1.0 if z > 0 else 0.0


# %% exercise="relu" message="relu_grad(0) divides by 0"
def relu(z):
    return float(max(0, z))


def relu_grad(z):
    return relu(z) / z


# %% exercise="relu" message="the two sides are exchanged"
def relu(z):
    return float(max(0, z))


def relu_grad(z):
    return 0.0 if z > 0 else 1.0


# %% exercise="relu" message="relu_grad(7.5) should be 1.0, not 1.000"
def relu(z):
    return float(max(0, z))


def relu_grad(z):
    return (relu(z + 1e-6) - relu(z)) / 1e-6


# %% exercise="forward" message="no relu after the last layer"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = [relu(value) for value in z]
    outputs = [relu(predict(hidden, w, b)) for w, b in zip(network.output_weight, network.output_bias)]
    return z, hidden, outputs


# %% exercise="forward" message="nothing bends: `hidden` is relu of each"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    outputs = [predict(z, w, b) for w, b in zip(network.output_weight, network.output_bias)]
    return z, z, outputs


# %% exercise="forward" message="the hidden biases are missing"
def forward(network, x):
    z = [predict(x, w, 0.0) for w in network.hidden_weight]
    hidden = [relu(value) for value in z]
    return z, hidden, [predict(hidden, w, b) for w, b in zip(network.output_weight, network.output_bias)]


# %% exercise="forward" message="the output biases are missing"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = [relu(value) for value in z]
    return z, hidden, [predict(hidden, w, 0.0) for w in network.output_weight]


# %% exercise="forward" message="the outputs read `hidden`, not z"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = [relu(value) for value in z]
    return z, hidden, [predict(z, w, b) for w, b in zip(network.output_weight, network.output_bias)]


# %% exercise="forward" message="`z` has 3 numbers"
def forward(network, x):
    z = [predict(x, network.hidden_weight[i], network.hidden_bias[i]) for i in range(len(x))]
    hidden = [relu(value) for value in z]
    return z, hidden, [predict(hidden, w[: len(x)], b) for w, b in zip(network.output_weight, network.output_bias)]


# %% exercise="forward" message="it holds the pre-activations, negative ones too"
def forward(network, x):
    hidden = [relu(predict(x, w, b)) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    return hidden, hidden, [predict(hidden, w, b) for w, b in zip(network.output_weight, network.output_bias)]


# %% exercise="forward" message="give back three lists"
def forward(network, x):
    hidden = [relu(predict(x, w, b)) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    return [predict(hidden, w, b) for w, b in zip(network.output_weight, network.output_bias)]


# %% exercise="forward" message="forward gives back nothing"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = [relu(value) for value in z]
    print(z, hidden, [predict(hidden, w, b) for w, b in zip(network.output_weight, network.output_bias)])


# %% exercise="forward" message="are the outputs made from hidden"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = [relu(value) for value in z]
    return z, hidden, [predict(x, w, b) for w, b in zip(network.output_weight, network.output_bias)]


# %% exercise="forward" message="some hidden units got lost"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.output_bias)]
    hidden = [relu(value) for value in z]
    return z, hidden, [predict(hidden, w, b) for w, b in zip(network.output_weight, network.hidden_bias)]


# %% exercise="forward" message="relu takes one number"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = relu(z)
    return z, hidden, [predict(hidden, w, b) for w, b in zip(network.output_weight, network.output_bias)]


# %% exercise="forward" message="z and hidden have changed places"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = [relu(value) for value in z]
    return hidden, z, [predict(hidden, w, b) for w, b in zip(network.output_weight, network.output_bias)]


# %% exercise="forward" message="the outputs come last"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = [relu(value) for value in z]
    return [predict(hidden, w, b) for w, b in zip(network.output_weight, network.output_bias)], hidden, z


# %% exercise="forward" message="which is no list: make one of it"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = [relu(value) for value in z]
    return map(float, z), hidden, [predict(hidden, w, b) for w, b in zip(network.output_weight, network.output_bias)]


# %% exercise="bump" message="the first ramp goes on rising there"
def bump(left, middle, right):
    rise, fall = 1 / (middle - left), 1 / (right - middle)
    return Network([[1.0], [1.0], [1.0]], [-left, -middle, -right], [[rise, -fall, fall]], [0.0])


# %% exercise="bump" message="the sides may differ in width"
def bump(left, middle, right):
    rise = 1 / (middle - left)
    return Network([[1.0], [1.0], [1.0]], [-left, -middle, -right], [[rise, -2 * rise, rise]], [0.0])


# %% exercise="bump" message="one more change of direction is needed"
def bump(left, middle, right):
    rise, fall = 1 / (middle - left), 1 / (right - middle)
    return Network([[1.0], [1.0]], [-left, -middle], [[rise, -rise - fall]], [0.0])


# %% exercise="bump" message="it rises to 1 over the width of the left side"
def bump(left, middle, right):
    return Network([[1.0], [1.0], [1.0]], [-left, -middle, -right], [[1.0, -2.0, 1.0]], [0.0])


# %% exercise="bump" message="The kink of relu(x + b) is at -b"
def bump(left, middle, right):
    rise, fall = 1 / (middle - left), 1 / (right - middle)
    return Network([[1.0], [1.0], [1.0]], [left, middle, right], [[rise, -rise - fall, fall]], [0.0])


# %% exercise="bump" message="one input: each row of hidden_weight has one number"
def bump(left, middle, right):
    rise, fall = 1 / (middle - left), 1 / (right - middle)
    return Network([[1.0, 1.0, 1.0]], [-left, -middle, -right], [[rise, -rise - fall, fall]], [0.0])


# %% exercise="bump" message="one output: output_weight is one row"
def bump(left, middle, right):
    rise, fall = 1 / (middle - left), 1 / (right - middle)
    return Network([[1.0], [1.0], [1.0]], [-left, -middle, -right], [[rise], [-rise - fall], [fall]], [0.0])


# %% exercise="bump" message="bump gives back nothing"
def bump(left, middle, right):
    rise, fall = 1 / (middle - left), 1 / (right - middle)
    network = Network([[1.0], [1.0], [1.0]], [-left, -middle, -right], [[rise, -rise - fall, fall]], [0.0])


# %% exercise="bump" message="it does not fall: at 0.875"
def bump(left, middle, right):
    rise = 1 / (middle - left)
    return Network([[1.0], [1.0]], [-left, -middle], [[rise, -rise]], [0.0])


# %% exercise="bump" message="relu(w * x + b) has its kink at -b / w"
def bump(left, middle, right):
    rise, fall = 1 / (middle - left), 1 / (right - middle)
    return Network([[rise], [rise + fall], [fall]], [-left, -middle, -right], [[1.0, -1.0, 1.0]], [0.0])


# %% exercise="backward" message="hidden_weight: an inactive unit passes nothing back"
def backward(network, x, z, hidden, output_grad):
    z_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="walk through the columns of V, not its rows"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [sum(g * v for g, v in zip(output_grad, row)) for row in network.output_weight]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="it is column j that belongs to unit j"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, row, 0.0) for row in network.output_weight]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="only output 1 of 3 counted"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [output_grad[0] * v for v in network.output_weight[0]]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="that is relu, not relu'"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="its lines start at x, not at h"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in hidden] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="its lines start at h, not at z"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in z] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="an error signal may be negative"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [relu(g) * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="put the gradients into a new Network"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    network.hidden_weight = [[g * value for value in x] for g in z_grad]
    network.hidden_bias = z_grad
    network.output_weight = [[g * value for value in hidden] for g in output_grad]
    network.output_bias = output_grad
    return network


# %% exercise="backward" message="hidden_weight is turned"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for g in z_grad] for value in x],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="output_weight is turned"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for g in output_grad] for value in hidden],
        output_grad,
    )


# %% exercise="backward" message="hidden_bias: an inactive unit passes nothing back"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        hidden_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="hidden_bias holds the gradients of the outputs"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        output_grad,
        [[g * value for value in hidden] for g in output_grad],
        z_grad,
    )


# %% exercise="backward" message="hidden_bias: all are 0, as if no bias"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        [0.0] * len(z),
        [[g * value for value in hidden] for g in output_grad],
        [0.0] * len(output_grad),
    )


# %% exercise="backward" message="backward gives back nothing"
def backward(network, x, z, hidden, output_grad):
    print(output_grad)


# %% exercise="backward" message="give back a Network, not a tuple"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return z_grad, output_grad


# %% exercise="backward" message="output_weight: output_grad has its 2/K already"
def backward(network, x, z, hidden, output_grad):
    output_grad = [2 / len(output_grad) * g for g in output_grad]
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="output_weight: twice too large"
def backward(network, x, z, hidden, output_grad):
    output_grad = [2 * g for g in output_grad]
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="hidden_weight: output_grad has its 2/K already, do not"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [2 / len(output_grad) * g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="a unit whose z is exactly 0"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * (v >= 0) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="relu'(z_j) multiplies it, nothing bends"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(g) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="output_grad is missing from the sum over k"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [sum(column) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="the gradient of h_j is missing"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="where paths meet, gradients add"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) / len(column) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="backward" message="all its rows are one and the same list"
def backward(network, x, z, hidden, output_grad):
    grads = Network([[0.0] * len(x)] * len(z), [0.0] * len(z), [[0.0] * len(z)] * len(output_grad), output_grad)
    for k, g in enumerate(output_grad):
        for j, value in enumerate(hidden):
            grads.output_weight[k][j] = g * value
    for j, column in enumerate(zip(*network.output_weight)):
        grads.hidden_bias[j] = predict(output_grad, column, 0.0) * relu_grad(z[j])
        for d, value in enumerate(x):
            grads.hidden_weight[j][d] = grads.hidden_bias[j] * value
    return grads


# %% exercise="backward" message="hidden_weight should be a list, not <generator"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        ([g * value for value in x] for g in z_grad),
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="sigmoid" message="for which signs of its argument"
import math


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def sigmoid_grad(z):
    return sigmoid(z) * (1 - sigmoid(z))


# %% exercise="sigmoid" message="for a positive z the formula as printed is safe"
import math


def sigmoid(z):
    return math.exp(z) / (1 + math.exp(z))


def sigmoid_grad(z):
    return sigmoid(z) * sigmoid(-z)


# %% exercise="sigmoid" message="check the sign"
import math


def sigmoid(z):
    if z <= 0:
        return 1 / (1 + math.exp(z))
    return math.exp(-z) / (math.exp(-z) + 1)


def sigmoid_grad(z):
    return sigmoid(z) * sigmoid(-z)


# %% exercise="sigmoid" message="something clips or rounds it"
import math


def sigmoid(z):
    z = max(-30.0, min(30.0, z))
    return 1 / (1 + math.exp(-z))


def sigmoid_grad(z):
    return sigmoid(z) * sigmoid(-z)


# %% exercise="sigmoid" message="in the formula it is σ(z), not z"
import math


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (math.exp(z) + 1)


def sigmoid_grad(z):
    return z * (1 - z)


# %% exercise="sigmoid" message="1 - sigmoid(z), loses its digits"
import math


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (math.exp(z) + 1)


def sigmoid_grad(z):
    return sigmoid(z) * (1 - sigmoid(z))


# %% exercise="sigmoid" message="sigmoid(-2.0) should be 0.11920292202211755"
import math


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z)


def sigmoid_grad(z):
    return sigmoid(z) * sigmoid(-z)


# %% exercise="sigmoid" message="gives back None: return a number"
import math


def sigmoid(z):
    print(1 / (1 + math.exp(-abs(z))))


def sigmoid_grad(z):
    return 0.0


# %% exercise="sigmoid" message="something in it overflows; build it from sigmoid"
import math


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (math.exp(z) + 1)


def sigmoid_grad(z):
    return 1 / (4 * math.cosh(z / 2) ** 2)


# %% exercise="sigmoid" message="cuts it off, or rounds it to 0"
import math


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (math.exp(z) + 1)


def sigmoid_grad(z):
    return 0.0 if abs(z) > 30 else sigmoid(z) * sigmoid(-z)


# %% exercise="multiplications" message="backward: V comes twice, in the sum over k"
def multiplications(in_features, hidden_features, out_features):
    layers = hidden_features * in_features + out_features * hidden_features
    return layers, layers + hidden_features


# %% exercise="multiplications" message="multiplied in, once for each hidden unit"
def multiplications(in_features, hidden_features, out_features):
    layers = hidden_features * in_features + out_features * hidden_features
    return layers, layers + out_features * hidden_features


# %% exercise="multiplications" message="nobody needs the gradient of the inputs"
def multiplications(in_features, hidden_features, out_features):
    layers = hidden_features * in_features + out_features * hidden_features
    return layers, 2 * layers + hidden_features


# %% exercise="multiplications" message="a bias is added, not multiplied by"
def multiplications(in_features, hidden_features, out_features):
    layers = hidden_features * (in_features + 1) + out_features * (hidden_features + 1)
    return layers, layers + out_features * hidden_features


# %% exercise="multiplications" message="the other way round: forward first"
def multiplications(in_features, hidden_features, out_features):
    layers = hidden_features * in_features + out_features * hidden_features
    return layers + hidden_features + out_features * hidden_features, layers


# %% exercise="multiplications" message="backward is not the same count"
def multiplications(in_features, hidden_features, out_features):
    layers = hidden_features * in_features + out_features * hidden_features
    return layers, layers


# %% exercise="multiplications" message="give back two numbers, forward and backward"
def multiplications(in_features, hidden_features, out_features):
    layers = hidden_features * in_features + out_features * hidden_features
    return 2 * layers + hidden_features + out_features * hidden_features


# %% exercise="multiplications" message="that is one of the two layers"
def multiplications(in_features, hidden_features, out_features):
    return hidden_features * in_features, hidden_features * in_features


# %% exercise="multiplications" message="relu compares, it does not multiply"
def multiplications(in_features, hidden_features, out_features):
    layers = hidden_features * in_features + out_features * hidden_features
    return layers + hidden_features, layers + hidden_features + out_features * hidden_features


# %% exercise="multiplications" message="a third time, or"
def multiplications(in_features, hidden_features, out_features):
    first, second = hidden_features * in_features, out_features * hidden_features
    return first + second, first + 3 * second + hidden_features


# %% exercise="multiplications" message="backward is not twice the forward pass"
def multiplications(in_features, hidden_features, out_features):
    first, second = hidden_features * in_features, out_features * hidden_features
    return first + second, 2 * (first + second)


# %% exercise="multiplications" message="backward alone, please"
def multiplications(in_features, hidden_features, out_features):
    first, second = hidden_features * in_features, out_features * hidden_features
    return first + second, 2 * first + 3 * second + hidden_features


# %% exercise="multiplications" message="backward, 3 too many"
def multiplications(in_features, hidden_features, out_features):
    first, second = hidden_features * in_features, out_features * hidden_features
    return first + second, first + 2 * second + hidden_features + out_features


# %% exercise="multiplications" message="count all six formulas"
def multiplications(in_features, hidden_features, out_features):
    first, second = hidden_features * in_features, out_features * hidden_features
    return first + second, 2 * second + hidden_features


# %% exercise="multiplications" message="backward for 9, 5 and 3 should be 80 products"
def multiplications(in_features, hidden_features, out_features):
    first, second = hidden_features * in_features, out_features * hidden_features
    return first + second, 2 * first + second


# %% exercise="forward" message="do not round"
def forward(network, x):
    z = [round(predict(x, w, b), 3) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = [relu(value) for value in z]
    return z, hidden, [predict(hidden, w, b) for w, b in zip(network.output_weight, network.output_bias)]


# %% exercise="forward" message="the outputs are made with output_weight"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = [relu(value) for value in z]
    return z, hidden, [predict(hidden, w, b) for w, b in zip(network.hidden_weight, network.output_bias)]


# %% exercise="backward" message="Network takes hidden_weight, hidden_bias, output_weight"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in hidden] for g in output_grad],
        z_grad,
        [[g * value for value in x] for g in z_grad],
        output_grad,
    )


# %% exercise="backward" message="relu_grad takes one number; a Network has four"
def backward(network, x, z, hidden, output_grad):
    hidden_grad = [predict(output_grad, column) for column in zip(*network.output_weight)]
    z_grad = [g * relu_grad(v) for g, v in zip(hidden_grad, z)]
    return Network(
        [[g * value for value in x] for g in z_grad],
        z_grad,
        [[g * value for value in hidden] for g in output_grad],
        output_grad,
    )


# %% exercise="sigmoid" message="the formula holds everywhere"
import math


def sigmoid(z):
    if z > 5:
        return 1.0
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (math.exp(z) + 1)


def sigmoid_grad(z):
    return sigmoid(z) * sigmoid(-z)


# %% exercise="sigmoid" message="it calls itself for ever"
import math


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z > 0 else 1 - sigmoid(-z)


def sigmoid_grad(z):
    return sigmoid(z) * sigmoid(-z)


# %% exercise="bump" message="`//` drops it"
def bump(left, middle, right):
    rise, fall = 1 // (middle - left), 1 // (right - middle)
    return Network([[1.0], [1.0], [1.0]], [-left, -middle, -right], [[rise, -rise - fall, fall]], [0.0])


# %% exercise="bump" message="a Network has four parts, the output bias too"
def bump(left, middle, right):
    rise, fall = 1 / (middle - left), 1 / (right - middle)
    return Network([[1.0], [1.0], [1.0]], [-left, -middle, -right], [[rise, -rise - fall, fall]])


# %% exercise="relu" message="near the kink too"
def relu(z):
    return float(max(0, z))


def relu_grad(z):
    return 1.0 if z > 0.01 else 0.0


# %% exercise="relu" message="z is one number, not a list"
def relu(z):
    return [max(0.0, value) for value in z]


def relu_grad(z):
    return [1.0 if value > 0 else 0.0 for value in z]


# %% exercise="forward" message="`outputs` is one number"
def forward(network, x):
    z = [predict(x, row, b) for row, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = [relu(value) for value in z]
    outputs = [predict(hidden, row, b) for row, b in zip(network.output_weight, network.output_bias)]
    return z, hidden, outputs[0]


# %% exercise="forward" message="the outputs got the hidden biases"
def forward(network, x):
    z = [predict(x, row, b) for row, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = [relu(value) for value in z]
    return z, hidden, [predict(hidden, row, b) for row, b in zip(network.output_weight, network.hidden_bias)]
