# %% [markdown]
# Classic wrong answers to chapter 2's exercises, each with what the check must say to it.

# %% exercise="relu" message="by convention: z > 0, not >="
def relu(z):
    return float(max(0, z))


def relu_grad(z):
    return 1.0 if z >= 0 else 0.0


# %% exercise="relu" message="give back a float, always"
def relu(z):
    return max(0, z)


def relu_grad(z):
    return 1.0 if z > 0 else 0.0


# %% exercise="relu" message="leaky ReLU"
def relu(z):
    return float(z) if z > 0 else 0.01 * z


def relu_grad(z):
    return 1.0 if z > 0 else 0.0


# %% exercise="relu" message="no compromise"
def relu(z):
    return float(max(0, z))


def relu_grad(z):
    return 1.0 if z > 0 else 0.5 if z == 0 else 0.0


# %% exercise="relu" message="not the value itself"
def relu(z):
    return float(max(0, z))


def relu_grad(z):
    return float(max(0, z))


# %% exercise="forward" message="no relu after the last layer"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = [relu(value) for value in z]
    outputs = [relu(predict(hidden, w, b)) for w, b in zip(network.output_weight, network.output_bias)]
    return z, hidden, outputs


# %% exercise="forward" message="nothing bends"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    outputs = [predict(z, w, b) for w, b in zip(network.output_weight, network.output_bias)]
    return z, z, outputs


# %% exercise="forward" message="the hidden biases are missing"
def forward(network, x):
    z = [predict(x, w, 0.0) for w in network.hidden_weight]
    hidden = [relu(value) for value in z]
    return z, hidden, [predict(hidden, w, 0.0) for w in network.output_weight]


# %% exercise="forward" message="the output biases are missing"
def forward(network, x):
    z = [predict(x, w, b) for w, b in zip(network.hidden_weight, network.hidden_bias)]
    hidden = [relu(value) for value in z]
    return z, hidden, [predict(hidden, w, 0.0) for w in network.output_weight]


# %% exercise="backward" message="a unit that was asleep gets no blame"
def backward(network, x, z, hidden, output_grad):
    z_slopes = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    return Network(
        [[slope * value for value in x] for slope in z_slopes],
        z_slopes,
        [[slope * value for value in hidden] for slope in output_grad],
        output_grad,
    )


# %% exercise="backward" message="you took rows of V"
def backward(network, x, z, hidden, output_grad):
    hidden_slopes = [predict(output_grad, row, 0.0) for row in network.output_weight]
    z_slopes = [s * relu_grad(v) for s, v in zip(hidden_slopes, z)]
    return Network(
        [[slope * value for value in x] for slope in z_slopes],
        z_slopes,
        [[slope * value for value in hidden] for slope in output_grad],
        output_grad,
    )


# %% exercise="backward" message="only one of the outputs counted"
def backward(network, x, z, hidden, output_grad):
    hidden_slopes = [output_grad[0] * v for v in network.output_weight[0]]
    z_slopes = [s * relu_grad(v) for s, v in zip(hidden_slopes, z)]
    return Network(
        [[slope * value for value in x] for slope in z_slopes],
        z_slopes,
        [[slope * value for value in hidden] for slope in output_grad],
        output_grad,
    )


# %% exercise="backward" message="not by relu"
def backward(network, x, z, hidden, output_grad):
    hidden_slopes = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_slopes = [s * relu(v) for s, v in zip(hidden_slopes, z)]
    return Network(
        [[slope * value for value in x] for slope in z_slopes],
        z_slopes,
        [[slope * value for value in hidden] for slope in output_grad],
        output_grad,
    )


# %% exercise="backward" message="a hidden weight starts at x"
def backward(network, x, z, hidden, output_grad):
    hidden_slopes = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_slopes = [s * relu_grad(v) for s, v in zip(hidden_slopes, z)]
    return Network(
        [[slope * value for value in hidden] for slope in z_slopes],
        z_slopes,
        [[slope * value for value in hidden] for slope in output_grad],
        output_grad,
    )


# %% exercise="backward" message="not at the pre-activation z"
def backward(network, x, z, hidden, output_grad):
    hidden_slopes = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_slopes = [s * relu_grad(v) for s, v in zip(hidden_slopes, z)]
    return Network(
        [[slope * value for value in x] for slope in z_slopes],
        z_slopes,
        [[slope * value for value in z] for slope in output_grad],
        output_grad,
    )


# %% exercise="sigmoid" message="math.exp overflowed"
import math


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def sigmoid_grad(z):
    return sigmoid(z) * (1 - sigmoid(z))


# %% exercise="sigmoid" message="check the sign"
import math


def sigmoid(z):
    if z <= 0:
        return 1 / (1 + math.exp(z))
    return math.exp(-z) / (math.exp(-z) + 1)


def sigmoid_grad(z):
    return sigmoid(z) * (1 - sigmoid(z))


# %% exercise="sigmoid" message="clipped or rounded away"
import math


def sigmoid(z):
    z = max(-30.0, min(30.0, z))
    return 1 / (1 + math.exp(-z))


def sigmoid_grad(z):
    return sigmoid(z) * (1 - sigmoid(z))


# %% exercise="sigmoid" message="y is sigmoid(z), not z"
import math


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (math.exp(z) + 1)


def sigmoid_grad(z):
    return z * (1 - z) if abs(z) < 100 else 0.0


# %% exercise="dead_units" message="a unit asleep for one input is not dead"
def dead_units(network, inputs):
    table = [forward(network, x)[1] for x in inputs]
    return sum(not all(column) for column in zip(*table))


# %% exercise="dead_units" message="count units"
def dead_units(network, inputs):
    return sum(value == 0 for x in inputs for value in forward(network, x)[1])


# %% exercise="dead_units" message="how many are alive"
def dead_units(network, inputs):
    table = [forward(network, x)[1] for x in inputs]
    return sum(any(column) for column in zip(*table))


# %% exercise="dead_units" message="the share of the dead"
def dead_units(network, inputs):
    table = [forward(network, x)[1] for x in inputs]
    columns = list(zip(*table))
    return sum(not any(column) for column in columns) / len(columns)


# %% exercise="backward" message="blame may be negative"
def backward(network, x, z, hidden, output_grad):
    hidden_slopes = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_slopes = [relu(s) * relu_grad(v) for s, v in zip(hidden_slopes, z)]
    return Network(
        [[slope * value for value in x] for slope in z_slopes],
        z_slopes,
        [[slope * value for value in hidden] for slope in output_grad],
        output_grad,
    )


# %% exercise="backward" message="put the slopes into a new Network"
def backward(network, x, z, hidden, output_grad):
    hidden_slopes = [predict(output_grad, column, 0.0) for column in zip(*network.output_weight)]
    z_slopes = [s * relu_grad(v) for s, v in zip(hidden_slopes, z)]
    network.hidden_weight = [[slope * value for value in x] for slope in z_slopes]
    network.hidden_bias = z_slopes
    network.output_weight = [[slope * value for value in hidden] for slope in output_grad]
    network.output_bias = output_grad
    return network


# %% exercise="sigmoid" message="sigmoid(-2) is 0.119203"
import math


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z)


def sigmoid_grad(z):
    return sigmoid(z) * (1 - sigmoid(z))


# %% exercise="dead_units" message="look at the activations"
def dead_units(network, inputs):
    table = [forward(network, x)[0] for x in inputs]
    return sum(all(z < 0 for z in column) for column in zip(*table))
