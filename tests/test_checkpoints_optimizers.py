"""Optimizers and schedules, in all checkpoints that have them; the oracle is PyTorch."""

from __future__ import annotations

import copy
import math
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.checkpoints import Checkpoint
from torch import nn

SHAPES = [(3, 4), (), (5,), (1, 2, 3), (0, 2), (130, 140), (1,)]
NAMES = ["SGD", "RMSprop", "Adam", "AdamW"]


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def drawn(name: str, source: random.Random) -> dict[str, Any]:
    """Settings that both sides take."""
    settings: dict[str, Any] = {"lr": 10 ** source.uniform(-3, 0)}
    settings["weight_decay"] = source.choice([0.0, 10 ** source.uniform(-3, 0)])
    if name == "SGD":
        settings["momentum"] = source.choice([0.0, source.random()])
        settings["nesterov"] = settings["momentum"] > 0 and source.random() < 0.5
        settings["dampening"] = 0.0 if settings["nesterov"] else source.choice([0.0, source.random()])
    else:
        settings["eps"] = 10 ** source.uniform(-10, -1)
    if name == "RMSprop":
        settings["alpha"] = source.random()
    if name.startswith("Adam"):
        settings["betas"] = (source.random(), source.random())
    return settings


def sides(checkpoint: Checkpoint, name: str, source: random.Random, seed: int) -> list[Any]:
    """Ours and PyTorch's, each with its parameters: some not contiguous, in three groups."""
    cases = [drawn(name, source) for _ in range(3)]
    found = []
    for module in (checkpoint.module("optim"), torch.optim):
        params = [
            rand(*shape[::-1], seed=seed + n).permute([*range(len(shape))][::-1]) for n, shape in enumerate(SHAPES)
        ]
        for p in params:
            p.requires_grad_()
        bounds = [(0, 3), (3, 6), (6, 7)]
        groups = [{"params": params[a:b], **case} for (a, b), case in zip(bounds, cases, strict=True)]
        found.append((params, getattr(module, name)(groups, lr=0.1)))
    return found


def go_on(pair: list[Any], source: random.Random, seed: int, steps: int = 6) -> None:
    """Steps with gradients of all sizes, some missing, and rates that change."""
    for step in range(steps):
        faster = source.choice([0.5, 1.0])
        missing = [source.random() < 0.15 for _ in SHAPES]
        scale = 10 ** source.uniform(-4, 1)
        for params, optimizer in pair:
            for n, p in enumerate(params):
                p.grad = None if missing[n] else scale * rand(*SHAPES[n], seed=1000 * seed + 10 * step + n)
            optimizer.step()
            optimizer.param_groups[0]["lr"] *= faster
        for p, q in zip(pair[0][0], pair[1][0], strict=True):
            torch.testing.assert_close(p, q, rtol=1e-10, atol=1e-10)


@pytest.mark.since(10)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(15))
def test_every_step_is_pytorchs(checkpoint: Checkpoint, name: str, seed: int) -> None:
    source = random.Random(seed)
    go_on(sides(checkpoint, name, source, seed), source, seed)


@pytest.mark.since(10)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_states_are_exchanged_with_pytorch(checkpoint: Checkpoint, name: str, seed: int) -> None:
    source = random.Random(100 + seed)
    pair = sides(checkpoint, name, source, seed)
    go_on(pair, source, seed)
    saved = [copy.deepcopy(optimizer.state_dict()) for _, optimizer in pair]
    crossed = sides(checkpoint, name, source, seed)
    for (params, optimizer), (old, _), state in zip(crossed, pair, reversed(saved), strict=True):
        with torch.no_grad():
            for p, q in zip(params, old, strict=True):
                p.copy_(q)
        optimizer.load_state_dict(state)
    go_on(crossed, source, seed + 50)


@pytest.mark.since(10)
@pytest.mark.parametrize("name", NAMES)
def test_training_does_not_change_a_loaded_state(checkpoint: Checkpoint, name: str) -> None:
    source = random.Random(5)
    pair = sides(checkpoint, name, source, 5)
    go_on(pair, source, 5)
    saved = copy.deepcopy(pair[0][1].state_dict())
    kept = copy.deepcopy(saved)
    pair[0][1].load_state_dict(saved)
    pair[1][1].load_state_dict(copy.deepcopy(pair[1][1].state_dict()))
    go_on(pair, source, 6)
    assert str(saved) == str(kept)


@pytest.mark.since(10)
def test_gradients_and_parameters_that_are_not_stepped_stay(checkpoint: Checkpoint) -> None:
    params = [rand(3).requires_grad_(), rand(2, 2, seed=1).requires_grad_(), rand(4, seed=2).requires_grad_()]
    optimizer = checkpoint.module("optim").AdamW(params, lr=0.1, weight_decay=0.5)
    grads = [rand(3, seed=3), None, rand(4, seed=4)]
    before = params[1].detach().clone()
    for p, grad in zip(params, grads, strict=True):
        p.grad = None if grad is None else grad.clone()
    optimizer.step()
    assert torch.equal(params[1], before)
    assert torch.equal(params[0].grad, grads[0])  # type: ignore[arg-type]
    assert all(p.is_leaf and p.requires_grad for p in params)
    optimizer.zero_grad()
    assert all(p.grad is None for p in params)


@pytest.mark.since(10)
@pytest.mark.parametrize(
    ("name", "params", "settings", "error"),
    [
        ("SGD", [], {}, ValueError),
        ("SGD", "twice", {}, ValueError),
        ("SGD", "one", {"lr": -0.1}, ValueError),
        ("SGD", "one", {"lr": math.nan}, ValueError),
        ("SGD", "one", {"momentum": -0.1}, ValueError),
        ("SGD", "one", {"nesterov": True}, ValueError),
        ("SGD", "one", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, ValueError),
        ("SGD", "one", {"betas": (0.9, 0.9)}, TypeError),
        ("Adam", "one", {"betas": (0.9, 1.0)}, ValueError),
        ("AdamW", "one", {"weight_decay": -1.0}, ValueError),
        ("RMSprop", "one", {"eps": -1e-8}, ValueError),
    ],
)
def test_impossible_settings_are_refused(
    checkpoint: Checkpoint, name: str, params: Any, settings: dict[str, Any], error: type
) -> None:
    p = torch.zeros(2, requires_grad=True)
    given = {"one": [p], "twice": [p, p]}.get(params, params) if isinstance(params, str) else params
    with pytest.raises(error):
        getattr(checkpoint.module("optim"), name)(given, **settings)


@pytest.mark.since(10)
def test_a_state_of_other_groups_is_refused(checkpoint: Checkpoint) -> None:
    optim = checkpoint.module("optim")
    two = optim.SGD([torch.zeros(1), torch.ones(1)], lr=0.1).state_dict()
    with pytest.raises(ValueError, match="groups"):
        optim.SGD([torch.zeros(1)], lr=0.1).load_state_dict(two)


# ---------------------------------------------------------------------------------------------------------- schedules


@pytest.mark.since(10)
def test_schedules_begin_and_end_where_they_say(checkpoint: Checkpoint) -> None:
    schedules = checkpoint.module("schedules")
    for make in (schedules.linear, schedules.cosine):
        schedule = make(0.3, 0.7)
        assert [schedule(x) for x in (0.0, 0.5, 1.0)] == pytest.approx([0.3, 0.5, 0.7])
    assert schedules.constant(0.3)(0.9) == 0.3
    joined = schedules.chained((0.25, schedules.linear(0, 1)), (0.75, schedules.linear(5, 2)))
    assert [joined(x) for x in (0.0, 0.125, 0.25, 0.625, 1.0)] == pytest.approx([0, 0.5, 5, 3.5, 2])
    cycle = schedules.one_cycle(0.5)
    assert [cycle(x) for x in (0.0, 0.3, 1.0)] == pytest.approx([0.02, 0.5, 0.02 / 1e4])


@pytest.mark.since(10)
@pytest.mark.parametrize("shares", [(), (0.5, 0.4), (0.0, 1.0), (-0.5, 1.5), (math.nan, 1.0)])
def test_shares_that_are_no_whole_are_refused(checkpoint: Checkpoint, shares: tuple[float, ...]) -> None:
    schedules = checkpoint.module("schedules")
    with pytest.raises(ValueError, match="shares"):
        schedules.chained(*((share, schedules.constant(1.0)) for share in shares))


@pytest.mark.since(10)
@pytest.mark.parametrize("own", [True, False])
def test_a_killed_training_resumes_its_schedule_to_the_bit(checkpoint: Checkpoint, tmp_path: Path, own: bool) -> None:
    schedules, learners = checkpoint.module("schedules"), checkpoint.module("learner")

    class Kill(learners.Callback):  # type: ignore[misc, name-defined]
        def __init__(self, at: int) -> None:
            self.at = at

        def after_step(self, learner: Any) -> None:
            if learner.step == self.at:
                raise KeyboardInterrupt

    def weights(kill: int, resume: bool, folder: Path) -> torch.Tensor:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        generator = torch.Generator().manual_seed(1)
        x, y = torch.randn(24, 3), torch.arange(24) % 2
        loader = checkpoint.module("data").BatchLoader(x, y, batch_size=5, shuffle=True, generator=generator)
        module = checkpoint.module("optim") if own else torch.optim
        optimizer = module.AdamW(model.parameters(), lr=0.1)
        scheduled = schedules.Scheduled(lr=schedules.one_cycle(0.05), momentum=schedules.linear(0.95, 0.5))
        saver = checkpoint.module("checkpoint").Checkpoint(folder, resume=resume)
        learner = learners.Learner(
            model, nn.functional.cross_entropy, optimizer, loader, None, [scheduled, Kill(kill), saver]
        )
        with suppress(KeyboardInterrupt):
            learner.fit(4)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    wanted = weights(0, False, tmp_path / "whole")
    weights(13, False, tmp_path / "killed")
    assert torch.equal(weights(0, True, tmp_path / "killed"), wanted)


@pytest.mark.since(10)
def test_a_setting_that_no_group_has_is_refused(checkpoint: Checkpoint) -> None:
    schedules = checkpoint.module("schedules")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    learner = checkpoint.module("learner").Learner(nn.Linear(1, 1), nn.functional.mse_loss, optimizer, [])
    with pytest.raises(ValueError, match="betas"):
        learner.fit(1, [schedules.Scheduled(betas=schedules.constant(0.9))])
