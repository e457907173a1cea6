"""Programs for an autograd engine, made up at random out of the operations that it has."""

from __future__ import annotations

import itertools
import operator
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from groundup.proof.engine_sides import Engine

Program = Callable[[Engine, list[Any]], list[Any]]
LENGTH = 9  # operations of a program
GREATEST = 1e3  # no node may be larger, so that no difference drowns
SHAPES = ((3, 4), (4,), (3, 1), (), (4, 3))  # of the leaves
ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


@dataclass(frozen=True)
class Form:
    """An operation as it is written: `dims` are the dimensions that its operands must have, None for any."""

    label: str
    do: Callable[..., Any]
    dims: tuple[int | None, ...] = (None,)
    least: float | None = None  # below this its operand is too near to a singularity


def _forms() -> list[Form]:
    forms = []
    for sign, do in ARITHMETIC.items():
        forms += [
            Form(f"x {sign} y", lambda side, x, y, do=do: do(x, y), (None, None), 0.05 if sign == "/" else None),
            Form(f"x {sign} 2", lambda side, x, do=do: do(x, 2.0)),
            Form(f"2 {sign} x", lambda side, x, do=do: do(2.0, x), (None,), 0.05 if sign == "/" else None),
        ]
    for dims in ((2, 2), (2, 1), (1, 2), (1, 1)):
        forms.append(Form(f"x @ y, {dims[0]}-D and {dims[1]}-D", lambda side, x, y: x @ y, dims))
    forms += [
        Form("-x", lambda side, x: -x),
        Form("x ** 2", lambda side, x: x**2),
        Form("x[0]", lambda side, x: x[0], (2,)),
        Form("sum()", lambda side, x: side.do("sum", x)),
        Form("mean()", lambda side, x: side.do("mean", x)),
        Form("max()", lambda side, x: side.do("max", x)),
        Form("T", lambda side, x: side.do("T", x), (2,)),
        Form("reshape(-1)", lambda side, x: side.do("reshape", x, -1)),
    ]
    for name in ("sum", "mean"):
        forms.append(Form(f"{name}(0)", lambda side, x, name=name: side.do(name, x, 0), (2,)))
        forms.append(Form(f"{name}(-1, keepdim=)", lambda s, x, name=name: s.do(name, x, -1, keepdim=True), (2,)))
    for name in ("exp", "log", "sqrt", "relu", "tanh", "sigmoid"):
        least = 1e-3 if name in ("log", "sqrt") else None
        forms.append(Form(f"{name}()", lambda side, x, name=name: side.do(name, x), (None,), least))
    return forms


FORMS = _forms()


def has(side: Engine, form: Form) -> bool:
    """Whether an engine does this at all."""
    shapes: dict[int | None, list[tuple[int, ...]]] = {None: [(3, 4), (3, 4)], 2: [(3, 4), (4, 3)], 1: [(4,), (4,)]}
    operands = [side.leaf(torch.ones(shapes[dims][at], dtype=torch.float64)) for at, dims in enumerate(form.dims)]
    if form.dims == (1, 2):
        operands[1] = side.leaf(torch.ones(4, 3, dtype=torch.float64))
    try:
        return form.do(side, *operands) is not NotImplemented
    except Exception:  # of whatever type
        return False


class MadeUp:
    """Operations on the leaves and on the nodes before them."""

    def __init__(self, *operations: tuple[Form, tuple[int, ...]]) -> None:
        self.operations = [*operations]

    def __call__(self, side: Engine, leaves: list[Any]) -> list[Any]:
        nodes = list(leaves)
        for form, positions in self.operations:
            nodes.append(form.do(side, *(nodes[position] for position in positions)))
        return nodes[len(leaves) :]

    def __str__(self) -> str:
        return "; ".join(form.label for form, _ in self.operations)


def alone(known: Sequence[Form]) -> Iterator[tuple[MadeUp, list[torch.Tensor]]]:
    """Each operation by itself, on leaves of every shape: on numbers of all magnitudes, around zero where it may be."""
    for form in known:
        for positions in itertools.product(range(len(SHAPES)), repeat=len(form.dims)):
            program = MadeUp((form, positions))
            for greatest in (0.1, 3.0):
                start = [_grid(shape, greatest, form.least) for shape in SHAPES]
                try:
                    program(Engine(None), start)
                except (RuntimeError, IndexError):  # shapes that do not fit
                    break
                if all(dims in (None, start[at].dim()) for dims, at in zip(form.dims, positions, strict=True)):
                    yield program, start


def _grid(shape: tuple[int, ...], greatest: float, least: float | None) -> torch.Tensor:
    count = int(torch.Size(shape).numel())
    numbers = torch.linspace(-greatest, 1.1 * greatest, count, dtype=torch.float64)[torch.randperm(count)]
    return (numbers if least is None else least + numbers.abs()).reshape(shape)


def made_up(known: Sequence[Form], seed: int) -> tuple[MadeUp, list[torch.Tensor]]:
    """A program that PyTorch can run, and its leaves. Most operations take the newest node."""
    dice = random.Random(seed)
    generator = torch.Generator().manual_seed(seed)
    start = [torch.randn(shape, dtype=torch.float64, generator=generator) for shape in SHAPES]
    program, real = MadeUp(), Engine(None)
    nodes = [tensor.clone() for tensor in start]
    tries = 0
    while len(program.operations) < LENGTH:
        tries += 1  # each form begins some program
        form = known[(seed + tries - 1) % len(known)] if not program.operations else dice.choice(list(known))
        positions = [dice.randrange(len(nodes)) for _ in form.dims]
        if program.operations and dice.random() < 0.7:
            positions[dice.randrange(len(positions))] = len(nodes) - 1
        operands = [nodes[position] for position in positions]
        if any(dims not in (None, node.dim()) for dims, node in zip(form.dims, operands, strict=True)):
            continue
        if form.least is not None and float(operands[-1].min()) < form.least:
            continue
        try:
            node = form.do(real, *operands)
        except RuntimeError:  # shapes that do not fit
            continue
        if node.isfinite().all() and float(node.abs().max()) < GREATEST:
            program.operations.append((form, tuple(positions)))
            nodes.append(node)
    return program, start
