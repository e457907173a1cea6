"""Checkpoints: every rule of the export, every mistake that it names, and that its output reads as typed by hand."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import ruff
from helpers import books
from helpers.cases import read_mistakes

from groundup import checkpoint
from groundup.book import Book
from groundup.chapter import ChapterError, parse_book
from groundup.checkpoint.names import names

GENERATED = "# Generated from chapters/ by `make export`: edit the chapter, not this file.\n"


def make_book(root: Path, *chapters: str) -> Book:
    """A book whose chapters are these cells, each below its title."""
    return books.make_book(root, dict(enumerate(chapters, 1)))


def checkpoints(book: Book) -> dict[int, dict[str, str]]:
    return checkpoint.checkpoints(parse_book(book))


def write(book: Book) -> list[Path]:
    return checkpoint.write(book, parse_book(book))


def stale(book: Book) -> list[str]:
    return checkpoint.stale(book, parse_book(book))


def modules(root: Path, *chapters: str) -> dict[str, str]:
    """The modules of the last checkpoint, without __init__.py and the generated line."""
    texts = checkpoints(make_book(root, *chapters))[len(chapters)]
    return {file: text.removeprefix(GENERATED) for file, text in texts.items() if file != "__init__.py"}


FIRST = '''
# %% export="linear.py"
"""A linear model."""

# How steep the line is.
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
    """A layer."""

    def forward(self, x):
        return predict(x)

    @property
    def size(self):
        return 1
'''

LINEAR = '''"""A linear model."""

# How steep the line is.
SLOPE = 2.0


def predict(x):
    return SLOPE * x
'''
LOSS = """
from .linear import predict


def mse(x, y):
    return (predict(x) - y) ** 2


def total(xs, ys):
    return sum(mse(x, y) for x, y in zip(xs, ys))
"""
NN = '''
from .linear import predict


class Layer:
    """A layer."""

    def forward(self, x):
        return predict(x)

    @property
    def size(self):
        return 1
'''

# what the rule is, the second chapter's cells, the modules of which the text changes (None: the module is gone)
RULES = [
    ("nothing exported leaves every module alone", "# %%\n1 + 1", {}),
    (
        "a function is replaced where it stands, with the comments of its new cell",
        """
        # %% export="loss.py"
        # Not squared: one bad point should not count most.
        def mse(x, y):  # still called mse
            # a comment within
            return abs(predict(x) - y)
        """,
        {
            "loss.py": LOSS.replace(
                "def mse(x, y):",
                "# Not squared: one bad point should not count most.\ndef mse(x, y):  # still called mse",
            ).replace("    return (predict(x) - y) ** 2", "    # a comment within\n    return abs(predict(x) - y)")
        },
    ),
    (
        "a constant is replaced where it stands",
        '# %% export="linear.py"\nSLOPE: float = 3.0',
        {"linear.py": LINEAR.replace("# How steep the line is.\nSLOPE = 2.0", "SLOPE: float = 3.0")},
    ),
    (
        "new statements are appended, constants that stand together stay together",
        """
        # %% export="linear.py"
        ONE = 1
        TWO = 2
        async def later():
            await predict(ONE)
        """,
        {"linear.py": LINEAR + "\n\nONE = 1\nTWO = 2\n\n\nasync def later():\n    await predict(ONE)\n"},
    ),
    (
        "a docstring at the head of a cell is the module's",
        '# %% export="linear.py"\n"""Lines."""',
        {"linear.py": LINEAR.replace("A linear model.", "Lines.")},
    ),
    (
        "a new module",
        '# %% export="new.py"\n"""New."""\nimport math\n\ndef area(r):\n    return math.pi * r ** 2',
        {"new.py": '"""New."""\n\nimport math\n\n\ndef area(r):\n    return math.pi * r**2\n'},
    ),
    (
        "drop removes, and a module without definitions is gone",
        '# %% export="loss.py" drop="total mse"',
        {"loss.py": None},
    ),
    (
        "a name moves to another module, and its callers follow",
        """
        # %% export="linear.py" drop="predict"
        # %% export="model.py"
        SCALE = 1
        def predict(x):
            return SCALE * x
        # %% export="linear.py" drop="SLOPE"
        """,
        {
            "linear.py": None,
            "model.py": "\nSCALE = 1\n\n\ndef predict(x):\n    return SCALE * x\n",
            "loss.py": LOSS.replace(".linear", ".model"),
            "nn.py": NN.replace(".linear", ".model"),
        },
    ),
    (
        "@extend puts a method at the end of the class, other decorators stay",
        """
        # %% export="nn.py"
        # Twice the size.
        @extend(Layer)
        @property
        def double(self):
            '''Two sizes,

            in one.
            '''
            return 2 * self.size
        @extend(Layer)
        @staticmethod
        def name():
            return "layer"
        """,
        {
            "nn.py": NN + "\n    # Twice the size.\n    @property\n    def double(self):\n"
            '        """Two sizes,\n\n        in one.\n        """\n'
            '        return 2 * self.size\n\n    @staticmethod\n    def name():\n        return "layer"\n'
        },
    ),
    (
        "@extend replaces a method where it stands",
        """
        # %% export="nn.py"
        @extend(Layer)
        def forward(self, x):
            return x
        """,
        {"nn.py": NN.replace("from .linear import predict\n\n\n", "\n").replace("return predict(x)", "return x")},
    ),
    (
        "drop of a method",
        '# %% export="nn.py" drop="Layer.size"',
        {"nn.py": NN.replace("\n    @property\n    def size(self):\n        return 1\n", "")},
    ),
    (
        "a class on one line takes a method, and a class may lose all",
        """
        # %% export="nn.py"
        class Empty: x = 1; y = 2
        @extend(Empty)
        def y(self) -> "Empty":
            return self
        class Bare:
            def only(self):
                return 1
        # %% export="nn.py" drop="Bare.only"
        """,
        {
            "nn.py": NN + "\n\nclass Empty:\n    x = 1\n\n"
            '    def y(self) -> "Empty":\n        return self\n\n\nclass Bare:\n    pass\n'
        },
    ),
    (
        "imports are merged, sorted, pruned; those of siblings follow from the names in use",
        """
        # %% export="loss.py"
        import sys
        import torch
        from math import sqrt, exp
        from ch01.linear import predict, SLOPE
        import random
        # %% export="loss.py"
        from collections import Counter as Bag
        import torch.nn.functional as F
        def rmse(x, y) -> "Layer":
            return sqrt(mse(x, y)) * SLOPE + F.relu(torch.tensor(random.random())), Bag()
        """,
        {
            "loss.py": LOSS.replace(
                "\nfrom .linear import predict\n",
                "\nimport random\nfrom collections import Counter as Bag\nfrom math import sqrt\n\nimport torch\n"
                "import torch.nn.functional as F\n\nfrom .linear import SLOPE, predict\nfrom .nn import Layer\n",
            )
            + '\n\ndef rmse(x, y) -> "Layer":\n'
            "    return sqrt(mse(x, y)) * SLOPE + F.relu(torch.tensor(random.random())), Bag()\n"
        },
    ),
    (
        "an import that nothing uses any more is gone",
        """
        # %% export="nn.py"
        class Layer:
            def forward(self, x):
                return x
            def size(self):
                return 2
        """,
        {
            "nn.py": "\n\nclass Layer:\n    def forward(self, x):\n        return x\n\n"
            "    def size(self):\n        return 2\n"
        },
    ),
    (
        "an annotation may name what stands below it",
        """
        # %% export="nn.py"
        @extend(Layer)
        def then(self, other: Layer) -> Layer:
            return other
        """,
        {"nn.py": NN + '\n    def then(self, other: "Layer") -> "Layer":\n        return other\n'},
    ),
    (
        "a module imports what the chapter has imported, exported or not, as far as it is used",
        """
        # %%
        import math
        from collections.abc import Callable
        import torch, random
        import torch.nn.init as init
        from ch01.linear import predict
        # %% export="new.py"
        import torch.nn
        def f(g: Callable[[float], float]) -> float:
            return g(math.pi) + predict(1)
        def h(x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.relu(x)
        # %% export="loss.py"
        def three() -> torch.Tensor:
            return init.zeros_(torch.zeros(3))
        """,
        {
            "new.py": "\nimport math\nfrom collections.abc import Callable\n\nimport torch\nimport torch.nn\n\n"
            "from .linear import predict\n\n\ndef f(g: Callable[[float], float]) -> float:\n"
            "    return g(math.pi) + predict(1)\n\n\ndef h(x: torch.Tensor) -> torch.Tensor:\n"
            "    return torch.nn.functional.relu(x)\n",
            "loss.py": "\nimport torch\nimport torch.nn.init as init\n"
            + LOSS
            + "\n\ndef three() -> torch.Tensor:\n    return init.zeros_(torch.zeros(3))\n",
        },
    ),
    (
        "an import goes with what uses it",
        """
        # %% export="new.py"
        from math import sqrt
        def root(x):
            return sqrt(x)
        # %% export="new.py" drop="root"
        def other(x):
            return x
        """,
        {"new.py": "\n\ndef other(x):\n    return x\n"},
    ),
    (
        "modules that need each other: annotations are quoted, functions import what they need",
        """
        # %% export="loss.py"
        def best(xs: list["Net"], net: Net | None = None) -> Net:
            x: Net = net or xs[0]
            return x
        def make():
            '''A network.'''
            return Net(mse)
        # %% export="net.py"
        START = total([], [])
        class Net:
            def __init__(self, loss=mse):
                self.loss = loss
        """,
        {
            "loss.py": "\nfrom typing import TYPE_CHECKING\n\nfrom .linear import predict\n\nif TYPE_CHECKING:\n"
            "    from .net import Net"
            + LOSS.removeprefix("\nfrom .linear import predict")
            + '\n\ndef best(xs: list["Net"], net: "Net | None" = None) -> "Net":\n    x: Net = net or xs[0]\n'
            '    return x\n\n\ndef make():\n    """A network."""\n    from .net import Net\n\n    return Net(mse)\n',
            "net.py": "\nfrom .loss import mse, total\n\nSTART = total([], [])\n\n\nclass Net:\n"
            "    def __init__(self, loss=mse):\n        self.loss = loss\n",
        },
    ),
    (
        "a program ends with its call, whatever is exported later",
        """
        # %% export="train.py"
        def main():
            return 1
        if __name__ == "__main__":
            main()
        # %% export="train.py"
        def more():
            return 2
        """,
        {
            "train.py": "\n\ndef main():\n    return 1\n\n\ndef more():\n    return 2\n\n\n"
            'if __name__ == "__main__":\n    main()\n'
        },
    ),
    (
        "the parts of a property stand together",
        """
        # %%
        from functools import cached_property
        # %% export="nn.py"
        @extend(Layer)
        @property
        def width(self):
            return 1
        @extend(Layer)
        @cached_property
        def depth(self):
            return 2
        @extend(Layer)
        @width.setter
        def width(self, value):
            self.w = value
        @extend(Layer)
        @width.setter
        def width(self, value):
            self.v = value
        """,
        {
            "nn.py": "\nfrom functools import cached_property\n" + NN + "\n    @property\n    def width(self):\n"
            "        return 1\n\n    @width.setter\n    def width(self, value):\n        self.v = value\n\n"
            "    @cached_property\n    def depth(self):\n        return 2\n"
        },
    ),
    (
        "a class may get what it had from its new base",
        """
        # %% export="nn.py" drop="Layer"
        class Base:
            def forward(self, x):
                return x
        class Deep:
            def forward(self, x):
                return x
        class Deep(Base):
            pass
        """,
        {"nn.py": "\n\nclass Base:\n    def forward(self, x):\n        return x\n\n\nclass Deep(Base):\n    pass\n"},
    ),
    (
        "a function that moves unchanged has no old version",
        """
        # %%
        from ch01.loss import total
        # %% export="linear.py" drop="predict SLOPE"
        # %% export="loss.py"
        SLOPE = 2.0
        def predict(x):
            return SLOPE * x
        # %%
        total([1], [2])
        """,
        {
            "linear.py": None,
            "loss.py": LOSS.removeprefix("\nfrom .linear import predict\n")
            + "\n\nSLOPE = 2.0\n\n\ndef predict(x):\n    return SLOPE * x\n",
            "nn.py": NN.replace(".linear", ".loss"),
        },
    ),
    (
        "shapes and remarks in annotations are no names",
        """
        # %%
        from typing import Annotated
        # %% export="new.py"
        def f(x: "N, C, H, W", t: Annotated[float, "seconds"] = 1.0):
            for y in(f)(x):
                return y
        """,
        {
            "new.py": "\nfrom typing import Annotated\n\n\n"
            'def f(x: "N, C, H, W", t: Annotated[float, "seconds"] = 1.0):\n'
            "    for y in (f)(x):\n        return y\n"
        },
    ),
    (
        "a value is made by what stands above it",
        """
        # %% export="new.py"
        def table(n: int) -> list[int]:
            return [helper(n)]
        def helper(n):
            return n
        TABLE = table(3)
        """,
        {
            "new.py": "\n\ndef table(n: int) -> list[int]:\n    return [helper(n)]\n\n\n"
            "def helper(n):\n    return n\n\n\nTABLE = table(3)\n"
        },
    ),
    (
        "a definition takes the place of an import of its name",
        """
        # %% export="new.py"
        from math import exp
        def f(x):
            return exp(x)
        # %% export="new.py"
        def exp(x):
            return 2.718 ** x
        """,
        {"new.py": "\n\ndef f(x):\n    return exp(x)\n\n\ndef exp(x):\n    return 2.718**x\n"},
    ),
]


def test_a_book_that_exports_nothing_yet_has_an_empty_package(tmp_path: Path) -> None:
    book = make_book(tmp_path, "# %%\nx = 1")
    (made,) = write(book)
    assert made == book.checkpoint(1) / "__init__.py"
    assert checkpoint.unified(book, 0, 1) == "checkpoints 0 and 1 are identical\n"


@pytest.mark.parametrize(("cells", "expected"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_rules(tmp_path: Path, cells: str, expected: dict[str, str | None]) -> None:
    wanted = {"linear.py": LINEAR, "loss.py": LOSS, "nn.py": NN} | expected
    assert modules(tmp_path, FIRST, cells) == {file: text for file, text in wanted.items() if text is not None}


MISTAKES = [*read_mistakes("checkpoint/export_mistakes.txt"), *read_mistakes("checkpoint/live_mistakes.txt")]


@pytest.mark.parametrize(("cells", "said", "mended"), MISTAKES)
def test_mistakes(tmp_path: Path, cells: str, said: list[tuple[int, str]], mended: str) -> None:
    with pytest.raises(ChapterError) as error:
        write(make_book(tmp_path, FIRST, cells))
    above = 3  # the lines of the title
    assert str(error.value).split("\n") == [f"chapters/02_chapter.py:{line + above}: {text}" for line, text in said]
    assert list((tmp_path / "src").iterdir()) == [], "nothing is written when there is a mistake"
    assert write(make_book(tmp_path, FIRST, mended))


def test_first_chapter_has_nothing_before_it(tmp_path: Path) -> None:
    with pytest.raises(ChapterError, match=r"py:5: `from ch00.a import b`: there is no checkpoint before"):
        modules(tmp_path, '# %% export="new.py"\nfrom ch00.a import b\nA = 1')


def test_an_older_definition_needs_what_moves_below_it(tmp_path: Path) -> None:
    first = '# %% export="nn.py"\nclass Module: pass\nclass Deep(Module): pass'
    with pytest.raises(ChapterError, match=r"02_chapter.py:5: Deep needs Module as soon as nn.py is imported"):
        modules(tmp_path, first, '# %% export="nn.py" drop="Module"\nclass Module: x = 1')


# what an older chapter has, what the next one makes of it, and what is said
OLDER = [
    (
        "a value that calls a function which now needs what stands below",
        "def f():\n    return 1\nTABLE = f()",
        "def f():\n    return g()\ndef g():\n    return 2",
        '7: TABLE calls f, which needs g, as soon as a.py is imported, and stands above it: drop="TABLE" and export it '
        "again below g",
    ),
    (
        "a class that keeps the old method of another",
        "class A:\n    def f(self):\n        return 1\nclass B(A):\n    g = A.f",
        "@extend(A)\ndef f(self):\n    return 2",
        "6: B in a.py is made from A.f, and live it keeps the old one: restate B below",
    ),
    (
        "an import that means something else now",
        "from math import sqrt\ndef f(x):\n    return sqrt(x)",
        "from cmath import sqrt\ndef g(x):\n    return sqrt(x)",
        "7: in a.py, sqrt is `from cmath import sqrt` for g and `from math import sqrt` for f: "
        "give one of the two another name",
    ),
    (
        "a flag of an older chapter",
        "ON = True\ndef off():\n    global ON\n    ON = False",
        'A = 1\n# %% export="b.py"\ndef f():\n    return ON',
        "8: f in b.py reads ON, which off in a.py rebinds, and b.py would keep the first value: read it through a "
        "function of a.py, or make it an attribute of an object",
    ),
    (
        "a registration that is given up",
        "RULES = {}\ndef rule(name):\n    return lambda f: RULES.setdefault(name, f)\n@rule('add')\n"
        "def backward(x):\n    return x",
        "@rule('mul')\ndef backward(x):\n    return x",
        "6: `@rule('add')` may have kept the backward above, and the checkpoint would lose it: "
        "give each a name of its own",
    ),
]


@pytest.mark.parametrize(("older", "newer", "said"), [row[1:] for row in OLDER], ids=[row[0] for row in OLDER])
def test_what_older_chapters_have(tmp_path: Path, older: str, newer: str, said: str) -> None:
    cell = '# %% export="a.py"\n'
    with pytest.raises(ChapterError) as error:
        modules(tmp_path, cell + older, cell + newer)
    assert str(error.value) == f"chapters/02_chapter.py:{said}"


def test_all_mistakes_of_a_chapter_are_reported_and_none_of_the_next(tmp_path: Path) -> None:
    cells = '# %% export="new.py"\nprint(1)\nA, B = 1, 2\n# %% export="new.py"\nC = nowhere'
    with pytest.raises(ChapterError) as error:
        modules(tmp_path, cells, cells)
    assert [line.split(": ")[0] for line in str(error.value).split("\n")] == [
        f"chapters/01_chapter.py:{line}" for line in (5, 6, 8)
    ]


def test_unreadable_chapters_are_all_reported(tmp_path: Path) -> None:
    with pytest.raises(ChapterError) as error:
        modules(tmp_path, '# %% exprt="a.py"', "# %%", '# %% tags=["figur"]')
    assert [line.split(":")[0] for line in str(error.value).split("\n")] == [
        "chapters/01_chapter.py",
        "chapters/03_chapter.py",
    ]


@pytest.fixture
def written(tmp_path: Path) -> Book:
    """A book with two written checkpoints, the second with a module more."""
    book = make_book(tmp_path, FIRST, '# %% export="new.py"\nA = 1')
    write(book)
    return book


def test_write_once(written: Book) -> None:
    assert write(written) == []
    assert stale(written) == []
    first, second = (written.root / "src" / name for name in ("ch01", "ch02"))
    assert {path.name for path in second.iterdir()} - {path.name for path in first.iterdir()} == {"new.py"}
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_output_compiles_and_is_clean(written: Book) -> None:
    for path in (written.root / "src").glob("ch*/*.py"):
        text = path.read_text(encoding="utf-8")
        ast.parse(text)
        assert text.startswith(GENERATED)
        assert "%%" not in text
    for command in (["check", "--select", "E4,E7,E9,F,I"], ["format", "--check"]):
        run = [ruff.find_ruff_bin(), *command, "--isolated", "--line-length=88", str(written.root / "src")]
        assert subprocess.run(run, check=False, capture_output=True, text=True).returncode == 0


PLAIN = [row for row in RULES if "TYPE_CHECKING" not in str(row[2])]


@pytest.mark.parametrize(("cells", "expected"), [row[1:] for row in PLAIN], ids=[row[0] for row in PLAIN])
def test_exporting_the_checkpoint_changes_nothing(tmp_path: Path, cells: str, expected: dict) -> None:
    texts = modules(tmp_path, FIRST, cells)
    cell = '# %% export="{}"\n{}'
    own = {file: re.sub(r"(?m)^from \.\w+ import .*\n", "", text) for file, text in texts.items()}
    again = "\n".join(cell.format(*item) for item in own.items())
    assert modules(tmp_path, FIRST, cells, again) == texts


def test_the_folder_around_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = modules(tmp_path, FIRST)
    (tmp_path / "ruff.toml").write_text("line-length = 20\nindent-width = 2\n")
    monkeypatch.chdir(tmp_path)
    assert modules(tmp_path, FIRST) == before


def test_checkpoints_can_be_imported(tmp_path: Path) -> None:
    cells = """
    # %% export="nn.py"
    @extend(Layer)
    def then(self, other: Layer) -> Layer:
        return other
    # %% export="linear.py"
    SLOPE = 3.0
    """
    write(make_book(tmp_path, FIRST, cells))
    code = "from ch01.loss import total as one; from ch02.loss import total as two; from ch02.nn import Layer\n"
    code += "print(one([1], [0]), two([1], [0]), Layer().then(5))"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "src", capture_output=True, text=True, check=True)
    assert run.stdout == "4.0 9.0 5\n"


STALE = [
    ("edited", "differs from what chapters/02_chapter.py exports: edit the chapter, then `make export`"),
    ("missing", "is missing: run `make export`"),
]


@pytest.mark.parametrize(("how", "line"), STALE, ids=[row[0] for row in STALE])
def test_stale(written: Book, how: str, line: str) -> None:
    path = written.root / "src/ch02/new.py"
    text = path.read_text(encoding="utf-8")
    if how == "edited":
        path.write_text(text.replace("1", "2"), encoding="utf-8")
    else:
        path.unlink()
    assert stale(written) == [f"src/ch02/new.py {line}"]
    assert write(written) == [path]
    assert path.read_text(encoding="utf-8") == text


def test_a_checkpoint_of_broken_bytes_is_stale_and_mended(written: Book) -> None:
    path = written.root / "src/ch02/new.py"
    good = path.read_bytes()
    path.write_bytes(good + b"\xff")
    assert stale(written) == [f"src/ch02/new.py {STALE[0][1]}"]
    assert write(written) == [path]
    assert path.read_bytes() == good


def test_a_gap_between_the_chapters(written: Book) -> None:
    (written.root / "chapters/01_chapter.py").unlink()
    with pytest.raises(ChapterError, match="chapter 1 is missing: each chapter builds on the one before"):
        write(written)


def test_a_module_that_is_exported_no_more(written: Book) -> None:
    book = make_book(written.root, FIRST, "# %%\n1")
    new = book.root / "src/ch02/new.py"
    assert stale(book) == ["src/ch02/new.py is exported by no chapter: `make export` removes it"]
    assert write(book) == [new]
    assert not new.exists()


def test_a_checkpoint_whose_chapter_is_gone(written: Book) -> None:
    (written.root / "chapters/02_chapter.py").unlink()
    package = written.root / "src/ch02"
    (package / "__pycache__").mkdir()
    (package / "__pycache__/new.cpython-311.pyc").touch()
    assert len(write(written)) == 5
    assert not package.exists()


def test_a_file_of_somebody_else_is_left_alone(written: Book) -> None:
    mine = written.root / "src/ch02/mine.py"
    mine.write_text("work = 1\n")
    assert write(written) == []
    assert stale(written) == ["src/ch02/mine.py is exported by no chapter: move it elsewhere"]
    (written.root / "chapters/02_chapter.py").unlink()
    write(written)
    assert mine.read_text() == "work = 1\n"


def test_what_a_chapter_leaves_alone_is_not_analysed_again(tmp_path: Path) -> None:
    cells = '# %% export="nn.py"\ndef add_{0}(x):\n    return x + {0}'
    checkpoints(make_book(tmp_path, FIRST, *(cells.format(number) for number in range(2, 8))))
    once = names.cache_info().misses
    checkpoints(make_book(tmp_path, FIRST, *(cells.format(number) for number in range(2, 14))))
    new = names.cache_info().misses - once
    assert new <= 3 * 6, "each new chapter adds its cell and its function"
