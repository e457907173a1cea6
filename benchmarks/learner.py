"""Chapter 8's learner beside fastai, Lightning and miniai: what an epoch costs, as a multiple of a bare loop.

All train the same network on the same batches with the same optimizer, one thread, in turns; processor time, so that
other programs count for little. Without progress bars, loggers, metrics and checkpoints in any of them; what fastai
and Lightning cannot leave out stays in. Setting up the training is not counted.

`make results` runs it. It needs, beside the book's own packages in .venv, fastai (2.8), lightning (2.6), torcheval and
miniai, which is no package: the folder of that name from https://github.com/fastai/course22p2, on PYTHONPATH.
"""

from __future__ import annotations

import json
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import torch
from torch.nn.functional import cross_entropy

try:
    import lightning
    from fastai.callback.core import Callback as FastaiCallback
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner as FastaiLearner
    from fastai.optimizer import OptimWrapper
    from miniai.learner import TrainLearner
except ImportError as error:
    sys.exit(f"{error}\nThis compares libraries that the book does not need: see the head of {__file__}")

from ch08.data import BatchLoader
from ch08.learner import Learner
from header import header

EPOCHS, ROUNDS, RATE = 4, 45, 0.05
x, y = torch.randn(6400, 784), torch.randint(0, 10, (6400,))


def network() -> torch.nn.Sequential:
    """784-50-10."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(784, 50), torch.nn.ReLU(), torch.nn.Linear(50, 10))


def loader(batch_size: int) -> BatchLoader:
    """The same batches for everybody."""
    return BatchLoader(x, y, batch_size=batch_size, shuffle=True)


def bare(batch_size: int) -> float:
    """The loop that the others are compared with."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    start = time.process_time()
    for _ in range(EPOCHS):
        model.train()
        for rows in torch.randperm(len(x)).split(batch_size):
            loss = cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return time.process_time() - start


def ours(batch_size: int) -> float:
    """Chapter 8's."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    learner = Learner(model, cross_entropy, optimizer, loader(batch_size))
    start = time.process_time()
    learner.fit(EPOCHS)
    return time.process_time() - start


def miniai(batch_size: int) -> float:
    """The course's of 2022."""
    loaders = SimpleNamespace(train=loader(batch_size), valid=[])
    learner = TrainLearner(network(), loaders, cross_entropy, lr=RATE, opt_func=torch.optim.SGD)
    start = time.process_time()
    learner.fit(EPOCHS, valid=False)
    return time.process_time() - start


class Stopwatch(FastaiCallback):
    """From the first batch to the last."""

    def before_fit(self) -> None:
        """Start."""
        self.start = time.process_time()

    def after_fit(self) -> None:
        """Stop."""
        self.seconds = time.process_time() - self.start


class FastaiLoader(BatchLoader):
    """With what fastai asks a loader for."""

    device = None

    def to(self, device: object) -> FastaiLoader:
        """Stay where it is."""
        return self


def fastai(batch_size: int) -> float:
    """The library, with its own recorder."""
    batches = FastaiLoader(x, y, batch_size=batch_size, shuffle=True)
    watch = Stopwatch()
    learner = FastaiLearner(
        DataLoaders(batches, []),
        network(),
        loss_func=cross_entropy,
        opt_func=partial(OptimWrapper, opt=torch.optim.SGD),
        lr=RATE,
        cbs=watch,
    )
    with learner.no_logging():
        learner.fit(EPOCHS)
    return watch.seconds


class Module(lightning.LightningModule):
    """The network as Lightning wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.network = network()

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """The loss of a batch."""
        inputs, labels = batch
        return cross_entropy(self.network(inputs), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """As everywhere here."""
        return torch.optim.SGD(self.parameters(), lr=RATE)

    def on_train_start(self) -> None:
        """Start."""
        self.start = time.process_time()

    def on_train_end(self) -> None:
        """Stop."""
        self.seconds = time.process_time() - self.start


def barebones(batch_size: int) -> float:
    """Lightning with everything off that can be off: its own setting for comparisons like this one."""
    module = Module()
    trainer = lightning.Trainer(max_epochs=EPOCHS, barebones=True, accelerator="cpu")
    trainer.fit(module, loader(batch_size))
    return module.seconds


def main() -> None:
    """Measure, and write docs/results/learner.json."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    others: dict[str, Callable[[int], float]] = {
        "chapter 8": ours,
        "miniai": miniai,
        "Lightning": barebones,
        "fastai": fastai,
    }
    ratios: dict[str, dict[str, list[float]]] = {}
    for batch_size in (64, 256, 1024):
        found: dict[str, list[float]] = {name: [] for name in others}
        for _ in range(ROUNDS):
            for name, run in others.items():
                before, taken, after = bare(batch_size), run(batch_size), bare(batch_size)
                found[name].append(2 * taken / (before + after))
        ratios[str(batch_size)] = found
        for name, values in found.items():
            low, high = min(values), max(values)
            print(f"{batch_size:5} {name:10} {statistics.median(values):.3f}, {low:.3f} to {high:.3f}", flush=True)
    result = header(
        "processor time of an epoch, as a multiple of a bare loop's; 784-50-10, 6,400 rows, one thread",
        "fastai",
        "lightning",
    )
    result["versions"]["miniai"] = "course22p2"
    result["ratios"] = ratios
    target = Path(__file__).resolve().parents[1] / "docs" / "results" / "learner.json"
    target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written: {target}")


if __name__ == "__main__":
    main()
