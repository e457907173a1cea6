"""The plan of the book: fourteen chapters in four parts, and the one table of what each of their unlocks frees."""

from __future__ import annotations

from dataclasses import dataclass

PARTS = ("Gradient descent by hand", "Matrices", "Training", "Convolutional networks")

# where a function of PyTorch stands under several names
TWINS = ("torch.nn.functional.", "torch.Tensor.", "torch.random.", "torch.")


def operation(name: str) -> str:
    """The word that all twins of a name share; the name itself for what lies deeper, such as `torch.nn.Linear`."""
    prefix = next((prefix for prefix in TWINS if name.startswith(prefix)), "")
    word = name.removeprefix(prefix)
    if "." in word:
        return name
    return word if word.endswith("__") else word.removesuffix("_")


@dataclass(frozen=True)
class Lock:
    """A thing of PyTorch that a chapter re-creates, the kind of its proof, and what else its `unlock` frees.

    `also` holds names with blanks between them: a word stands for the function, the method and the ones in place, as
    `mm` for `torch.mm` and `x.mm`; what lies deeper is written in full. A keyword argument is a name of its own:
    `torch.optim.SGD(momentum=)`, or `(requires_grad=)` for that of whatever function. What a keyword or a name below
    another has a row for stays locked when the other is free.
    """

    name: str
    kind: str  # of the proof: function, layer, optimizer, scheduler, engine, container, loader, hook, random
    also: str = ""

    @property
    def covers(self) -> tuple[str, ...]:
        """Everything that is freed."""
        return (self.name, *self.also.split())


@dataclass(frozen=True)
class Planned:
    """A chapter of the plan. `part` counts from 1."""

    number: int
    part: int
    title: str
    promise: str
    locks: tuple[Lock, ...] = ()

    @property
    def unlocks(self) -> tuple[str, ...]:
        """The names of PyTorch that the chapter unlocks."""
        return tuple(lock.name for lock in self.locks)


_F = "torch.nn.functional."
_INIT = "torch.nn.init."
_NN = "torch.nn."
_OPTIM = "torch.optim."
_SCHEDULE = "torch.optim.lr_scheduler."

_MATRICES = (
    Lock("torch.broadcast_tensors", "function", "broadcast_to broadcast_shapes expand expand_as"),
    Lock("torch.einsum", "function", "tensordot"),
    Lock(
        "torch.matmul",
        "function",
        "@ __matmul__ __rmatmul__ mm bmm mv dot inner vdot outer ger addmm addmv addbmm baddbmm addr "
        "chain_matmul torch.linalg.matmul torch.linalg.vecdot torch.linalg.multi_dot",
    ),
)
_FORWARD = (
    Lock(_F + "relu", "function"),
    Lock(_F + "leaky_relu", "function"),
    Lock(_F + "mse_loss", "function"),  # chapter 1 re-created it, on lists
    Lock(_INIT + "xavier_normal_", "random", f"{_INIT}xavier_uniform_ {_INIT}calculate_gain"),
    Lock(_INIT + "kaiming_normal_", "random", f"{_INIT}kaiming_uniform_ {_INIT}calculate_gain"),
)
_GRADIENTS = (
    Lock("torch.Tensor.sum_to_size", "function"),
    Lock(
        "torch.Tensor.backward",
        "engine",
        "requires_grad (requires_grad=) grad_fn is_leaf retain_grad retains_grad _make_subclass "
        "torch._C._disabled_torch_function_impl "
        "torch.autograd.backward torch.autograd.grad torch.autograd.Function",
    ),
    Lock(
        "torch.no_grad",
        "engine",
        "enable_grad inference_mode is_grad_enabled set_grad_enabled torch.autograd.no_grad torch.autograd.enable_grad "
        "torch.autograd.set_grad_enabled torch.autograd.inference_mode",
    ),
)
_DATA = "torch.utils.data."
_TRAINING = (
    Lock("torch.logsumexp", "function", "logaddexp logaddexp2 logcumsumexp"),
    Lock(_F + "log_softmax", "function", f"softmax {_NN}LogSoftmax {_NN}Softmax"),
    Lock(_F + "cross_entropy", "function", f"nll_loss {_NN}CrossEntropyLoss {_NN}NLLLoss"),
    Lock(_NN + "Parameter", "container"),
    # beside it, modules that hold nothing and call what is free by then
    Lock(_NN + "Module", "container", f"{_NN}Flatten {_NN}Tanh {_NN}Sigmoid {_NN}LeakyReLU {_NN}MSELoss"),
    Lock(_NN + "Linear", "layer", "linear"),
    Lock(_NN + "ReLU", "layer"),
    Lock(_NN + "Sequential", "container", f"{_NN}ModuleList"),
    Lock(_OPTIM + "SGD", "optimizer", f"{_OPTIM}Optimizer"),
    Lock(
        _DATA + "DataLoader",
        "loader",
        f"{_DATA}Dataset {_DATA}TensorDataset {_DATA}Subset {_DATA}Sampler {_DATA}SequentialSampler "
        f"{_DATA}RandomSampler {_DATA}BatchSampler {_DATA}default_collate {_DATA}random_split",
    ),
)
_LEARNER = (Lock(_NN + "utils.clip_grad_norm_", "function"),)
_CONVOLUTIONS = (
    Lock(_F + "unfold", "function", f"{_NN}Unfold fold {_NN}Fold"),
    Lock(_F + "conv2d", "function"),
    Lock(_NN + "Conv2d", "layer"),
    Lock(_F + "max_pool2d", "function"),
    Lock(_F + "avg_pool2d", "function"),
    Lock(_NN + "MaxPool2d", "layer"),
    Lock(_NN + "AvgPool2d", "layer"),
)
_OPTIMIZERS = (
    Lock(
        _OPTIM + "SGD(momentum=)",
        "optimizer",
        f"{_OPTIM}SGD(nesterov=) {_OPTIM}SGD(dampening=) {_OPTIM}SGD(weight_decay=)",
    ),
    Lock(_OPTIM + "RMSprop", "optimizer"),
    Lock(_OPTIM + "Adam", "optimizer"),
    Lock(_OPTIM + "AdamW", "optimizer"),
    Lock(_SCHEDULE + "LambdaLR", "scheduler", f"{_SCHEDULE}LRScheduler"),
    Lock(_SCHEDULE + "LinearLR", "scheduler", f"{_SCHEDULE}SequentialLR"),
    Lock(_SCHEDULE + "CosineAnnealingLR", "scheduler"),
    Lock(_SCHEDULE + "OneCycleLR", "scheduler"),
)
_HOOKS = (
    Lock(_NN + "Module.register_forward_hook", "hook", f"{_NN}Module.register_forward_pre_hook"),
    Lock(
        _NN + "Module.register_full_backward_hook",
        "hook",
        f"{_NN}Module.register_full_backward_pre_hook {_NN}Module.register_backward_hook register_hook "
        "register_post_accumulate_grad_hook",
    ),
)
_NORMS = (
    Lock(_NN + "BatchNorm1d", "layer", "batch_norm"),
    Lock(_NN + "BatchNorm2d", "layer", "batch_norm"),
    Lock(_NN + "LayerNorm", "layer", "layer_norm"),
    Lock(_NN + "GroupNorm", "layer", "group_norm"),
    Lock(_NN + "RMSNorm", "layer", "rms_norm"),
)
_REGULARISERS = (
    Lock(_NN + "Dropout", "random", "dropout"),
    Lock(_F + "cross_entropy(label_smoothing=)", "function", f"{_NN}CrossEntropyLoss(label_smoothing=)"),
    Lock(_F + "affine_grid", "function"),
    Lock(_F + "grid_sample", "function"),
)
_RESNET = (Lock(_NN + "AdaptiveAvgPool2d", "layer", "adaptive_avg_pool2d"), Lock(_NN + "Identity", "layer"))

PLAN = (
    Planned(1, 1, "A linear model", "a line through forty points, then a 3 told from a 7, by the same loop"),
    Planned(2, 1, "Non-linearity", "a hidden layer, the chain rule, and all ten digits in plain Python"),
    Planned(3, 2, "Matrix multiplication", "the same network, many times faster, and why", _MATRICES),
    Planned(4, 2, "The forward pass", "fifty layers deep without vanishing or exploding", _FORWARD),
    Planned(5, 2, "The backward pass", "every gradient by hand, in matrices, checked to ten digits"),
    Planned(6, 2, "Automatic differentiation", "a tape that writes the backward pass for you", _GRADIENTS),
    Planned(
        7,
        3,
        "The training loop",
        "a loss with a reason, modules, optimizer and loader, one refactoring at a time",
        _TRAINING,
    ),
    Planned(8, 3, "A learner and its callbacks", "any training run in three lines, resumed after a crash", _LEARNER),
    Planned(9, 4, "Convolutions", "fewer weights, fewer errors", _CONVOLUTIONS),
    Planned(10, 4, "Optimizers and schedules", "momentum to AdamW, and the one-cycle policy", _OPTIMIZERS),
    Planned(11, 4, "Looking inside", "a network that fails to train, seen from within and healed", _HOOKS),
    Planned(12, 4, "Normalisation", "BatchNorm, forward and backward, and where it breaks", _NORMS),
    Planned(13, 4, "Over-fit, then regularise", "five steps against over-fitting, each one measured", _REGULARISERS),
    Planned(14, 4, "A ResNet", "the lowest error of the book, from parts that you built", _RESNET),
)
