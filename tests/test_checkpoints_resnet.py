"""Residual networks, the trainer and what it reads and writes, in all checkpoints that have them."""

from __future__ import annotations

import gzip
import json
import math
import pickle
import random
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers.checkpoints import Checkpoint
from PIL import Image
from torch import nn

TINY = ["--widths", "3", "5", "--epochs", "3", "--batch-size", "4"]


@pytest.fixture
def book(checkpoint: Checkpoint) -> SimpleNamespace:
    """The modules of a checkpoint that this file asks, by name."""
    names = ("resnet", "pooling", "summary", "images", "recipe", "model_file", "train", "predict", "metrics", "saving")
    return SimpleNamespace(**{name: checkpoint.module(name) for name in names})


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (8, 6), level: int = 0) -> Path:
    """A noisy PNG, `level` of 0 to 4 brighter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = torch.randint(0, 50, (size[1], size[0]), generator=torch.Generator().manual_seed(seed)) + 50 * level
    Image.frombytes("L", size, bytes(numbers.flatten().tolist())).save(path)
    return path


def folders(root: Path, classes: tuple[str, ...] = ("cat", "dog", "owl"), count: int = 5) -> Path:
    for level, name in enumerate(classes):
        for n in range(count):
            picture(root / name / f"{n}.png", 10 * level + n, level=level)
    return root


def idx(path: Path, array: torch.Tensor) -> Path:
    content = struct.pack(f">HBB{array.dim()}I", 0, 8, array.dim(), *array.shape) + bytes(
        array.byte().flatten().tolist()
    )
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def idx_set(root: Path, gz: str = "", sizes: tuple[int, ...] = (30,), shape: tuple[int, int] = (7, 9)) -> Path:
    root.mkdir(exist_ok=True)
    for part, count in zip(("train", "t10k"), sizes, strict=False):
        labels = torch.arange(count) % 3 + 4
        images = torch.randint(0, 60, (count, *shape), generator=torch.Generator().manual_seed(count))
        images += 60 * (labels[:, None, None] - 4)
        idx(root / f"{part}-images-idx3-ubyte{gz}", images.byte())
        idx(root / f"{part}-labels-idx1-ubyte{gz}", labels.byte())
    return root


# ------------------------------------------------------------------------------------------------------------- networks


@pytest.mark.since(14)
@pytest.mark.parametrize("seed", range(20))
def test_pooling_is_pytorchs(book: SimpleNamespace, seed: int) -> None:
    source = random.Random(seed)
    shape = [source.randint(0 if seed % 5 == 0 else 1, 3), *(source.randint(1, 9) for _ in range(3))][seed % 2 :]
    sizes = [source.choice([None, 1, source.randint(1, 11)]) for _ in range(2)]
    output: Any = sizes[0] or 1 if seed % 3 == 0 else tuple(sizes)
    x = rand(*shape, seed=seed)
    x = x.transpose(-1, -2).contiguous().transpose(-1, -2).requires_grad_()
    twin = x.detach().clone().requires_grad_()
    got, wanted = book.pooling.AdaptiveAvgPool2d(output)(x), nn.AdaptiveAvgPool2d(output)(twin)
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)
    G = rand(*wanted.shape, seed=seed + 50)
    (got * G).sum().backward()
    (wanted * G).sum().backward()
    torch.testing.assert_close(x.grad, twin.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.since(14)
@pytest.mark.parametrize(("size", "shape"), [(2, (3, 4)), (0, (1, 2, 4, 4)), ((2, 0), (1, 2, 4, 4)), (1, (1, 2, 0, 4))])
def test_pooling_refuses(book: SimpleNamespace, size: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"give|wanted"):
        book.pooling.AdaptiveAvgPool2d(size)(torch.zeros(shape))


@pytest.mark.since(14)
@pytest.mark.parametrize(("channels", "stride"), [((4, 4), 1), ((3, 5), 2), ((4, 4), 2), ((5, 3), 1)])
def test_block_is_its_formula(book: SimpleNamespace, channels: tuple[int, int], stride: int) -> None:
    torch.manual_seed(0)
    x = rand(3, channels[0], 7, 5).requires_grad_()
    empty = book.resnet.ResidualBlock(*channels, stride, zero_init=True).double()
    torch.testing.assert_close(empty(x), empty.shortcut(x).relu())
    block = book.resnet.ResidualBlock(*channels, stride).double()
    for n, p in enumerate(block.parameters()):
        p.data = rand(*p.shape, seed=n)
    hidden = block.norm1(block.conv1(x)).relu()
    torch.testing.assert_close(block(x), (block.norm2(block.conv2(hidden)) + block.shortcut(x)).relu())
    assert block(x).shape == (3, channels[1], -(-7 // stride), -(-5 // stride))
    assert torch.autograd.gradcheck(lambda t: block.eval()(t), [x])
    assert isinstance(block.shortcut, nn.Identity) == (channels == (4, 4) and stride == 1)


@pytest.mark.since(14)
@pytest.mark.parametrize("shape", [(28, 28), (1, 1), (7, 9), (32, 20), (5, 33)])
def test_resnet_takes_any_image(book: SimpleNamespace, shape: tuple[int, int]) -> None:
    model = book.resnet.ResNet((2, 3, 4), 2, 6, 3).eval()
    assert model(torch.zeros(2, 3, *shape)).shape == (2, 6)
    assert model(torch.zeros(0, 3, *shape)).shape == (0, 6)


@pytest.mark.since(14)
@pytest.mark.parametrize(
    "settings", [((),), ((4, 0),), ((4,), 0), ((4,), 1, 0), ((4,), 1, 3, 0), ((4.0,),), ((True,),)]
)
def test_resnet_refuses(book: SimpleNamespace, settings: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="whole numbers"):
        book.resnet.ResNet(*settings)


@pytest.mark.since(14)
def test_summary_counts_what_there_is(book: SimpleNamespace) -> None:
    model = book.resnet.ResNet((4, 6), 2, 3, 2)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    text = book.summary.summary(model, (2, 9, 12))
    *rows, total = text.splitlines()[1:]
    products = 0

    def note(layer: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        nonlocal products
        products += output[0].numel() * layer.weight[0].numel()

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(note)
    model.eval()(torch.zeros(1, 2, 9, 12))
    counted = [int(word.replace(",", "")) for word in total.split()]
    assert counted == [sum(p.numel() for p in model.parameters()), products]
    assert len(rows) == sum(not [*m.children()] for m in model.modules())
    fresh = book.resnet.ResNet((4, 6), 2, 3, 2).train()
    book.summary.summary(fresh, (2, 9, 12))
    assert all(m.training and not m._forward_hooks for m in fresh.modules())
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.since(14)
def test_warp(checkpoint: Checkpoint) -> None:
    book = checkpoint.module("augment")
    x = torch.rand(4, 2, 9, 12, generator=torch.Generator().manual_seed(0)) + 1

    def warp(seed: int, **settings: float) -> torch.Tensor:
        return book.random_warp(x, **settings, generator=torch.Generator().manual_seed(seed))

    torch.testing.assert_close(warp(0), x, rtol=0, atol=1e-5)
    affine = book.random_affine(x, 20, 1, 0.2, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(warp(3, rotate=20, shift=1, scale=0.2), affine, rtol=0, atol=1e-4)
    assert torch.equal(warp(1, bend=0.7), warp(1, bend=0.7))
    assert not torch.equal(warp(1, bend=0.7), warp(2, bend=0.7))
    assert warp(1, bend=0.7).shape == x.shape
    assert warp(1, bend=0.7).min() >= 0
    assert warp(1, bend=0.7).max() <= x.max()
    twins = book.random_warp(x[:1].repeat(3, 1, 1, 1), bend=1.0)
    assert not torch.equal(twins[0], twins[1])
    filled = book.random_warp(torch.full((5, 1, 8, 8), 0.3), 30, 3, 0.2, 2.0, fill=0.3)
    torch.testing.assert_close(filled, torch.full((5, 1, 8, 8), 0.3))
    field = book.waves(torch.zeros(4000, 1, 20, 10), 1.5) * torch.tensor([10, 20]) / 2
    torch.testing.assert_close(field.square().mean((0, 1, 2)).sqrt(), torch.tensor([1.5, 1.5]), rtol=0.05, atol=0)
    assert book.random_warp(x[:0], bend=1.0).shape == (0, 2, 9, 12)
    for settings in ({"bend": -1.0}, {"scale": 1.0}, {"rotate": -1.0}):
        with pytest.raises(ValueError, match="0 or more"):
            book.random_warp(x, **settings)
    with pytest.raises(ValueError, match="give"):
        book.random_warp(x[0])


@pytest.mark.since(14)
@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 1), (3, 1), (5, 5), (2, 9), (40, 61), (0, 300)])
def test_sign_test_counts_rows(checkpoint: Checkpoint, first: int, second: int) -> None:
    n, uneven = first + second, abs(first - second)
    wanted = sum(math.comb(n, k) for k in range(n + 1) if abs(2 * k - n) >= uneven) / 2**n
    assert checkpoint.module("metrics").sign_test(first, second) == pytest.approx(wanted)
    with pytest.raises(ValueError, match="0 or more"):
        checkpoint.module("metrics").sign_test(first, -1)


# --------------------------------------------------------------------------------------------------------------- images


@pytest.mark.since(14)
@pytest.mark.parametrize("seed", range(5))
def test_split_keeps_shares(book: SimpleNamespace, seed: int) -> None:
    labels = torch.randint(0, 5, (200,), generator=torch.Generator().manual_seed(seed))
    rows, held_back = book.images.split_by_class(labels, 0.3, seed)
    assert sorted([*rows.tolist(), *held_back.tolist()]) == [*range(200)]
    for label in range(5):
        count = int((labels == label).sum())
        assert int((labels[held_back] == label).sum()) == round(0.3 * count)
    again = book.images.split_by_class(labels, 0.3, seed)
    assert torch.equal(again[0], rows)
    assert not torch.equal(book.images.split_by_class(labels, 0.3, seed + 1)[1], held_back)


@pytest.mark.since(14)
@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("sizes", [(30,), (30, 12)])
def test_idx_folder(book: SimpleNamespace, tmp_path: Path, gz: str, sizes: tuple[int, ...]) -> None:
    found = book.images.read_set(str(idx_set(tmp_path, gz, sizes)))
    assert found.classes == ("4", "5", "6")
    assert found.images.shape[1:] == found.valid_images.shape[1:] == (1, 7, 9)
    assert (len(found.images), len(found.valid_images)) == ((30, 12) if len(sizes) == 2 else (24, 6))
    idx_set(tmp_path, ".gz" if not gz else "", sizes)  # the same, packed and unpacked
    assert torch.equal(book.images.read_set(str(tmp_path)).images, found.images)
    levels = found.images.flatten(1).float().mean(1) // 60
    assert torch.equal(levels.long(), found.labels)


@pytest.mark.since(14)
def test_folder_of_pictures(book: SimpleNamespace, tmp_path: Path) -> None:
    folders(tmp_path, count=10)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "notes.txt").write_text("ignored")
    (tmp_path / "cat" / "notes.txt").write_text("ignored")
    found = book.images.read_set(str(tmp_path))
    assert found.classes == ("cat", "dog", "owl")
    assert found.images.shape == (24, 1, 6, 8)
    assert found.valid_images.shape == (6, 1, 6, 8)
    for images, labels in ((found.images, found.labels), (found.valid_images, found.valid_labels)):
        assert torch.equal((images.flatten(1).float().mean(1) // 50).long(), labels)


@pytest.mark.since(14)
def test_folder_with_a_split_of_its_own(book: SimpleNamespace, tmp_path: Path) -> None:
    folders(tmp_path / "train", ("a", "b"))
    folders(tmp_path / "test", ("a", "b"), 2)
    found = book.images.read_set(str(tmp_path))
    assert (len(found.images), len(found.valid_images), found.classes) == (10, 4, ("a", "b"))
    folders(tmp_path / "test", ("c",), 2)
    with pytest.raises(ValueError, match="they must be the same"):
        book.images.read_set(str(tmp_path))


@pytest.mark.since(14)
def test_pictures_of_all_kinds(book: SimpleNamespace, tmp_path: Path) -> None:
    grey = torch.arange(48).view(6, 8).byte() * 5
    plain = Image.frombytes("L", (8, 6), bytes(grey.flatten().tolist()))
    deep = Image.frombytes("I;16", (8, 6), b"".join(struct.pack("<H", 257 * v) for v in grey.flatten().tolist()))
    clear = Image.merge("LA", (plain, Image.new("L", (8, 6), 255)))
    gone = Image.merge("LA", (plain, Image.new("L", (8, 6), 0)))
    kinds = {"L": plain, "RGB": plain.convert("RGB"), "P": plain.convert("P"), "I16": deep, "LA": clear, "LA0": gone}
    for name, image in kinds.items():
        image.save(tmp_path / f"{name}.png")
        got = book.images.read_picture(tmp_path / f"{name}.png")
        wanted = torch.full_like(grey, 255) if name == "LA0" else grey
        assert (got.int() - wanted.int()).abs().max() <= 1, name
    assert book.images.read_picture(tmp_path / "L.png", (3, 4)).shape == (3, 4)


def broken(kind: str, root: Path) -> str:
    """A set that is wrong in one way; what the message must name."""
    folders(root)
    wrong = root / "dog" / "3.png"
    if kind == "corrupt":
        content = wrong.read_bytes()
        wrong.write_bytes(content[: len(content) // 2])
    elif kind == "noise":
        content = wrong.read_bytes()
        wrong.write_bytes(content[:-20] + b"x" * 8 + content[-12:])
    elif kind == "text":
        wrong.write_text("this is no picture")
    elif kind == "nothing":
        wrong.write_bytes(b"")
    elif kind == "size":
        picture(wrong, size=(9, 6))
    elif kind == "empty class":
        (root / "eel").mkdir()
        return str(root / "eel")
    elif kind == "one of a class":
        picture(root / "eel" / "0.png")
        return "eel"
    return str(wrong)


@pytest.mark.since(14)
@pytest.mark.parametrize("kind", ["corrupt", "noise", "text", "nothing", "size", "empty class", "one of a class"])
def test_wrong_pictures_are_named(book: SimpleNamespace, tmp_path: Path, kind: str, capsys: Any) -> None:
    name = broken(kind, tmp_path / "set")
    out = tmp_path / "model.pt"
    assert book.train.main(["--data", str(tmp_path / "set"), "--out", str(out), *TINY]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert name in error
    assert error.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set"]


def idx_broken(kind: str, root: Path) -> str:
    idx_set(root, sizes=(12, 6))
    images, labels = root / "train-images-idx3-ubyte", root / "train-labels-idx1-ubyte"
    if kind == "short":
        images.write_bytes(images.read_bytes()[:-1])
    elif kind == "text":
        images.write_text("hello")
    elif kind == "gzip":
        images.write_bytes(gzip.compress(images.read_bytes())[:-9])
    elif kind == "float":
        images.write_bytes(images.read_bytes()[:2] + b"\x0d" + images.read_bytes()[3:])
    elif kind == "no labels":
        labels.unlink()
    elif kind == "too few":
        idx(labels, torch.arange(11).byte())
        return str(labels)
    elif kind == "none":
        idx(images, torch.zeros(0, 7, 9))
    elif kind == "one class":
        idx(labels, torch.full((12,), 4))
        (root / "t10k-images-idx3-ubyte").unlink()
        return str(root)
    elif kind == "strange":
        labels = root / "t10k-labels-idx1-ubyte"
        idx(labels, torch.full((6,), 9))
        return str(labels)
    elif kind == "sizes":
        idx(root / "t10k-images-idx3-ubyte", torch.zeros(6, 7, 8))
        return str(root)
    elif kind == "two sets":
        idx(root / "emnist-train-images-idx3-ubyte", torch.zeros(6, 7, 8))
        idx(root / "emnist-train-labels-idx1-ubyte", torch.arange(6))
        return "emnist-train-images-idx3-ubyte"
    return str(images)


@pytest.mark.since(14)
@pytest.mark.parametrize(
    "kind",
    ["short", "text", "gzip", "float", "no labels", "too few", "none", "one class", "strange", "sizes", "two sets"],
)
def test_wrong_idx_files_are_named(book: SimpleNamespace, tmp_path: Path, kind: str) -> None:
    name = idx_broken(kind, tmp_path)
    with pytest.raises(ValueError, match=re.escape(name)):
        book.images.read_set(str(tmp_path))


@pytest.mark.since(14)
def test_no_set(book: SimpleNamespace, tmp_path: Path) -> None:
    for name, message in (("gone", "is not there"), (".", "holds no images"), ("file", "is a file")):
        (tmp_path / "file").write_text("x")
        with pytest.raises(ValueError, match=message):
            book.images.read_set(str(tmp_path / name))
    folders(tmp_path, ("one",))
    with pytest.raises(ValueError, match="one class"):
        book.images.read_set(str(tmp_path))


# ---------------------------------------------------------------------------------------------------------- the trainer


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return folders(tmp_path / "set", count=8)


def trained(book: SimpleNamespace, pictures: Path, out: Path, *more: str) -> dict[str, Any]:
    assert book.train.main(["--data", str(pictures), "--out", str(out), *TINY, *more]) == 0
    return json.loads(Path(f"{out}.json").read_text())


@pytest.mark.since(14)
def test_report_and_prediction(book: SimpleNamespace, pictures: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "model.pt"
    report = trained(book, pictures, out, "--epochs", "12", "--seed", "5")
    printed = capsys.readouterr().out
    assert re.search(r"result: [\d.]+% wrong \(\d of 6\), [\d.]+ s, seed 5, ", printed)
    assert printed.count("\n") > 12
    assert report["settings"]["seed"] == 5
    assert report["settings"]["images"]["classes"] == ["cat", "dog", "owl"]
    assert report["settings"]["recipe"]["widths"] == [3, 5]
    assert report["of"] == 6
    assert report["error_rate"] == report["wrong"] / 6
    assert report["versions"]["torch"] == torch.__version__
    assert len(report["history"]) == 12
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.pt", "model.pt.json", "set"]
    loaded = book.model_file.load_trained(out)
    assert report["parameters"] == sum(p.numel() for p in loaded.model.parameters())
    assert not loaded.model.training
    files = [str(pictures / name / "0.png") for name in ("cat", "owl")]
    assert book.predict.name_pictures([str(out), *files]) == 0
    lines = capsys.readouterr().out.splitlines()
    with torch.no_grad():
        x = torch.stack([book.images.read_picture(Path(file)) for file in files])[:, None]
        rows = loaded.model(loaded.prepare(x)).softmax(1)
    for file, line, row in zip(files, lines, rows, strict=True):
        best = int(row.argmax())
        assert line.startswith(f"{file}: {loaded.classes[best]} {row[best]:.1%}, ")


@pytest.mark.since(14)
def test_interrupted_anywhere_and_resumed_is_the_same(
    book: SimpleNamespace, pictures: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    whole = tmp_path / "whole.pt"
    first = trained(book, pictures, whole)
    steps = first["history"][-1]["step"]
    source = random.Random()
    for n, stop in enumerate([0, *sorted(source.sample(range(1, steps), 3)), steps - 1]):
        out = tmp_path / f"{n}.pt"
        with monkeypatch.context() as patch:

            def halt(self: Any, learner: Any, stop: int = stop) -> None:
                if learner.step == stop:
                    raise KeyboardInterrupt

            patch.setattr(book.train.StopAtNaN, "after_backward", halt)
            given = ["--data", str(pictures), "--out", str(out), *TINY]
            assert book.train.main(given) == 130
        assert "interrupted: --resume goes on" in capsys.readouterr().err
        assert not out.exists()
        torch.manual_seed(99)
        if (tmp_path / f"{n}.pt.training" / "last.safetensors").exists():
            assert book.train.main(given) == 1
            assert "--resume goes on" in capsys.readouterr().err
        report = trained(book, pictures, out, "--resume")
        assert out.read_bytes() == whole.read_bytes(), stop
        assert report["history"] == first["history"]
        assert report["error_rate"] == first["error_rate"]


@pytest.mark.since(14)
def test_killed_and_resumed_is_the_same(checkpoint: Checkpoint, pictures: Path, tmp_path: Path) -> None:
    book = SimpleNamespace(train=checkpoint.module("train"))
    out, whole = tmp_path / "model.pt", tmp_path / "whole.pt"
    more = ["--epochs", "60"]
    command = [sys.executable, "-m", f"ch{checkpoint.number:02d}.train", "--data", str(pictures), "--out", str(out)]
    with subprocess.Popen([*command, *TINY, *more], stdout=subprocess.DEVNULL) as run:
        while not (tmp_path / "model.pt.training" / "last.safetensors").exists() and run.poll() is None:
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.2))
        run.kill()
    assert run.returncode == -signal.SIGKILL
    assert not out.exists()
    trained(book, pictures, out, *more, "--resume")
    trained(book, pictures, whole, *more)
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.since(14)
def test_resume_asks_for_the_same_training(
    book: SimpleNamespace, pictures: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    given = ["--data", str(pictures), "--out", str(tmp_path / "m.pt"), *TINY]
    with monkeypatch.context() as patch:
        patch.setattr(book.train, "shutil", SimpleNamespace(rmtree=lambda folder: 1 / 0))
        with pytest.raises(ZeroDivisionError):
            book.train.main(given)
    for more, what in ((["--seed", "1"], "seed was 0 and is 1"), (["--lr", "0.5"], "lr was 0.01 and is 0.5")):
        assert book.train.main([*given, "--resume", *more]) == 1
        assert what in capsys.readouterr().err
    picture(pictures / "cat" / "0.png", seed=77)
    assert book.train.main([*given, "--resume"]) == 1
    assert "other images" in capsys.readouterr().err


@pytest.mark.since(14)
def test_finished_is_finished(book: SimpleNamespace, pictures: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "m.pt"
    first = trained(book, pictures, out)
    changed = out.stat().st_mtime_ns
    assert trained(book, pictures, out, "--resume") == first
    assert out.stat().st_mtime_ns == changed
    assert "nothing to resume" in capsys.readouterr().out
    trained(book, pictures, out, "--resume", "--seed", "1")  # another training: begun anew
    assert out.stat().st_mtime_ns > changed


@pytest.mark.since(14)
@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--epochs", "0"], "0: 1 or more"),
        (["--epochs", "some"], "invalid int value"),
        (["--batch-size", "1"], "1: 2 or more"),
        (["--lr", "-1"], "-1: 0 or more"),
        (["--lr", "nan"], "nan: 0 or more"),
        (["--seed", "-1"], "-1: 0 or more"),
        (["--widths", "0"], "0: 1 or more"),
        (["--colour", "1"], "unrecognized arguments"),
    ],
)
def test_wrong_arguments(book: SimpleNamespace, more: list[str], message: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as stop:
        book.train.main(["--data", "nowhere", *more])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.since(14)
def test_nowhere_to_write(book: SimpleNamespace, pictures: Path, tmp_path: Path, capsys: Any) -> None:
    for out in (tmp_path / "gone" / "m.pt", tmp_path):
        assert book.train.main(["--data", str(pictures), "--out", str(out), *TINY]) == 1
        assert f"--out {out}: " in capsys.readouterr().err


@pytest.mark.since(14)
def test_diverged(book: SimpleNamespace, pictures: Path, tmp_path: Path, capsys: Any) -> None:
    given = ["--data", str(pictures), "--out", str(tmp_path / "m.pt"), *TINY, "--lr", "1e38"]
    assert book.train.main(given) == 1
    assert "step " in capsys.readouterr().err
    assert not (tmp_path / "m.pt").exists()


@pytest.mark.since(14)
def test_help_as_a_program(checkpoint: Checkpoint) -> None:
    for name in ("train", "predict"):
        command = [sys.executable, "-m", f"ch{checkpoint.number:02d}.{name}", "--help"]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        assert f"python -m ch14.{name}" in run.stdout


# ------------------------------------------------------------------------------------------------------- the model file


class Code:
    """What a pickle can hold: a call."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("opened"),)


@pytest.mark.since(14)
def test_files_that_are_no_network(book: SimpleNamespace, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    image = str(picture(tmp_path / "x.png"))
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps(Code()))
    torch.save({"weights": Code()}, tmp_path / "torch.pt")
    (tmp_path / "text.pt").write_text("weights")
    (tmp_path / "empty.pt").write_bytes(b"")
    book.saving.save_tensors(tmp_path / "tensors.pt", {"weight": torch.zeros(3)})
    model = book.resnet.ResNet((3, 5), classes=2)
    good = book.model_file.Trained(model, (3, 5), 1, ("a", "b"), (6, 8), 0.4, 0.3)
    good.save(tmp_path / "good.pt")
    assert book.predict.name_pictures(["good.pt", image]) == 0
    state = book.saving.load_state(tmp_path / "good.pt")
    lies: dict[str, dict[str, Any]] = {
        "widths": {"widths": (3, 6)},
        "huge": {"widths": (3, 10**9)},
        "deep": {"blocks": 2},
        "classes": {"classes": ("a", "b", "c")},
        "std": {"std": 0.0},
        "mean": {"mean": float("nan")},
        "more": {"also": 1},
        "none": {"weights": {}},
        "dtype": {"weights": {n: t.double() for n, t in state["weights"].items()}},
        "shape": {"shape": (6, 8, 1)},
    }
    for name, lie in lies.items():
        book.saving.save_state(tmp_path / f"{name}.pt", {**state, **lie})
    wrong = ["pickle", "torch", "text", "empty", "tensors", *lies]
    capsys.readouterr()
    for name in wrong:
        assert book.predict.name_pictures([f"{name}.pt", image]) == 1, name
        error = capsys.readouterr().err
        assert error.startswith(f"error: {name}.pt holds no network of this book, and nothing in it was run"), error
        assert error.count("\n") == 1, error
    assert book.predict.name_pictures(["gone.pt", image]) == 1
    assert "there is no such file" in capsys.readouterr().err
    assert not (tmp_path / "opened").exists()


@pytest.mark.since(14)
def test_pictures_that_do_not_fit(book: SimpleNamespace, tmp_path: Path, capsys: Any) -> None:
    model = book.resnet.ResNet((3, 5), classes=2)
    book.model_file.Trained(model, (3, 5), 1, ("a", "b"), (6, 8), 0.4, 0.3).save(tmp_path / "m.pt")
    large, text = picture(tmp_path / "large.png", size=(16, 12)), tmp_path / "text.png"
    text.write_text("no picture")
    out = str(tmp_path / "m.pt")
    assert book.predict.name_pictures([out, str(large)]) == 1
    assert f"{large} has 16 × 12 pixels, and the network knows 8 × 6: --resize" in capsys.readouterr().err
    assert book.predict.name_pictures([out, str(large), "--resize", "--invert", "--top", "1"]) == 0
    assert capsys.readouterr().out.count("%") == 1
    assert book.predict.name_pictures([out, str(text)]) == 1
    assert str(text) in capsys.readouterr().err
