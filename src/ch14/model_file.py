# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""A trained network on disk, with all that is needed to ask it."""

import math
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from .data import normalize
from .resnet import ResNet
from .saving import load_state, save_state


@dataclass
class Trained:
    """A network, the names of its classes, and how its images are prepared.

    `shape` is the height and the width of the images; `mean` and `std` those of the
    pixels, 0 to 1, that it was trained on.
    """

    model: nn.Module
    widths: tuple[int, ...]
    blocks: int
    classes: tuple[str, ...]
    shape: tuple[int, int]
    mean: float
    std: float

    def prepare(self, images: Tensor) -> Tensor:
        """What the network is given. Shapes: (N, 1, H, W), `uint8` -> the same."""
        return normalize(images.float() / 255, self.mean, self.std)

    def save(self, path: str | Path) -> None:
        """Write all of it to one file, or nothing."""
        names = ("widths", "blocks", "classes", "shape", "mean", "std")
        about = {name: getattr(self, name) for name in names}
        save_state(path, {**about, "weights": self.model.state_dict()})


def load_trained(path: str | Path) -> Trained:
    """Read what `save` wrote: numbers and names, never code; in evaluation mode.

    Raises: ValueError for any other file.
    """
    if not Path(path).is_file():
        raise ValueError(
            f"{path}: there is no such file: `python -m ch14.train` makes one"
        )
    try:
        state = load_state(path)
        weights = state.pop("weights")
        there = sum(tensor.numel() for tensor in weights.values())
        needed = sum(9 * w * w for w in state["widths"]) * state["blocks"]
        if needed > there:  # before anything is built, whatever the file claims
            raise ValueError("it has fewer weights than it says")
        model = ResNet(state["widths"], state["blocks"], len(state["classes"]))
        sizes = {name: (t.shape, t.dtype) for name, t in model.state_dict().items()}
        if sizes != {name: (t.shape, t.dtype) for name, t in weights.items()}:
            raise ValueError("its weights are those of another network")
        model.load_state_dict(weights)
        trained = Trained(model.eval(), **state)
        h, w = trained.shape
        numbers = (h, w, trained.mean, trained.std)
        if not all(0 <= n < math.inf for n in numbers) or trained.std == 0:
            raise ValueError(f"impossible {numbers}")
        return trained
    except Exception as error:  # whatever a file that lies has led to
        what = f"{path} holds no network of this book, and nothing in it was run"
        raise ValueError(f"{what} ({error}): train one with ch14.train") from None
