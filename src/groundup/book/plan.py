"""The plan of the book: fourteen chapters in four parts, and what each will unlock."""

from __future__ import annotations

from dataclasses import dataclass

PARTS = ("Gradient descent by hand", "Matrices", "Training", "Convolutional networks")


@dataclass(frozen=True)
class Planned:
    """A chapter of the plan. `part` counts from 1; `unlocks` are names of PyTorch."""

    number: int
    part: int
    title: str
    promise: str
    unlocks: tuple[str, ...] = ()


_NN = "torch.nn."
_F = "torch.nn.functional."
_OPTIM = "torch.optim."

PLAN = (
    Planned(1, 1, "A linear model", "a line through forty points, then a 3 told from a 7, by the same loop"),
    Planned(2, 1, "Non-linearity", "a hidden layer, the chain rule, and all ten digits in plain Python"),
    Planned(
        3,
        2,
        "Matrix multiplication",
        "the same network, many times faster, and why",
        ("torch.matmul", "torch.einsum", "torch.broadcast_tensors"),
    ),
    Planned(
        4,
        2,
        "The forward pass",
        "fifty layers deep without vanishing or exploding",
        (_F + "relu", _NN + "init.xavier_normal_", _NN + "init.kaiming_normal_"),
    ),
    Planned(5, 2, "The backward pass", "every gradient by hand, in matrices, checked to ten digits"),
    Planned(
        6,
        2,
        "Automatic differentiation",
        "a tape that writes the backward pass for you",
        ("torch.Tensor.backward", "torch.Tensor.requires_grad_", "torch.no_grad"),
    ),
    Planned(
        7,
        3,
        "The training loop",
        "the right loss, modules, optimizer and loader, one refactoring at a time",
        (
            _F + "cross_entropy",
            _F + "log_softmax",
            "torch.logsumexp",
            _NN + "Module",
            _NN + "Parameter",
            _NN + "Linear",
            _NN + "ReLU",
            _NN + "Sequential",
            _OPTIM + "SGD",
            "torch.utils.data.DataLoader",
        ),
    ),
    Planned(8, 3, "A learner and its callbacks", "any training run in three lines, resumed after a crash"),
    Planned(
        9,
        4,
        "Convolutions",
        "fewer weights, fewer errors",
        (
            _F + "unfold",
            _F + "conv2d",
            _NN + "Conv2d",
            _F + "max_pool2d",
            _F + "avg_pool2d",
            _NN + "MaxPool2d",
            _NN + "AvgPool2d",
        ),
    ),
    Planned(
        10,
        4,
        "Optimizers and schedules",
        "momentum to AdamW, and the one-cycle policy",
        (_OPTIM + "Adam", _OPTIM + "AdamW", _OPTIM + "RMSprop", _OPTIM + "lr_scheduler"),
    ),
    Planned(
        11,
        4,
        "Looking inside",
        "a network that fails to train, seen from within and healed",
        (_NN + "Module.register_forward_hook",),
    ),
    Planned(
        12,
        4,
        "Normalisation",
        "BatchNorm, forward and backward, and where it breaks",
        (_NN + "BatchNorm1d", _NN + "BatchNorm2d", _NN + "LayerNorm", _NN + "GroupNorm"),
    ),
    Planned(
        13, 4, "Over-fit, then regularise", "five steps against over-fitting, each one measured", (_NN + "Dropout",)
    ),
    Planned(
        14,
        4,
        "A ResNet",
        "the lowest error of the book, from parts that you built",
        (_NN + "AdaptiveAvgPool2d", _NN + "Identity"),
    ),
)
