"""A chapter that has run is its checkpoint: what differs is found and named, and what does not is let alone."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import CodeType

import pytest
from helpers import books

from groundup import checkpoint
from groundup.book import Book
from groundup.chapter import Chapter, ChapterError, parse_book
from groundup.live.code import same_code
from groundup.live.report import differences
from groundup.run import run

FIRST = """
# %% export="linear.py"
SLOPE = 2.0
def predict(x):
    return SLOPE * x
# %% export="loss.py"
def mse(x, y):
    return (predict(x) - y) ** 2
def total(xs, ys):
    return sum(mse(x, y) for x, y in zip(xs, ys))
# %% export="nn.py"
class Layer:
    def forward(self, x):
        return predict(x)
    def size(self):
        return 1
"""
REMEDY = ": let exported cells alone make it what it is, or give the other one another name"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose checkpoints can be imported, in place of the book's that another test may have imported."""
    monkeypatch.syspath_prepend(tmp_path / "src")
    for name in imported():
        monkeypatch.delitem(sys.modules, name)
    yield tmp_path
    for name in imported():
        del sys.modules[name]


def imported() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] in ("ch01", "ch02")]


def compared(book: Book, chapter: Chapter) -> list[str]:
    """What differs after the chapter's cells have run, as `line: text`."""
    namespace: dict = {"__name__": "__main__"}
    for cell in chapter.cells:
        if cell.is_code:
            exec(compile(cell.source, "<cell>", "exec", dont_inherit=True), namespace)
    exported = {name: list(at) for name, at in checkpoint.exported(chapter).items()}
    folder = book.checkpoint(chapter.number)
    found = differences(namespace, chapter.package, folder, exported, {*checkpoint.dropped(chapter)})
    return [f"{line - 3}: {text.removesuffix(REMEDY)}" for line, text in found]  # below the title's lines


def exported_book(root: Path, *chapters: str) -> tuple[Book, dict[int, Chapter]]:
    book = books.make_book(root, dict(enumerate(chapters, 1)))
    parsed = parse_book(book)
    checkpoint.write(book, parsed)
    return book, parsed


# what differs, the second chapter, and what is said
DIFFERENCES = [
    (
        "an exported table is filled by a plain cell",
        '# %% export="a.py"\nREGISTRY = {}\n# %%\nREGISTRY.update(a=1)',
        "2: REGISTRY is not the REGISTRY of src/ch02/a.py:3 (REGISTRY['a']): only the live chapter has it",
    ),
    (
        "a class is patched by a function",
        '# %% export="a.py"\nclass T:\n    x = 1\n# %%\ndef patch(cls):\n    cls.x = 2\npatch(T)',
        "2: T is not the T of src/ch02/a.py:4 (T.x): 2 here, 1 there",
    ),
    (
        "a constant of chance",
        '# %% export="a.py"\nfrom itertools import count\nnumber = count()\n# %%\nfrom time import perf_counter_ns\n'
        '# %% export="a.py"\nNOW = perf_counter_ns()',
        "7: NOW is not the NOW of src/ch02/a.py:8: 1 here, 2 there",
    ),
    (
        "a name of the previous checkpoint that the chapter does not import",
        '# %% export="a.py"\ndef f(x):\n    return predict(x)',
        "2: f is not the f of src/ch02/a.py:6 (f → predict): "
        "the chapter does not have it, the checkpoint has: import it",
    ),
    (
        "a function of the previous checkpoint that goes on with an old version",
        '# %%\nfrom ch01.loss import total\n# %% export="a.py"\ndef f(x):\n    return total(x, x)\n'
        '# %% export="linear.py"\nSLOPE = 3.0',
        "4: f is not the f of src/ch02/a.py:6 (f → total → mse → predict → SLOPE): 2.0 here, 3.0 there",
    ),
    (
        "the difference is told of the definition that has it",
        '# %% export="a.py"\nLIMITS = []\ndef f():\n    return LIMITS\ndef g(h=f):\n    return h\n'
        "# %%\nLIMITS.append(1)",
        "2: LIMITS is not the LIMITS of src/ch02/a.py:3: 1 items here, 0 there",
    ),
    (
        "a default",
        '# %% export="a.py"\nSTATE = {"n": 1}\ndef f(*, n=STATE["n"], m=[]):\n    return n\n'
        '# %%\nf.__kwdefaults__["m"].append(1)',
        "3: f is not the f of src/ch02/a.py:6 (f(m=…)): 1 items here, 0 there",
    ),
    (
        "a decorator's result",
        """
        # %% export="a.py"
        KINDS = {"kind": len}
        def noted(f):
            f.kind = KINDS["kind"]
            return f
        # %%
        KINDS.update(kind=max)
        # %% export="a.py"
        @noted
        def f():
            pass
        # %%
        KINDS.update(kind=len)
        """,
        "10: f is not the f of src/ch02/a.py:12 (f.kind): builtins.max here, builtins.len there",
    ),
    (
        "a method of a class",
        """
        # %% export="a.py"
        class A:
            def f(self):
                return 1
        # %%
        from groundup import extend
        # %% export="a.py"
        @extend(A)
        def g(self):
            return 2
        # %%
        vars(A)["g"].__code__ = vars(A)["f"].__code__
        """,
        "9: A.g is not the A.g of src/ch02/a.py:8: its code is another",
    ),
    (
        "a base",
        """
        # %% export="a.py"
        class A:
            pass
        class B:
            pass
        class C(A):
            pass
        # %%
        def swap(cls, base):
            cls.__bases__ = (base,)
        swap(C, B)
        """,
        "6: C is not the C of src/ch02/a.py:12: its bases are B here and A there",
    ),
    (
        "a field of a dataclass",
        """
        # %%
        from dataclasses import dataclass
        # %% export="a.py"
        LIMITS = [1]
        @dataclass
        class A:
            x: int = LIMITS[0]
        # %%
        def change(fields):
            fields["x"].default = 3
        change(A.__dataclass_fields__)
        """,
        "6: A is not the A of src/ch02/a.py:9 (A.x): 3 here, 1 there",
    ),
    (
        "a checkpoint that cannot be imported",
        """
        # %% export="a.py"
        from functools import reduce
        def f(x, y):
            return x + g(y)
        def g(y):
            return y
        TABLE = reduce(f, [1, 2])
        # %% export="a.py" drop="g"
        def f(x, y):
            return x + g(y)
        TABLE = reduce(f, [1, 2])
        def g(y):
            return y
        """,
        "9: src/ch02/a.py:7 cannot be imported (NameError: name 'g' is not defined): "
        "export in an order in which the checkpoint can be imported",
    ),
]


@pytest.mark.parametrize(("cells", "said"), [row[1:] for row in DIFFERENCES], ids=[row[0] for row in DIFFERENCES])
def test_differences(path: Path, cells: str, said: str) -> None:
    book, chapters = exported_book(path, FIRST, cells)
    found = compared(book, chapters[2])
    assert [re.sub(r"\d{9,} here, \d+", "1 here, 2", text) for text in found] == [said]


ODD = '''
# %%
import abc, enum, functools, random, threading, typing
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
import torch
from torch import nn as torch_nn
from groundup import extend
from ch01.nn import Layer
from ch01.linear import predict
# %% export="odd.py"
"""Odd objects."""
T = typing.TypeVar("T")
NAN = float("nan")
WEIGHTS = torch.tensor([1.0, float("nan")])
DTYPE = torch.float32
LOCK = threading.Lock()
RNG = random.Random(0)
GENERATOR = torch.Generator()
COUNTS: Counter[str] = Counter("abc")
ORDER = OrderedDict(a=1)
QUEUE = deque([1])
NOTHING = object()
NUMBERS = range(3)
KINDS = {int, str}
POINT = namedtuple("POINT", "x y")(1, 2)
_cache: dict[int, int] = {}
double: Callable[[int], int] = lambda x: 2 * x
triple = functools.partial(lambda x, k: k * x, k=3)
def remember(x: int) -> int:
    return _cache.setdefault(x, x)
@functools.cache
def slow(x: int) -> int:
    return x
@functools.singledispatch
def show(x: object) -> str:
    return "?"
@show.register
def show_int(x: int) -> str:
    return "int"
@contextmanager
def opened():
    yield 1
@torch.no_grad()
def quiet(x):
    return x
def counter(start):
    def count():
        nonlocal start
        start += 1
        return start
    return count
tick = counter(0)
class Colour(enum.Enum):
    RED = 1
    @property
    def nice(self):
        return self is Colour.RED
class Evil:
    def __eq__(self, other):
        raise RuntimeError("no")
    __hash__ = None
    def __getattr__(self, name):
        raise KeyError(name)
    def __repr__(self):
        raise ValueError
EVIL = Evil()
class Slotted:
    __slots__ = ("a", "__b")
    def __init__(self):
        self.a, self.__b = [1], 2
SLOTTED = Slotted()
class Base(abc.ABC):
    """A base.

    With two lines.
    """
    @abc.abstractmethod
    def go(self): ...
    @functools.cached_property
    def wide(self):
        return 1
    @classmethod
    def make(cls):
        return cls()
    class Inner:
        x = 1
@dataclass(order=True, slots=True)
class Tree:
    leaf: "Leaf"
    size: int = 0
    more: list["Leaf"] = field(default_factory=list)
@dataclass
class Leaf(typing.Generic[T]):
    value: int | None = None
    tree: list[Tree] = field(default_factory=list)
class Meta(type):
    pass
class Made(Base, metaclass=type("Both", (Meta, abc.ABCMeta), {})):
    def go(self):
        return super().go()
ALL = [Leaf(), Tree(Leaf()), Colour.RED, Made, Leaf]
async def later():
    async for x in aiter(()):
        yield x
def endless(x: int) -> "typing.Iterator[int]":
    while True:
        if x:
            pass
        else:
            continue
        yield from (a for a in [x] if a)
        match x:
            case 1 | 2 as y: return y
            case {"a": z, **rest}: pass
        try:
            del x
        except (ValueError, TypeError) as error: raise error from None
        finally: pass
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x
class Module(torch_nn.Module):
    pass
# %% export="nn.py" drop="Layer.size"
@extend(Layer)
def explain(self, first_long_argument: int = 1, second_long_argument: int = 2, third: int = 3) -> None:
    """Say what this does.

        Indented.
    """
    while True: pass
    x = """a
    b"""
    if self.explain(first_long_argument + second_long_argument, third, first_long_argument) and x: return None
@extend(Layer)
@property
def width(self): return 1
@extend(Layer)
@width.setter
def width(self, value): pass
@extend(Layer)
@functools.cached_property
def depth(self): return predict(1)
def use(layer: Layer):
    return layer
# %%
remember(3), slow(4), show(1), tick(), Layer().depth, hash(RNG.random()), Leaf(), quiet(1)
torch.rand(1, generator=GENERATOR)
list(QUEUE), LOCK.acquire()
# %% export="odd.py"
if __name__ == "__main__":
    print(remember(1))
'''


def test_odd_objects_are_let_alone(path: Path) -> None:
    book, chapters = exported_book(path, FIRST, ODD)
    assert compared(book, chapters[2]) == []


def test_modules_that_need_each_other(path: Path) -> None:
    cells = '''
    # %% export="tensor.py"
    class Tensor:
        """A tensor."""
        def layer(self) -> "Layer":
            """Its layer."""
            made = [Layer(self) for _ in range(2)]
            return made[0]
    def same(x: Tensor) -> Tensor:
        return x
    # %% export="layers.py"
    EMPTY = Tensor()
    class Layer:
        def __init__(self, x: Tensor) -> None:
            self.x = x
    # %%
    Tensor().layer().x
    '''
    book, chapters = exported_book(path, '# %% export="a.py"\nA = 1', cells)
    assert compared(book, chapters[2]) == []
    text = (path / "src/ch02/tensor.py").read_text()
    assert "if TYPE_CHECKING:\n    from .layers import Layer\n" in text
    assert '        """Its layer."""\n        from .layers import Layer\n\n        made = ' in text
    assert "from .tensor import Tensor\n" in (path / "src/ch02/layers.py").read_text()


def test_a_difference_in_modules_that_need_each_other(path: Path) -> None:
    cells = """
    # %% export="a.py"
    LIMITS = [1]
    def f(): return g()
    # %% export="b.py"
    def g(): return LIMITS, f
    # %%
    LIMITS.append(2)
    """
    book, chapters = exported_book(path, '# %% export="z.py"\nA = 1', cells)
    assert compared(book, chapters[2]) == ["2: LIMITS is not the LIMITS of src/ch02/a.py:3: 2 items here, 1 there"]


# two functions, and whether they do the same
LAYOUTS = [
    ("def f(a):\n while True: pass", "def f(a):\n while True:\n  pass", True),
    ("def f(a):\n if a: return 1\n else: pass", "def f(a):\n if a:\n  return 1\n else:\n  pass", True),
    ("def f(a):\n return a and (1 if a\n  else 2)", "def f(a): return a and (1 if a else 2)", True),
    ("def f(a):\n for b in a:\n  if b: break", "def f(a):\n for b in a:\n  if b:\n   break", True),
    ("def f(a):\n return math.exp(a)", "import math\ndef f(a):\n return math.exp(a)", True),
    ("def f(a):\n return 1", "def f(a):\n return 1.0", False),
    ("def f(a):\n return -0.0", "def f(a):\n return 0.0", False),
    ("def f(a):\n return a.b", "def f(a):\n return a.c", False),
    ("def f(a):\n return (1, True)", "def f(a):\n return (1, 1)", False),
    ("def f(a):\n 'doc'\n x = 1", "def f(a):\n '''doc\n '''\n x = 1", True),
    ("def f(a):\n 'doc'", "def f(a):\n 'dot'", False),
    ("def f(a):\n return lambda: a + 1", "def f(a):\n return lambda: a + 2", False),
    ("def f(a, *b): pass", "def f(a, b): pass", False),
    ("def f(a):\n while a:\n  pass\n return 2", "def f(a):\n while not a:\n  pass\n return 2", False),
]  # fmt: skip


@pytest.mark.parametrize(("one", "two", "same"), LAYOUTS)
def test_same_code(one: str, two: str, same: bool) -> None:
    codes = [compile(text, "<test>", "exec").co_consts for text in (one, f"\n\n{two}")]
    assert same_code(*(next(each for each in found if isinstance(each, CodeType)) for found in codes)) is same


def test_a_run_stops_at_a_difference(path: Path) -> None:
    cells = '# %% export="a.py"\nREGISTRY = {}\n# %%\nREGISTRY.update(a=1)'
    book, chapters = exported_book(path, cells)
    with pytest.raises(ChapterError) as error:
        run(book, chapters.values())
    text = "REGISTRY is not the REGISTRY of src/ch01/a.py:3 (REGISTRY['a']): only the live chapter has it"
    assert str(error.value) == f"chapters/01_chapter.py:5: {text}{REMEDY}"
    _, chapters = exported_book(path, dedent(cells).replace("REGISTRY.update(a=1)", "REGISTRY"))
    assert run(book, chapters.values()) == [1]
