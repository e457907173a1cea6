# %% [markdown]
# # 5. The backward pass
#
# Skeleton.
#
# **You need:** chapters 1 to 4. **You will reach:** nothing yet. **Time:** about four hours.

# %%
import random
from collections.abc import Callable
from itertools import pairwise

import torch

from ch04.activations import relu, relu_grad
from ch04.gradients import numerical_grad
from ch04.init import kaiming_normal_, xavier_normal_
from ch04.linear import linear
from ch04.losses import mse, mse_grad


# %% export="layers.py"
class Linear:
    """A fully connected layer: biased weighted sums of its inputs.

    Shapes: weight and weight_grad (K, D), bias and bias_grad (K,).
    """

    def __init__(self, weight: torch.Tensor) -> None:
        self.weight, self.bias = weight, weight.new_zeros(weight.shape[0])
        self.weight_grad = torch.zeros_like(self.weight)
        self.bias_grad = torch.zeros_like(self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Weighted sums of `x`, which is kept for `backward`. Shapes: (N, D) -> (N, K)."""
        self.x = x
        return linear(x, self.weight, self.bias)

    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        """The gradient for the inputs; those for the parameters are kept.

        Shapes: (N, K) -> (N, D).
        """
        self.weight_grad = output_grad.T @ self.x  # (K, N) @ (N, D)
        self.bias_grad = output_grad.sum(0)
        return output_grad @ self.weight

    def parameters(self) -> list[torch.Tensor]:
        """The weight and the bias: change them and the layer changes."""
        return [self.weight, self.bias]

    def grads(self) -> list[torch.Tensor]:
        """The gradients that the last `backward` found, in the order of `parameters`."""
        return [self.weight_grad, self.bias_grad]


class ReLU:
    """The activation `relu` as a layer."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """`z` where it is positive, else 0; `z` is kept for `backward`. Shapes: any."""
        self.z = z
        return relu(z)

    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        """The gradient where `z` was positive, else 0."""
        return output_grad * relu_grad(self.z)

    def parameters(self) -> list[torch.Tensor]:
        """None."""
        return []

    def grads(self) -> list[torch.Tensor]:
        """None."""
        return []


# %% export="network.py" drop="forward backward init_network Network.hidden_weight Network.hidden_bias Network.output_weight Network.output_bias"
class Network:
    """Linear layers of the given sizes, with a ReLU between any two.

    Shapes: sizes [D, …, K] makes inputs (N, D) into outputs (N, K).
    """

    def __init__(
        self, sizes: list[int], generator: torch.Generator | None = None
    ) -> None:
        self.layers: list[Linear | ReLU] = []
        for in_features, out_features in pairwise(sizes):
            last = len(self.layers) == 2 * (len(sizes) - 2)
            init = xavier_normal_ if last else kaiming_normal_
            weight = torch.empty(out_features, in_features)
            self.layers += [Linear(init(weight, generator=generator)), ReLU()]
        del self.layers[-1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The outputs for a batch of inputs."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad: torch.Tensor) -> torch.Tensor:
        """The gradient for the inputs; those for the parameters are kept in the layers."""
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self) -> list[torch.Tensor]:
        """Of all layers, from the first to the last."""
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self) -> list[torch.Tensor]:
        """The gradients of the last `backward`, in the order of `parameters`."""
        return [g for layer in self.layers for g in layer.grads()]


# %% export="gradients.py"
def gradient_check(
    loss: Callable[[], torch.Tensor],
    parameters: list[torch.Tensor],
    grads: list[torch.Tensor],
) -> float:
    """The largest relative error of `grads` against finite differences. Give float64."""
    errors = []
    for grad, judged in zip(grads, numerical_grad(loss, parameters), strict=True):
        size = max(grad.abs().max().item(), judged.abs().max().item(), 1e-12)
        errors.append((grad - judged).abs().max().item() / size)
    return max(errors)


# %% export="metrics.py" drop="dead_units"
def dead_units(network: Network, inputs: torch.Tensor) -> list[int]:
    """How many units of each hidden layer give 0 for every input. Shapes: inputs (N, D)."""
    counts = []
    for layer in network.layers:
        inputs = layer.forward(inputs)
        if isinstance(layer, ReLU):
            counts.append(int((inputs.sum(0) == 0).sum()))
    return counts


# %% export="training.py"
def sgd_epoch(
    network: Network,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    lr: float,
    rng: random.Random,
    batch_size: int = 1,
) -> float:
    """One step of gradient descent after every batch, once through all in random order.

    Shapes: inputs (N, D), targets (N, K) -> the mean loss, each before its step.
    """
    order = torch.tensor(rng.sample(range(len(inputs)), len(inputs)))
    total = 0.0
    for batch in order.split(batch_size):
        outputs = network.forward(inputs[batch])
        total += len(batch) * mse(outputs, targets[batch]).item()
        network.backward(mse_grad(outputs, targets[batch]))
        for parameter, grad in zip(network.parameters(), network.grads(), strict=True):
            parameter -= lr * grad
    return total / len(inputs)


# %% [markdown]
# ## Recap
#
# Skeleton. If you remember one thing: **skeleton.**
#
# **Terms:** tensor.
#
# **Unlocked:** nothing.
#
# **What changed in the checkpoint:** `layers.py` is new.
#
# **To read on:** nothing.
