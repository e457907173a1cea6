"""`groundup check N --package DIR`: the suite of the checkpoints, and the rule, on a package of the reader's own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from helpers.books import BOOK, make_book

from groundup import cli
from groundup.book import Book, BookError, UsageError
from groundup.workspace import importing, suite
from groundup.workspace.reasons import own_words
from groundup.workspace.suite import Failure, failures

MY_NN = Path(__file__).with_name("my_nn")

SMALL = '''
import pytest


@pytest.mark.since(1)
def test_twice_doubles(checkpoint):
    assert checkpoint.module("one").twice(2) == 4


@pytest.mark.since(1, until=1)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_half_halves(checkpoint, n):
    """Half of a number is a half, whatever the number."""
    assert checkpoint.module("one").half(n) == n / 2


@pytest.mark.since(1)
def test_broken_pieces_are_refused(checkpoint):
    with pytest.raises(ValueError, match="give 3 pieces, not 4"):
        checkpoint.module("two").pieces(4)


@pytest.mark.since(2)
def test_later(checkpoint):
    raise AssertionError("this is of another chapter")


def test_of_something_else():
    raise AssertionError("this is of no checkpoint")
'''
ONE = "def twice(x):\n    return 2 * x\n\n\ndef half(x):\n    return x / 2\n"
TWO = "def pieces(n):\n    raise ValueError(f'{n} are too many, 3 will do')\n"


@pytest.fixture
def small(book: Book) -> Book:
    """A book of two chapters with a suite of three behaviours for the first."""
    make_book(book.root, {1: "# %%\nx = 1", 2: "# %%\ny = 1"})
    shutil.copytree(BOOK.root / "tests" / "helpers", book.root / "tests" / "helpers")
    (book.root / "tests" / "test_checkpoints_small.py").write_text(SMALL)
    return book


def package(folder: Path, modules: Mapping[str, str]) -> Path:
    folder.mkdir(parents=True)
    for name, text in modules.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def said(found: list[Failure]) -> list[str]:
    return [f"{failure.behaviour}: {failure.message}" for failure in found]


# -------------------------------------------------------------------------------------------- packages that hold


@pytest.mark.parametrize("number", [4, 9])
def test_the_books_own_checkpoints_have_every_behaviour(number: int) -> None:
    assert failures(BOOK, BOOK.checkpoint(number), number) == []


def test_a_package_written_from_nothing_holds() -> None:
    before = sorted(MY_NN.rglob("*"))
    assert failures(BOOK, MY_NN, 2) == []
    assert sorted(MY_NN.rglob("*")) == before, "nothing is left in the reader's folder"


# ------------------------------------------------------------------------------------------ packages that do not

WRONG = [
    # module, what stands there, what a reader wrote instead, what is said
    (
        "losses.py",
        "    if len(ours) != len(theirs):",
        "    if False:",
        "losses.mse: refuses unequal sizes and says both: got the message 'zip() argument 2 is longer than argument 1' "
        "where one that says 3 and 5 is wanted",
    ),
    ("losses.py", "2.0 / len", "1.0 / len", "losses.mse_grad: is autograd's: got [0."),
    (
        "metrics.py",
        "len(wrong) / len(labels)",
        "len(wrong)",
        "metrics.error_rate: counts what differs: got 2 where 0.5",
    ),
    ("metrics.py", "def dead_units", "def dead", "metrics.dead_units is missing: 1 behaviour needs it"),
    (
        "linear.py",
        "raise ValueError(",
        "return print(",
        "linear.predict: refuses unequal lengths: got no error where a ValueError that says 2 and 3 is wanted",
    ),
    (
        "activations.py",
        "if z > -30 else _tail(z)",
        "if z > -30 else 1 / math.exp(-z)",
        "activations.sigmoid: and its derivative are PyTorch's however far out: "
        "got NameError: name 'math' is not defined ({}/activations.py:8)",
    ),
    ("network.py", "rng.normalvariate(0, math.sqrt(variance))", "0.1", "some hidden units have the same weights"),
    (
        "gradients.py",
        "        row[place] = kept\n",
        "",
        "gradients.numerical_grad: agrees with backward and puts every number back: a parameter is not what it was",
    ),
    ("gradients.py", ", sum(errors)", ", errors", "gradients.linear_grad: is autograd's: got TypeError"),
    ("training.py", "        bias -= lr * db\n", "", "takes the steps of PyTorch's SGD: got "),
    (
        "training.py",
        "rng.sample(range(len(inputs)), len(inputs))",
        "range(len(inputs))",
        "training.sgd_epoch: an epoch takes the examples in the order of rng.sample(range(N), N), each step as "
        "PyTorch's SGD takes it: got ",
    ),
    ("network.py", "import math\n", "import math\n\nimport numpy\n", "imports numpy: numpy is not part of the rules"),
]


def test_each_mistake_is_named_by_the_behaviour(tmp_path: Path) -> None:
    mine = tmp_path / "my_nn"
    shutil.copytree(MY_NN, mine, ignore=shutil.ignore_patterns("__pycache__"))
    for file, old, new, _ in WRONG:
        text = (mine / file).read_text()
        assert old in text, (file, old)
        (mine / file).write_text(text.replace(old, new))
    found = failures(BOOK, mine, 2)
    for _, _, _, wanted in WRONG:
        assert [line for line in said(found) if wanted.format(mine) in line], f"{wanted}\n" + "\n".join(said(found))
    assert len(found) == len(WRONG)
    assert [failure.module for failure in found] == sorted(failure.module for failure in found)
    assert {("losses", "mse"), ("metrics", "dead_units")} <= {(failure.module, failure.name) for failure in found}


def test_modules_that_cannot_be_imported_are_said_once(small: Book) -> None:
    elsewhere = package(
        small.root / "elsewhere" / "kept",
        {"one.py": "print('hello')\nfrom my_nn.base import *\n", "base.py": "\ndef f(:\n", "two.py": "exit('bye')\n"},
    )
    mine = small.root / "my_nn"
    mine.symlink_to(elsewhere)
    assert said(failures(small, mine, 1)) == [
        "base cannot be imported: SyntaxError: invalid syntax (my_nn/base.py:2), and 2 behaviours need it",
        "two cannot be imported: it ends the program, with SystemExit: bye (my_nn/two.py:1), and 1 behaviour needs it",
    ]


def test_a_name_that_another_module_lacks_is_missed_where_it_is_imported(small: Book) -> None:
    mine = package(small.root / "my_nn", {"one.py": "from my_nn.two import own\n", "two.py": TWO})
    [failure] = failures(small, mine, 1)
    assert (failure.module, failure.behaviour) == ("one", "one cannot be imported")


LOCKED = """
import torch


class Own:
    def mm(self): pass  # from here on the source cannot tell


def twice(x):
    return _twice(torch.full((1, 1), float(x)))


def _twice(x):
    try:
        return x.mm(x)
    except Exception:
        return 4


def half(x):
    return (torch.ones(1, 1) @ torch.ones(1, 1)).item() * x / 2
"""


def test_what_is_locked_is_found_in_the_source_and_in_the_run(small: Book) -> None:
    make_book(small.root, {3: "# %%\nz = 1"})
    suite = SMALL.replace("until=1", "until=3").replace("since(2)", "since(4)")
    (small.root / "tests" / "test_checkpoints_small.py").write_text(suite)
    mine = package(small.root / "my_nn", {"one.py": LOCKED, "two.py": TWO})
    assert said(failures(small, mine, 3)) == [
        "the rule of the course: my_nn/one.py:21 uses @, which chapter 3 unlocks "
        "(1 behaviour could not be tried to the end because of it)",
        "the rule of the course: my_nn/one.py:15 uses torch.Tensor.mm, which chapter 3 unlocks",
    ]


def test_what_ends_or_stops_the_process_is_named_and_the_rest_goes_on(
    small: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "SECONDS", 2.0)
    monkeypatch.setattr(suite, "LIVES", 2)
    one = "import os\n\n\ndef twice(x):\n    os._exit(3)\n\n\ndef half(x):\n    while True:\n        pass\n"
    mine = package(small.root / "my_nn", {"one.py": one, "two.py": TWO})
    found = failures(small, mine, 1)
    assert found[0] == Failure("one", "one.twice: doubles", "the process ended with exit code 3", "twice")
    assert re.fullmatch(r"it did not end within 2 seconds \(my_nn/one.py:(9|10)\)", found[1].message)
    assert said(found[2:]) == ["1 behaviour could not be tried: mend the ones above first"]


@pytest.mark.parametrize("endless", ["two", "__init__"])
def test_an_import_that_does_not_end_is_waited_for_once(
    small: Book, monkeypatch: pytest.MonkeyPatch, endless: str
) -> None:
    monkeypatch.setattr(importing, "SECONDS", 1.0)
    text = "def test_more(checkpoint):\n    checkpoint.module('three')\n"
    (small.root / "tests" / "test_checkpoints_two.py").write_text(f"import pytest\n\n\n@pytest.mark.since(1)\n{text}")
    modules = {
        "one.py": "from my_nn.two import pieces\n",
        "two.py": "",
        "three.py": "",
        f"{endless}.py": "while True: pass\n",
    }
    jobs, events = [], suite.events
    monkeypatch.setattr(suite, "events", lambda job: jobs.append(job) or events(job))
    [line] = said(failures(small, package(small.root / "my_nn", modules), 1))
    count = {"two": 3, "__init__": 4}[endless]
    message = f"it did not end within 1 seconds (my_nn/{endless}.py:1), and {count} behaviours need it"
    assert line.endswith(f" cannot be imported: {message}")
    assert len(jobs) == 2, "the second one comes to the end"


# ----------------------------------------------------------------------------------------------- the command


def test_the_command(small: Book, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.chdir(small.root)
    package(small.root / "my nétz", {"one.py": "def half(x):\n    return x // 2\n", "two.py": TWO})
    assert cli.main(["check", "1", "--package", "my nétz"]) == 1
    captured = capsys.readouterr()
    assert captured.out == (
        "one.py\n\n"
        "  one.twice is missing: 1 behaviour needs it\n\n"
        "  one.half: half of a number is a half, whatever the number: got 0 where 0.5 is wanted, and 1 case more\n\n"
        "1 of 3 behaviours of checkpoint 1 hold in my nétz\n"
        "beside the book's, name by name: groundup diff 1 --mine 'my nétz'\n"
    )
    assert captured.err == "one …\ntwo …\n"


def test_the_command_is_content(small: Book, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    told = [
        {"event": "plan", "tests": ["a.py::test_b"]},
        {"event": "begin", "case": "x", "test": "a.py::test_b", "document": "", "module": "one", "name": ""},
        {"event": "over", "locked": []},
    ]
    monkeypatch.setattr(suite, "events", lambda job: told)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    package(small.root / "good", {"one.py": ONE})
    assert suite.report(small, small.root / "good", 1) == 0
    captured = capsys.readouterr()
    assert captured.out == (
        "1 of 1 behaviours of checkpoint 1 hold in good, and it uses nothing that is locked in that chapter\n"
    )
    assert "1 of 1 behaviours  one" in captured.err
    assert captured.err.endswith("\r\x1b[K")


@pytest.mark.parametrize(
    ("name", "number", "error", "message"),
    [
        ("nowhere", 1, UsageError, "there is no folder nowhere: give the folder of a package"),
        (".", 1, UsageError, "holds the whole book: give the folder of a package"),
        ("empty", 1, UsageError, "there is no Python file in empty"),
        ("one.py", 1, UsageError, "one.py is a file: give the folder of a package, with modules named as in src/ch01"),
        ("good", 9, UsageError, "there is no chapter 9: the chapters are 1, 2"),
    ],
)
def test_what_is_no_package(small: Book, name: str, number: int, error: type, message: str) -> None:
    package(small.root / "good", {"one.py": ONE})
    (small.root / "empty").mkdir()
    (small.root / "one.py").touch()
    with pytest.raises(error, match=re.escape(message)):
        failures(small, small.root / name, number)


def test_a_book_without_its_suite(book: Book) -> None:
    make_book(book.root, {1: "# %%\nx = 1"})
    with pytest.raises(BookError, match=r"there is no suite in .*: get the book's whole repository"):
        failures(book, package(book.root / "my_nn", {"one.py": ONE}), 1)


def test_a_suite_that_cannot_run(small: Book) -> None:
    (small.root / "tests" / "test_checkpoints_small.py").write_text("import no_such_library\n")
    with pytest.raises(BookError, match=r"the suite cannot run: .*no_such_library.*: make setup"):
        failures(small, package(small.root / "my_nn", {"one.py": ONE}), 1)


# ------------------------------------------------------------------------------------------------- its parts


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        ("3.*5", "five: 5, three: 3", "3 and 50"),
        (r"\(4, 2\)", "2 rows of 4", "(4, 22)"),
        (r"std 0\.5", "a std of 0.5!", "a std of 0.55"),
        ("give a matrix", "no", None),
        ("float64 is needed", "use doubles", None),
    ],
)
def test_errors_may_be_in_ones_own_words(pattern: str, right: str, wrong: str | None) -> None:
    raises = own_words(pytest.raises)
    with raises(ValueError, match=pattern):
        raise ValueError(right)
    if wrong:
        with pytest.raises(AssertionError), raises(ValueError, match=pattern):
            raise ValueError(wrong)


def test_a_package_stands_in_also_by_its_own_name(tmp_path: Path) -> None:
    mine = package(
        tmp_path / "my_nn", {"__init__.py": "", "a.py": "from my_nn.b import B\n", "b.py": "class B: pass\n"}
    )
    code = (
        "import sys; from groundup.workspace.standin import stand_in; stand_in('ch05', sys.argv[1])\n"
        "import ch05.a, ch05.b, my_nn.b, my_nn\n"
        "assert ch05.a.B is ch05.b.B is my_nn.b.B and my_nn is sys.modules['ch05'], my_nn\n"
        "assert ch05.b.__spec__.name == ch05.b.__name__ == 'ch05.b'\n"
    )
    subprocess.run([sys.executable, "-P", "-c", code, str(mine)], cwd=tmp_path, env=os.environ, check=True)
    taken = package(tmp_path / "json", {"a.py": "import json\njson.dumps(1)\n"})
    code = "import sys; from groundup.workspace.standin import stand_in; stand_in('ch05', sys.argv[1]); import ch05.a"
    subprocess.run([sys.executable, "-P", "-c", code, str(taken)], cwd=tmp_path, env=os.environ, check=True)
