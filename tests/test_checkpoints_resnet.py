"""Residual networks, the trainer and what it reads and writes, in all checkpoints that have them."""

from __future__ import annotations

import gzip
import json
import math
import os
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
def test_summary_counts_every_parameter_once(book: SimpleNamespace) -> None:
    conv = nn.Conv2d(2, 2, 1)
    model = nn.Sequential(conv, conv)
    model.own = nn.Parameter(torch.zeros(7))
    assert book.summary.summary(model, (2, 3, 3)).splitlines()[-1].split()[0] == "13"


@pytest.mark.since(14)
def test_pooling_takes_a_list(book: SimpleNamespace) -> None:
    x = rand(2, 3, 5, 6)
    assert torch.equal(book.pooling.AdaptiveAvgPool2d([3, 2])(x), book.pooling.AdaptiveAvgPool2d((3, 2))(x))


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


@pytest.mark.since(14)
def test_what_is_left_out_is_told(book: SimpleNamespace, tmp_path: Path, capsys: Any) -> None:
    data = folders(tmp_path / "set", ("_other", "cat"), count=4)
    for name in ("cat/a.bmp", "cat/deeper/b.png", "beside.png", ".hidden/c.png", "__MACOSX/d.png", "cat/.e.png"):
        picture(data / name)
    found = book.images.read_set(str(data))
    assert found.classes == ("_other", "cat")
    assert [str(p.relative_to(data)) for p in found.left_out] == ["beside.png", "cat/a.bmp", "cat/deeper/b.png"]
    assert book.train.main(["--data", str(data), "--out", str(data / "m.pt"), *TINY]) == 0
    assert f"left out: 3 files, the first {data / 'beside.png'}\n" in capsys.readouterr().out
    (data / "n.pt.training").mkdir()  # a trainer's, and no class
    assert book.images.read_set(str(data)).classes == ("_other", "cat")


@pytest.mark.since(14)
def test_idx_names(book: SimpleNamespace, tmp_path: Path) -> None:
    idx_set(tmp_path, sizes=(12, 6))
    (tmp_path / "more-images-idx3-ubyte").mkdir()
    for old, new in (("train-", "latest-"), ("t10k-", "TEST-")):
        for end in ("images-idx3-ubyte", "labels-idx1-ubyte"):
            name = f"{new}{end}" if new == "latest-" else f"{new}{end}".upper()
            (tmp_path / f"{old}{end}").rename(tmp_path / name)
    found = book.images.read_set(str(tmp_path))
    assert (len(found.images), len(found.valid_images), found.left_out) == (12, 6, ())
    (tmp_path / "latest-images-idx3-ubyte").unlink()
    with pytest.raises(ValueError, match="TEST-IMAGES-IDX3-UBYTE is to validate with: put images to train on"):
        book.images.read_set(str(tmp_path))


@pytest.mark.since(14)
def test_folders_that_do_not_do(book: SimpleNamespace, tmp_path: Path) -> None:
    for part in ("train", "validation"):
        folders(tmp_path / "both" / part, ("a", "b"), 2)
    assert len(book.images.read_set(str(tmp_path / "both")).valid_images) == 4
    folders(tmp_path / "alone" / "train", ("a", "b"), 2)
    with pytest.raises(ValueError, match=r"train/ needs test/ or valid/ beside it"):
        book.images.read_set(str(tmp_path / "alone"))
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
        picture(path := tmp_path / "white" / name)
        Image.merge("LA", [Image.new("L", (8, 6), 255), Image.open(path)]).save(path)
    with pytest.raises(ValueError, match=r"white: all images are of one shade .*: give"):
        book.images.read_set(str(tmp_path / "white"))
    for part in ("train", "test"):
        (tmp_path / "empty" / part).mkdir(parents=True)
    with pytest.raises(ValueError, match=r"empty has the classes \(\): give at least two"):
        book.images.read_set(str(tmp_path / "empty"))


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
    with pytest.raises(ValueError, match="at least two"):
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
    assert report["settings"]["widths"] == [3, 5]
    assert report["of"] == 6
    assert report["error_rate"] == report["wrong"] / 6
    assert report["settings"]["torch"] == torch.__version__
    assert report["settings"]["threads"] == torch.get_num_threads()
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
        if (folder := tmp_path / f"{n}.pt.training").exists():
            assert [p.name for p in folder.iterdir()] == ["last.safetensors"]
            assert book.train.main(given) == 1
            assert "has not ended: give another --out, or --resume" in capsys.readouterr().err
        report = trained(book, pictures, out, "--resume")
        assert out.read_bytes() == whole.read_bytes(), stop
        assert report["history"] == first["history"]
        assert report["error_rate"] == first["error_rate"]


@pytest.mark.since(14)
def test_killed_and_resumed_is_the_same(checkpoint: Checkpoint, pictures: Path, tmp_path: Path) -> None:
    book = SimpleNamespace(train=checkpoint.module("train"))
    out, whole = tmp_path / "model.pt", tmp_path / "whole.pt"
    more = ["--epochs", "20"]
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


@pytest.fixture
def halted(book: SimpleNamespace, pictures: Path, tmp_path: Path, monkeypatch: Any, capsys: Any) -> list[str]:
    """The arguments of a training that ended after its first epoch, and left its folder."""
    given = ["--data", str(pictures), "--out", str(tmp_path / "m.pt"), *TINY]
    with monkeypatch.context() as patch:

        def halt(self: Any, learner: Any) -> None:
            if learner.epoch == 1:
                raise KeyboardInterrupt

        patch.setattr(book.train.StopAtNaN, "after_backward", halt)
        assert book.train.main(given) == 130
    capsys.readouterr()
    return given


@pytest.mark.since(14)
def test_resume_asks_for_the_same_training(
    book: SimpleNamespace, pictures: Path, tmp_path: Path, halted: list[str], monkeypatch: Any, capsys: Any
) -> None:
    for more, what in ((["--seed", "1"], "seed was 0 and is 1"), (["--lr", "0.5"], "lr was 0.01 and is 0.5")):
        assert book.train.main([*halted, "--resume", *more]) == 1
        assert f"({what}): give its settings or another --out" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr(book.train.torch, "get_num_threads", lambda: 77)
        assert book.train.main([*halted, "--resume"]) == 1
        assert "threads was " in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr(book.train.torch, "__version__", "1.0")
        assert book.train.main([*halted, "--resume"]) == 1
        assert "and is 1.0" in capsys.readouterr().err
    picture(pictures / "cat" / "0.png", seed=77)
    assert book.train.main([*halted, "--resume"]) == 1
    assert "other images" in capsys.readouterr().err
    last = tmp_path / "m.pt.training" / "last.safetensors"
    last.write_bytes(last.read_bytes()[:-1])
    assert book.train.main([*halted, "--resume"]) == 1
    assert f"damaged: delete {last.parent} and begin anew" in capsys.readouterr().err


@pytest.mark.since(14)
def test_a_finished_network_is_kept(book: SimpleNamespace, pictures: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "m.pt"
    first = trained(book, pictures, out)
    changed, content = out.stat().st_mtime_ns, out.read_bytes()
    assert trained(book, pictures, out, "--resume") == first
    assert "nothing to resume" in capsys.readouterr().out
    given = ["--data", str(pictures), "--out", str(out), *TINY]
    for more in (["--seed", "1"], ["--seed", "1", "--resume"]):
        assert book.train.main([*given, *more]) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"error: {out} and its .json belong to another training (seed was 0 and is 1): give")
    assert out.stat().st_mtime_ns == changed
    trained(book, pictures, out)  # the same may be done again
    assert out.stat().st_mtime_ns > changed
    assert out.read_bytes() == content
    Path(f"{out}.json").unlink()
    assert book.train.main(given) == 1
    assert "is there without m.pt.json: give another --out" in capsys.readouterr().err


@pytest.mark.since(14)
def test_nothing_to_resume(book: SimpleNamespace, pictures: Path, tmp_path: Path, capsys: Any) -> None:
    trained(book, pictures, tmp_path / "m.pt", "--resume")
    assert "begins anew" in capsys.readouterr().out


@pytest.mark.since(14)
@pytest.mark.parametrize("stop", range(1, 9))
def test_killed_at_the_end_and_resumed(
    book: SimpleNamespace, pictures: Path, tmp_path: Path, monkeypatch: Any, stop: int
) -> None:
    """Ended before or after each of the file operations that finish a training."""
    out, count = tmp_path / "m.pt", 0

    def counted(method: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            nonlocal count
            for n in range(2):
                count += 1
                if count == stop:
                    raise KeyboardInterrupt
                if not n:
                    result = method(*given, **named)
            return result

        return call

    with monkeypatch.context() as patch:
        patch.setattr(book.train, "write_json", counted(book.train.write_json))
        patch.setattr(book.train.Trained, "save", counted(book.train.Trained.save))
        fit = book.train.probabilities

        def late(*given: Any) -> Any:  # from here on, and not while it trains
            patch.setattr(Path, "unlink", counted(Path.unlink))
            patch.setattr(Path, "rmdir", counted(Path.rmdir))
            return fit(*given)

        patch.setattr(book.train, "probabilities", late)
        assert book.train.main(["--data", str(pictures), "--out", str(out), *TINY]) == 130
    report = trained(book, pictures, out, "--resume")
    whole = trained(book, pictures, tmp_path / "whole.pt")
    assert out.read_bytes() == (tmp_path / "whole.pt").read_bytes()
    assert {**report, "seconds": 0} == {**whole, "seconds": 0}
    assert not Path(f"{out}.training").exists()


@pytest.mark.since(14)
def test_two_trainers_do_not_mix(book: SimpleNamespace, pictures: Path, tmp_path: Path, monkeypatch: Any) -> None:
    given = ["--data", str(pictures), "--out", str(tmp_path / "m.pt"), *TINY]
    codes = []

    def meanwhile(self: Any, learner: Any) -> None:
        if learner.step == 1 and not codes:
            codes.append(0)
            codes[0] = book.train.main([*given, "--seed", "1"])

    monkeypatch.setattr(book.train.StopAtNaN, "after_backward", meanwhile)
    assert book.train.main(given) == 0
    assert codes == [1]
    assert json.loads((tmp_path / "m.pt.json").read_text())["settings"]["seed"] == 0


@pytest.mark.since(14)
def test_nothing_of_others_is_lost(book: SimpleNamespace, tmp_path: Path, capsys: Any) -> None:
    pictures = folders(tmp_path / "digits.training")
    idx_set(tmp_path / "idx")
    (tmp_path / "ln.training").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "file.training").write_text("mine")
    (tmp_path / "thesis.doc").write_text("mine")
    for name, text in (("package", '{"name": 1}'), ("list", "[]"), ("words", "// mine")):
        (tmp_path / f"{name}.json").write_text(text)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    idx_images = "idx/train-images-idx3-ubyte"
    for name in ("digits", "ln", "file", "thesis.doc", "package", "list", "words", idx_images):
        for more in ([], ["--resume"]):
            assert book.train.main(["--data", str(pictures), "--out", str(tmp_path / name), *TINY, *more]) == 1
            error = capsys.readouterr().err
            assert re.search(rf"error: .*{name}.*: give another --out\n", error), error
    assert before == {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}


@pytest.mark.since(14)
def test_names_are_looked_at_first(book: SimpleNamespace, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "m.pt.json").mkdir()
    for out in (tmp_path / "gone" / "m.pt", tmp_path, tmp_path / "m.pt", tmp_path / ("m" * 246)):
        assert book.train.main(["--data", "not read", "--out", str(out), *TINY]) == 1
        assert f"--out {out}: " in capsys.readouterr().err


@pytest.mark.since(14)
def test_a_full_disk(book: SimpleNamespace, pictures: Path, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    given = ["--data", str(pictures), "--out", str(tmp_path / "m.pt"), *TINY]

    def full(path: Path, state: Any) -> None:
        Path(f"{path}.part").write_text("half")
        raise OSError(28, "No space left on device")

    for module, name in (
        (sys.modules[book.train.Checkpoint.__module__], "save_state"),
        (book.model_file, "save_state"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, full)
            assert book.train.main([*given, "--resume"]) == 1
        error = capsys.readouterr().err
        assert "m.pt.training cannot be written" in error
        assert "make room, then --resume" in error
        assert not [*tmp_path.rglob("*.part")]
    assert book.train.main([*given, "--resume"]) == 0


@pytest.mark.since(14)
def test_a_closed_pipe_and_too_little_memory(
    book: SimpleNamespace, pictures: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    given = ["--data", str(pictures), "--out", str(tmp_path / "m.pt"), *TINY]
    monkeypatch.setattr(book.train.Progress, "show", lambda *_: (_ for _ in ()).throw(BrokenPipeError))
    assert book.train.main(given) == 130
    assert "--resume goes on" in capsys.readouterr().err
    assert book.train.main([*given[:-2], "--widths", "999999", "--out", str(tmp_path / "n.pt")]) == 1
    assert "not enough memory: smaller" in capsys.readouterr().err
    assert not [*tmp_path.glob("n.pt*")]


@pytest.mark.since(14)
@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--epochs", "0"], "0: give 1 to 1000000"),
        (["--epochs", "some"], "invalid int value"),
        (["--batch-size", "1"], "1: give 2 to"),
        (["--batch-size", "9" * 20], "9: give 2 to"),
        (["--lr", "-1"], "-1: give 1e-09 to 1000"),
        (["--lr", "0"], "0: give 1e-09 to 1000"),
        (["--lr", "nan"], "nan: give 1e-09 to 1000"),
        (["--lr", "1e300"], "1e300: give 1e-09 to 1000"),
        (["--scale", "1"], "1: give 0 to 0.99"),
        (["--seed", "-1"], "-1: give 0 to"),
        (["--seed", str(2**63)], f"give 0 to {2**63 - 1}"),
        (["--widths", "0"], "0: give 1 to"),
        (["--blocks", "5000000"], "5000000: give 1 to 1000"),
        (["--threads", "99999999999"], "give 1 to 1024"),
        (["--colour", "1"], "unrecognized arguments"),
    ],
)
def test_wrong_arguments(book: SimpleNamespace, more: list[str], message: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as stop:
        book.train.main(["--data", "nowhere", *more])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.since(14)
def test_diverged(book: SimpleNamespace, pictures: Path, tmp_path: Path, capsys: Any) -> None:
    given = ["--data", str(pictures), "--out", str(tmp_path / "m.pt"), *TINY, "--lr", "1000", "--epochs", "300"]
    assert book.train.main(given) == 1
    error = capsys.readouterr().err
    assert "step " in error
    assert "give a smaller --lr" in error
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
        "area": {"shape": (40000, 40000)},
        "floats": {"shape": (6.0, 8.0)},
        "true": {"mean": True},
        "one text": {"classes": "ab"},
        "numbers": {"classes": (1, 2)},
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
    assert "gone.pt is not there: give" in capsys.readouterr().err
    assert book.predict.name_pictures([str(tmp_path), image]) == 1
    assert f"{tmp_path} is a folder: give" in capsys.readouterr().err
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
    capsys.readouterr()
    more = [str(tmp_path), str(large), str(picture(tmp_path / "good.png"))]
    assert book.predict.name_pictures([out, *more]) == 1  # the good one is named all the same
    printed = capsys.readouterr()
    assert printed.out.startswith(more[-1])
    assert printed.err.count("error: ") == 2
    assert f"{tmp_path} is a folder: give the pictures in it" in printed.err
    with pytest.raises(SystemExit):
        book.predict.name_pictures([out, more[-1], "--top", "0"])


@pytest.mark.since(14)
def test_pictures_that_look_wrong_are_noted(book: SimpleNamespace, tmp_path: Path, capsys: Any) -> None:
    model = book.resnet.ResNet((3, 5), classes=2)
    book.model_file.Trained(model, (3, 5), 1, ("a", "b"), (6, 8), 0.1, 0.3).save(tmp_path / "m.pt")
    dark, light = picture(tmp_path / "dark.png"), picture(tmp_path / "light.png", level=4)
    empty = tmp_path / "empty.png"
    Image.new("L", (8, 6), 255).save(empty)
    for path, more, note in (
        (dark, [], ""),
        (light, [], "try --invert"),
        (light, ["--invert"], ""),
        (dark, ["--invert"], "try without --invert"),
        (empty, [], "is of one shade"),
    ):
        assert book.predict.name_pictures([str(tmp_path / "m.pt"), str(path), *more]) == 0
        error = capsys.readouterr().err
        assert error.count("\n") == bool(note)
        assert note in error


@pytest.mark.since(14)
def test_impossible_numbers_and_names_in_a_model(book: SimpleNamespace, tmp_path: Path, capsys: Any) -> None:
    image = str(picture(tmp_path / "x.png"))
    model = book.resnet.ResNet((3, 5), classes=2)
    names = ("\x1b[2J", "b\n")
    book.model_file.Trained(model, (3, 5), 1, names, (6, 8), 0.4, 0.3).save(tmp_path / "m.pt")
    assert book.predict.name_pictures([str(tmp_path / "m.pt"), image]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert printed.count("\n") == 1
    for name, value in (("0.weight", math.nan), ("1.running_var", -1.0)):
        wrong = book.resnet.ResNet((3, 5), classes=2)
        wrong.state_dict()[name].fill_(value)
        book.model_file.Trained(wrong, (3, 5), 1, names, (6, 8), 0.4, 0.3).save(tmp_path / "w.pt")
        assert book.predict.name_pictures([str(tmp_path / "w.pt"), image]) == 1
        assert "w.pt has impossible numbers: train it anew" in capsys.readouterr().err


@pytest.mark.since(14)
def test_names_that_the_terminal_does_not_have(checkpoint: Checkpoint, tmp_path: Path) -> None:
    book = SimpleNamespace(resnet=checkpoint.module("resnet"), model_file=checkpoint.module("model_file"))
    model = book.resnet.ResNet((3, 5), classes=2)
    book.model_file.Trained(model, (3, 5), 1, ("😀", "b"), (6, 8), 0.4, 0.3).save(tmp_path / "m.pt")
    command = [sys.executable, "-m", f"ch{checkpoint.number:02d}.predict", "m.pt", str(picture(tmp_path / "x.png"))]
    run = subprocess.run(
        command, env={**os.environ, "PYTHONIOENCODING": "cp1252"}, cwd=tmp_path, capture_output=True, check=True
    )
    assert b"\\U0001f600" in run.stdout
