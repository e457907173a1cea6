"""What a model built of a container does, compared step by step with the same model built of PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch

from groundup.proof.compare import Proof

Model = Callable[[Any], Any]
Sides = tuple[Any, Any]
# what a container may lack: it is named as left out then, and compared otherwise
OPTIONAL: dict[str, Callable[[Any], Any]] = {
    "modules()": lambda m: len(list(m.modules())),
    "named_modules()": lambda m: [name for name, _ in m.named_modules()],
    "children()": lambda m: len(list(m.children())),
    "named_children()": lambda m: [name for name, _ in m.named_children()],
}


def behaves_alike(proof: Proof, model: Model, spaces: tuple[SimpleNamespace, SimpleNamespace]) -> None:
    """Raises: UnlockError at the first difference."""
    built = proof.each("construction", spaces, model)
    if built is None:
        raise proof.error("construction", "the real one refuses this model")
    made, x = (built[0][0], built[1][0]), built[1][1]
    _names(proof, made)
    _modes(proof, made, x)
    _gradients(proof, made, x)
    _saved(proof, model, spaces, made, x)
    _all_reached(proof, model, spaces, x)


def _names(proof: Proof, made: Sides) -> None:
    _listed(proof, "named_parameters()", made, lambda m: [name for name, _ in m.named_parameters()])
    proof.alike("registration", "parameters(): parameter", made, lambda m: [p.detach() for p in m.parameters()])
    proof.alike("registration", "how often one object is listed", made, lambda m: len({id(p) for p in m.parameters()}))
    _listed(proof, "state_dict()", made, lambda m: list(m.state_dict()))
    proof.alike("registration", "state_dict(): entry", made, lambda m: [v.detach() for v in m.state_dict().values()])
    for label, ask in OPTIONAL.items():
        if hasattr(made[0], label.removesuffix("()")):
            _listed(proof, label, made, ask)
            proof.covers(label)
        else:
            proof.leaves_out(label)
    if hasattr(type(made[1]), "__len__"):
        proof.alike("registration", "its len()", made, len)
        proof.alike("registration", "its classes", made, lambda m: [type(layer).__name__ for layer in m])


def _listed(proof: Proof, what: str, made: Sides, ask: Callable[[Any], Any]) -> None:
    found = proof.each("registration", made, ask)
    if found is not None and found[0] != found[1]:
        raise proof.error("registration", f"{what} gives {_brief(found[0])}, not {_brief(found[1])}")


def _brief(found: Any) -> str:
    return ", ".join(map(repr, found)) or "nothing" if isinstance(found, list) else repr(found)


def _modes(proof: Proof, made: Sides, x: torch.Tensor) -> None:
    """eval() and train() reach every layer, and give back the model."""
    proof.alike("forward", "the result", made, lambda m: m(x))
    for stage, mode in (("eval", "eval"), ("train", "train"), ("eval", "eval")):
        proof.alike(stage, f"whether {mode}() gives the model back", made, _gives_itself(mode))
        proof.alike(stage, f"training after {mode}()", made, lambda m: bool(m.training))
        proof.alike(stage, f"the result after {mode}()", made, lambda m: m(x))
    proof.alike("train", "the result after train(False)", made, lambda m: m.train(False)(x))
    proof.alike("train", "the result after train(True)", made, lambda m: m.train(True)(x))


def _gives_itself(mode: str) -> Callable[[Any], bool]:
    return lambda model: getattr(model, mode)() is model


def _gradients(proof: Proof, made: Sides, x: torch.Tensor) -> None:
    def learn(m: Any) -> list[Any]:
        loss = (m(x) ** 2).sum()
        if loss.requires_grad:
            loss.backward()
        grads = [p.grad.clone() for p in m.parameters()]
        with torch.no_grad():
            for p in m.parameters():
                p -= 0.01 * p.grad
        return grads

    proof.alike("backward", "the gradient of parameter", made, learn)
    proof.alike("step", "the result after a training step", made, lambda m: m(x))
    if hasattr(made[0], "zero_grad"):
        proof.alike("zero_grad", "a gradient", made, lambda m: (m.zero_grad(), [p.grad for p in m.parameters()])[1])
        proof.covers("zero_grad()")
    else:
        proof.leaves_out("zero_grad()")


def _saved(proof: Proof, model: Model, spaces: Any, made: Sides, x: torch.Tensor) -> None:
    """The state of one model loaded into a new one; a state that does not fit is refused."""

    def load(side: tuple[Any, Any]) -> Any:
        m, space = side
        saved = _copied(m)
        new = model(space)[0]
        with torch.no_grad():
            for p in new.parameters():
                p.zero_()
        held = [id(p) for p in new.parameters()]
        new.load_state_dict(saved)
        kept = held == [id(p) for p in new.parameters()]  # an optimizer holds them
        return [kept, new(x), [p.detach().clone() for p in new.parameters()]]

    found = proof.each("load_state_dict", list(zip(made, spaces, strict=True)), load)
    if found is not None:
        proof.equal("load_state_dict", "whether the parameters stay the same objects", found[0][0], found[1][0])
        proof.equal("load_state_dict", "the result or parameter", found[0][1:], found[1][1:])
    for what, change in (
        ("lacks an entry", _without),
        ("has an entry too many", _with),
        ("has another shape", _other),
    ):
        if not list(made[1].state_dict()):
            continue
        raised = []
        for m in made:
            try:
                m.load_state_dict(change(_copied(m)))
            except Exception:  # of whatever type
                raised.append(True)
            else:
                raised.append(False)
        if raised[1] and not raised[0]:
            raise proof.error("load_state_dict", f"it takes a state that {what}; the real one raises")


def _copied(model: Any) -> dict[str, Any]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _without(state: dict[str, Any]) -> dict[str, Any]:
    return dict(list(state.items())[1:])


def _with(state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "unknown": torch.zeros(1)}


def _other(state: dict[str, Any]) -> dict[str, Any]:
    first = next(iter(state))
    return {**state, first: torch.zeros(7, 7)}


def _all_reached(proof: Proof, model: Model, spaces: Any, x: torch.Tensor) -> None:
    """apply, to(dtype) and requires_grad_, where the re-creation has them."""
    for label, change in (
        ("apply()", lambda m: m.apply(_halve)),
        ("to(dtype)", lambda m: m.to(torch.float32)),
        ("requires_grad_()", lambda m: m.requires_grad_(False)),
    ):
        made = tuple(model(space)[0] for space in spaces)
        if not hasattr(made[0], label.split("(")[0]):
            proof.leaves_out(label)
            continue
        inputs = x.float() if label == "to(dtype)" else x
        proof.alike(label, "whether it gives the model back", made, lambda m, c=change: c(m) is m)  # type: ignore[misc, arg-type]
        proof.alike(label, "parameter", made, lambda m: [p.detach() for p in m.parameters()])  # type: ignore[arg-type]
        proof.alike(label, "requires_grad", made, lambda m: [p.requires_grad for p in m.parameters()])  # type: ignore[arg-type]
        proof.alike(label, "the result", made, lambda m, i=inputs: m(i))  # type: ignore[misc, arg-type]
        proof.covers(label)


def _halve(module: Any) -> None:
    with torch.no_grad():
        for name in ("weight", "scale"):
            if isinstance(getattr(module, name, None), torch.Tensor):
                getattr(module, name).mul_(0.5)
