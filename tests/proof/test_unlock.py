"""What unlock() says and records, whatever the kind: certificates, names, spellings, borrowed work."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from proof.recreated_functions import clip_grad_norm_, conv2d, cross_entropy, kaiming_normal_, matmul, relu
from proof.recreated_modules import Linear
from proof.recreated_training import SGD, Adam, DataLoader
from torch import Tensor, nn

from groundup import unlock
from groundup.book.plan import PLAN
from groundup.proof import UnlockError, kind_of
from groundup.unlock import _resolve

A, B = torch.rand(3, 4), torch.rand(4, 2)
MATRICES = [(A, B), (torch.rand(1, 1), torch.rand(1, 3)), (torch.rand(2, 0), torch.rand(0, 3)), (A, A)]
RELUS = [(A - 0.5,), (B - 0.5,)]


def test_a_certificate_is_printed_and_recorded(capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GROUNDUP_RECORDS", str(tmp_path / "records"))
    assert unlock("torch.matmul", by=matmul, inputs=iter(MATRICES), also=("@",)) is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "unlocked  torch.matmul, @, by matmul"
    labels = ["unlocked", "cases", "forward", "backward", "step", "float32", "time", "covered", "left"]
    assert [line.split()[0] for line in lines if line[0] != " "] == labels
    assert max(map(len, lines)) <= 100
    entry = json.loads((tmp_path / "records").read_text())
    assert {key: entry[key] for key in ("kind", "name", "also", "by", "cases")} == {
        "kind": "function", "name": "torch.matmul", "also": ["@"], "by": "matmul", "cases": 20,
    }  # fmt: skip
    assert all(0 <= entry[stage] < 1e-10 for stage in ("forward", "backward", "step"))
    assert 0 <= entry["float32"] < 1e-4
    assert entry["ratio"] > 0
    assert entry["covered"] == ["gradients", "2-D with 2-D", "empty tensors", "float64 and float32"]
    assert entry["not_covered"] == ["1-D with 1-D", "1-D with 2-D", "1-D with 3-D", "12 more such forms", "out=",
                                    "other dtypes"]  # fmt: skip


SCOPES = [
    ("torch.nn.functional.cross_entropy", cross_entropy, [(A, torch.tensor([0, 3, 1]))] * 2,
     ["gradients", "2-D with 1-D"], ["label_smoothing=", "weight=", "ignore_index=", "empty tensors"]),
    ("torch.nn.functional.conv2d", conv2d, [(torch.rand(1, 1, 4, 4), torch.rand(1, 1, 2, 2), None, 2)] * 2,
     ["stride="], ["bias=", "padding=", "dilation=", "groups="]),
    ("torch.einsum", lambda s, a, b: matmul(a, b), [("ij,jk->ik", A, B)] * 2,
     ["'ij,jk->ik'"], ["other than 2 tensors"]),
    ("torch.nn.Linear", Linear, [((4, 2), (A,))] * 2, ["initial values", "2-D"], ["bias=", "dtype="]),
    ("torch.optim.Adam", Adam, [{}, {"lr": 0.1}], ["betas=", "weight_decay=", "groups", "state_dict"], ["amsgrad="]),
    ("torch.nn.init.kaiming_normal_", kaiming_normal_, [(A,), (A, {"mode": "fan_out"})],
     ["mode="], ["a=", "generator="]),
    ("torch.utils.data.DataLoader", DataLoader, [], ["shuffle=", "drop_last="], ["num_workers=", "collate_fn="]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "by", "inputs", "covered", "not_covered"), SCOPES, ids=[row[0] for row in SCOPES])
def test_scope_is_recorded(
    name: str, by: Any, inputs: list, covered: list, not_covered: list, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("GROUNDUP_RECORDS", str(tmp_path / "records"))
    unlock(name, by=by, inputs=inputs)
    entry = json.loads((tmp_path / "records").read_text())
    assert set(covered) <= set(entry["covered"])
    assert set(not_covered) <= set(entry["not_covered"])
    assert not set(entry["covered"]) & set(entry["not_covered"])


def test_a_failed_unlock_records_and_prints_nothing(
    capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("GROUNDUP_RECORDS", str(tmp_path / "records"))
    with pytest.raises(AssertionError):
        unlock("torch.matmul", by=lambda a, b: matmul(a.detach(), b), inputs=MATRICES)
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "records").exists()


def swallowing(x: Tensor) -> Tensor:
    """Hides what it has called."""
    try:
        return nn.functional.relu(x)
    except BaseException:
        return x * (x > 0)


def clipping(parameters: Any, max_norm: float) -> Tensor:
    return nn.utils.clip_grad_norm_(parameters, max_norm)


class Wrapped(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight, self.bias)


FUNCTIONAL = "torch.nn.functional.relu"
BORROWED = [
    (FUNCTIONAL, lambda x: nn.functional.relu(x), RELUS, FUNCTIONAL),
    (FUNCTIONAL, lambda x: x.relu(), RELUS, "torch.Tensor.relu"),
    (FUNCTIONAL, lambda x: torch.relu(x), RELUS, "torch.relu"),
    (FUNCTIONAL, lambda x: (x * 1).relu_(), RELUS, "torch.Tensor.relu_"),
    (FUNCTIONAL, lambda x: torch.ops.aten.relu(x), RELUS, "torch.relu"),
    (FUNCTIONAL, lambda x: getattr(x, "re" + "lu")(), RELUS, "torch.Tensor.relu"),
    (FUNCTIONAL, lambda x: nn.ReLU()(x), RELUS, FUNCTIONAL),
    (FUNCTIONAL, swallowing, RELUS, FUNCTIONAL),
    ("torch.matmul", lambda a, b: a @ b, MATRICES, "torch.Tensor.matmul"),
    ("torch.matmul", lambda a, b: torch.mm(a, b), MATRICES, "torch.mm"),
    ("torch.matmul", lambda a, b: torch.ops.aten.mm.default(a, b), MATRICES, "torch.mm"),
    ("torch.Tensor.__matmul__", lambda a, b: a @ b, MATRICES, "torch.Tensor.matmul"),
    ("torch.nn.init.xavier_normal_", lambda t: nn.init.xavier_normal_(t), [(A,), (B,)], "torch.nn.init.xavier_normal_"),
    ("torch.nn.utils.clip_grad_norm_", clipping, [([A], 1.0), ([B], 1.0)], "torch.nn.utils.clip_grad.clip_grad_norm_"),
    ("torch.nn.Linear", Wrapped, [((4, 2), (A,))] * 2, "torch.nn.functional.linear"),
    ("torch.nn.Linear", lambda *sizes: nn.Linear(*sizes), [((4, 2), (A,))] * 2,
     "torch.nn.modules.linear.Linear.__init__"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "by", "inputs", "called"), BORROWED, ids=[f"{row[3]}-{i}" for i, row in enumerate(BORROWED)]
)
def test_borrowed_work_is_refused(name: str, by: Callable, inputs: list, called: str) -> None:
    message = (
        f"case 1 .*: the re-creation calls {re.escape(called)}, which is what it re-creates: write it from what is"
    )
    with pytest.raises(UnlockError, match=message):
        unlock(name, by=by, inputs=inputs)


def test_a_layer_made_before_is_refused() -> None:
    made = nn.Linear(4, 2)
    with pytest.raises(UnlockError, match=r"construction: it gives PyTorch's own|the re-creation calls"):
        unlock("torch.nn.Linear", by=lambda *sizes: made, inputs=[((4, 2), (A,))] * 2)


def test_what_was_unlocked_before_may_be_used() -> None:
    def log_softmax(x: Tensor, dim: int) -> Tensor:
        return x - torch.logsumexp(x, dim, keepdim=True)

    unlock("torch.nn.functional.log_softmax", by=log_softmax, inputs=[(A, 1), (B, 0)])


@pytest.mark.parametrize(
    ("name", "by", "inputs", "also"),
    [
        ("torch.matmul", matmul, MATRICES, ("@", "torch.mm", "torch.Tensor.matmul")),
        (FUNCTIONAL, relu, RELUS, "torch.relu"),
        ("torch.nn.Linear", Linear, [((4, 2), (A,))] * 2, ("torch.nn.modules.linear.Linear",)),
        ("torch.optim.SGD", SGD, [{"lr": 0.1}, {"lr": 0.2}], ("torch.optim.SGD",)),
    ],
)
def test_other_spellings_are_accepted(name: str, by: Any, inputs: list, also: Any) -> None:
    unlock(name, by=by, inputs=inputs, also=also)


@pytest.mark.parametrize(
    ("name", "by", "inputs", "also", "message"),
    [
        (
            FUNCTIONAL,
            relu,
            RELUS,
            "torch.nn.Conv2d",
            "also='torch.nn.Conv2d' is not proved with it: give it an unlock of",
        ),
        (FUNCTIONAL, relu, RELUS, "torch.sigmoid", "also='torch.sigmoid' is not proved with it: case 1 .* differs"),
        (FUNCTIONAL, relu, RELUS, "torch.nn.functional.relu6", "large values: forward: the result differs"),
        (FUNCTIONAL, relu, RELUS, "torch.mm", "torch.mm raises TypeError"),
        (FUNCTIONAL, relu, RELUS, "torch.pi", "also='torch.pi' is not proved with it"),
        ("torch.matmul", matmul, MATRICES, "torch.mul", "also='torch.mul' is not proved with it: case 1"),
        (
            "torch.optim.SGD",
            SGD,
            [{"lr": 0.1}] * 2,
            "torch.optim.Adam",
            "'torch.optim.Adam' is not proved with it: case 1",
        ),
        (
            "torch.nn.Linear",
            Linear,
            [((4, 2), (A,))] * 2,
            "torch.nn.Identity",
            "'torch.nn.Identity' is not proved with it",
        ),
    ],
)
def test_other_things_are_not_freed_by_the_way(name: str, by: Any, inputs: list, also: str, message: str) -> None:
    with pytest.raises(UnlockError, match=message):
        unlock(name, by=by, inputs=inputs, also=also)


class Inherited(nn.Linear):
    pass


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("torch.matmull", {}, "torch has no 'matmull': did you mean 'torch.matmul'"),
        ("torch.nn.functional.rellu", {}, "functional has no 'rellu': did you mean 'torch.nn.functional.relu'"),
        ("F.relu", {}, "write the full name, such as 'torch.nn.functional.relu'"),
        ("torch", {}, "write the full name"),
        ("torch.matmul", {"also": ("torch.mmm",)}, "torch has no 'mmm': did you mean 'torch.mm'"),
        ("torch.matmul", {"by": torch.matmul}, "is PyTorch's own: give your re-creation"),
        ("torch.matmul", {"by": torch.mm}, "is PyTorch's own"),
        ("torch.matmul", {"by": torch.Tensor.matmul}, "is PyTorch's own"),
        ("torch.matmul", {"by": functools.partial(torch.matmul)}, "is PyTorch's own"),
        (FUNCTIONAL, {"by": nn.functional.relu}, "is PyTorch's own"),
        (FUNCTIONAL, {"by": nn.ReLU()}, "is PyTorch's own"),
        ("torch.nn.Linear", {"by": nn.Linear}, "is PyTorch's own"),
        ("torch.nn.Linear", {"by": Inherited}, "is PyTorch's own"),
        ("torch.matmul", {"by": 3}, "by=3 cannot be called"),
        ("torch.matmul", {"inputs": [(A, B)]}, "1 case that the real one takes is too few: give at least 2"),
        ("torch.matmul", {"inputs": [(A, B), (A, A), (A, A)]}, r"1 case that .* at least 2 \(case 2 .*: Runtime"),
        ("torch.matmul", {"inputs": [(A, A)]}, r"0 cases that .* \(case 1 \(\(3, 4\), \(3, 4\)\), as given: Runtime"),
        ("torch.matmul", {"inputs": []}, "0 cases that the real one takes is too few: give at least 2$"),
        ("torch.matmul", {"inputs": [(A, B), A]}, "case 2 is no tuple of arguments"),
        ("torch.nn.Linear", {"by": Linear, "inputs": [(4, 2), (4, 2)]}, "case 1 is not \\(constructor arguments"),
        ("torch.nn.Dropout", {"by": Linear, "inputs": [(0.5, 2)]}, "case 1 is not \\(constructor arguments"),
        ("torch.optim.SGD", {"by": SGD, "inputs": [(0.1,), (0.2,)]}, "case 1 is no dict"),
        ("torch.optim.lr_scheduler.StepLR", {"by": SGD, "inputs": [(3,)]}, "case 1 is no dict of keywords"),
        ("torch.nn.Linear", {"by": Linear, "backward": matmul}, "backward= is for functions"),
        ("torch.optim.lr_scheduler", {"by": SGD}, "it holds many things: unlock one of them"),
        ("torch.finfo", {"by": SGD}, "no kind of proof is for it: name it in also="),
        ("torch.utils.data.DataLoader", {"by": DataLoader, "inputs": [3]}, "case 1 is not \\(dataset, keywords\\)"),
        ("torch.is_tensor", {"by": lambda x: True, "inputs": [(A,), (B,)]}, "it returns no tensor to compare"),
        ("torch.nn.functional.cross_entropy(label_smoothing=)",
         {"by": cross_entropy, "inputs": [(A, torch.tensor([0, 3, 1]))] * 2}, "no case gives label_smoothing="),
        ("torch.nn.functional.cross_entropy(label_smoothing=)",
         {"by": cross_entropy, "inputs": [(A, torch.tensor([0, 3, 1]), {"label_smoothing": 0})] * 2},
         "no case gives label_smoothing= another value than its default"),
        ("torch.nn.utils.clip_grad_norm_(norm_type=)",
         {"by": clip_grad_norm_, "inputs": [([A], 1.0)] * 2}, "no case gives norm_type="),
    ],
)  # fmt: skip
def test_what_proves_nothing_is_an_error(name: str, more: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unlock(name, **{"by": matmul, "inputs": MATRICES, **more})


def test_random_numbers_of_the_chapter_are_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    unlock("torch.nn.Linear", by=Linear, inputs=[((4, 2), (A,))] * 2)
    assert torch.equal(torch.rand(2), expected)


KINDS = [
    ("torch.matmul", "function"), ("torch.Tensor.__matmul__", "function"), ("torch.nn.functional.relu", "function"),
    ("torch.nn.functional.relu_", "function"), ("torch.nn.utils.clip_grad_norm_", "function"),
    ("torch.nn.functional.conv2d", "function"), ("torch.nn.functional.grid_sample", "function"),
    ("torch.nn.init.xavier_normal_", "random"), ("torch.nn.init.kaiming_uniform_", "random"),
    ("torch.nn.init.zeros_", "function"), ("torch.nn.functional.dropout", "random"), ("torch.nn.Dropout", "random"),
    ("torch.bernoulli", "random"), ("torch.Tensor.to_sparse", "function"),
    ("torch.Tensor.backward", "engine"), ("torch.no_grad", "engine"), ("torch.Tensor.requires_grad_", "engine"),
    ("torch.nn.Module", "container"), ("torch.nn.Parameter", "container"), ("torch.nn.Sequential", "container"),
    ("torch.nn.Linear", "layer"), ("torch.nn.BatchNorm2d", "layer"), ("torch.nn.Identity", "layer"),
    ("torch.optim.SGD", "optimizer"), ("torch.optim.AdamW", "optimizer"),
    ("torch.optim.lr_scheduler.OneCycleLR", "scheduler"), ("torch.optim.lr_scheduler.LambdaLR", "scheduler"),
    ("torch.utils.data.DataLoader", "loader"),
    ("torch.nn.Module.register_forward_hook", "hook"), ("torch.nn.Module.register_full_backward_hook", "hook"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_every_thing_has_its_kind(name: str, kind: str) -> None:
    assert kind_of(name, _resolve(name)).name == kind


def test_every_name_of_the_plan_has_a_kind() -> None:
    names = {name.partition("(")[0] for chapter in PLAN for name in chapter.unlocks} - {"torch.optim.lr_scheduler"}
    assert {kind_of(name, _resolve(name)).name for name in names} <= {kind for _, kind in KINDS}


def test_importing_unlock_does_not_import_torch() -> None:
    code = "import sys; from groundup import unlock; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
