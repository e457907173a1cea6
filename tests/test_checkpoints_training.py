"""The suite over all checkpoints, from chapter 7 on: losses of logits, loaders, fitting, saving."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

import pytest
import safetensors.torch as torch_files
import torch
from helpers.checkpoints import Checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

settings.register_profile("training", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("training")

F = torch.nn.functional
sizes = st.integers(1, 5)
seeds = st.integers(0, 2**31)
same_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def labels_of(n: int, k: int, seed: int) -> torch.Tensor:
    return torch.randint(k, (n,), generator=torch.Generator().manual_seed(seed))


def close(got: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)


# ------------------------------------------------------------------------------------------------------------- losses


@pytest.mark.since(7)
@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=3), data=st.data(), seed=seeds)
def test_log_sums_are_pytorchs_with_their_gradients(
    checkpoint: Checkpoint, shape: list[int], data: st.DataObject, seed: int
) -> None:
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    scale = data.draw(st.sampled_from([1.0, 1e3]))
    order = data.draw(st.permutations(range(len(shape))))
    losses = checkpoint.module("losses")
    for ours, theirs in ((losses.logsumexp, torch.logsumexp), (losses.log_softmax, F.log_softmax)):
        z = (scale * rand(*shape, seed=seed)).permute(order)  # mostly not contiguous
        sides = [z.clone().requires_grad_() for _ in "ab"]
        results = [function(side, dim) for function, side in zip((ours, theirs), sides, strict=True)]
        close(*results)
        cotangent = rand(*results[0].shape, seed=seed + 1)
        close(*(torch.autograd.grad(r, s, cotangent)[0] for r, s in zip(results, sides, strict=True)))


@pytest.mark.since(7)
@given(n=sizes, k=sizes, seed=seeds)
def test_cross_entropy_is_pytorchs_with_its_gradient(checkpoint: Checkpoint, n: int, k: int, seed: int) -> None:
    labels = labels_of(n, k, seed)
    sides = [rand(k, n, seed=seed).T.requires_grad_() for _ in "ab"]
    losses = [
        f(z, labels) for f, z in zip((checkpoint.module("losses").cross_entropy, F.cross_entropy), sides, strict=True)
    ]
    close(*losses)
    close(*(torch.autograd.grad(loss, z)[0] for loss, z in zip(losses, sides, strict=True)))


@pytest.mark.since(7)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cross_entropy_of_loud_logits_is_finite(checkpoint: Checkpoint, dtype: torch.dtype) -> None:
    logits = torch.tensor([[1e4, 0.0], [-1e4, -1e4]], dtype=dtype)
    got = checkpoint.module("losses").cross_entropy(logits, torch.tensor([1, 0]))
    assert got.item() == pytest.approx((1e4 + math.log(2)) / 2)


@pytest.mark.since(7)
@pytest.mark.parametrize(
    ("logits", "labels", "said"),
    [
        (torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64), r"\(0, 3\)"),
        (torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64), r"\(2, 3\).*\(3,\)"),
        (torch.zeros(3), torch.zeros(3, dtype=torch.int64), r"logits \(3,\)"),
        (torch.zeros(2, 3), torch.tensor([0, 3]), "from 0 to K - 1"),
        (torch.zeros(2, 3), torch.tensor([-100, 1]), "from 0 to K - 1"),
        (torch.zeros(2, 3), torch.tensor([0.0, 1.0]), "int64"),
    ],
)
def test_what_is_no_batch_of_labels_is_refused(
    checkpoint: Checkpoint, logits: torch.Tensor, labels: torch.Tensor, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        checkpoint.module("losses").cross_entropy(logits, labels)


# ------------------------------------------------------------------------------------------------------------ loaders


@pytest.mark.since(7)
@given(n=st.integers(0, 12), size=st.integers(1, 14), drop=st.booleans(), shuffle=st.booleans(), seed=seeds)
def test_a_loader_gives_every_row_once(
    checkpoint: Checkpoint, n: int, size: int, drop: bool, shuffle: bool, seed: int
) -> None:
    x, y = rand(n, 2, seed=seed), torch.arange(n)
    generator = torch.Generator().manual_seed(seed)
    loader = checkpoint.module("data").BatchLoader(
        x, y, batch_size=size, shuffle=shuffle, drop_last=drop, generator=generator
    )
    before = torch.get_rng_state()
    for _ in range(2):
        batches = list(loader)
        lengths = [len(rows) for _, rows in batches]
        wanted = [size] * (n // size) + [n % size] * (n % size > 0 and not drop)
        assert lengths == wanted
        assert len(loader) == len(wanted)
        rows = torch.cat([torch.zeros(0, dtype=torch.int64), *(rows for _, rows in batches)])
        assert len(rows.unique()) == len(rows) == sum(wanted)
        assert all(torch.equal(part, x[rows]) for part, rows in batches)
        assert shuffle or rows.tolist() == list(range(len(rows)))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.since(7)
def test_a_loader_shuffles_anew_and_by_its_generator(checkpoint: Checkpoint) -> None:
    def orders(seed: int) -> list[list[int]]:
        loader = checkpoint.module("data").BatchLoader(
            torch.arange(50), batch_size=7, shuffle=True, generator=torch.Generator().manual_seed(seed)
        )
        return [torch.cat([rows for (rows,) in loader]).tolist() for _ in range(3)]

    assert orders(1) == orders(1) != orders(2)
    assert len({tuple(order) for order in orders(1)}) == 3


@pytest.mark.since(7)
@pytest.mark.parametrize(("lengths", "size"), [((3, 4), 2), ((3, 3), 0), ((3, 3), 2.5), ((), 2)])
def test_a_loader_refuses_what_it_cannot_cut(checkpoint: Checkpoint, lengths: tuple[int, ...], size: float) -> None:
    with pytest.raises(ValueError, match="lengths"):
        checkpoint.module("data").BatchLoader(*(torch.zeros(n) for n in lengths), batch_size=size)


# ----------------------------------------------------------------------------------------------------------- training


def small_model(seed: int = 0) -> torch.nn.Sequential:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 4)).double()


@pytest.mark.since(7)
@given(n=st.integers(1, 9), size=st.integers(1, 5), training=st.booleans(), seed=seeds)
def test_evaluate_weighs_batches_by_their_size(
    checkpoint: Checkpoint, n: int, size: int, training: bool, seed: int
) -> None:
    x, y = rand(n, 3, seed=seed), labels_of(n, 4, seed)
    model = small_model(seed).train(training)
    loader = checkpoint.module("data").BatchLoader(x, y, batch_size=size)
    loss, rate = checkpoint.module("training").evaluate(model, F.cross_entropy, loader)
    assert loss == pytest.approx(F.cross_entropy(model(x), y).item())
    assert rate == pytest.approx((model(x).argmax(1) != y).double().mean().item())
    assert model.training == training
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.since(7)
def test_evaluate_refuses_an_empty_loader(checkpoint: Checkpoint) -> None:
    with pytest.raises(ValueError, match="no examples"):
        checkpoint.module("training").evaluate(small_model(), F.cross_entropy, [])


@pytest.mark.since(7)
def test_evaluate_puts_the_mode_back_after_an_error(checkpoint: Checkpoint) -> None:
    model = small_model().train()
    with pytest.raises(IndexError):
        checkpoint.module("training").evaluate(model, F.cross_entropy, [(rand(2, 3), torch.tensor([0, 9]))])
    assert all(module.training for module in model.modules())


@pytest.mark.since(7)
def test_fit_refuses_a_loader_that_is_used_up(checkpoint: Checkpoint) -> None:
    model = small_model()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    batches = [(rand(2, 3), torch.tensor([0, 1]))]
    for training, epochs, said in (([], 1, "epoch 0"), (iter(batches), 2, "epoch 1")):
        with pytest.raises(ValueError, match=f"{said} has no examples"):
            checkpoint.module("training").fit(model, F.cross_entropy, sgd, training, batches, epochs)


@pytest.mark.since(7)
def test_fit_is_the_plain_loop(checkpoint: Checkpoint) -> None:
    x, y = rand(11, 3), labels_of(11, 4, 0)
    load, fit = checkpoint.module("data").BatchLoader, checkpoint.module("training").fit
    judge = load(x, y, batch_size=4)
    fitted, plain = small_model(), small_model()
    sgd = torch.optim.SGD(fitted.parameters(), lr=0.3)
    loader = load(x, y, batch_size=3, shuffle=True, generator=torch.Generator().manual_seed(5))
    history = fit(fitted, F.cross_entropy, sgd, loader, judge, epochs=3)
    generator, means = torch.Generator().manual_seed(5), []
    for _ in range(3):
        total = 0.0
        for rows in torch.randperm(11, generator=generator).split(3):
            loss = F.cross_entropy(plain(x[rows]), y[rows])
            total += loss.item() * len(rows)
            for p, grad in zip(plain.parameters(), torch.autograd.grad(loss, list(plain.parameters())), strict=True):
                p.data -= 0.3 * grad
        means.append(total / 11)
    for p, q in zip(fitted.parameters(), plain.parameters(), strict=True):
        close(p, q)
    assert [epoch[0] for epoch in history] == pytest.approx(means)
    assert history[-1][1:] == pytest.approx(checkpoint.module("training").evaluate(fitted, F.cross_entropy, judge))


# ------------------------------------------------------------------------------------------------------------- saving

TENSORS = {
    "float64": torch.tensor([[0.1, -math.inf], [math.nan, 1e300]], dtype=torch.float64),
    "float32": rand(2, 3, 4).float().permute(2, 0, 1),  # not contiguous
    "int64": torch.tensor([-(2**62), 7]),
    "uint8": torch.Generator().manual_seed(1).get_state(),
    "bool": torch.tensor([True, False, True]),
    "a single number": torch.tensor(2.5),
    "nothing": torch.zeros(0, 3),
    'a name with ünïcode and "quotes"': torch.ones(1),
    "a parameter": torch.nn.Parameter(torch.ones(2)),
}


def alike(got: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert set(got) == set(wanted)
    for name, tensor in wanted.items():
        assert got[name].dtype == tensor.dtype, name
        assert got[name].shape == tensor.shape, name
        assert got[name].numpy().tobytes() == tensor.detach().contiguous().numpy().tobytes(), name


@pytest.mark.since(7)
def test_tensors_come_back_bit_for_bit(checkpoint: Checkpoint, tmp_path: Path) -> None:
    saving = checkpoint.module("saving")
    saving.save_tensors(tmp_path / "all", TENSORS)
    alike(saving.load_tensors(tmp_path / "all"), TENSORS)
    assert [path.name for path in tmp_path.iterdir()] == ["all"]  # no temporary file is left
    saving.save_tensors(str(tmp_path / "all"), {})
    assert saving.load_tensors(tmp_path / "all") == {}


@pytest.mark.since(7)
def test_the_files_are_those_of_safetensors(checkpoint: Checkpoint, tmp_path: Path) -> None:
    saving = checkpoint.module("saving")
    saving.save_tensors(tmp_path / "ours", TENSORS)
    alike(torch_files.load_file(tmp_path / "ours"), TENSORS)
    plain = {name: tensor.detach().contiguous() for name, tensor in TENSORS.items()}
    torch_files.save_file(plain, tmp_path / "theirs", metadata={"format": "pt"})
    alike(saving.load_tensors(tmp_path / "theirs"), TENSORS)


@pytest.mark.since(7)
def test_a_type_without_a_code_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="complex64"):
        checkpoint.module("saving").save_tensors(tmp_path / "x", {"z": torch.zeros(1, dtype=torch.complex64)})
    assert not list(tmp_path.iterdir())


@pytest.mark.since(7)
@pytest.mark.parametrize("tensors", [{"__metadata__": torch.ones(1)}, {3: torch.ones(1)}, {"a": 2.5}])
def test_what_the_format_cannot_name_or_hold_is_refused(checkpoint: Checkpoint, tmp_path: Path, tensors: dict) -> None:
    with pytest.raises(ValueError, match="give a name"):
        checkpoint.module("saving").save_tensors(tmp_path / "x", tensors)
    assert not list(tmp_path.iterdir())


def written(path: Path, text: bytes, numbers: bytes) -> None:
    path.write_bytes(struct.pack("<Q", len(text)) + text + numbers)


def two(name: str, start: int, end: int) -> str:
    return f'"{name}": {{"dtype": "U8", "shape": [2], "data_offsets": [{start}, {end}]}}'


def header(*rows: str) -> str:
    return "{" + ", ".join(rows) + "}"


FORBIDDEN = {
    "overlapping": (header(two("a", 0, 2), two("b", 1, 3)), 3),
    "the same bytes": (header(two("a", 0, 2), two("b", 0, 2)), 2),
    "a hole": (header(two("a", 0, 2), two("b", 3, 5)), 5),
    "begins late": (header(two("a", 1, 3)), 3),
    "trailing bytes": (header(two("a", 0, 2)), 3),
    "a name twice": (header(two("a", 0, 2), two("a", 2, 4)), 4),
    "a name twice for the same bytes": (header(two("a", 0, 2), two("a", 0, 2)), 2),  # the package takes the last
    "a number in the metadata": (header('"__metadata__": {"n": 1}', two("a", 0, 2)), 2),
    "end before start": ('{"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, -2]}}', 0),
    "end beyond": (header(two("a", 0, 9)), 2),
    "UTF-16": (header(two("a", 0, 2)), 2),
}


@pytest.mark.since(7)
@pytest.mark.parametrize("case", FORBIDDEN)
def test_what_the_format_forbids_is_refused(checkpoint: Checkpoint, tmp_path: Path, case: str) -> None:
    text, count = FORBIDDEN[case]
    path = tmp_path / "x"
    written(path, text.encode("utf-16" if case == "UTF-16" else "utf-8"), bytes(count))
    with pytest.raises(ValueError, match="no file of tensors"):
        checkpoint.module("saving").load_tensors(path)
    if case != "a name twice for the same bytes":
        with pytest.raises(Exception, match=r"(?i)header|deserializ"):
            torch_files.load_file(path)


@pytest.mark.since(7)
def test_tensors_may_stand_in_any_order(checkpoint: Checkpoint, tmp_path: Path) -> None:
    text = header('"__metadata__": {"format": "pt"}', two("b", 2, 4), two("a", 0, 2))
    written(tmp_path / "x", text.encode(), bytes([1, 2, 3, 4]))
    got = checkpoint.module("saving").load_tensors(tmp_path / "x")
    assert {name: tensor.tolist() for name, tensor in got.items()} == {"a": [1, 2], "b": [3, 4]}


@pytest.mark.since(7)
@same_file
@given(data=st.data())
def test_a_damaged_file_is_refused(checkpoint: Checkpoint, tmp_path: Path, data: st.DataObject) -> None:
    saving, path = checkpoint.module("saving"), tmp_path / "x"
    saving.save_tensors(path, {"a": rand(3, 2), "b": torch.arange(4)})
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(ValueError, match="no file of tensors"):
        saving.load_tensors(path)


@pytest.mark.since(7)
@pytest.mark.parametrize(
    "header",
    [
        [],
        {"a": 1},
        {"a": {"dtype": "F32", "shape": [2]}},
        {"a": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}},
        {"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [2**60], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": "2", "data_offsets": [0, 8]}},
    ],
)
def test_a_header_that_lies_is_refused(checkpoint: Checkpoint, tmp_path: Path, header: object) -> None:
    text = json.dumps(header).encode()
    (tmp_path / "x").write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))
    with pytest.raises(ValueError, match="no file of tensors"):
        checkpoint.module("saving").load_tensors(tmp_path / "x")


@pytest.mark.since(7)
def test_to_load_runs_nothing(checkpoint: Checkpoint, tmp_path: Path) -> None:
    class Program:
        def __reduce__(self) -> tuple:
            return Path.mkdir, (tmp_path / "it ran",)

    torch.save(Program(), tmp_path / "x")
    with pytest.raises(ValueError, match="no file of tensors"):
        checkpoint.module("saving").load_tensors(tmp_path / "x")
    assert not (tmp_path / "it ran").exists()
