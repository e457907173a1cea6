"""Ways round the rules that the reading of the source finds; what it leaves to the watched run; and false alarms."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.books import make_book

from groundup import rules
from groundup.book.plan import PLAN
from groundup.chapter import ChapterError, parse_book

WRITE = "write the code, or the import, out"
UNSEEN = "behind which nothing can be checked:"


def opened(before: int) -> str:
    """Cells that unlock everything which the plan unlocks before a chapter."""
    names = [name for planned in PLAN if planned.number < before for name in planned.unlocks]
    return "\n".join(["# %%", "from groundup import unlock", *(f'unlock("{n}", by=f, inputs=[])' for n in names)])


def found(tmp_path: Path, number: int, cells: str, **chapters: str) -> list[str]:
    """What is said of a chapter's code, as `line message`, counted from its first code line."""
    first = {3: opened(number)} if number > 3 else {}
    others = {int(key[1:]): text for key, text in chapters.items()}
    book = make_book(tmp_path, {**first, **others, number: f"# %%\n{cells}"})
    try:
        rules.check_chapters(parse_book(book))
    except ChapterError as error:
        start = f"chapters/{number:02d}_chapter.py:"
        lines = [line.removeprefix(start).split(" ", 1) for line in str(error).splitlines()]
        return [f"{int(line) - 4} {text}" for line, text in lines]
    return []


CHEATS = [
    # what cannot be seen through
    ("compile('x', 'x', 'exec')", f"1 uses compile, {UNSEEN} {WRITE}"),
    ("eval('a @ b')", f"1 uses eval, {UNSEEN} {WRITE}"),
    ("globals()['torch']", f"1 uses globals, {UNSEEN} name what you use"),
    ("locals()['torch']", f"1 uses locals, {UNSEEN} name what you use"),
    ("vars()['torch']", "1 takes all that stands in vars(): name what you use"),
    ("__builtins__.eval('a @ b')", f"1 uses __builtins__.eval, {UNSEEN} {WRITE}"),
    ("import builtins\nbuiltins.compile", f"2 uses builtins.compile, {UNSEEN} {WRITE}"),
    ("import pickle", f"1 uses pickle, {UNSEEN} save tensors with torch.save, numbers as text"),
    ("from pickle import loads", f"1 uses pickle.loads, {UNSEEN} save tensors with torch.save, numbers as text"),
    ("import importlib", f"1 uses importlib, {UNSEEN} {WRITE}"),
    ("from importlib import util as u\nu.find_spec", f"1 uses importlib.util, {UNSEEN} {WRITE}"),
    ("import runpy\nimport ctypes", f"2 uses ctypes, {UNSEEN} {WRITE}"),
    ("from sys import modules as m\nm['torch']", f"1 uses sys.modules, {UNSEEN} name what you use"),
    ("f.__globals__['torch']", f"1 uses __globals__, {UNSEEN} name what you use"),
    ("import torch\nvars(torch.Tensor)['mm']", "2 takes all that stands in vars(): name what you use"),
    ("import torch\ntorch.Tensor.__dict__['mm']", "2 uses torch.Tensor.__dict__, which no chapter unlocks: write it"),
    # one library through another
    ("import matplotlib.pyplot as plt\nplt.np.convolve(a, b)", "2 reaches np through matplotlib: it is not part of"),
    ("from matplotlib import pyplot as plt\nplt.np.dot(a, b)", "2 reaches np through matplotlib: it is not part of"),
    ("from matplotlib.pyplot import *", "1 imports * from matplotlib.pyplot: import the names that you use"),
    ("from matplotlib.pyplot import np", "1 reaches np through matplotlib: it is not part of the rules"),
    ("from groundup import data\ndata.np.dot(a, b)", "2 reaches np through groundup: it is not part of the rules"),
    ("import random\nrandom._os.sys.modules", "2 reaches sys through random: write import sys"),
    # names that are computed
    ("import operator\noperator.methodcaller('m' + 'm', b)(a)", "2 takes a computed name: write the method"),
    ("from operator import attrgetter\nattrgetter(word)(a)", "2 takes a computed name: write the method"),
    ("import torch\ngetattr(torch.nn, word)", "2 takes a computed name from torch.nn: write the name out"),
    ("import torch\nsetattr(torch.Tensor, word, f)", "2 takes a computed name from torch.Tensor: write the name out"),
    ("import torch\nx = torch.ones(2)\ngetattr(x, word)(x)", "3 takes a computed name from a tensor: write the name"),
    ("setattr(x, 'requires_grad', True)", "1 uses torch.Tensor.requires_grad, which chapter 6 unlocks"),
    # keyword arguments
    ("f(**{'requires_grad': True})", "1 uses requires_grad=, which chapter 6 unlocks"),
    ("import torch\ntorch.zeros(3, **dict(requires_grad=True))", "2 uses requires_grad=, which chapter 6 unlocks"),
    (
        "import torch\nfrom functools import partial\npartial(torch.zeros, requires_grad=True)",
        "3 uses requires_grad=, which chapter 6 unlocks",
    ),
]


@pytest.mark.parametrize(("code", "said"), CHEATS, ids=[code for code, _ in CHEATS])
def test_a_cheat_that_can_be_read(tmp_path: Path, code: str, said: str) -> None:
    lines = found(tmp_path, 4, code)
    assert any(line.startswith(said) for line in lines), lines


LATER = [
    (9, "import torch\ntorch.optim.SGD(p, lr=1, momentum=0.9)", "torch.optim.SGD(momentum=), which chapter 10"),
    (9, "from torch import optim\noptim.SGD(p, nesterov=True)", "torch.optim.SGD(nesterov=), which chapter 10"),
    (9, "from torch.optim import SGD\nSGD(p, **{'momentum': 0.9})", "torch.optim.SGD(momentum=), which chapter 10"),
    (
        12,
        "import torch.nn.functional as F\nF.cross_entropy(x, y, label_smoothing=0.1)",
        "torch.nn.functional.cross_entropy(label_smoothing=), which chapter 13",
    ),
    (
        12,
        "from torch import nn\nnn.CrossEntropyLoss(label_smoothing=0.1)",
        "torch.nn.CrossEntropyLoss(label_smoothing=), which chapter 13",
    ),
    (10, "\nmodel.register_forward_hook(f)", "torch.nn.Module.register_forward_hook, which chapter 11"),
    (10, "\nx.register_hook(f)", "torch.Tensor.register_hook, which chapter 11"),
    (7, "import torch\ntorch.nn.utils.clip_grad_norm_(p, 1.0)", "torch.nn.utils.clip_grad_norm_, which chapter 8"),
    (6, "import torch\ntorch.nn.Flatten()", "torch.nn.Flatten, which chapter 7"),
    (12, "import torch\ntorch.nn.functional.affine_grid(t, s)", "torch.nn.functional.affine_grid, which chapter 13"),
]


@pytest.mark.parametrize(("number", "code", "said"), LATER, ids=[code for _, code, _ in LATER])
def test_a_lock_of_its_own_on_a_keyword_or_a_method(tmp_path: Path, number: int, code: str, said: str) -> None:
    """Everything unlocked before the chapter is free in it, the function itself among it, and this is not."""
    assert found(tmp_path, number, code) == [f"2 uses {said} unlocks"]


LAYER = "class Layer:\n    def backward(self, grad):\n        return grad\n\n\n"

TENSORS = [
    ("import torch\nloss = torch.ones(3).sum()\nloss.backward()", 8),
    ("import torch\ndef f(x: torch.Tensor):\n    x.backward()", 8),
    ("import torch\ndef f(x: 'torch.Tensor | None'):\n    x.backward()", 8),
    ("from torch import Tensor\ndef f(x: Tensor):\n    (2 * x + 1)[0].backward()", 8),
    ("import torch\ndef mse() -> torch.Tensor: ...\nmse().backward()", 8),
    ("import torch\nclass Loss:\n    value: torch.Tensor\nLoss().value.backward()", 9),
    ("import torch\nclass T(torch.Tensor):\n    def f(self):\n        self.backward()", 9),
]


@pytest.mark.parametrize(("code", "line"), TENSORS, ids=[code for code, _ in TENSORS])
def test_an_own_method_does_not_free_the_tensors(tmp_path: Path, code: str, line: int) -> None:
    """The chapter's own Layer has a `backward`, and so has a tensor, which is locked until chapter 6."""
    assert found(tmp_path, 5, LAYER + code) == [f"{line} uses torch.Tensor.backward, which chapter 6 unlocks"]


OWN = [
    "Layer().backward(1)",
    "def f(layer: Layer):\n    layer.backward(1)",
    "def f(layer: 'Layer'):\n    layer.backward(1)",
    "layer = Layer()\nlayer.backward(1)",
    "def make() -> Layer: ...\nmake().backward(1)",
    "class Net:\n    def __init__(self):\n        self.a = Layer()\n    def f(self):\n        self.a.backward(1)",
    "class Linear(Layer):\n    def f(self):\n        super().backward(1)\nLinear().backward(1)",
    "Layer.backward(layer, 1)",
    "for layer in layers:\n    layer.backward(1)",  # left to the watched run
    "layers[0].backward(1)",
]


@pytest.mark.parametrize("code", OWN)
def test_own_methods_are_free(tmp_path: Path, code: str) -> None:
    assert found(tmp_path, 5, LAYER + code) == []


def test_own_classes_of_the_checkpoint_are_known(tmp_path: Path) -> None:
    exported = f'# %% export="nn.py"\n{LAYER}'
    code = "from ch04.nn import Layer\nfrom ch04 import nn\nLayer().backward(1)\nnn.Layer().backward(1)"
    assert found(tmp_path / "a", 5, code, c04=exported) == []
    said = ["3 uses torch.Tensor.backward, which chapter 6 unlocks"]
    code = "import torch\nfrom ch04.nn import Layer\ntorch.ones(1).backward()"
    assert found(tmp_path / "b", 5, code, c04=exported) == said


def test_an_own_requires_grad_does_not_free_the_factories(tmp_path: Path) -> None:
    code = (
        "import torch\nclass Node:\n    def __init__(self, requires_grad=False):\n"
        "        self.requires_grad = requires_grad\nNode(requires_grad=True).requires_grad\n"
        "torch.zeros(3, requires_grad=True)"
    )
    assert found(tmp_path, 5, code) == ["6 uses requires_grad=, which chapter 6 unlocks"]


LEAKS = [
    "def f(a):\n    return a",
    "f = lambda a: a",
    "from functools import partial\nf = partial(print)",
    "class f:\n    pass",
    "f = [1]",
    "with open('x') as f:\n    pass",
    "for f in (1, 2):\n    pass",
    "def g():\n    global f\n    f = 1",
    "print(f := 1)",
]


@pytest.mark.parametrize("made", LEAKS)
@pytest.mark.parametrize("used", ["f(1)", "def g():\n    return [f for _ in range(2)]", "y = f.x"])
def test_what_an_oracle_cell_makes_stays_in_it(tmp_path: Path, made: str, used: str) -> None:
    oracle = f'# %% tags=["oracle"]\n{made}\n'
    lines = found(tmp_path, 4, f"a = 1\n\n{oracle}\n# %%\n{used}")
    assert len(lines) == 1
    assert lines[0].endswith(
        "uses f, which the oracle cell at line 7 made: make it again, in a cell that keeps the rules"
    )


@pytest.mark.parametrize(
    "after",
    ["# %%\nf = 2\nf + 1", "# %%\nfor f in x:\n    f + 1", "# %%\nwith open(a) as f:\n    f.read()",
     '# %% tags=["oracle"]\nf(1)', "# %%\ndef g(f):\n    return f", "# %%\n[f for f in x]",
     "# %%\na + 1", "# %%\nx.f"],
)  # fmt: skip
def test_what_an_oracle_cell_makes_may_be_made_again(tmp_path: Path, after: str) -> None:
    assert found(tmp_path, 4, f'a = 1\n\n# %% tags=["oracle"]\nf = 1\n\n{after}') == []


def test_an_unlock_has_a_row_in_the_plan(tmp_path: Path) -> None:
    remedy = "mend the unlock, or the table in src/groundup/book/plan.py"
    code = (
        "from groundup import unlock\nunlock('torch.cross', by=f, inputs=[])\nunlock('torch.mm', by=f, inputs=[])\n"
        "unlock('torch.nn.functional.relu', by=f, inputs=[], also=('torch.nn.Conv2d',))"
    )
    assert found(tmp_path, 4, code) == [
        f"2 unlocks torch.cross, which has no row in the plan: {remedy}",
        f"3 unlocks torch.mm, which has no row in the plan (the row torch.matmul covers it): {remedy}",
        f"4 unlocks torch.nn.Conv2d beside torch.nn.functional.relu, whose row in the plan does not cover it: {remedy}",
    ]


FREE = [
    "import torch.nn.functional as F\nF.pad(x, (1, 1)), F.one_hot(y, 10)",
    "from torch import nn\nnn.init.zeros_(w), nn.init.constant_(w, 2), nn.init.normal_(w), nn.init.uniform_(w)",
    "import torch\ntorch.testing.assert_close(a, b), torch.from_numpy(n), torch.linalg.norm(x)",
    "import torch\ntorch.backends.cudnn.deterministic = True",
    "from torch.distributions import Beta\nBeta(1.0, 1.0).sample()",
    "import re, sys, inspect\nre.compile('x'), sys.argv, inspect.getsource(f), vars(options), importlib_name",
    "code = 1\npickle = 2\ncode + pickle",
    "from importlib.resources import files",
    "def compile(model):\n    return model\ncompile(1)",
    "for event in events:\n    getattr(callback, event)()\n    setattr(callback, event, 1)",
    "import torch\nclass Callback:\n    def f(self, name):\n        return getattr(self, name)",
    "from operator import itemgetter, attrgetter\nattrgetter('size')(x), itemgetter(1)(x)",
    "f(**options), f(**{'bias': True})",
    "import torch\ndef f(best, x: torch.Tensor):\n    return x.topk(1).indices, best.values(), best.index(1)",
    "import matplotlib as mpl\nmpl.rcParams.update({})\nimport matplotlib.pyplot as plt\nplt.cm.viridis(1)",
]


@pytest.mark.parametrize("code", FREE)
def test_no_false_alarm(tmp_path: Path, code: str) -> None:
    assert found(tmp_path, 4, code) == []
