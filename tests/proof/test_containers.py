"""`Module`, `Parameter`, `Sequential`: honest ones are accepted; each false one is refused, and why."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from proof.recreated_modules import Module, Parameter, Sequential
from torch import Tensor, nn

from groundup import unlock
from groundup.proof import UnlockError

N = "torch.nn."


def deeper(nn: Any) -> Any:
    """a model of the chapter's own"""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2, dtype=torch.float64))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.weight

    return Model(), torch.ones(3, 2, dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "by", "more"),
    [
        ("Module", Module, {"parts": {"Parameter": Parameter}, "also": (N + "Parameter",), "inputs": [deeper]}),
        ("Module", Module, {"parts": {"Parameter": Parameter, "Sequential": Sequential},
                            "also": (N + "Parameter", N + "Sequential")}),
        ("Parameter", Parameter, {"parts": {"Module": Module}}),
        ("Sequential", Sequential, {"parts": {"Module": Module, "Parameter": Parameter}}),
    ],
)  # fmt: skip
def test_honest_containers_are_accepted(name: str, by: Any, more: dict) -> None:
    unlock(N + name, by=by, **more)


class Flat(Module):
    """Lists its own parameters, and not those of the modules in it."""

    def named_modules(self, prefix: str = "", seen: Any = None) -> Any:
        yield prefix, self


class AllTensors(Module):
    """Takes every tensor for a parameter."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if isinstance(value, Tensor):
            self._parameters[name] = value


class Twice(Module):
    """Lists a shared parameter once for each place."""

    def named_parameters(self) -> Any:
        return self._named("_parameters", once=False)


class OnlyItself(Module):
    """eval() does not reach the layers."""

    def train(self, mode: bool = True) -> Any:
        self.training = mode
        return self


class OneLevel(Module):
    def train(self, mode: bool = True) -> Any:
        for module in (self, *self.children()):
            module.training = mode
        return self


class NothingBack(Module):
    def train(self, mode: bool = True) -> None:  # type: ignore[override]
        super().train(mode)


class OnlyOn(Module):
    """train() knows no mode."""

    def train(self) -> Any:  # type: ignore[override]
        return super().train(True)

    def eval(self) -> Any:
        return super().train(False)


class Cut(Module):
    """Loads by putting new tensors in the place of the old ones."""

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for prefix, module in self.named_modules():
            for name in list(module._parameters):
                setattr(module, name, Parameter(state[f"{prefix}.{name}" if prefix else name].clone()))


class Lenient(Module):
    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for name, tensor in self.state_dict().items():
            if name in state:
                tensor.copy_(state[name])


class Forgetful(Module):
    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        if state.keys() != self.state_dict().keys():
            raise KeyError("names")


class Underlined(Module):
    def state_dict(self, prefix: str = "") -> dict[str, Tensor]:
        return {name.replace(".", "_"): tensor for name, tensor in super().state_dict(prefix).items()}


class HalfMoved(Module):
    def to(self, dtype: torch.dtype) -> Any:
        for tensor in self._parameters.values():
            tensor.data = tensor.data.to(dtype)
        return self


class ApplyOnce(Module):
    def apply(self, function: Any) -> Any:
        function(self)
        return self


class Older(Module):
    """Keeps a layer that was replaced."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Module) and name in self._modules:
            self._modules[f"{name}_2"] = value
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)


class WithoutKeywords(Module):
    def __call__(self, *args: Any) -> Any:  # type: ignore[override]
        return self.forward(*args)


class WithoutState(Module):
    state_dict = None  # type: ignore[assignment]


class ZeroGrad(Module):
    def zero_grad(self) -> None:
        pass


FALSE = [
    (Flat, r"modules in modules .*: registration: named_parameters\(\) gives nothing, not 'first.scale', "),
    (AllTensors, r"modules in modules .*: registration: named_parameters\(\) gives .*fixed"),
    (Twice, r"are? held twice: registration: named_parameters\(\) gives 'one.weight', .*'three.weight'"),
    (OnlyItself, r"modules in modules .*: eval: the result after eval\(\) differs"),
    (OneLevel, r"modules in modules .*: eval: the result after eval\(\) differs"),
    (NothingBack, r"eval: whether eval\(\) gives the model back is False, not True"),
    (OnlyOn, r"train: the re-creation raises TypeError"),
    (Cut, "load_state_dict: whether the parameters stay the same objects is False, not True"),
    (Lenient, "load_state_dict: it takes a state that lacks an entry; the real one raises"),
    (Forgetful, "load_state_dict: the result or parameter 1 differs"),
    (Underlined, r"registration: state_dict\(\) gives 'first_scale', "),
    (HalfMoved, r"to\(dtype\): (parameter \d|the re-creation raises)"),
    (ApplyOnce, r"apply\(\): parameter 1 differs"),
    (Older, r"a layer was replaced|registration: named_parameters\(\) gives 'layer.weight', .*'layer_2.weight'"),
    (WithoutKeywords, "forward: the re-creation raises TypeError"),
    (WithoutState, r"the class WithoutState: construction: it has no state_dict\(\)"),
    (ZeroGrad, r"zero_grad: a gradient 1 is a tensor of shape \(2, 3\), not None"),
]


@pytest.mark.parametrize(("by", "message"), FALSE, ids=[by.__name__ for by, _ in FALSE])
def test_false_modules_are_refused(by: Any, message: str) -> None:
    with pytest.raises(UnlockError, match=f"^torch.nn.Module, .*{message}"):
        unlock("torch.nn.Module", by=by, parts={"Parameter": Parameter})


class Deaf(Sequential):
    """eval() does not reach the layers."""

    def train(self, mode: bool = True) -> Any:
        self.training = mode
        return self


class InAList(Module):
    """Keeps its layers in a list, where nobody finds them."""

    def __init__(self, *layers: Any) -> None:
        super().__init__()
        self.layers = list(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class FromOne(Sequential):
    def __init__(self, *layers: Any) -> None:
        Module.__init__(self)
        for index, layer in enumerate(layers, start=1):
            setattr(self, str(index), layer)


class Backwards(Sequential):
    def forward(self, x: Tensor) -> Tensor:
        for layer in list(self)[::-1]:
            x = layer(x)
        return x


class Wrapper(Module):
    def __init__(self, *layers: Any) -> None:
        super().__init__()
        self.inner = nn.Sequential()


SEQUENCES = [
    (Deaf, r"a Sequential of three layers: eval: the result after eval\(\) differs"),
    (InAList, r"a Sequential of three layers: registration: named_parameters\(\) gives nothing, not '0.weight'"),
    (FromOne, r"registration: named_parameters\(\) gives '1.weight', .*not '0.weight'"),
    (Backwards, "a Sequential of three layers: forward: the re-creation raises RuntimeError"),
    (Wrapper, "the re-creation calls torch.nn.modules.container.Sequential.__init__"),
]


@pytest.mark.parametrize(("by", "message"), SEQUENCES, ids=[by.__name__ for by, _ in SEQUENCES])
def test_false_sequentials_are_refused(by: Any, message: str) -> None:
    with pytest.raises(UnlockError, match=f"^torch.nn.Sequential, .*{message}"):
        unlock("torch.nn.Sequential", by=by, parts={"Module": Module, "Parameter": Parameter})


def test_a_parameter_is_a_tensor_that_requires_a_gradient() -> None:
    class Box:
        def __init__(self, data: Tensor) -> None:
            self.data = data

    with pytest.raises(UnlockError, match=r"a Parameter is to be a tensor, a leaf that requires a gradient"):
        unlock("torch.nn.Parameter", by=Box, parts={"Module": Module})
    with pytest.raises(ValueError, match=r"hand in what it is registered by: parts={'Module': Module}"):
        unlock("torch.nn.Parameter", by=Parameter)


def test_also_frees_only_what_was_handed_in() -> None:
    with pytest.raises(
        UnlockError, match=r"also='torch.nn.Sequential' is not proved with it: give it an unlock of its"
    ):
        unlock("torch.nn.Module", by=Module, parts={"Parameter": Parameter}, also="torch.nn.Sequential")
