"""Chapter 14's network in runs that are too long for a page: five seeds, the ablation, all of MNIST, and others beside.

`make results` runs all of it; `python benchmarks/resnet.py embedded mnist` only these parts, `--seeds 0 1` only these
seeds. What a run finds is put into docs/results/resnet.json at once, so that parts can be made one after another.
The full MNIST comes from GROUNDUP_MNIST or a download. One thread, unless `--threads` says more.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ch14.augment import tta
from ch14.images import ImageSet, read_set
from ch14.learner import Callback
from ch14.recipe import Recipe, resnet_learner
from ch14.resnet import ResidualBlock
from header import header

TARGET = Path(__file__).resolve().parents[1] / "docs" / "results" / "resnet.json"
EPOCHS = 40  # of the five seeds on the embedded images
STILL = {"rotate": 0.0, "shift": 0.0, "scale": 0.0, "bend": 0.0}
WIDE = (24, 48, 96)
MNIST: dict[str, tuple[float, Recipe]] = {  # how many times the training images are gone through
    "a tenth of an epoch": (0.1, Recipe(epochs=1, lr=0.02, **STILL)),
    "0.4 epochs": (0.4, Recipe(epochs=1, lr=0.02, **STILL)),
    "one epoch": (1, Recipe(epochs=1, lr=0.02, **STILL)),
    "wide, 3 epochs, shifts": (1, Recipe(epochs=3, widths=WIDE, rotate=0.0, scale=0.0, shift=2.0, bend=0.0)),
    "wide, 6 epochs, bends": (1, Recipe(epochs=6, widths=WIDE)),
}
ABLATION: dict[str, dict[str, Any]] = {
    "no augmentation": STILL,
    "no bends": {"bend": 0.0},
    "no label smoothing": {"label_smoothing": 0.0},
    "no weight decay": {"weight_decay": 0.0},
    "no shortcuts": {},
    "no norms": {},
    "constant rate": {},
}


def read() -> dict[str, Any]:
    """What has been found so far."""
    return json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}


def write(change: Callable[[dict[str, Any]], None]) -> None:
    """Put something into the file."""
    found = header("the book's ResNet: the time of the training, by the clock and by the processor")
    found |= {"threads": torch.get_num_threads()}
    found |= {key: value for key, value in read().items() if key not in found}
    change(found)
    TARGET.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def prepared(images: ImageSet) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Both parts, normalised, and the background."""
    pixels = images.images.float() / 255
    mean, std = pixels.mean().item(), pixels.std().item()
    return (pixels - mean) / std, (images.valid_images.float() / 255 - mean) / std, -mean / std


@torch.no_grad()
def errors(model: nn.Module, x: torch.Tensor, y: torch.Tensor, recipe: Recipe, fill: float) -> dict[str, float]:
    """Error rates with and without test-time augmentation."""
    model.eval()
    plain = torch.cat([model(batch).argmax(1) for batch in x.split(500)])
    source = torch.Generator().manual_seed(0)
    moves = {n: getattr(recipe, n) / 2 for n in ("rotate", "shift", "scale")}
    if not any(moves.values()):
        return {"error_rate": (plain != y).float().mean().item()}
    several = torch.cat([tta(model, batch, 8, source, fill=fill, **moves).argmax(1) for batch in x.split(500)])
    return {
        "error_rate": (several != y).float().mean().item(),
        "without_tta": (plain != y).float().mean().item(),
    }


def trained(
    recipe: Recipe, images: ImageSet, seed: int, share: float = 1, change: Callable[[Any], None] | None = None
) -> dict[str, Any]:
    """One run of the book's network."""
    x, valid_x, fill = prepared(images)
    rows = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[: math.ceil(share * len(x))]
    learner = resnet_learner(recipe, x[rows], images.labels[rows], seed, fill, len(images.classes))
    if change:
        change(learner)
    start, spent = time.monotonic(), time.process_time()
    learner.fit(recipe.epochs)
    seconds, spent = time.monotonic() - start, time.process_time() - spent
    found = errors(learner.model, valid_x, images.valid_labels, recipe, fill)
    return {"seed": seed, **found, "seconds": seconds, "processor_seconds": spent}


def put(runs: list[dict[str, Any]], run: dict[str, Any]) -> None:
    """A run in the place of the one with the same seed."""
    runs[:] = sorted([*(old for old in runs if old["seed"] != run["seed"]), run], key=lambda each: each["seed"])


def said(name: str, run: dict[str, Any]) -> None:
    print(f"{name}: {run['error_rate']:.2%} wrong, {run['seconds']:.1f} s, seed {run['seed']}", flush=True)


def embedded(seeds: list[int]) -> None:
    """The last number of the book."""
    images, recipe = read_set("embedded"), Recipe(epochs=EPOCHS)
    for seed in seeds:
        run = trained(recipe, images, seed)

        def change(found: dict[str, Any], run: dict[str, Any] = run) -> None:
            part = found.setdefault("embedded", {"runs": []})
            put(part["runs"], run)
            part |= {"epochs": EPOCHS, "seconds": median(each["processor_seconds"] for each in part["runs"])}

        write(change)
        said("embedded", run)


def without_shortcuts(learner: Any) -> None:
    """Every block is plain: its shortcut gives zeros."""
    for block in learner.model.modules():
        if hasattr(block, "shortcut"):
            block.shortcut.register_forward_hook(lambda module, inputs, output: 0 * output)


def without_norms(learner: Any) -> None:
    """Every BatchNorm hands on what it gets."""
    for module in [*learner.model.modules()]:
        for name, child in [*module.named_children()]:
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())


def constant(learner: Any) -> None:
    """No schedule, at a third of the highest rate."""
    learner.callbacks = [callback for callback in learner.callbacks if not hasattr(callback, "schedules")]
    for group in learner.optimizer.param_groups:
        group["lr"] /= 3


CHANGES = {
    "no shortcuts": without_shortcuts,
    "no norms": without_norms,
    "constant rate": constant,
}


def ablation(seeds: list[int]) -> None:
    """The recipe of the five seeds without one part at a time."""
    images = read_set("embedded")
    for name, other in ABLATION.items():
        for seed in seeds:
            run = trained(replace(Recipe(epochs=EPOCHS), **other), images, seed, change=CHANGES.get(name))
            write(lambda found, run=run, name=name: put(found.setdefault("ablation", {}).setdefault(name, []), run))
            said(name, run)


def halves(seeds: list[int]) -> None:
    """The whole and "no norms" judged by training images: trained on each half of them, judged by the other.

    A seed makes the cut. Error rates over all 4,000.
    """
    images = read_set("embedded")
    for seed in seeds:
        cut = torch.randperm(len(images.images), generator=torch.Generator().manual_seed(100 + seed)).chunk(2)
        for name in ("the whole", "no norms"):
            runs = []
            for fitted, rest in (cut, cut[::-1]):
                part = ImageSet(
                    images.images[fitted],
                    images.labels[fitted],
                    images.images[rest],
                    images.labels[rest],
                    images.classes,
                )
                runs.append(trained(Recipe(epochs=EPOCHS), part, seed, change=CHANGES.get(name)))
            run = {"seed": seed} | {key: sum(run[key] for run in runs) / 2 for key in ("error_rate", "without_tta")}
            run |= {key: sum(run[key] for run in runs) for key in ("seconds", "processor_seconds")}
            write(lambda found, run=run, name=name: put(found.setdefault("halves", {}).setdefault(name, []), run))
            said(f"halves, {name}", run)


def mnist(seeds: list[int]) -> None:
    """All of MNIST, judged by its test images."""
    images = read_set("mnist")
    for seed in seeds:
        for name, (share, recipe) in MNIST.items():
            run = trained(recipe, images, seed, share)
            write(lambda found, run=run, name=name: put(found.setdefault("mnist", {}).setdefault(name, []), run))
            said(name, run)


# ---------------------------------------------------------------------------------------- the twin, in PyTorch alone


class Block(nn.Module):
    """The residual block, once more."""

    def __init__(self, size: int, out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(size, out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or size != out:
            self.shortcut = nn.Sequential(nn.Conv2d(size, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The sum, and a ReLU."""
        return F.relu(self.body(x) + self.shortcut(x))


def twin(recipe: Recipe, images: ImageSet, seed: int) -> Iterator[nn.Module]:
    """The same model and recipe with PyTorch's parts, in a loop of its own; gives the model after each epoch."""
    torch.manual_seed(seed)
    a, b, c = recipe.widths
    stem = [nn.Conv2d(1, a, 5, 2, 2, bias=False), nn.BatchNorm2d(a), nn.ReLU()]
    body = [Block(a, a, 1), Block(a, b, 2), Block(b, c, 2)]
    model = nn.Sequential(*stem, *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, len(images.classes)))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    x, _, fill = prepared(images)
    y = images.labels
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    steps = recipe.epochs * math.ceil(len(x) / recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.lr, steps, cycle_momentum=False)
    waves = torch.cos(math.pi * torch.arange(4.0) * (torch.arange(28.0)[:, None] + 0.5) / 28)
    model.train()
    for _ in range(recipe.epochs):
        for rows in torch.randperm(len(x)).split(recipe.batch_size):
            draw = torch.rand(4, len(rows)) * 2 - 1
            angle, size = draw[0] * math.radians(recipe.rotate), 1 + draw[1] * recipe.scale
            cos, sin = angle.cos() / size, angle.sin() / size
            move = draw[2:] * 2 * recipe.shift / 28
            theta = torch.stack([torch.stack([cos, sin, move[0]], 1), torch.stack([-sin, cos, move[1]], 1)], 1)
            grid = F.affine_grid(theta, [len(rows), 1, 28, 28], align_corners=False)
            heights = torch.randn(len(rows), 2, 4, 4)
            heights[:, :, 0, 0] = 0
            field = waves @ heights @ waves.T * (recipe.bend * math.sqrt(4 / 21) / 14)
            grid = grid + field.permute(0, 2, 3, 1)
            batch = F.grid_sample(x[rows] - fill, grid, align_corners=False) + fill
            loss = F.cross_entropy(model(batch), y[rows], label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        yield model


class Turns(Callback):
    """After each epoch one of somebody else's, who has random numbers of its own; adds up what that takes."""

    order = 100

    def __init__(self, other: Iterator[nn.Module]) -> None:
        self.other = other
        self.random = torch.get_rng_state()
        self.seconds = self.processor_seconds = 0.0

    def after_epoch(self, learner: Any) -> None:
        """One epoch of the other."""
        random = torch.get_rng_state()
        torch.set_rng_state(self.random)
        start, spent = time.monotonic(), time.process_time()
        self.model = next(self.other)
        self.seconds += time.monotonic() - start
        self.processor_seconds += time.process_time() - spent
        self.random = torch.get_rng_state()
        torch.set_rng_state(random)


def side_by_side(seeds: list[int]) -> None:
    """Ours and the twin, an epoch of each in turns: both meet the same hours of a machine that others use as well."""
    images, recipe = read_set("embedded"), Recipe()
    for seed in seeds:
        turns = Turns(twin(recipe, images, seed))
        ours = trained(recipe, images, seed, change=lambda learner, turns=turns: learner.callbacks.append(turns))
        pair = {"ours": ours, "twin": {"seed": seed}}
        for what in ("seconds", "processor_seconds"):
            pair["twin"][what] = getattr(turns, what)
            ours[what] -= pair["twin"][what]
        _, valid_x, fill = prepared(images)
        pair["twin"] |= errors(turns.model, valid_x, images.valid_labels, recipe, fill)

        def change(found: dict[str, Any], pair: dict[str, Any] = pair) -> None:
            for name, run in pair.items():
                put(found.setdefault("side_by_side", {}).setdefault(name, []), run)

        write(change)
        for name, run in pair.items():
            said(name, run)
        ratio = ours["processor_seconds"] / pair["twin"]["processor_seconds"]
        print(f"ours / twin, processor time: {ratio:.2f}")


# ------------------------------------------------------------------------------------------ depth, in longer runs

RATES = {25: (0.01, 0.02, 0.05, 0.12, 0.3), 500: (0.003, 0.01, 0.03, 0.1)}  # by the number of steps


def deep(block: Callable[[], nn.Module], depth: int) -> nn.Sequential:
    """The chapter's network of one width, two layers in a block."""
    blocks = [block() for _ in range((depth - 2) // 2)]
    stem = [nn.Conv2d(1, 16, 4, stride=4, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    model = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return model


def plain() -> nn.Module:
    """Two convolutions, each with a norm and a ReLU, and no way round them."""
    layers = [(nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()) for _ in range(2)]
    return nn.Sequential(*layers[0], *layers[1])


BLOCKS: dict[str, Callable[[], nn.Module]] = {
    "plain": plain,
    "residual": lambda: ResidualBlock(16, 16),
    "zero initialisation": lambda: ResidualBlock(16, 16, zero_init=True),
}


def training_loss(name: str, depth: int, steps: int, lr: float, seed: int, images: ImageSet) -> float:
    """The mean of the last ten steps, with batches of 64, AdamW and one cycle."""
    torch.manual_seed(seed)
    model = deep(BLOCKS[name], depth)
    x, y = prepared(images)[0], images.labels
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps, cycle_momentum=False)
    losses: list[float] = []
    while len(losses) < steps:
        for rows in torch.randperm(len(x)).split(64)[: steps - len(losses)]:
            loss = F.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    return sum(losses[-10:]) / 10


def depth(seeds: list[int]) -> None:
    """Every kind of block at every depth, at the rate that is the best in the median of three other seeds."""
    images = read_set("embedded")
    for steps, rates in RATES.items():
        for name in BLOCKS:
            for layers in (6, 12, 24):
                run = partial(training_loss, name, layers, steps, images=images)
                tried = {lr: median(run(lr=lr, seed=seed) for seed in (100, 101, 102)) for lr in rates}
                lr = min(tried, key=lambda rate: tried[rate] if math.isfinite(tried[rate]) else math.inf)
                ends = [run(lr=lr, seed=seed) for seed in seeds]
                row = {"tried": {str(rate): loss for rate, loss in tried.items()}, "lr": lr, "losses": ends}

                def change(found: dict[str, Any], place: tuple[str, ...], row: dict[str, Any] = row) -> None:
                    for key in place:
                        found = found.setdefault(key, {})
                    found.update(row)

                write(partial(change, place=("depth", str(steps), name, str(layers))))
                rounded = " ".join(f"{x:.4f}" for x in sorted(ends))
                print(f"{steps} steps, {name}, {layers} layers, rate {lr}: {rounded}", flush=True)


# --------------------------------------------------------------------------------------------- PyTorch's own example


class Example(nn.Module):
    """The network of pytorch/examples, mnist/main.py."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3, 1), nn.Conv2d(32, 64, 3, 1)
        self.dropout1, self.dropout2 = nn.Dropout(0.25), nn.Dropout(0.5)
        self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logarithms of probabilities."""
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
        x = self.dropout2(F.relu(self.fc1(torch.flatten(self.dropout1(x), 1))))
        return F.log_softmax(self.fc2(x), dim=1)


def example(seeds: list[int], epochs: int) -> None:
    """Its published settings, Adadelta at 1 times 0.7 an epoch, batches of 64; data from memory."""
    images = read_set("mnist")
    x, valid_x = ((t.float() / 255 - 0.1307) / 0.3081 for t in (images.images, images.valid_images))
    for seed in seeds:
        torch.manual_seed(seed)
        model, seconds, spent = Example(), 0.0, 0.0
        optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
        history: list[dict[str, float]] = []
        for epoch in range(epochs):
            start, before = time.monotonic(), time.process_time()
            model.train()
            for rows in torch.randperm(len(x)).split(64):
                optimizer.zero_grad()
                F.nll_loss(model(x[rows]), images.labels[rows]).backward()
                optimizer.step()
            schedule.step()
            seconds += time.monotonic() - start
            spent += time.process_time() - before
            model.eval()
            with torch.no_grad():
                answers = torch.cat([model(batch).argmax(1) for batch in valid_x.split(500)])
            wrong = (answers != images.valid_labels).float().mean().item()
            now = {"error_rate": wrong, "seconds": seconds, "processor_seconds": spent}
            history.append({"epoch": epoch + 1, **now})
            run = {"seed": seed, **now, "history": history}
            write(lambda found, run=run: put(found.setdefault("example", []), run))
            said(f"the example, epoch {epoch + 1}", run)


def main() -> None:
    """Make the parts that are asked for, or all."""
    every = (embedded, depth, ablation, halves, side_by_side, mnist)
    parts = {part.__name__: part for part in every}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(parts)}, example; all if none is given")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=5, help="of the example, whose own number is 14")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for name in given.parts or [*parts, "example"]:
        if name == "example":
            example(given.seeds[:1], given.epochs)
        else:
            parts[name](given.seeds)
    print(f"written: {TARGET}")


if __name__ == "__main__":
    main()
