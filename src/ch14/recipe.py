# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""The recipe: all that is chosen about a training, and the learner made of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from .augment import Warp
from .data import BatchLoader
from .learner import Callback, Learner
from .resnet import ResNet
from .schedules import Scheduled, one_cycle


@dataclass(frozen=True)
class Recipe:
    """With the images and the seed it fixes what a training leads to.

    On one machine, that is, with one number of threads and one PyTorch.
    """

    epochs: int = 20
    batch_size: int = 64
    lr: float = 0.01
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    rotate: float = 10.0
    shift: float = 2.0
    scale: float = 0.1
    bend: float = 0.7
    widths: tuple[int, ...] = (16, 32, 64)
    blocks: int = 1


def resnet_learner(
    recipe: Recipe,
    images: Tensor,
    labels: Tensor,
    seed: int,
    fill: float,
    classes: int = 10,
    validation: Iterable | None = None,
    callbacks: Sequence[Callback] = (),
) -> Learner:
    """A new ResNet and all that trains it; `fill` is the background of the images.

    Draws from PyTorch's own generator, which it seeds. Shapes: images (N, 1, H, W).
    """
    torch.manual_seed(seed)
    model = ResNet(recipe.widths, recipe.blocks, classes)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay
    )
    loader = BatchLoader(
        images, labels, batch_size=recipe.batch_size, shuffle=True,
        generator=torch.Generator().manual_seed(seed),
        drop_last=len(images) % recipe.batch_size == 1,  # nothing to normalise over
    )  # fmt: skip

    def loss(logits: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(logits, y, label_smoothing=recipe.label_smoothing)

    usual: list[Callback] = [Scheduled(lr=one_cycle(recipe.lr))]
    moves = {n: getattr(recipe, n) for n in ("rotate", "shift", "scale", "bend")}
    if any(moves.values()):
        usual.append(Warp(**moves, fill=fill))
    listening = [*usual, *callbacks]
    return Learner(model, loss, optimizer, loader, validation, listening)
