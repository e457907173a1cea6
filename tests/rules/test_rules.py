"""The static check: what it catches, with file and line, and what it must leave alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.books import make_book

from groundup import rules
from groundup.book import Book, BookError, UsageError
from groundup.chapter import ChapterError, parse_book

HERE = Path(__file__).parents[2]
REMEDY = "which no chapter unlocks: write it from the base vocabulary"


def book_of(tmp_path: Path, **chapters: str) -> Book:
    """A book whose chapters hold the given code cells after their title: `c03="import torch"`."""
    return make_book(tmp_path, {int(key[1:]): f"# %%\n{text}" for key, text in chapters.items()})


def check_chapters(book: Book) -> None:
    rules.check_chapters(parse_book(book))


def check_package(book: Book, folder: Path, number: int) -> None:
    rules.check_package(book, rules.book_locks(parse_book(book)), folder, number)


def violations(book: Book) -> list[str]:
    with pytest.raises(ChapterError) as caught:
        check_chapters(book)
    return str(caught.value).splitlines()


# each begins on line 5 of a chapter 4 whose predecessor has unlocked nothing; the line of the violation, its text
PLANTED = [
    ("import torch\ntorch.matmul(a, b)", 6, "uses torch.matmul, which chapter 3 unlocks"),
    ("import torch as t\nt.mm(a, b)", 6, "uses torch.mm, which chapter 3 unlocks"),
    ("from ch03 import nn as n\nn.torch.softmax(x, 0)", 6, "reaches torch through ch03: write import torch"),
    ("from ch03 import nn as n\nn.weights.softmax(0)", 6, "uses torch.Tensor.softmax, which chapter 7 unlocks"),
    ("import groundup.proof\ngroundup.proof.torch.nn.Linear", 6, "reaches torch through groundup: write import torch"),
    (
        "import torch\nclass T(torch.Tensor):\n    def f(self):\n        self.backward()",
        8,
        "uses torch.Tensor.backward, which chapter 6 unlocks",
    ),
    (
        "import torch\nclass T(torch.Tensor):\n    def f(self):\n        return super().relu()",
        8,
        "uses torch.Tensor.relu, which chapter 4 unlocks",
    ),
    (
        "import torch\nclass T(torch.Tensor):\n    __torch_function__ = torch._C._disabled_torch_function_impl",
        7,
        "uses torch._C._disabled_torch_function_impl, which chapter 6 unlocks",
    ),
    ("from _operator import matmul\nmatmul(a, b)", 6, "uses @, which chapter 3 unlocks"),
    ("import pkgutil\npkgutil.resolve_name('torch.nn:Linear')", 6, "uses pkgutil.resolve_name, behind which nothing"),
    ("from torch import matmul as mm", 5, "uses torch.matmul, which chapter 3 unlocks"),
    ("from torch import *", 5, "imports * from torch: import the names that you use"),
    ("from torch.nn import *", 5, "imports * from torch.nn: import the names that you use"),
    (
        "from torch.nn import functional as F\n\nF.conv2d(x, w)",
        7,
        "uses torch.nn.functional.conv2d, which chapter 9 unlocks",
    ),
    (
        "import torch.nn.functional as F\nF.softmax(x, 0)",
        6,
        "uses torch.nn.functional.softmax, which chapter 7 unlocks",
    ),
    ("import torch\nT = torch\nT.einsum('i,i', a, b)", 7, "uses torch.einsum, which chapter 3 unlocks"),
    ("import torch\nF = torch.nn.functional\nF.relu(x)", 7, "uses torch.nn.functional.relu, which chapter 4 unlocks"),
    (
        "import torch\nF: object = torch.nn.functional\nF.relu(x)",
        7,
        "uses torch.nn.functional.relu, which chapter 4 unlocks",
    ),
    ("import torch\nf = torch.matmul", 6, "uses torch.matmul, which chapter 3 unlocks"),
    ('import torch\ngetattr(torch, "matmul")(a, b)', 6, "uses torch.matmul, which chapter 3 unlocks"),
    ('import torch\nT = getattr(torch, "nn")\nT.Linear(1, 2)', 7, "uses torch.nn.Linear, which chapter 7 unlocks"),
    ('import torch\ngetattr(torch, "mat" + "mul")', 6, "takes a computed name from torch: write the name out"),
    ('getattr(x, "softmax")(0)', 5, "uses torch.Tensor.softmax, which chapter 7 unlocks"),
    ("import torch\ntorch.__dict__", 6, f"uses torch.__dict__, {REMEDY}"),
    ("import torch\nvars(torch)", 6, "hands torch around as a whole: name what you use of it"),
    ("import torch\nsteal(torch.nn)", 6, "hands torch.nn around as a whole: name what you use of it"),
    ("import torch\npair = (torch, 1)", 6, "hands torch around as a whole: name what you use of it"),
    ("import torch\nprint(t := torch)", 6, "hands torch around as a whole: name what you use of it"),
    (
        't = __import__("torch")',
        5,
        "uses __import__, behind which nothing can be checked: write the code, or the import, out",
    ),
    ('import importlib\nimportlib.import_module("torch")', 6, "uses importlib.import_module, behind which nothing"),
    (
        'from importlib import import_module as get\nget("torch")',
        6,
        "uses importlib.import_module, behind which nothing",
    ),
    ('import sys\nsys.modules["torch"]', 6, "uses sys.modules, behind which nothing"),
    ("import builtins\nbuiltins.__import__('torch')", 6, "uses builtins.__import__, behind which nothing"),
    ("import torch\nclass C:\n    t = torch", 7, "hands torch around as a whole: name what you use of it"),
    ("import torch\ngetattr(torch.Tensor, name)", 6, "takes a computed name from torch.Tensor: write the name out"),
    ('exec("torch.mm(a, b)")', 5, "uses exec, behind which nothing"),
    ("from groundup.proof import torch", 5, "imports torch from groundup.proof: write import torch"),
    ("import operator\noperator.matmul(a, b)", 6, "uses @, which chapter 3 unlocks"),
    ("from operator import matmul as times\ntimes(a, b)", 6, "uses @, which chapter 3 unlocks"),
    ('import operator\noperator.methodcaller("mm", b)(a)', 6, "uses torch.Tensor.mm, which chapter 3 unlocks"),
    ("x.matmul(y)", 5, "uses torch.Tensor.matmul, which chapter 3 unlocks"),
    ("y = (\n    x\n    .softmax(0)\n)", 7, "uses torch.Tensor.softmax, which chapter 7 unlocks"),
    ("x.relu_()", 5, "uses torch.Tensor.relu_, which chapter 4 unlocks"),
    ("loss.backward()", 5, "uses torch.Tensor.backward, which chapter 6 unlocks"),
    ("x.__matmul__(y)", 5, "uses torch.Tensor.__matmul__, which chapter 3 unlocks"),
    ("x.expand(3, 3)", 5, "uses torch.Tensor.expand, which chapter 3 unlocks"),
    ("a @ b", 5, "uses @, which chapter 3 unlocks"),
    ("a @= b", 5, "uses @, which chapter 3 unlocks"),
    ("x.requires_grad = True", 5, "uses torch.Tensor.requires_grad, which chapter 6 unlocks"),
    ("x.requires_grad_()", 5, "uses torch.Tensor.requires_grad_, which chapter 6 unlocks"),
    ("import torch\ntorch.zeros(3, requires_grad=True)", 6, "uses requires_grad=, which chapter 6 unlocks"),
    (
        "from torch import zeros\nzeros(3, requires_grad=True)",
        6,
        "uses requires_grad=, which chapter 6 unlocks",
    ),
    ("x.new_zeros(3, requires_grad=True)", 5, "uses requires_grad=, which chapter 6 unlocks"),
    ("import torch\nwith torch.no_grad():\n    pass", 6, "uses torch.no_grad, which chapter 6 unlocks"),
    ("import torch\ntorch.autograd.grad(y, x)", 6, "uses torch.autograd.grad, which chapter 6 unlocks"),
    (
        "import torch\ntorch.nn.init.kaiming_normal_(w)",
        6,
        "uses torch.nn.init.kaiming_normal_, which chapter 4 unlocks",
    ),
    ("from torch import nn\nclass Net(nn.Module):\n    pass", 6, "uses torch.nn.Module, which chapter 7 unlocks"),
    ("from torch.utils.data import DataLoader", 5, "uses torch.utils.data.DataLoader, which chapter 7 unlocks"),
    (
        "import torch\ntorch.optim.lr_scheduler.OneCycleLR(o, 1)",
        6,
        "uses torch.optim.lr_scheduler.OneCycleLR, which chapter 10 unlocks",
    ),
    ("import torch\ntorch.compile(f)", 6, f"uses torch.compile, {REMEDY}"),
    ("import torch\ntorch.linalg.solve(a, b)", 6, f"uses torch.linalg.solve, {REMEDY}"),
    ("import torch\ntorch.cdist(a, b)", 6, f"uses torch.cdist, {REMEDY}"),
    ("import torch.sparse", 5, f"uses torch.sparse, {REMEDY}"),
    (
        "import torch\ndef f():\n    def g():\n        return torch.mm(a, b)",
        8,
        "uses torch.mm, which chapter 3 unlocks",
    ),
    ("class C:\n    def f(self):\n        return self.w @ self.x", 7, "uses @, which chapter 3 unlocks"),
    ("f = lambda x: x @ x", 5, "uses @, which chapter 3 unlocks"),
    ("y = [a @ b for a in x]", 5, "uses @, which chapter 3 unlocks"),
    ("import torch as t\ny = [t for t in x]\nt.mm(a, b)", 7, "uses torch.mm, which chapter 3 unlocks"),
    ("import torch\n@torch.no_grad()\ndef f():\n    pass", 6, "uses torch.no_grad, which chapter 6 unlocks"),
    ("import torch\ndef f(g=torch.mm):\n    pass", 6, "uses torch.mm, which chapter 3 unlocks"),
    ("def f():\n    return t.mm(a, b)\nimport torch as t", 6, "uses torch.mm, which chapter 3 unlocks"),
    ("def f():\n    import torch as t\n    return t.mm(a, b)", 7, "uses torch.mm, which chapter 3 unlocks"),
    (
        "try:\n    import torch\nexcept ImportError:\n    torch = None\ntorch.mm(a, b)",
        9,
        "uses torch.mm, which chapter 3 unlocks",
    ),
    (
        "from torch import relu\nclass C:\n    def relu(self):\n        return relu(self)",
        8,
        "uses torch.relu, which chapter 4 unlocks",
    ),
    ("from torch import relu", 5, "uses torch.relu, which chapter 4 unlocks"),
    ("from torch import Tensor\nTensor.matmul(a, b)", 6, "uses torch.Tensor.matmul, which chapter 3 unlocks"),
    ('print(f"{a @ b}")', 5, "uses @, which chapter 3 unlocks"),
    (
        "import numpy as np",
        5,
        "imports numpy: numpy is not part of the rules: the standard library, matplotlib, and torch from chapter 3",
    ),
    ("from ch02.network import step", 5, "imports ch02: chapter 4 builds on ch03"),
    ("import ch04.nn", 5, "imports ch04: chapter 4 builds on ch03"),
    ("from . import nn", 5, "imports relatively: a chapter is a script, name the package"),
    ("from groundup import unlock\nunlock(name, by=f, inputs=[])", 6, "unlocks a computed name: write it out"),
    ('from groundup import unlock\nunlock("torch.mm", by=f, inputs=[], also=more)', 6, "unlocks a computed name"),
    (
        'from groundup import unlock\nif x:\n    unlock("torch.mm", by=f, inputs=[])',
        7,
        "calls unlock inside other code",
    ),
]


@pytest.mark.parametrize(("code", "line", "text"), PLANTED, ids=[code for code, _, _ in PLANTED])
def test_planted_violation_is_named_with_its_line(tmp_path: Path, code: str, line: int, text: str) -> None:
    assert any(
        found.startswith(f"chapters/04_chapter.py:{line} {text}") for found in violations(book_of(tmp_path, c04=code))
    )


CLEAN = [
    "import torch\nx = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)",
    "import torch\nx = torch.zeros(3); x[0] = 1; x.add_(2).clamp_(0); print(x.sum().item(), x.tolist())",
    "import torch\nx = torch.as_strided(y, (3, 3), (1, 0)); x.stride(); x.reshape(-1).view(3, 3).mT.contiguous()",
    "import torch\nx = torch.tanh(a[:, :, None] * b[None]).sum(1).sigmoid().exp().log().sqrt().abs().maximum(y)",
    "import torch\nx.mean(0, keepdim=True), x.var(unbiased=False), x.std(), x.argmax(1), torch.where(x > 0, x, 0.0)",
    "import torch\ntorch.float32.itemsize, torch.Size([1]).numel(), torch.finfo(torch.float64).eps, torch.__version__",
    "import torch\ntorch.cuda.is_available(), torch.random.fork_rng(), torch.set_printoptions(precision=3), torch.pi",
    "from torch import Tensor, tensor\ndef f(x: Tensor) -> Tensor:\n    return x * tensor(2.0)",
    "import torch.nn.functional as F\nF.tanh(x), F.sigmoid(x)",
    "import math, random, sys, time, dataclasses, operator\nmath.exp(1), operator.mul(2, 3), sys.version",
    "import matplotlib.pyplot as plt\nfrom groundup import data, extend, plot, record\nplt.plot([1])",
    "from ch03.linear import matmul\nmatmul(a, b)",
    "from ch03 import linear\nlinear.matmul(a, b)",
    "from ch03 import activations\nactivations.relu(x), activations.SCALE.abs()",
    "def matmul(a, b):\n    return a\nmatmul(1, 2)",
    "class Layer:\n    def backward(self, g):\n        return g\nLayer().backward(1)",
    "class Layer:\n    def forward(self, x):\n        self.softmax = x\n        return self.softmax\nLayer().softmax",
    "from groundup import extend\n@extend(Node)\ndef backward(self):\n    pass\nNode().backward()",
    "class Tensor:\n    def __init__(self, data, requires_grad=False):\n        self.requires_grad = requires_grad\n"
    "t = Tensor([1], requires_grad=True)\nt.requires_grad",
    "class Linear(Layer):\n    def backward(self, g):\n        return super().backward(g)",
    "def relu(x):\n    return x * (x > 0)\ny = relu(x)",
    "import torch\ndef f(torch):\n    return torch.einsum(1)",
    'text = "torch.matmul is a @ b"  # torch.mm',
    "@decorate\ndef f(a, b):\n    a += b",
    'import torch\ngetattr(torch, "zeros")(3), getattr(config, name), getattr(x, "size")',
    "model.eval()\nx.split(2), x.index_select(0, i), names.index(1), text.expandtabs(), x.values(), x.T",
    "import re\nre.compile('x').split('y')",
]


@pytest.mark.parametrize("code", CLEAN)
def test_clean_code_is_left_alone(tmp_path: Path, code: str) -> None:
    check_chapters(book_of(tmp_path, c04=code))


UNLOCK = 'from groundup import unlock\nunlock("torch.matmul", also=("torch.mm",), by=matmul, inputs=cases)'


def test_a_name_may_be_used_from_the_cell_after_its_unlock(tmp_path: Path) -> None:
    check_chapters(book_of(tmp_path, c03=f"{UNLOCK}\n\n# %%\na @ b\n", c04="import torch\ntorch.mm(a, b)"))


def test_a_name_may_not_be_used_in_the_cell_of_its_unlock(tmp_path: Path) -> None:
    book = book_of(tmp_path, c03=f"a @ b\n\n# %%\n{UNLOCK}\nx.dot(y)")
    assert violations(book) == [
        "chapters/03_chapter.py:5 uses @, which line 9 unlocks: use it from the next cell on",
        "chapters/03_chapter.py:10 uses torch.Tensor.dot, which line 9 unlocks: use it from the next cell on",
    ]


def test_an_unlock_of_a_later_chapter_is_named(tmp_path: Path) -> None:
    book = book_of(tmp_path, c03="a.cumprod(0).mm(b)", c08=UNLOCK)
    assert violations(book) == ["chapters/03_chapter.py:5 uses torch.Tensor.mm, which chapter 8 unlocks"]


@pytest.mark.parametrize(
    ("unlocked", "covered", "still_locked"),
    [
        ("torch.matmul", ["a @ b", "a @= b", "a.mm(b)", "torch.bmm(a, b)", "torch.mv(a, b)", "a.dot(b)",
                          "torch.Tensor.__matmul__(a, b)"], "torch.einsum('i', a)"),
        ("torch.broadcast_tensors", ["a.expand(2)", "a.expand_as(b)", "torch.broadcast_to(a, s)",
                                     "torch.broadcast_shapes(s)"], "a @ b"),
        ("torch.nn.functional.relu", ["torch.relu(a)", "a.relu()", "a.relu_()", "torch.nn.functional.relu_(a)"],
         "torch.nn.ReLU()"),
        ("torch.Tensor.backward", ["a.backward()", "a.requires_grad_()", "a.requires_grad = True",
                                   "torch.ones(1, requires_grad=True)", "torch.autograd.grad(a, b)"],
         "torch.no_grad()"),
        ("torch.nn.Module", ["torch.nn.Module()", "torch.nn.Module.parameters(m)"],
         "torch.nn.Module.register_forward_hook(m, f)"),
        ("torch.optim.lr_scheduler.OneCycleLR", ["torch.optim.lr_scheduler.OneCycleLR(o, 1)"], "torch.optim.Adam(p)"),
    ],
)  # fmt: skip
def test_one_unlock_covers_its_family(tmp_path: Path, unlocked: str, covered: list[str], still_locked: str) -> None:
    code = "\n".join(covered)
    book = book_of(
        tmp_path,
        c03=f'from groundup import unlock\nunlock("{unlocked}", by=f, inputs=[])',
        c04=f"import torch\n{code}\n{still_locked}",
    )
    found = violations(book)
    assert [int(re.search(r":(\d+) ", line)[1]) for line in found] == [6 + len(covered)]


ORACLE = '# %% tags=["oracle"]\nfrom torch.nn.functional import conv2d\nconv2d(a, b) @ c\n'


def test_an_oracle_cell_may_use_anything(tmp_path: Path) -> None:
    check_chapters(book_of(tmp_path, c03=f"x = 1\n\n{ORACLE}"))


def test_others_work_may_be_imported_to_compare_with_and_only_there(tmp_path: Path) -> None:
    check_chapters(book_of(tmp_path, c03='x = 1\n\n# %% tags=["oracle"]\nfrom micrograd.engine import Value'))
    assert violations(book_of(tmp_path, c03="from micrograd.engine import Value"))


def test_what_an_oracle_cell_imports_stays_locked_elsewhere(tmp_path: Path) -> None:
    book = book_of(tmp_path, c03=f"x = 1\n\n{ORACLE}\n# %%\nconv2d(a, b)")
    assert violations(book) == ["chapters/03_chapter.py:12 uses torch.nn.functional.conv2d, which chapter 9 unlocks"]


def test_torch_comes_with_chapter_3(tmp_path: Path) -> None:
    book = book_of(tmp_path, c01="import torch", c02="from torch import tensor")
    assert violations(book) == [
        "chapters/01_chapter.py:5 imports torch: PyTorch's arrays come in with chapter 3",
        "chapters/02_chapter.py:5 imports torch: PyTorch's arrays come in with chapter 3",
    ]


def test_attributes_of_earlier_exported_classes_are_known(tmp_path: Path) -> None:
    layer = "class Layer:\n    def backward(self):\n        pass"
    (tmp_path / "one").mkdir()
    check_chapters(book_of(tmp_path / "one", c03=f'x = 1\n\n# %% export="nn.py"\n{layer}', c04="layer.backward()"))
    (tmp_path / "two").mkdir()
    book = book_of(tmp_path / "two", c03=layer, c04="layer.backward()")
    assert violations(book) == ["chapters/04_chapter.py:5 uses torch.Tensor.backward, which chapter 6 unlocks"]


def test_a_class_of_a_later_cell_does_not_help(tmp_path: Path) -> None:
    book = book_of(tmp_path, c04="x.backward()\n\n# %%\nclass Layer:\n    def backward(self):\n        pass")
    assert violations(book) == ["chapters/04_chapter.py:5 uses torch.Tensor.backward, which chapter 6 unlocks"]


def package(tmp_path: Path, **modules: str) -> Path:
    folder = tmp_path / "my_work"
    folder.mkdir()
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_a_package_may_use_what_is_unlocked_by_its_chapter(tmp_path: Path) -> None:
    book = book_of(tmp_path, c02="x = 1", c03=UNLOCK, c04="x = 1")
    folder = package(
        tmp_path,
        nn="import torch\nfrom .layers import Layer\n\n\ndef f(a, b):\n    Layer().backward()\n    return a @ b\n",
        layers="from my_work import nn\nimport nn\n\n\nclass Layer:\n    def backward(self):\n        pass\n",
    )
    check_package(book, folder, 3)
    check_package(book, folder, 4)
    with pytest.raises(ChapterError) as caught:
        check_package(book, folder, 2)
    assert str(caught.value).splitlines() == [
        "my_work/nn.py:1 imports torch: PyTorch's arrays come in with chapter 3",
        "my_work/nn.py:7 uses @, which chapter 3 unlocks",
    ]


def test_a_package_cannot_unlock_for_itself(tmp_path: Path) -> None:
    book = book_of(tmp_path, c03="x = 1")
    folder = package(tmp_path, nn=f"{UNLOCK}\na @ b\n")
    with pytest.raises(ChapterError, match=r"^my_work/nn\.py:3 uses @, which chapter 3 unlocks$"):
        check_package(book, folder, 3)


def test_a_package_cannot_borrow_torch_from_a_neighbour(tmp_path: Path) -> None:
    book = book_of(tmp_path, c03="x = 1")
    folder = package(tmp_path, params="import torch\n", nn="from . import params\nparams.torch.nn.Linear(1, 2)\n")
    with pytest.raises(ChapterError, match=r"^my_work/nn\.py:2 reaches torch through params: write import torch$"):
        check_package(book, folder, 3)


def test_a_file_that_begins_with_a_byte_order_mark(tmp_path: Path) -> None:
    folder = package(tmp_path, nn="\ufeffx = 1\n")
    check_package(book_of(tmp_path, c03="x = 1"), folder, 3)


def test_a_package_that_is_no_text(tmp_path: Path) -> None:
    folder = package(tmp_path, nn="x = 1\n")
    (folder / "nn.py").write_bytes("# für uns\n".encode("latin-1"))
    with pytest.raises(BookError, match=r"^my_work/nn\.py: not UTF-8 text \(byte 3\): save it as UTF-8$"):
        check_package(book_of(tmp_path, c03="x = 1"), folder, 3)
    (folder / "nn.py").write_bytes(b"x = 1\0\n")
    with pytest.raises(ChapterError, match=r"^my_work/nn\.py:1: not Python"):
        check_package(book_of(tmp_path, c03="x = 1"), folder, 3)


def test_a_package_with_a_syntax_error(tmp_path: Path) -> None:
    folder = package(tmp_path, nn="x = 1\ndef f(:\n")
    with pytest.raises(ChapterError, match=r"^my_work/nn\.py:2: not Python"):
        check_package(book_of(tmp_path, c03="x = 1"), folder, 3)


def test_a_package_that_is_not_there(tmp_path: Path) -> None:
    book = book_of(tmp_path, c03="x = 1")
    with pytest.raises(UsageError, match="there is no folder my_work"):
        check_package(book, tmp_path / "my_work", 3)
    with pytest.raises(UsageError, match="no Python file in my_work"):
        check_package(book, package(tmp_path), 3)
    with pytest.raises(UsageError, match="there is no chapter 9"):
        check_package(book, tmp_path / "my_work", 9)
