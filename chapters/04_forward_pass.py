# %% [markdown]
# # 4. The forward pass
#
# Skeleton.
#
# **You need:** chapters 1 to 3. **You will reach:** nothing yet. **Time:** about four hours.

# %%
import math
from collections.abc import Callable

import torch

from ch03.activations import relu
from ch03.losses import mse
from ch03.network import Network


# %% export="activations.py"
def leaky_relu(z: torch.Tensor, negative_slope: float = 0.01) -> torch.Tensor:
    """`z` where it is positive, else `negative_slope` times `z`."""
    return torch.where(z > 0, z, negative_slope * z)


# %% export="init.py"
def fans(weight: torch.Tensor) -> tuple[int, int]:
    """How many inputs and outputs meet in a weight matrix. Shapes: weight (K, D) -> D, K."""
    return weight.shape[1], weight.shape[0]


def xavier_normal_(
    weight: torch.Tensor, gain: float = 1.0, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Fill `weight` with normal numbers of variance gain² · 2 / (fan_in + fan_out).

    Paper: Glorot and Bengio 2010.
    """
    std = gain * math.sqrt(2 / sum(fans(weight)))
    return weight.normal_(0, std, generator=generator)


def kaiming_normal_(
    weight: torch.Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Fill `weight` with normal numbers of variance 2 / ((1 + a²) fan).

    Paper: He et al. 2015.
    """
    fan_in, fan_out = fans(weight)
    fan = {"fan_in": fan_in, "fan_out": fan_out}[mode]
    std = math.sqrt(2 / ((1 + a**2) * fan))
    return weight.normal_(0, std, generator=generator)


# %% export="data.py"
def normalize(x: torch.Tensor, mean: float, std: float) -> torch.Tensor:
    """`x` in standard deviations from `mean`. Shapes: any."""
    return (x - mean) / std


# %% export="metrics.py"
def layer_stds(
    x: torch.Tensor,
    weights: list[torch.Tensor],
    activation: Callable[[torch.Tensor], torch.Tensor],
) -> list[float]:
    """Standard deviation of the activations after each layer. Shapes: x (N, D)."""
    stds = []
    for weight in weights:
        x = activation(x @ weight.T)
        stds.append(x.std().item())
    return stds


# %% export="network.py"
def init_network(
    in_features: int, hidden_features: int, out_features: int, rng: torch.Generator
) -> Network:
    """A network of Kaiming weights before the ReLU, Xavier weights after it, biases of 0."""
    return Network(
        kaiming_normal_(torch.empty(hidden_features, in_features), generator=rng),
        torch.zeros(hidden_features),
        xavier_normal_(torch.empty(out_features, hidden_features), generator=rng),
        torch.zeros(out_features),
    )


# %% [markdown]
# ## Recap
#
# Skeleton. If you remember one thing: **skeleton.**
#
# **Terms:** tensor.
#
# **Unlocked:** nothing yet.
#
# **What changed in the checkpoint:** `init.py` is new.
#
# **To read on:** nothing.
