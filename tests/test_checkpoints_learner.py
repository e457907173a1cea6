"""The suite over all checkpoints, from chapter 8 on: the learner, its callbacks, and what they leave on disk."""

from __future__ import annotations

import copy
import io
import math
import os
import random
import signal
import struct
import subprocess
import sys
import time
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers.checkpoints import Checkpoint

F = torch.nn.functional
BATCH = ["before_batch", "after_predict", "after_loss", "after_backward", "after_step", "after_batch"]
QUIET = ["before_batch", "after_predict", "after_loss", "after_batch"]  # in validation


@pytest.fixture
def book(checkpoint: Checkpoint) -> SimpleNamespace:
    """The modules of a checkpoint that this file asks, by name."""
    names = ("learner", "callbacks", "progress", "lr_finder", "checkpoint", "event_log", "saving", "data", "metrics")
    return SimpleNamespace(**{name: checkpoint.module(name) for name in names})


def learner(book: SimpleNamespace, *callbacks: Any, seed: int = 0, lr: float = 0.1, n: int = 20) -> Any:
    """A small one: 20 examples in batches of 6, so that the last is smaller."""
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    x = torch.randn(n, 4, generator=torch.Generator().manual_seed(1))
    y = torch.randint(3, (n,), generator=torch.Generator().manual_seed(2))
    generator = torch.Generator().manual_seed(seed)
    loader = book.data.BatchLoader(x, y, batch_size=6, shuffle=True, generator=generator)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    return book.learner.Learner(model, F.cross_entropy, optimizer, loader, [(x[:7], y[:7]), (x[7:], y[7:])], callbacks)


def bits(model: torch.nn.Module) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in model.state_dict().values()]


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(map(torch.equal, one, other))


def trace(book: SimpleNamespace, seen: list[str], order: int = 0, **acts: Any) -> Any:
    """Notes all events; `acts` are what to do at some of them."""

    def listener(event: str) -> Any:
        def listen(self: Any, learner: Any) -> None:
            seen.append(event)
            acts.get(event, lambda learner: None)(learner)

        return listen

    methods = {event: listener(event) for event in book.learner.EVENTS}
    return type("Trace", (book.learner.Callback,), {"order": order, **methods})()


def raiser(error: Any) -> Any:
    def act(learner: Any) -> None:
        raise error

    return act


# ----------------------------------------------------------------------------------------------------------- the loop


@pytest.mark.since(8)
def test_it_trains_as_the_bare_loop_does_to_the_bit(book: SimpleNamespace) -> None:
    ours, bare = learner(book), learner(book)
    ours.fit(1)
    ours.fit(2)
    for _ in range(3):
        for x, y in bare.training_loader:
            loss = F.cross_entropy(bare.model(x), y)
            bare.optimizer.zero_grad()
            loss.backward()
            bare.optimizer.step()
    assert equal(bits(ours.model), bits(bare.model))
    assert (ours.epoch, ours.step, ours.epochs) == (3, 12, 3)


@pytest.mark.since(8)
def test_events_come_in_order(book: SimpleNamespace) -> None:
    seen: list[str] = []
    learner(book, trace(book, seen)).fit(2)
    epoch = ["before_epoch", *BATCH * 4, *QUIET * 2, "after_epoch"]
    assert seen == ["before_fit", *epoch * 2, "after_fit"]
    seen.clear()
    learner(book, trace(book, seen)).fit(0)
    assert seen == ["before_fit", "after_fit"]


@pytest.mark.since(8)
def test_lower_orders_hear_first_and_equal_ones_as_given(book: SimpleNamespace) -> None:
    said: list[str] = []
    made = [
        trace(book, [], order, before_fit=lambda learner, name=name: said.append(name))
        for name, order in (("c", 5), ("a", -1), ("d", 5), ("b", 0))
    ]
    learner(book, *made[:2]).fit(0, made[2:])
    assert said == ["a", "b", "c", "d"]


@pytest.mark.since(8)
@pytest.mark.parametrize(
    ("event", "kind", "wanted"),
    [
        ("before_batch", "CancelBatch", ["before_batch", "after_batch"]),
        ("after_backward", "CancelBatch", [*BATCH[:4], "after_batch"]),
        ("after_loss", "CancelEpoch", [*BATCH[:3], "after_epoch", "after_fit"]),
        ("after_batch", "CancelEpoch", [*BATCH, "after_epoch", "after_fit"]),
        ("before_epoch", "CancelEpoch", ["before_epoch", "after_epoch", "after_fit"]),
        ("after_predict", "CancelFit", [*BATCH[:2], "after_fit"]),
        ("after_epoch", "CancelFit", ["after_epoch", "after_fit"]),
        ("before_fit", "CancelFit", ["before_fit", "after_fit"]),
        ("after_fit", "CancelFit", ["after_fit"]),
    ],
)
def test_cancellations(book: SimpleNamespace, event: str, kind: str, wanted: list[str]) -> None:
    seen: list[str] = []
    cancel = getattr(book.learner, kind)
    others: list[str] = []
    made = learner(book, trace(book, seen, **{event: raiser(cancel)}), trace(book, others))
    made.fit(1)
    assert seen == others, "everyone hears of an event, whoever cancels"
    start = seen.index(wanted[0])
    assert seen[start : start + len(wanted)] == wanted
    assert (made.epoch, seen[-1]) == (int(kind != "CancelFit" or event in ("after_epoch", "after_fit")), "after_fit")


@pytest.mark.since(8)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug"), SystemExit(3)])
@pytest.mark.parametrize("event", ["before_fit", "after_loss", "after_epoch"])
@pytest.mark.parametrize("mode", [True, False])
def test_after_fit_comes_whatever_happens(book: SimpleNamespace, error: Any, event: str, mode: bool) -> None:
    seen: list[str] = []
    made = learner(book, trace(book, [], **{event: raiser(error)}), trace(book, seen, order=9))
    made.model.train(mode)
    with pytest.raises(type(error)):
        made.fit(2)
    assert seen[-1] == "after_fit"
    assert made.model.training is mode
    assert torch.is_grad_enabled()
    made.callbacks.clear()
    made.fit(1)  # and it goes on
    assert made.epoch >= 1


@pytest.mark.since(8)
def test_after_fit_comes_to_all_even_if_one_fails(book: SimpleNamespace) -> None:
    seen: list[str] = []
    made = learner(book, trace(book, [], after_fit=raiser(OSError("disk full"))), trace(book, seen))
    with pytest.raises(OSError, match="disk full"):
        made.fit(1)
    assert seen[-1] == "after_fit"


@pytest.mark.since(8)
def test_a_learner_inside_no_grad_trains_all_the_same(book: SimpleNamespace) -> None:
    made = learner(book)
    before = bits(made.model)
    with torch.no_grad():
        made.fit(1)
        assert not torch.is_grad_enabled()
    assert not equal(before, bits(made.model))


@pytest.mark.since(8)
@pytest.mark.parametrize("epochs", [-1, 0.5, 2.0, math.nan, "3"])
def test_impossible_epochs_are_refused(book: SimpleNamespace, epochs: Any) -> None:
    with pytest.raises(ValueError, match="whole epochs"):
        learner(book).fit(epochs)


@pytest.mark.since(8)
@pytest.mark.parametrize("rate", [math.nan, math.inf])
def test_an_impossible_rate_is_refused(book: SimpleNamespace, rate: float) -> None:
    with pytest.raises(ValueError, match=str(rate)):
        learner(book, lr=rate).fit(1)


@pytest.mark.since(8)
@pytest.mark.parametrize("kind", ["CancelBatch", "CancelEpoch"])
def test_where_there_is_nothing_to_cancel_it_is_refused(book: SimpleNamespace, kind: str) -> None:
    events = book.learner.EVENTS
    allowed = events[2:7] if kind == "CancelBatch" else events[1:8]
    for event in events:
        made = learner(book, trace(book, [], **{event: raiser(getattr(book.learner, kind)("enough"))}))
        if event in (*allowed, "after_fit"):
            made.fit(1)
        else:
            with pytest.raises(ValueError, match=f"'enough'.* in {event}: there is no {kind[6:].lower()} to leave"):
                made.fit(1)


@pytest.mark.since(8)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug")])
def test_no_cancellation_in_after_fit_hides_an_error(book: SimpleNamespace, error: Any) -> None:
    cancel = trace(book, [], after_fit=raiser(book.learner.CancelFit()))
    with pytest.raises(type(error)):
        learner(book, trace(book, [], after_loss=raiser(error)), cancel).fit(1)


@pytest.mark.since(8)
def test_each_modules_mode_goes_back(book: SimpleNamespace) -> None:
    made = learner(book)
    made.model[1].eval()
    made.fit(1)
    assert [module.training for module in made.model.modules()] == [True, True, False, True]


@pytest.mark.since(8)
@pytest.mark.parametrize("which", ["training", "validation"])
def test_a_loader_that_gives_nothing_is_refused(book: SimpleNamespace, which: str) -> None:
    made = learner(book)
    setattr(made, f"{which}_loader", iter(()))
    with pytest.raises(ValueError, match=f"no batches in the {which} loader"):
        made.fit(1)


@pytest.mark.since(8)
def test_labels_out_of_range_are_an_error_and_nothing_has_happened(book: SimpleNamespace) -> None:
    made = learner(book)
    made.training_loader = [(torch.zeros(2, 4), torch.tensor([0, 3]))]
    before = bits(made.model)
    with pytest.raises((IndexError, ValueError)):
        made.fit(1)
    assert equal(before, bits(made.model))


@pytest.mark.since(8)
@pytest.mark.parametrize("wrong", ["a class", "a function", "a list"])
def test_what_is_no_callback_is_refused(book: SimpleNamespace, wrong: str) -> None:
    given = {"a class": book.callbacks.Recorder, "a function": print, "a list": [book.callbacks.Recorder()]}
    with pytest.raises(ValueError, match="below Callback"):
        learner(book, given[wrong]).fit(1)
    twice = book.callbacks.Recorder()
    with pytest.raises(ValueError, match="once"):
        learner(book, twice).fit(1, [twice])


@pytest.mark.since(8)
@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("before_bacth", "before_batch"),
        ("after_epochs", "after_epoch"),
        ("befor_fit", "before_fit"),
        *((n, "") for n in ("after_all", "on_batch_end", "begin_fit")),
    ],
)
def test_a_misspelt_event_is_refused(book: SimpleNamespace, name: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy or "known are"):
        type("Wrong", (book.learner.Callback,), {name: lambda self, learner: None})
    mixin = type("Mixin", (), {name: lambda self, learner: None})
    with pytest.raises(ValueError, match=remedy or "known are"):
        type("Wrong", (mixin, book.learner.Callback), {})


@pytest.mark.since(8)
def test_a_batch_is_let_go_before_the_next_one_is_made(book: SimpleNamespace) -> None:
    """Otherwise two are in memory at a time, and each is made in a place of its own, which takes longer."""
    made, batches = [], []

    class Loader:
        def __iter__(self) -> Any:
            for _ in range(3):
                batches.append([each() is None for each in made])
                x, y = torch.randn(2, 4), torch.tensor([0, 1])
                made.extend([weakref.ref(x), weakref.ref(y)])
                pair = [x, y]
                del x, y
                yield pair.pop(0), pair.pop()

    trained = learner(book)
    trained.training_loader = Loader()
    trained.fit(1)
    assert batches == [[], [True] * 2, [True] * 4]
    assert trained.x is trained.y is trained.predictions is trained.loss is None


@pytest.mark.since(8)
def test_other_methods_of_a_callback_are_nobodys_business(book: SimpleNamespace) -> None:
    type("Right", (book.learner.Callback,), dict.fromkeys(["plot", "fit", "batch", "loss", "step", "epoch"], print))


@pytest.mark.since(8)
def test_real_loaders_and_modules_do(book: SimpleNamespace) -> None:
    made = learner(book, book.callbacks.Metrics(error_rate=book.metrics.error_rate))
    dataset = torch.utils.data.TensorDataset(*made.training_loader.tensors)
    made.training_loader = torch.utils.data.DataLoader(dataset, batch_size=6, shuffle=True)
    made.validation_loader = None
    made.fit(2)
    assert list(made.history[1]) == ["epoch", "step", "training_loss"]


@pytest.mark.since(8)
def test_a_thousand_callbacks_cost_little(book: SimpleNamespace) -> None:
    kind = type("Idle", (book.learner.Callback,), {})
    made = learner(book, *(kind() for _ in range(1000)))
    times = []
    for _ in range(3):
        start = time.process_time()
        made.fit(20)
        times.append(time.process_time() - start)
    assert min(times) < 1.0  # 0.03 s on a quiet machine


# ------------------------------------------------------------------------------------------------------------ metrics


@pytest.mark.since(8)
def test_metrics_are_means_over_examples(book: SimpleNamespace) -> None:
    error_rate = book.metrics.error_rate
    made = learner(book, book.callbacks.Metrics(error_rate=error_rate), lr=0.0)
    made.fit(1)
    x, y = made.training_loader.tensors
    logits = made.model(x).detach()
    row = made.history[0]
    assert row["training_loss"] == pytest.approx(F.cross_entropy(logits, y).item(), rel=1e-6)
    assert row["validation_loss"] == pytest.approx(F.cross_entropy(logits, y).item(), rel=1e-6)
    assert row["error_rate"] == pytest.approx(error_rate(logits, y), abs=1e-12)
    assert error_rate(logits, y) == error_rate(logits.argmax(1), y)
    assert (row["epoch"], row["step"]) == (1, 4)
    assert all(type(value) in (int, float) for value in row.values())


@pytest.mark.since(8)
@pytest.mark.parametrize("name", ["epoch", "step", "training_loss", "validation_loss"])
def test_names_of_the_row_are_taken(book: SimpleNamespace, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        book.callbacks.Metrics(**{name: F.mse_loss})


@pytest.mark.since(8)
def test_a_cancelled_epoch_is_given_as_a_reason(book: SimpleNamespace) -> None:
    cancel = trace(book, [], after_step=raiser(book.learner.CancelEpoch()))
    made = learner(book, book.callbacks.Metrics(), cancel, book.callbacks.EarlyStopping())
    with pytest.raises(ValueError, match="or the epoch was cancelled"):
        made.fit(1)


@pytest.mark.since(8)
def test_nobody_shows_the_row_of_an_epoch_long_past(book: SimpleNamespace, tmp_path: Path) -> None:
    made, out = learner(book), io.StringIO()
    made.fit(1, [book.callbacks.Metrics()])
    made.fit(1, [book.progress.Progress(out), book.event_log.EventLog(tmp_path)])
    assert "training_loss" not in out.getvalue()
    assert b"training_loss" not in next(tmp_path.iterdir()).read_bytes()


@pytest.mark.since(8)
def test_cancelled_batches_are_not_counted(book: SimpleNamespace) -> None:
    def first_only(learner: Any) -> None:
        if learner.training and learner.step % 4:
            raise book.learner.CancelBatch

    made = learner(book, book.callbacks.Metrics(), trace(book, [], before_batch=first_only), lr=0.0)
    losses: list[float] = []
    made.fit(1, [trace(book, [], after_step=lambda learner: losses.append(learner.loss.item()))])
    assert len(losses) == 1
    assert made.history[0]["training_loss"] == pytest.approx(losses[0])


@pytest.mark.since(8)
def test_the_recorder_has_every_step(book: SimpleNamespace) -> None:
    import matplotlib.pyplot as plt

    recorder = book.callbacks.Recorder()
    made = learner(book, recorder, book.callbacks.Metrics())
    made.fit(2)
    made.optimizer.param_groups[0]["lr"] = 0.05
    made.fit(1)
    assert len(recorder.losses) == made.step == 12
    assert recorder.rates == [0.1] * 8 + [0.05] * 4
    figure, ax = plt.subplots()
    recorder.plot(ax)
    assert list(ax.lines[1].get_xdata()) == [4, 8, 12]
    plt.close(figure)


# ----------------------------------------------------------------------------------------------------------- progress


@pytest.mark.since(8)
def test_progress_in_a_pipe_is_a_row_for_each_epoch(book: SimpleNamespace) -> None:
    out = io.StringIO()
    learner(book, book.callbacks.Metrics()).fit(3, [book.progress.Progress(out)])
    lines = out.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[0].split() == ["epoch", "training_loss", "validation_loss", "time", "left"]
    assert [line.split()[0] for line in lines[1:]] == ["1/3", "2/3", "3/3"]
    assert len({len(line) for line in lines}) == 1, "the columns are aligned"
    assert all(character.isprintable() or character == "\n" for character in out.getvalue())


@pytest.mark.since(8)
def test_progress_in_a_terminal_rewrites_a_line(book: SimpleNamespace) -> None:
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    made = learner(book, book.callbacks.Metrics(), trace(book, [], after_step=lambda learner: time.sleep(0.03)))
    with os.fdopen(follower, "w") as terminal:
        made.fit(2, [book.progress.Progress(terminal)])
        content = b""
        while content.count(b"\n") < 3 or not content.endswith(b"\x1b[K"):
            content += os.read(leader, 1 << 16)  # it may come in pieces
    shown = content.decode()
    os.close(leader)
    assert "\r\x1b[Kepoch 1/2, batch" in shown
    assert "left" in shown
    rows = [line.rpartition("\x1b[K")[2] for line in shown.split("\n")]
    assert [row.split()[0] for row in rows[:3]] == ["epoch", "1/2", "2/2"]
    assert rows[3] == "", "a clean line is left behind"


@pytest.mark.since(8)
@pytest.mark.parametrize("known", [True, False])
def test_the_time_that_is_left(book: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    """By a clock of its own: each of the 6 batches of an epoch takes 10 s, an epoch 60."""
    now, said = [0.0], []
    monkeypatch.setattr(book.progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    progress = book.progress.Progress(io.StringIO())

    def tick(learner: Any) -> None:
        now[0] += 10.01  # a little more, for the seconds are cut off

    made = learner(book, trace(book, [], before_batch=tick), progress)
    if not known:
        dataset = torch.utils.data.TensorDataset(*made.training_loader.tensors)
        stream = type("Stream", (torch.utils.data.IterableDataset,), {"__iter__": lambda self: iter(dataset)})
        made.training_loader = torch.utils.data.DataLoader(stream(), batch_size=6)
    made.fit(2, [trace(book, [], 30, after_batch=lambda learner: said.append(progress.left(learner)))])
    first = ["1:50", "1:40", "1:30", "1:20", "1:10", "1:00"]
    assert said == (first if known else ["?"] * 6) + ["0:50", "0:40", "0:30", "0:20", "0:10", "0:00"]
    times = (0.2, 59.9, 65, 3600, 90061)
    assert [book.progress.clock(seconds) for seconds in times] == ["0:00", "0:59", "1:05", "1:00:00", "25:01:01"]


@pytest.mark.since(8)
def test_progress_does_not_hide_an_error(book: SimpleNamespace) -> None:
    early = trace(book, [], -1, before_fit=raiser(OSError("no such device")))
    with pytest.raises(OSError, match="no such device"):
        learner(book, early, book.progress.Progress()).fit(1)


# ------------------------------------------------------------------------------------------------- rates and gradients


@pytest.mark.since(8)
def test_find_lr_leaves_no_trace(book: SimpleNamespace) -> None:
    seen: list[str] = []
    made = learner(book, trace(book, seen), book.callbacks.Recorder())
    made.fit(1)
    seen.clear()
    before = copy.deepcopy(book.checkpoint.training_state(made))
    test = book.lr_finder.find_lr(made, 1e-4, 100.0, 60)
    assert seen == [], "who is not needed in a trial is left out"
    after = book.checkpoint.training_state(made)
    assert equal(list(before["model"].values()), list(after["model"].values()))
    assert equal(before["generators"], after["generators"])
    rest = ("optimizer", "done", "history", "callbacks")
    assert [before[name] for name in rest] == [after[name] for name in rest]
    assert all(p.grad is None for p in made.model.parameters())
    assert 0 < test.suggestion < 100
    assert len(test.losses) <= 60
    again, alone = learner(book), learner(book)
    book.lr_finder.find_lr(again)
    for one in (again, alone):
        one.fit(2)
    assert equal(bits(again.model), bits(alone.model))


@pytest.mark.since(8)
def test_find_lr_leaves_no_trace_of_an_error_either(book: SimpleNamespace) -> None:
    made = learner(book)
    before, good = bits(made.model), made.training_loader.tensors
    made.training_loader = [(good[0][:5], good[1][:5]), (good[0][:5], good[1][:4])]
    with pytest.raises(ValueError, match=r"batch_size|size"):
        book.lr_finder.find_lr(made, 1.0, 10.0, 20)
    assert equal(before, bits(made.model))
    assert made.optimizer.param_groups[0]["lr"] == 0.1


@pytest.mark.since(8)
def test_the_suggestion_is_where_the_loss_falls_fastest(book: SimpleNamespace) -> None:
    source = random.Random(3)
    test = book.lr_finder.RangeTest(1e-4, 1.0, 100)
    for n in range(100):
        test.rates.append(10 ** (-4 + n / 25))
        falls = 2.3 - 2 / (1 + math.exp(-(n - 60) / 4))
        rises = math.exp((n - 90) / 3)
        test.losses.append(falls + rises + source.uniform(-0.1, 0.1))
    assert 50 <= test.rates.index(test.suggestion) <= 70
    test.losses = sorted(test.losses)
    with pytest.raises(ValueError, match="none falls"):
        _ = test.suggestion


@pytest.mark.since(8)
def test_losses_below_0_do_not_end_a_range_test_at_once(book: SimpleNamespace) -> None:
    made = learner(book)
    made.loss_fn = lambda predictions, y: F.cross_entropy(predictions, y) - 5
    test = book.lr_finder.find_lr(made, 1e-4, 0.1, 30)
    assert len(test.losses) == 30
    assert max(test.losses) < 0


@pytest.mark.since(8)
@pytest.mark.parametrize("given", [(0.0, 1.0, 10), (1.0, 0.1, 10), (math.nan, 1.0, 10), (0.1, 1.0, 1)])
def test_impossible_range_tests_are_refused(book: SimpleNamespace, given: tuple[float, float, int]) -> None:
    with pytest.raises(ValueError, match="low < high"):
        book.lr_finder.find_lr(learner(book), *given)


@pytest.mark.since(8)
def test_gradients_are_clipped_before_the_step(book: SimpleNamespace) -> None:
    clip = book.callbacks.ClipGradients(1e-3)
    made = learner(book, clip)
    norms: list[float] = []

    def note(learner: Any) -> None:
        norms.append(torch.cat([p.grad.flatten() for p in learner.model.parameters()]).norm().item())

    made.fit(1, [trace(book, [], after_step=note)])
    assert max(norms) < 1.001e-3 < clip.norm


@pytest.mark.since(8)
@pytest.mark.parametrize("most", [0.0, -1.0, math.nan])
def test_an_impossible_norm_is_refused(book: SimpleNamespace, most: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        book.callbacks.ClipGradients(most)


@pytest.mark.since(8)
def test_to_device_moves_model_and_batches(book: SimpleNamespace) -> None:
    class Moved(torch.Tensor):
        """A batch that notes where it was sent."""

        def to(self, device: Any) -> torch.Tensor:
            sent.append(device)
            return self.as_subclass(torch.Tensor)

    sent: list[Any] = []
    made = learner(book, book.callbacks.ToDevice("cpu"))
    x, y = made.training_loader.tensors
    made.training_loader = [(x.as_subclass(Moved), y.as_subclass(Moved))]
    made.validation_loader = None
    made.fit(1)
    assert sent == ["cpu", "cpu"]


# ---------------------------------------------------------------------------------------------------------------- NaN


class Log(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.log()


@pytest.mark.since(8)
def test_the_first_module_that_goes_wrong_is_named(book: SimpleNamespace) -> None:
    inner = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), Log())
    model = torch.nn.Sequential(inner, torch.nn.Linear(5, 3))
    found = book.callbacks.first_not_finite
    assert found(model, torch.randn(6, 4)) == "0.2"
    assert found(model, torch.full((2, 4), math.inf)) == "the input"
    assert found(model[1], torch.randn(6, 5)) is None
    assert not any("forward" in vars(module) for module in model.modules())
    made = learner(book, book.callbacks.StopAtNaN())
    made.model = model
    before = bits(model)
    with pytest.raises(FloatingPointError, match=r"step 0: .* began in '0\.2'"):
        made.fit(1)
    assert equal(before, bits(model))


@pytest.mark.since(8)
def test_a_gradient_that_goes_wrong_is_named(book: SimpleNamespace) -> None:
    class Roots(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sqrt()

    made = learner(book, book.callbacks.StopAtNaN())
    made.model = torch.nn.Sequential(torch.nn.Linear(4, 3), Roots())
    with torch.no_grad():
        for p in made.model.parameters():
            p.zero_()
    with pytest.raises(FloatingPointError, match=r"gradients of \['0\.weight', '0\.bias'\] are"):
        made.fit(1)


@pytest.mark.since(8)
def test_a_loss_that_goes_wrong_by_itself_is_named(book: SimpleNamespace) -> None:
    made = learner(book, book.callbacks.StopAtNaN())
    made.loss_fn = lambda predictions, y: predictions.sum() * math.nan
    with pytest.raises(FloatingPointError, match="the loss function"):
        made.fit(1)


@pytest.mark.since(8)
@pytest.mark.unwatched
def test_whatever_a_module_puts_out_is_looked_at_and_the_model_stays(book: SimpleNamespace) -> None:
    class First(torch.nn.Module):
        def forward(self, outputs: tuple[torch.Tensor, Any]) -> torch.Tensor:
            return outputs[0]

    model = torch.nn.Sequential(torch.nn.BatchNorm1d(4), torch.nn.LSTM(4, 5), First(), torch.nn.Linear(5, 3))
    with torch.no_grad():
        model[1].weight_hh_l0.fill_(math.nan)
    model[3].forward = patch = lambda outputs: outputs
    before = bits(model)
    x = torch.randn(6, 4)
    assert book.callbacks.first_not_finite(model, x) == "1"
    assert all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(before, bits(model), strict=True))
    assert model[3].forward is patch
    inside = {"a": [x, (x, None)]}
    assert book.callbacks.finite(inside)
    inside["a"].append(x / 0)
    assert not book.callbacks.finite(inside)


@pytest.mark.since(8)
def test_a_layer_that_draws_draws_the_same_again(book: SimpleNamespace) -> None:
    class Rarely(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x / (torch.rand(()) > 0.3)

    for seed in range(20):
        made = learner(book, book.callbacks.StopAtNaN(), seed=seed)
        made.model.insert(1, Rarely())
        with pytest.raises(FloatingPointError, match="began in '1'"):
            made.fit(50)


# -------------------------------------------------------------------------------------------------------- saving state


@pytest.mark.since(8)
def test_states_come_back_as_they_were(book: SimpleNamespace, tmp_path: Path) -> None:
    state = {
        "numbers": [1, 2.5, math.pi, -math.inf, True, None, "text ŷ", ""],
        "nested": {0: {"step": torch.tensor(3.0), 1: (0.9, 0.999)}, "a.b": torch.arange(3), "a": {"b": torch.zeros(0)}},
        "empty": [{}, [], ()],
        "same": [torch.ones(2, 1), torch.ones(2, 1)],
    }
    book.saving.save_state(tmp_path / "state", state)
    read = book.saving.load_state(tmp_path / "state")
    assert read["numbers"] == state["numbers"]
    assert [type(value) for value in read["numbers"]] == [type(value) for value in state["numbers"]]
    assert read["empty"] == state["empty"]
    assert read["nested"][0][1] == (0.9, 0.999)
    assert read["nested"][0]["step"] == 3.0
    assert read["nested"]["a.b"].tolist() == [0, 1, 2]
    assert read["nested"]["a"]["b"].shape == (0,)
    assert torch.equal(read["same"][1], torch.ones(2, 1))
    book.saving.save_state(tmp_path / "more", {"size": torch.Size([2, 3]), (1, "b"): 4})
    assert book.saving.load_state(tmp_path / "more") == {"size": (2, 3), (1, "b"): 4}


@pytest.mark.since(8)
@pytest.mark.parametrize("wrong", [{1, 2}, 1j, object(), b"bytes"])
def test_what_no_state_can_hold_is_refused(book: SimpleNamespace, tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"\.a\.1.*numbers and texts"):
        book.saving.save_state(tmp_path / "state", {"a": [0, wrong]})
    assert not (tmp_path / "state").exists()


@pytest.mark.since(8)
def test_damaged_states_are_refused(book: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "state"
    book.saving.save_state(path, {"a": torch.arange(4.0), "b": [1, 2]})
    whole = path.read_bytes()
    for cut in (0, 7, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="state"):
            book.saving.load_state(path)
    book.saving.save_tensors(path, {"weight": torch.zeros(2)})
    with pytest.raises(ValueError, match="holds no state"):
        book.saving.load_state(path)
    with pytest.raises(FileNotFoundError):
        book.saving.load_state(tmp_path / "nothing")


# ----------------------------------------------------------------------------------------------- stopping and resuming


def optimizers(parameters: Any) -> dict[str, torch.optim.Optimizer]:
    given = list(parameters)
    return {
        "sgd": torch.optim.SGD(given, lr=0.07),
        "momentum": torch.optim.SGD(given, lr=0.07, momentum=0.9),
        "adam": torch.optim.Adam(given, lr=0.01),
        "groups": torch.optim.AdamW([{"params": given[:1], "lr": 0.01}, {"params": given[1:]}], lr=0.02),
    }


@pytest.mark.since(8)
@pytest.mark.unwatched
@pytest.mark.parametrize("kind", ["sgd", "momentum", "adam", "groups"])
def test_resumed_is_the_same_to_the_bit(book: SimpleNamespace, tmp_path: Path, kind: str) -> None:
    def made(*more: Any, seed: int = 0) -> Any:
        stopping = book.callbacks.EarlyStopping(patience=50)
        one = learner(book, book.callbacks.Metrics(), book.callbacks.Recorder(), stopping, *more, seed=seed)
        one.model.insert(1, torch.nn.Dropout(0.5))  # draws from PyTorch's own generator
        one.optimizer = optimizers(one.model.parameters())[kind]
        return one

    store = book.checkpoint.Checkpoint
    whole = made()
    whole.fit(5)
    made(store(tmp_path / "run")).fit(3)
    resumed = made(store(tmp_path / "run", resume=True), seed=4)
    resumed.fit(5)
    assert resumed.epoch == 5
    assert resumed.step == whole.step == 20
    assert equal(bits(resumed.model), bits(whole.model))
    assert resumed.history == whole.history
    assert resumed.callbacks[1].losses == whole.callbacks[1].losses
    assert resumed.callbacks[2].best == whole.callbacks[2].best
    done = made(store(tmp_path / "run", resume=True), seed=5)
    done.fit(5)
    assert done.epoch == 5
    assert equal(bits(done.model), bits(whole.model))


@pytest.mark.since(8)
def test_a_checkpoint_does_not_write_over_another_run(book: SimpleNamespace, tmp_path: Path) -> None:
    store = book.checkpoint.Checkpoint
    made = learner(book, store(tmp_path))
    made.fit(1)
    made.fit(1)  # the same learner goes on
    with pytest.raises(ValueError, match="resume=True"):
        learner(book, store(tmp_path)).fit(1)
    with pytest.raises(ValueError, match="another training"):
        learner(book, book.callbacks.Recorder(), store(tmp_path, resume=True)).fit(1)
    other = learner(book, store(tmp_path, resume=True))
    other.model = torch.nn.Linear(4, 3)
    with pytest.raises(ValueError, match="another training"):
        other.fit(1)


@pytest.mark.since(8)
def test_a_learner_with_epochs_behind_it_does_not_write_over_a_run(book: SimpleNamespace, tmp_path: Path) -> None:
    store = book.checkpoint.Checkpoint
    learner(book, store(tmp_path)).fit(2)
    for resume in (False, True):
        other = learner(book)
        other.fit(1)
        with pytest.raises(ValueError, match="another folder"):
            other.fit(1, [store(tmp_path, resume=resume)])


@pytest.mark.since(8)
def test_a_state_that_is_refused_has_changed_nothing(book: SimpleNamespace) -> None:
    made, other = learner(book, book.callbacks.Recorder()), learner(book, book.callbacks.Recorder(), seed=3)
    made.fit(1)
    other.fit(2)
    good, before = book.checkpoint.training_state(other), copy.deepcopy(book.checkpoint.training_state(made))
    for name, wrong in (
        ("kind", "Adam"),
        ("optimizer", 5),
        ("done", ["a", "b"]),
        ("history", 3),
        ("generators", []),
        ("callbacks", [["Recorder", 7]]),
        ("callbacks", [["Recorder", {"losses": []}]]),
        ("model", {**good["model"], "2.bias": torch.zeros(9)}),
    ):
        with pytest.raises(ValueError, match="another training"):
            book.checkpoint.restore_training(made, {**good, name: wrong})
        after = book.checkpoint.training_state(made)
        assert equal(list(before["model"].values()), list(after["model"].values()))
        assert equal(before["generators"], after["generators"])
        rest = ("optimizer", "done", "history", "callbacks")
        assert [before[part] for part in rest] == [after[part] for part in rest]


@pytest.mark.since(8)
def test_who_has_nothing_to_remember_may_come_and_go(book: SimpleNamespace, tmp_path: Path) -> None:
    store = book.checkpoint.Checkpoint
    learner(book, book.callbacks.Metrics(), store(tmp_path)).fit(1)
    more = learner(book, book.progress.Progress(io.StringIO()), store(tmp_path, resume=True))
    more.fit(2)
    assert (more.epoch, more.step) == (2, 8)


@pytest.mark.since(8)
def test_an_ended_training_stays_ended(book: SimpleNamespace, tmp_path: Path) -> None:
    def made(seed: int) -> Any:
        stopping = book.callbacks.EarlyStopping(patience=2)
        store = book.checkpoint.Checkpoint(tmp_path, "validation_loss", resume=True)
        return learner(book, book.callbacks.Metrics(), stopping, store, seed=seed, lr=2.0)

    first = made(0)
    first.fit(60)
    assert first.epoch < 60
    for seed in (1, 2, 3):
        again = made(seed)
        again.fit(60)
        assert (again.epoch, again.history) == (first.epoch, first.history)
        assert equal(bits(again.model), bits(first.model))


@pytest.mark.since(8)
def test_early_stopping_forgets_the_fit_before(book: SimpleNamespace) -> None:
    stopping = book.callbacks.EarlyStopping(patience=2)
    learner(book, book.callbacks.Metrics()).fit(20, [stopping])
    second = learner(book, book.callbacks.Metrics(), seed=5, lr=0.0)
    before = bits(second.model)
    second.fit(9, [stopping])
    assert second.epoch == 3
    assert equal(bits(second.model), before)
    with pytest.raises(ValueError, match="at least 1"):
        book.callbacks.EarlyStopping(patience=0)


@pytest.mark.since(8)
def test_the_best_is_kept(book: SimpleNamespace, tmp_path: Path) -> None:
    scores = iter([3.0, 1.0, 2.0, math.nan])
    kept: list[Any] = []

    def score(learner: Any) -> None:
        learner.history[-1]["score"] = next(scores)
        kept.append(bits(learner.model))

    note = trace(book, [], after_epoch=score)
    learner(book, book.callbacks.Metrics(), note, book.checkpoint.Checkpoint(tmp_path, "score")).fit(4)
    best = book.saving.load_tensors(tmp_path / "best.safetensors")
    assert equal(list(best.values()), kept[1])
    last = book.saving.load_state(tmp_path / "last.safetensors")
    assert equal(list(last["model"].values()), kept[3])


@pytest.mark.since(8)
def test_a_metric_that_nobody_measures_is_refused(book: SimpleNamespace, tmp_path: Path) -> None:
    for callback in (book.callbacks.EarlyStopping("accuracy"), book.checkpoint.Checkpoint(tmp_path, "accuracy")):
        with pytest.raises(ValueError, match="no 'accuracy'"):
            learner(book, book.callbacks.Metrics(), callback).fit(1)
        with pytest.raises(ValueError, match="Metrics"):
            learner(book, callback).fit(1)


@pytest.mark.since(8)
def test_a_folder_that_cannot_be_is_an_error(book: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="file"):
        learner(book, book.checkpoint.Checkpoint(tmp_path / "file" / "run")).fit(1)


@pytest.mark.since(8)
def test_a_damaged_checkpoint_is_refused(book: SimpleNamespace, tmp_path: Path) -> None:
    store = book.checkpoint.Checkpoint
    learner(book, store(tmp_path)).fit(1)
    path = tmp_path / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match=r"last\.safetensors"):
        learner(book, store(tmp_path, resume=True)).fit(1)


KILLED = """
import sys
sys.path[:0] = {path!r}
from test_checkpoints_learner import Checkpoint, SimpleNamespace, learner
modules = ("callbacks", "learner", "checkpoint", "data")
book = SimpleNamespace(**{{name: Checkpoint({number}).module(name) for name in modules}})
made = learner(book, book.callbacks.Recorder(), book.checkpoint.Checkpoint({folder!r}, resume=True))
print("ready", flush=True)
made.fit(100_000)
"""


@pytest.mark.since(8)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is POSIX")
def test_killed_at_any_moment_it_resumes_to_the_same_bits(
    checkpoint: Checkpoint, book: SimpleNamespace, tmp_path: Path
) -> None:
    """Saves are most of what this run does, so that a kill is likely to come within one."""
    script = KILLED.format(path=sys.path, number=checkpoint.number, folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        while (
            run.poll() is None and not (tmp_path / "last.safetensors").exists()
        ):  # before it there is nothing to resume
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.2))
        run.kill()
    assert run.returncode == -signal.SIGKILL
    callbacks = [book.callbacks.Recorder(), book.checkpoint.Checkpoint(tmp_path, resume=True)]
    resumed = learner(book, *callbacks, seed=7)
    resumed.fit(0)
    reached = resumed.epoch
    resumed.fit(2)
    whole = learner(book, book.callbacks.Recorder())
    whole.fit(reached + 2)
    assert resumed.epoch == whole.epoch
    assert equal(bits(resumed.model), bits(whole.model))
    assert callbacks[0].losses == whole.callbacks[0].losses


# ---------------------------------------------------------------------------------------------------- TensorBoard's log


def crc32c(content: bytes) -> int:
    """By the polynomial as it stands in RFC 3720, bits reversed: division of the whole message at once."""

    def reversed_bits(number: int, width: int) -> int:
        return int(f"{number:0{width}b}"[::-1], 2)

    message = int.from_bytes(bytes(reversed_bits(byte, 8) for byte in content), "big")
    width = 8 * len(content)
    remainder = (message << 32) ^ (0xFFFFFFFF << width)
    for place in range(width - 1, -1, -1):
        if remainder >> (place + 32) & 1:
            remainder ^= 0x11EDC6F41 << place
    return reversed_bits(remainder, 32) ^ 0xFFFFFFFF


def records(content: bytes) -> list[bytes]:
    found = []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        for piece, after in ((content[:8], 8), (content[12 : 12 + length], 12 + length)):
            crc = crc32c(piece)
            masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
            assert struct.unpack("<I", content[after : after + 4]) == (masked,)
        found.append(content[12 : 12 + length])
        content = content[16 + length :]
    return found


@pytest.mark.since(8)
def test_the_log_holds_what_was_logged(book: SimpleNamespace, tmp_path: Path) -> None:
    assert crc32c(b"123456789") == 0xE3069283
    recorder = book.callbacks.Recorder()
    made = learner(book, book.callbacks.Metrics(), recorder, book.event_log.EventLog(tmp_path / "a" / "b", every=1))
    made.step = 298  # a step that takes two bytes
    made.fit(1)
    (path,) = (tmp_path / "a" / "b").iterdir()
    first, *events = records(path.read_bytes())
    assert first.endswith(b"\x1a\x0dbrain.Event:2")
    assert len(events) == 2 * 4 + 2
    _, when, key, low, high = struct.unpack("<BdBBB", events[0][:12])
    assert abs(when - time.time()) < 60
    assert key == 0x10
    assert (low & 127) + 128 * high == 299
    assert events[0][12:] == b"\x2a\x0d\x0a\x0b\x0a\x04loss\x15" + struct.pack("<f", recorder.losses[0])
    assert b"validation_loss" in events[-1]


@pytest.mark.since(8)
def test_tensorboard_reads_the_log(book: SimpleNamespace, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing import event_accumulator as reader  # takes seconds to import

    recorder = book.callbacks.Recorder()
    made = learner(book, book.callbacks.Metrics(), recorder, book.event_log.EventLog(tmp_path, every=2))
    made.fit(40)
    read = reader.EventAccumulator(str(tmp_path), size_guidance={"scalars": 0}).Reload()
    assert {"loss", "lr", "training_loss", "validation_loss"} == set(read.Tags()["scalars"])
    assert [event.step for event in read.Scalars("loss")] == list(range(2, 161, 2))
    assert [event.value for event in read.Scalars("loss")] == pytest.approx(recorder.losses[1::2])
    assert [event.step for event in read.Scalars("training_loss")] == list(range(4, 161, 4))


@pytest.mark.since(8)
def test_the_log_takes_any_number(book: SimpleNamespace, tmp_path: Path) -> None:
    log = book.event_log.EventLog(tmp_path)
    made = learner(book, book.callbacks.Metrics(huge=lambda predictions, y: 1e39), log)
    made.fit(1)
    assert b"huge\x15" + struct.pack("<f", math.inf) in next(tmp_path.iterdir()).read_bytes()
    with pytest.raises(ValueError, match="1 or more"):
        book.event_log.EventLog(tmp_path, every=0)


@pytest.mark.since(8)
def test_the_log_is_closed_whatever_happens(book: SimpleNamespace, tmp_path: Path) -> None:
    log = book.event_log.EventLog(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        learner(book, log, trace(book, [], after_loss=raiser(KeyboardInterrupt()))).fit(1)
    assert log.file.closed
    never = book.event_log.EventLog(tmp_path)
    with pytest.raises(OSError, match="disk"):
        learner(book, trace(book, [], before_fit=raiser(OSError("disk"))), never).fit(1)
