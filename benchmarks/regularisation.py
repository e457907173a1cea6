"""Chapter 13's choices, made on images held back from training, and its "more data" with the full MNIST.

Every rate and strength is the one with the lowest cross-entropy on a random fifth of the book's training images, with
the temperature that suits best, as a mean over three seeds. Then the full set: all training images of MNIST but for the
book's own validation images, on which all are judged. `make results` runs it; it needs the full MNIST, as `DATA=mnist`
does, and about ten minutes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ch13.augment import Augment, random_affine
from ch13.calibration import fit_temperature
from ch13.data import BatchLoader, normalize
from ch13.learner import Callback, Learner
from ch13.models import small_cnn
from ch13.regularization import Mixup
from ch13.schedules import Scheduled, one_cycle
from groundup.data import mnist
from header import header

SEEDS = range(5)
os.environ["DATA"] = "embedded"
TRAINING, VALIDATION = mnist()
PIXELS, LABELS = TRAINING.tensors()
MEAN, STD = PIXELS.mean().item(), PIXELS.std().item()
AFFINE = {"rotate": 15, "shift": 2, "scale": 0.15, "fill": -MEAN / STD}


def prepared(pixels: Tensor) -> Tensor:
    """Normalised, as images."""
    return normalize(pixels, MEAN, STD).view(-1, 1, 28, 28)


IMAGES = prepared(PIXELS)
ORDER = torch.randperm(len(IMAGES), generator=torch.Generator().manual_seed(0))
FITTED, REST = ORDER.split([len(ORDER) * 4 // 5, len(ORDER) - len(ORDER) * 4 // 5])


class Together(Augment):
    """The same draw for all images of a batch."""

    def before_batch(self, learner: Learner) -> None:
        """All images as the channels of one."""
        if learner.training:
            x = learner.x
            learner.x = random_affine(x.view(1, len(x), 28, 28), **self.settings).view_as(x)


def dense(dropout: float = 0.0, width: int = 100) -> nn.Sequential:
    """Fully connected, two hidden layers."""
    drop = [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(784, width), nn.ReLU(), *drop),
        *(nn.Linear(width, width), nn.ReLU(), *drop),
        nn.Linear(width, 10),
    )


def cnn(channels: tuple[int, int, int] = (8, 16, 32), dropout: float = 0.0) -> nn.Sequential:
    """Chapter 12's."""
    return small_cnn(channels, norm=nn.BatchNorm2d, dropout=dropout)


def trained(
    make: Callable[..., nn.Module],
    x: Tensor,
    y: Tensor,
    seed: int,
    *,
    lr: float,
    epochs: int,
    batch_size: int,
    decay: float = 0.01,
    smoothing: float = 0.0,
    augment: type[Augment] | None = None,
    rotate: float = 15,
    mix: float = 0.0,
    **settings: float,
) -> nn.Module:
    """Chapter 13's way to train: AdamW on one cycle."""
    torch.manual_seed(seed)
    model = make(**settings)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=decay)
    generator = torch.Generator().manual_seed(seed)
    loader = BatchLoader(x, y, batch_size=batch_size, shuffle=True, generator=generator)
    callbacks: list[Callback] = [Scheduled(lr=one_cycle(lr))]
    callbacks += [augment(**AFFINE | {"rotate": rotate})] if augment else []
    callbacks += [Mixup(mix)] if mix else []
    Learner(model, partial(cross_entropy, label_smoothing=smoothing), optimizer, loader, callbacks=callbacks).fit(
        epochs
    )
    return model.eval()


@torch.no_grad()
def logits(model: nn.Module, x: Tensor) -> Tensor:
    """In evaluation mode, 500 at a time."""
    return torch.cat([model(batch) for batch in x.split(500)])


FEW = {"make": dense, "rows": FITTED[:500], "epochs": 20, "batch_size": 50}
ALL = {"make": dense, "rows": FITTED, "epochs": 10, "batch_size": 50}
AUGMENTED = ALL | {"augment": Augment}
CNN = {"make": cnn, "rows": FITTED, "epochs": 10, "batch_size": 50, "augment": Augment}
SMALL = CNN | {"make": partial(cnn, (4, 8, 16))}
RATES = (0.001, 0.002, 0.004, 0.008, 0.016)


def loss_held_back(make: Callable[..., nn.Module], rows: Tensor, **settings: Any) -> float:
    """Mean over three seeds."""
    found = []
    for seed in range(3):
        model = trained(make, IMAGES[rows], LABELS[rows], seed, **settings)
        held_back = logits(model, IMAGES[REST]).double()
        temperature = fit_temperature(held_back, LABELS[REST])
        found.append(cross_entropy(held_back / temperature, LABELS[REST]).item())
    return mean(found)


def apart(pair: tuple[int, int], angle: int, epochs: int) -> list[float]:
    """Error rates of networks that learn two digits only, turned by up to `angle` degrees."""
    rows = ORDER[torch.isin(LABELS[ORDER], torch.tensor(pair))]
    valid_x, valid_y = VALIDATION.tensors()
    asked = torch.isin(valid_y, torch.tensor(pair))
    x, y = prepared(valid_x)[asked], valid_y[asked]
    found = []
    for seed in SEEDS:
        settings = {"lr": 0.02, "epochs": epochs, "batch_size": 50, "augment": Augment, "rotate": angle}
        model = trained(cnn, IMAGES[rows], LABELS[rows], seed, **settings)
        found.append((logits(model, x).argmax(1) != y).float().mean().item())
    return found


def turned() -> dict[str, list[float]]:
    """6 against 9, which are each other on their heads, and 3 against 4, which are not."""
    runs = [((6, 9), 15, 3), ((6, 9), 180, 3), ((3, 4), 180, 3), ((6, 9), 180, 15), ((3, 4), 180, 15)]
    return {f"{a} and {b}, {angle} degrees, {n} epochs": apart((a, b), angle, n) for (a, b), angle, n in runs}


def main() -> None:
    """Choose, then train on the full set; write docs/results/regularisation.json."""
    torch.set_num_threads(1)
    os.environ["DATA"] = "mnist"
    everything, more = mnist()  # first: if they cannot be had, it is better to know now
    choices: dict[str, dict[str, float]] = {}
    known: dict[str, float] = {}

    def choose(what: str, setting: str, values: tuple[float, ...], recipe: dict) -> dict:
        found = {}
        for value in values:
            settings = recipe | {setting: value}
            key = f"{what} {[(name, given) for name, given in settings.items() if name != 'rows' and given]}"
            if key not in known:
                known[key] = loss_held_back(**settings)
            found[value] = known[key]
        choices[f"{what}: {setting}"] = {str(value): loss for value, loss in found.items()}
        print(f"{what}: {setting}", *(f"{value}: {loss:.4f}" for value, loss in found.items()), flush=True)
        return recipe | {setting: min(found, key=lambda value: found[value])}

    few = choose("500 images", "lr", RATES, FEW)
    strengths = {
        "decay": (0.01, 0.1, 1.0, 4.0, 10.0),
        "dropout": (0.1, 0.2, 0.4, 0.6),
        "smoothing": (0.05, 0.1, 0.2, 0.4, 0.6, 0.8),
    }
    for setting, values in (strengths | {"mix": (0.1, 0.25, 0.5, 1.0, 2.0)}).items():
        choose("500 images", setting, values, few)
    dense_recipe = choose("all images", "lr", RATES, ALL)
    augmented = choose("augmented", "lr", (*RATES, 0.032), AUGMENTED)
    bare = choose("CNN", "lr", (0.01, 0.02, 0.04, 0.08), CNN)
    recipe = choose("CNN", "decay", (0.01, 0.05, 0.25), bare)
    recipe = choose("CNN", "dropout", (0.0, 0.1, 0.2), recipe)
    recipe = choose("CNN", "smoothing", (0.0, 0.02, 0.05), recipe)
    recipe = choose("CNN", "mix", (0.0, 0.2), recipe)
    decay = {key: recipe[key] for key in ("decay", "smoothing", "mix")}
    larger = CNN | decay | {"make": partial(cnn, (16, 32, 64)), "epochs": 6, "dropout": recipe["dropout"]}
    larger = choose("larger", "lr", (0.0025, 0.005, 0.01, 0.02, 0.04), larger)
    small = choose("smaller", "lr", (0.02, 0.04, 0.08, 0.16), SMALL | decay)

    valid_x, valid_y = VALIDATION.tensors()
    valid_x = prepared(valid_x)

    def error_rates(x: Tensor, y: Tensor, settings: dict) -> list[float]:
        given = {key: value for key, value in settings.items() if key != "rows"}
        found = []
        for seed in SEEDS:
            model = trained(x=x, y=y, seed=seed, **given)
            found.append((logits(model, valid_x).argmax(1) != valid_y).float().mean().item())
        print(" ".join(f"{rate:.2%}" for rate in found), flush=True)
        return found

    one_draw = augmented | {"augment": Together}
    narrow = augmented | {"make": partial(dense, width=11)}
    # the chapter repeats some of these, with the images in this order
    shuffled = {"augmented": augmented, "one draw": one_draw, "larger": larger}
    table = {name: error_rates(IMAGES[ORDER], LABELS[ORDER], settings) for name, settings in shuffled.items()}
    rows = {"narrow": narrow, "CNN": bare, "regularised": recipe, "smaller": small}
    table |= {name: error_rates(IMAGES, LABELS, settings) for name, settings in rows.items()}

    pixels, labels = (torch.cat(pair) for pair in zip(everything.tensors(), more.tensors(), strict=True))
    judged = {bytes(image) for image in VALIDATION.images}
    images = [*everything.images, *more.images]
    unseen = torch.tensor([n for n, image in enumerate(images) if bytes(image) not in judged])
    x, y = prepared(pixels[unseen]), labels[unseen]
    full = {
        "dense": error_rates(x, y, dense_recipe | {"epochs": 4}),
        "CNN": error_rates(x, y, recipe | {"epochs": 2}),
    }
    result = header(
        "chapter 13: held-back losses of all choices, means of three seeds; error rates with the full MNIST"
    )
    result |= {
        "seeds": {"choices": [0, 1, 2], "full": [*SEEDS]},
        "choices": choices,
        "error_rates": table,
        "turned": turned(),
        "full": {"images": len(x), "epochs": {"dense": 4, "CNN": 2}, "error_rates": full},
    }
    target = Path(__file__).resolve().parents[1] / "docs" / "results" / "regularisation.json"
    target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written: {target}")


if __name__ == "__main__":
    main()
