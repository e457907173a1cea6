# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""Attribution: which parts of an image an answer comes from."""

import torch
from torch import Tensor, nn

from .hooks import Hooks


def scores(model: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    """The sum over the images of each one's logit of its class.

    Shapes: (N, C, H, W), (N,) -> (). Raises: ValueError for others.
    """
    if x.dim() != 4 or classes.shape != x.shape[:1]:
        shapes = f"images {tuple(x.shape)}, classes {tuple(classes.shape)}"
        raise ValueError(f"{shapes}: give (N, C, H, W), and a class for each image")
    return model(x).gather(1, classes[:, None]).sum()


def saliency(model: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    """How fast the logit of an image's class changes with each of its pixels.

    Shapes: (N, C, H, W), (N,) -> (N, H, W). Paper: Simonyan et al. 2014,
    arXiv:1312.6034, section 3.
    """
    x = x.detach().clone().requires_grad_()
    (grad,) = torch.autograd.grad(scores(model, x, classes), x)
    return grad.abs().amax(1)


def grad_cam(model: nn.Module, layer: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    """Where a layer's feature maps speak for an image's class.

    Shapes: (N, C, H, W), (N,) -> (N, H', W') of the layer's output. Paper: Selvaraju
    et al. 2017, arXiv:1610.02391, eq. 1 and 2. What comes behind the layer must not
    change its output in place. Raises: ValueError for a layer that gives no feature
    maps, or is not called once.
    """
    seen: list[Tensor] = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x.detach().requires_grad_(), classes)
    if len(seen) != 1 or seen[0].dim() != 4:
        shapes = [tuple(maps.shape) for maps in seen]
        raise ValueError(f"{layer} gives {shapes}: it should be one (N, K, H, W)")
    (grad,) = torch.autograd.grad(score, seen[0])
    weights = grad.mean((2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1).clamp(min=0)
