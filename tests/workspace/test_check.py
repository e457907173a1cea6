"""`groundup check`: a reader's answers, each tried by itself; what is said to them, and what is kept."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers.books import BOOK, make_book

from groundup import cli
from groundup.book import Book
from groundup.workspace import Workspace, attempt, case, values

PROMPT = (
    '# %% [markdown] exercise="{name}" tags=["prompt"] difficulty="easy" minutes=5\n# ### Exercise {number}: {name}'
)
HINTS = '# %% [markdown] tags=["hint"]\n# A first {name}.\n\n# %% [markdown] tags=["hint"]\n# A second {name}.'
AFTER = '# %% [markdown] tags=["solution"]\n# I wrote `{name}`.'
DOUBLE = """
# %% tags=["solution"]
def double(x: int) -> int:
    \"\"\"Twice `x`.\"\"\"
    return x + x
"""
CHECK_DOUBLE = """
# %% tags=["check"]
def same(a, b):
    return abs(a - b) < tolerance

def check_double():
    for x in (1, 3):
        got = double(x)
        assert isinstance(got, int), f"a number, not {got!r}"
        assert same(got, 2 * x), f"double({x}) is {got}: twice it is"

check_double()
"""
TRIPLE = """
# %% tags=["solution"]
triple = [3 * n for n in numbers]
"""
CHECK_TRIPLE = """
# %% tags=["check"]
assert triple == [3 * n for n in numbers], f"{triple}: three times each"
"""
CELLS = "\n\n".join(
    [
        '# %%\nimport math\n\nnumbers, tolerance = [1, 2], 0.5\n\n\ndef unused():\n    return tolerance',
        *(part.format(name="double", number=1.1) for part in (PROMPT, HINTS)),
        DOUBLE, AFTER.format(name="double"), CHECK_DOUBLE,
        "# %%\nprint(numbers)",
        *(part.format(name="triple", number=1.2) for part in (PROMPT, HINTS)),
        TRIPLE, AFTER.format(name="triple"), CHECK_TRIPLE,
    ]
)  # fmt: skip
RIGHT = {"double": "def double(x):\n    return 2 * x", "triple": "triple = [3 * n for n in numbers]"}
Put = Callable[..., None]
Check = Callable[..., tuple[int, str]]


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    """A book of one chapter with two exercises, whose workspace is begun; the current folder is its root."""
    book = make_book(tmp_path / "das Büchlein", {1: CELLS})
    monkeypatch.chdir(book.root)
    assert cli.main(["start", "1"]) == 0
    return book


@pytest.fixture
def workspace(book: Book) -> Workspace:
    return Workspace.of(book, 1)


@pytest.fixture
def put(workspace: Workspace) -> Put:
    """Write answers into the script, in the place of the stubs or of earlier answers."""

    def put(**sources: str) -> None:
        text = workspace.script.read_text(encoding="utf-8")
        for name, source in sources.items():
            header = f'# %% exercise="{name}" tags=["stub"]\n'
            start = text.index(header) + len(header)
            text = f"{text[:start]}{source}\n\n{text[text.index('# %%', start) :]}"
        workspace.script.write_text(text, encoding="utf-8")

    return put


@pytest.fixture
def check(book: Book, capsys: pytest.CaptureFixture) -> Check:
    """`groundup check 1` with these options: its exit code, and all that it says."""
    capsys.readouterr()

    def check(*options: str) -> tuple[int, str]:
        code = cli.main(["check", "1", *options])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return check


def progress(workspace: Workspace) -> dict:
    return json.loads(workspace.progress.read_text(encoding="utf-8"))["exercises"]


def test_from_the_stubs_to_the_end(workspace: Workspace, put: Put, check: Check) -> None:
    code, said = check()
    assert (code, said.splitlines()[:2]) == (
        1,
        ["double               not started", "triple               not started"],
    )
    put(double="def double(x):\n    return x", triple=RIGHT["triple"])
    code, said = check()
    assert code == 1
    assert said.splitlines() == [
        "double               failed       double(1) is 1: twice it is",
        "triple               passed",
        "",
        "double",
        "  double(1) is 1: twice it is",
        "",
        "  hint 1      A first double.",
        "  hint 2      groundup check 1 double --hint",
        "  the case    double(x)",
        "              x: int 1",
        "              gave back: int 1",
        "  the diff    groundup diff 0 1 --stat",
        "  What I did  groundup check 1 double --solution",
        "",
        "1 of 2 passed, 1 failed",
    ]
    put(double=RIGHT["double"])
    assert check() == (0, "double               passed\ntriple               passed\n\nall 2 pass\n")
    kept = progress(workspace)
    assert {name: (entry["state"], entry["tries"], entry["hints"]) for name, entry in kept.items()} == {
        "double": ("passed", 2, 1),
        "triple": ("passed", 1, 0),
    }


def test_what_has_passed_is_tried_again_when_it_changes_or_is_asked_for(
    workspace: Workspace, put: Put, check: Check
) -> None:
    put(**RIGHT)
    for options, tries in ((), (1, 1)), ((), (1, 1)), (("--force",), (2, 2)), (("--force", "double"), (3, 2)):
        assert check(*options)[0] == 0
        assert tuple(progress(workspace)[name]["tries"] for name in RIGHT) == tries
    put(double="def double(x):\n    return x + x  # better")
    assert check()[0] == 0
    assert progress(workspace)["double"]["tries"] == 4
    assert check("half", "--force")[0] == 2


def test_an_answer_that_prints_passes_all_the_same(put: Put, check: Check) -> None:
    put(double="def double(x):\n    print(x)\n    return 2 * x", triple=RIGHT["triple"])
    assert check() == (0, "double               passed\ntriple               passed\n\nall 2 pass\n")


def test_a_name_that_the_check_has_too(put: Put, check: Check) -> None:
    put(double="def same(x):\n    return x\n\ndef double(x):\n    return 2 * same(x)")
    code, said = check("double")
    assert code == 1
    assert "double               not checked  `same` is also a name of the check's own" in said


def test_a_file_that_hides_a_library_is_named(workspace: Workspace, put: Put, check: Check) -> None:
    (workspace.folder / "random.py").write_text("")
    put(**RIGHT)
    assert check()[1].startswith("random.py hides the library random from the book's code: rename it\n")


def test_a_renamed_stub_is_still_the_answer(workspace: Workspace, put: Put, check: Check) -> None:
    put(double=RIGHT["double"])
    _edit(workspace.script, '# %% exercise="double" tags=["stub"]', '# %% exercise="twice" tags=["stub"]')
    assert check("double")[0] == 0


def test_one_exercise_by_its_name_with_options_anywhere(workspace: Workspace, put: Put, check: Check) -> None:
    put(double=RIGHT["double"])
    assert check("double") == (0, "double               passed\n\nit passes\n")
    assert progress(workspace).keys() == {"double"}, "the other one was not looked at"
    assert check("1.1")[1].startswith("double               passed")
    for order in (["1", "triple", "--hint"], ["--hint", "1", "triple"], ["1", "--hint", "triple"]):
        assert cli.main(["check", *order]) == 0
    assert progress(workspace)["triple"]["hints"] == 2
    code, said = check("--solution")
    assert code == 2
    assert said.endswith(
        "what I did where? groundup check 1 NAME --solution, with one of double (1.1), triple (1.2) as NAME\n"
    )
    assert check("double", "--package", "mine") == (2, "error: a package is checked as a whole: leave out double\n")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "# nothing",
        "def double(  x ):\n    # soon\n    raise NotImplementedError()",
        "def double(x: int) -> int:\n    pass",
        "print('before')\ndef double(x: int):\n    '''Another text.'''\n    raise NotImplementedError",
    ],
)
def test_not_started(put: Put, check: Check, source: str) -> None:
    put(double=source)
    assert check()[1].startswith("double               not started")


@pytest.mark.parametrize(
    ("source", "state", "said"),
    [
        ("def double(x):\n    exit()", "ended", "leave out exit()"),
        ("import os\ndef double(x):\n    os._exit(0)", "ended", "leave out exit()"),
        ("raise SystemExit", "ended", "at 01_chapter.py:{line}: raise SystemExit"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "ended", "with the code -9"),
        ("def double(x):\n    return x.half", "error", "at 01_chapter.py:{next}: return x.half"),
        ("def double(x):\n    return 1 / 0", "error", "ZeroDivisionError: division by zero"),
        ("def double(x):\n    assert x == 7, 'mine'", "error", "AssertionError: mine"),
        ("def double(x):\n    return double(x)", "error", "RecursionError"),
        ("def double(x):\n    retrun x x", "error", "at 01_chapter.py:{next}: retrun x x"),
        ("x = '\0'", "error", "null byte"),
        (
            "class double:\n    def __init__(self, x):\n        raise NotImplementedError",
            "unfinished",
            "`double.__init__` is not written yet\n  at",
        ),
        ("raise KeyboardInterrupt", "error", "KeyboardInterrupt"),
        ("input('?')\ndef double(x): pass", "not started", ""),
        ("def double(x):\n    return input('?')", "error", "a check cannot ask: leave out input()"),
        (
            "def half(x):\n    raise NotImplementedError\ndef double(x):\n    return half(x)",
            "unfinished",
            "`half` is not",
        ),
        ("def double(x):\n    globals().pop('double')\n    return 2 * x", "error", "`double` is gone: keep its name"),
        ("def double(x):\n    return 0" + 3000 * " + 0", "error", "this is no Python"),
        ("def double(x):\n    return torch.add(x, x)", "error", "NameError: name 'torch'"),
        ("def twice(x):\n    return 2 * x", "error", "there is no `double`: define it in a cell"),
        ("def double(x):\n    print('x' * 100 + '\\n', end='')\n    return 'x'", "failed", "a number, not 'x'"),
        ("for _ in range(10**6):\n    print('long')\ndef double(x):\n    return 0", "failed", "double(1) is 0"),
        (
            "class Odd(int):\n def __repr__(self): 1 / 0\n def __format__(self, _): return '7'\ndouble = Odd",
            "failed",
            "got: Odd <Odd instance",
        ),
        (
            "import subprocess\nsubprocess.Popen(['sleep', '60'])\ndef double(x):\n    return 3",
            "failed",
            "double(1) is 3",
        ),
    ],
)
def test_what_becomes_of_an_answer(
    workspace: Workspace, put: Put, check: Check, source: str, state: str, said: str
) -> None:
    put(double=source, triple=RIGHT["triple"])
    header = '# %% exercise="double" tags=["stub"]\n'
    text = workspace.script.read_text(encoding="utf-8")
    line = text[: text.index(header)].count("\n") + 2
    code, answered = check()
    assert code == 1
    assert re.split(r"  +", answered.splitlines()[0])[:2] == ["double", state]
    assert answered.splitlines()[1] == "triple               passed", "one failure does not hide the rest"
    assert said.format(line=line, next=line + 1) in answered
    assert not [child for child in psutil.process_iter(["cmdline"]) if child.info["cmdline"] == ["sleep", "60"]]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("abs = lambda x: 0", "`abs` has a new meaning after your code"),
        ("tolerance = 99", "`tolerance` has a new meaning after your code"),
        ("del tolerance", "`tolerance` is gone"),
        ("def isinstance(*a):\n    return True", "`isinstance` has a new meaning"),
        ("import builtins\nbuiltins.abs = lambda x: 0", "`abs` has a new meaning after your code"),
        ("__builtins__ = {'abs': lambda x: 0}", "`__builtins__` has a new meaning"),
        ("def same(a, b):\n    return True", ""),
        ("def check_double():\n    pass", ""),
        ("class AssertionError(Exception):\n    pass", ""),
        ("def other():\n    global same\n    same = lambda *a: True\n    return 0", "`same` is the check's own"),
        ("import sys\ndef other():\n    sys._getframe(2).f_globals['tolerance'] = 99", "`tolerance` has a new"),
        (
            "import sys\ndef other():\n    sys._getframe(2).f_globals['same'].__code__ = (lambda a, b: 1).__code__",
            "`same`",
        ),
    ],
)
def test_an_answer_cannot_change_its_check(put: Put, check: Check, source: str, said: str) -> None:
    other = "" if "def other" in source else "def other(): pass"
    put(double=f"{source}\n{other}\ndef double(x):\n    other()\n    return 0")
    code, answered = check()
    assert code == 1
    if said:
        assert f"double               not checked  {said}"[:60] in answered
    else:
        assert "double               failed       double(1) is 0" in answered


def test_what_the_check_reads_is_left_as_it_is(put: Put, check: Check) -> None:
    put(triple="numbers.append(3)\ntriple = [3, 6, 9]", double=RIGHT["double"] + "\nnumbers.append(3)")
    said = check()[1]
    assert "your code has changed the values in `numbers`" in said
    assert "double               passed" in said, "this check does not read them"


def test_an_endless_loop_is_stopped_and_its_line_told(put: Put, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "SECONDS", 0.5)
    put(double="def double(x):\n    while True:\n        pass")
    code, said = check()
    assert code == 1
    assert "double               too long" in said
    assert re.search(
        r"stopped after 0\.5 seconds: a loop may never end\n  at 01_chapter\.py:\d+: (while True:|pass)", said
    )
    assert not _attempts(psutil.Process())


def test_ctrl_c_while_a_process_is_being_started(put: Put, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(subprocess.Popen):
        def __init__(self, command: list[str], **options: Any) -> None:
            super().__init__(command, **options)
            if "groundup.workspace.trial" in command:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    put(double="def double(x):\n    while True: pass")
    code, said = check()
    assert (code, said) == (130, "error: stopped: what was finished is kept\n")
    assert not _attempts(psutil.Process())


def test_an_endless_loop_that_goes_on_whatever_happens(put: Put, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "SECONDS", 0.5)
    put(double="def double(x):\n    while True:\n        try: double(x)\n        except BaseException: pass")
    assert "double               too long" in check()[1]


def test_the_books_own_code_fails(book: Book, put: Put, check: Check) -> None:
    text = book.chapter(1).read_text(encoding="utf-8")
    book.chapter(1).write_text(text.replace("numbers, tolerance = [1, 2]", "numbers, tolerance = 1 / 0"), "utf-8")
    put(triple=RIGHT["triple"])
    said = " ".join(check()[1].split())
    assert "triple not tried" in said
    assert (
        "the book's own code before it stops at chapters/01_chapter.py:7: ZeroDivisionError: division by zero" in said
    )


def test_cells_of_ones_own_count_and_magic_does_not(workspace: Workspace, put: Put, check: Check) -> None:
    put(
        double="# my notes\nfactor = 2\n\n# %% [markdown]\n# So:\n\n# %%\n%timeit 1\n!ls\ndouble = lambda x: factor * x"
    )
    assert "double               passed" in check()[1]
    assert "factor = 2" in workspace.notebook.read_text(encoding="utf-8")


def test_modules_of_ones_own(workspace: Workspace, put: Put, check: Check) -> None:
    (workspace.mine / "tools.py").write_text("def twice(x):\n    return 2 * x.real_part\n")
    put(double="from mine.tools import twice\n\ndef double(x):\n    return twice(x)")
    said = check()[1]
    assert "AttributeError: 'int' object has no attribute 'real_part'" in said
    assert "at tools.py:2: return 2 * x.real_part" in said


def test_an_answer_in_the_notebook_alone(workspace: Workspace, check: Check) -> None:
    text = workspace.notebook.read_text(encoding="utf-8")
    workspace.notebook.write_text(text.replace("raise NotImplementedError", "return 2 * x"), encoding="utf-8")
    assert "double               passed" in check()[1]


@pytest.mark.parametrize("gone", ["notebook", "script"])
def test_a_deleted_file_is_made_again(workspace: Workspace, put: Put, check: Check, gone: str) -> None:
    put(**RIGHT)
    check()
    getattr(workspace, gone).unlink()
    code, said = check()
    assert code == 0
    assert "was gone: made again from" in said


def test_both_files_are_deleted(workspace: Workspace, check: Check) -> None:
    workspace.notebook.unlink()
    workspace.script.unlink()
    code, said = check()
    assert code == 1
    assert "groundup start 1" in said


def test_a_deleted_cell(workspace: Workspace, check: Check) -> None:
    text = workspace.script.read_text(encoding="utf-8")
    cells = re.split(r"(?m)^(?=# %%)", text)
    kept = [cell for cell in cells if 'tags=["check"]' not in cell.split("\n")[0] and 'tags=["prompt"]' not in cell]
    workspace.script.write_text("".join(kept).replace("raise NotImplementedError", "return 2 * x"), encoding="utf-8")
    said = check()[1]
    assert "double               passed" in said, "the check is the book's"
    assert "your copy of the check of double, triple differs: the book's own was used" in said


def test_no_utf8(workspace: Workspace, check: Check) -> None:
    workspace.script.write_bytes(b"# %%\n\xff")
    code, said = check()
    assert code == 1
    assert said.count("\n") == 1
    assert "UTF-8" in said


def test_hints_one_by_one(workspace: Workspace, put: Put, check: Check) -> None:
    assert check("--hint", "triple") == (0, "triple, hint 1\n\nA first triple.\n")
    put(double="def double(x):\n    return x", triple=RIGHT["triple"])
    assert check("--hint") == (0, "double, hint 2\n\nA second double.\n"), "the first is shown with the failure"
    code, said = check("--hint")
    assert code == 0
    assert said.endswith("A second double.\n\nThese are all hints. What I did: groundup check 1 double --solution\n")
    put(double=RIGHT["double"])
    assert check("--hint") == (0, "every exercise passes: there is nothing to hint at\n")
    code, said = check("--hint", "quadruple")
    assert (code, said) == (
        2,
        "error: chapter 1 has no exercise quadruple: its exercises are double (1.1), triple (1.2)\n",
    )


def test_what_i_did(put: Put, check: Check) -> None:
    code, said = check("--solution", "double")
    assert (code, said.count("\n")) == (1, 1)
    assert "ask once more" in said
    code, said = check("--solution", "double")
    assert code == 0
    assert said.startswith("double: what I did\n\n    def double(x: int) -> int:\n")
    assert said.endswith("I wrote `double`.\n")
    put(**RIGHT)
    check()
    assert check("--solution", "triple")[0] == 0, "it passes"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"exercises": 3}', '{"exercises": {"double": {"stars": 3}}}'])
def test_damaged_progress_is_kept_and_begun_anew(workspace: Workspace, put: Put, check: Check, text: str) -> None:
    workspace.progress.write_text(text)
    put(**RIGHT)
    code, said = check()
    assert code == 0
    assert "progress.json cannot be read: it is kept as progress.old.json, and a new one is begun\n" in said
    assert workspace.progress.with_name("progress.old.json").read_text() == text
    assert progress(workspace)["double"]["state"] == "passed"
    said = check()[1]
    assert "cannot be read" not in said
    assert "begun with version" not in said


def test_a_workspace_of_an_older_book(book: Book, put: Put, check: Check) -> None:
    put(**RIGHT)
    assert check()[0] == 0
    text = (
        book.chapter(1)
        .read_text(encoding="utf-8")
        .replace("three times each", "thrice")
        .replace("[3 * n for n in numbers], f", "[9], f")
    )
    book.chapter(1).write_text(text, encoding="utf-8")
    code, said = check()
    assert code == 1, "the check is the new one"
    assert "groundup start 1 --fresh" in said
    assert "triple               failed       [3, 6]: thrice" in said


def test_no_workspace(book: Book, tmp_path: Path, check: Check) -> None:
    code, said = check("--dir", str(tmp_path / "elsewhere"))
    assert code == 1
    assert "there is no workspace for chapter 1" in said
    assert f'groundup start 1 --dir "{tmp_path / "elsewhere"}"' in said


def test_a_workspace_elsewhere(book: Book, check: Check) -> None:
    assert cli.main(["start", "1", "--dir", "mein Heft"]) == 0
    assert "not started" in check("--dir", "mein Heft")[1]


def test_a_workspace_elsewhere_is_the_one_that_is_meant_within_it(
    book: Book, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, check: Check
) -> None:
    assert cli.main(["start", "1", "--dir", "mein Heft"]) == 0
    elsewhere = Workspace.of(book, 1, Path("mein Heft"))
    monkeypatch.chdir(elsewhere.folder)
    _edit(elsewhere.script, "raise NotImplementedError", "return 2 * x")
    book.chapter(1).write_text(book.chapter(1).read_text(encoding="utf-8") + "\n# %%\n1\n", encoding="utf-8")
    said = check()[1]
    assert "double               passed" in said
    assert f'groundup start 1 --dir "{elsewhere.folder}" --fresh' in said
    elsewhere.script.unlink()
    elsewhere.notebook.unlink()
    monkeypatch.chdir(book.root)
    assert f'groundup start 1 --dir "{elsewhere.folder}"' in check("--dir", "mein Heft")[1]
    monkeypatch.chdir(book.chapter(1).parent)
    assert "double               not started" in check()[1], "the chapters' folder is no workspace"


def test_what_an_answer_prints_is_shown_where_it_fails(put: Put, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "SECONDS", 0.5)
    put(
        double="def double(x):\n    print('x', x, end='')\n    print(' ä' + 99 * '.')\n    return 0",
        triple="for n in range(30):\n    print(n)\nwhile True: print('on and on')",
    )
    lines = check()[1].splitlines()
    at = lines.index(f"  it printed  x 1 ä{95 * '.'}")
    assert lines[at + 1].startswith("  hint 1"), "once, though the check is run twice"
    at = lines.index("  it printed  0")
    assert [line.strip() for line in lines[at + 1 : at + 21]] == [*map(str, range(1, 20)), "…"]
    put(triple="for n in range(30):\n    print(n)\ntriple = 0")
    assert "\n              19\n              … and 10 more\n" in check()[1]


def test_the_case_shows_numbers_and_no_noise(put: Put, check: Check) -> None:
    value = "class Value:\n    __slots__ = ('data', 'grad')\n    def __init__(self, n): self.data, self.grad = n, 0.5"
    put(double=f"{value}\ndef double(x):\n    return inner(Value(x), True, lambda: x)\n\ninner = lambda *a: a[0]")
    said = check()[1]
    assert re.search(r"gave back: Value data \d, grad 0\.5\n", said), said
    assert said.count("Value data") == 1


def test_a_case_in_rows() -> None:
    import torch

    found = {"pair": (torch.tensor([1.0, 2.0]), torch.tensor(3)), "state": torch.get_rng_state(), "many": [[1], [2]]}
    lines = case.shown({name: value for name, value in found.items() if not values.is_noise(value)})
    assert lines[0] == "pair: tuple of 2 [tensor (2,) [1, 2], tensor () 3]"
    assert case.together(["f(x)", *lines[:1]], lines) == ("f(x)", *lines), "each value once"
    assert not any(line.startswith("state") for line in lines)


def test_an_answer_above_its_stub_is_not_started_and_told_why(put: Put, check: Check) -> None:
    stub = "def double(x: int) -> int:\n    raise NotImplementedError"
    put(double=f'{RIGHT["double"]}\n\n# %% exercise="double" tags=["stub"]\n{stub}')
    said = check()[1]
    assert "double               not started  what you wrote stands above the stub" in said
    assert "\ndouble\n  what you wrote stands above the stub, which takes its place: delete the stub\n" in said


def test_a_deleted_stub_is_told_how_to_get_back(workspace: Workspace, put: Put, check: Check) -> None:
    put(double="")
    said = check()[1]
    assert "its cell is gone: define `double` in a cell of your own below its text" in said
    assert "groundup notebooks 1" in said
    put(double=RIGHT["double"])
    assert "double               passed" in check()[1]


def test_a_renamed_script_is_named(workspace: Workspace, check: Check) -> None:
    workspace.script.rename(workspace.folder / "mywork.py")
    said = check()[1]
    assert "is your work in mywork.py? rename it to 01_chapter.py" in said


def test_a_workspace_that_is_deleted_under_a_check_leaves_nothing(workspace: Workspace, put: Put, check: Check) -> None:
    folder = str(workspace.folder)
    put(double=f"import shutil\nshutil.rmtree({folder!r})\n{RIGHT['double']}")
    code, said = check("double")  # alone: nothing else writes into the folder while it goes
    assert (code, said) == (1, f"error: {folder} is gone: what was finished stood in it\n")
    assert not workspace.folder.exists()


NEXT = "\n\n".join(
    [
        "# %%\nimport torch\nfrom ch01.tools import half\n",
        PROMPT.format(name="halves", number=2.1),
        HINTS.format(name="halves"),
        '# %% tags=["solution"]\ndef halves(x):\n    return [half(n) for n in x]',
        AFTER.format(name="halves"),
        '# %% tags=["check"]\nassert halves([2, 4]) == [1, 2], f"{halves([2, 4])}: half of each"',
    ]
)


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace of the second chapter of a book, whose exercise stands on the first one's checkpoint."""
    first = '# %% export="tools.py"\ndef half(n):\n    return n / 2'
    book = make_book(tmp_path / "book", {1: first, 2: NEXT})
    checkpoint = book.checkpoint(1)
    checkpoint.mkdir(parents=True)
    (checkpoint / "__init__.py").write_text("")
    (checkpoint / "tools.py").write_text("def half(n):\n    return n / 2\n")
    monkeypatch.chdir(book.root)
    assert cli.main(["start", "2"]) == 0
    return Workspace.of(book, 2)


def test_the_workspaces_checkpoint_is_imported(later: Workspace, capsys: pytest.CaptureFixture) -> None:
    _edit(later.script, "raise NotImplementedError", "return [half(n) for n in x]")
    assert cli.main(["check", "2"]) == 0
    assert later.previous
    _edit(later.previous / "tools.py", "n / 2", "n / 4")
    capsys.readouterr()
    assert cli.main(["check", "2", "--force"]) == 1
    assert "[0.5, 1.0]: half of each" in capsys.readouterr().out


def test_what_is_locked_at_an_exercise_does_not_pass(later: Workspace, capsys: pytest.CaptureFixture) -> None:
    _edit(later.script, "raise NotImplementedError", "return torch.matmul(torch.eye(2), torch.tensor(x) / 2).tolist()")
    assert cli.main(["check", "2"]) == 1
    said = capsys.readouterr().out
    assert "uses torch.matmul, which chapter 3 unlocks: write it yourself\n  at 02_chapter.py:" in said
    assert ": return torch.matmul" in said
    _edit(later.script, "torch.matmul(torch.eye(2), torch.tensor(x) / 2)", "(torch.tensor(x) / 2)")
    assert cli.main(["check", "2"]) == 0


def test_what_an_answer_imports_is_held_to_the_rule(later: Workspace, capsys: pytest.CaptureFixture) -> None:
    body = "raise NotImplementedError"
    _edit(later.script, body, "import numpy\n    return (numpy.array(x) / 2).tolist()")
    assert cli.main(["check", "2"]) == 1
    assert "imports numpy: numpy is not part of the rules" in capsys.readouterr().out
    _edit(
        later.script,
        "import numpy\n    return (numpy.array(x) / 2).tolist()",
        "from mine.own import halved\n    return halved(x)",
    )
    own = later.mine / "own.py"
    own.write_text("import torch\n\n\ndef halved(x):\n    return (torch.eye(2) @ torch.tensor(x) / 2).tolist()\n")
    assert cli.main(["check", "2"]) == 1
    assert "mine/own.py:5 uses @, which chapter 3 unlocks: write it yourself\n  at 02_" in capsys.readouterr().out
    _edit(own, "torch.eye(2) @ ", "")
    assert cli.main(["check", "2"]) == 0


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def _attempts(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children(recursive=True) if "groundup.workspace.trial" in child.cmdline()]


@pytest.fixture
def watching(book: Book) -> Iterator[Callable[[str], str]]:
    """`groundup check 1 --watch` in a process of its own; called with a text it reads until that is said."""
    environment = os.environ | {"PYTHONPATH": str(BOOK.root / "src"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "groundup", "check", "1", "--watch"],
        cwd=book.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip

    def until(text: str) -> str:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if text in line:
                return said
        raise AssertionError(said)

    until.process = process  # type: ignore[attr-defined]
    yield until
    process.kill()
    process.communicate()


def test_watch(workspace: Workspace, put: Put, watching: Callable[[str], str]) -> None:
    assert watching("0 of 2 passed").count("not started") == 3
    put(double="def double(x):\n    retrun x x")
    said = watching("0 of 2 passed, 1 failed, 1 not started")
    assert "triple" not in said, "only what has changed"
    assert ": retrun x x" in said
    text = workspace.notebook.read_text(encoding="utf-8")
    workspace.notebook.write_text(text.replace("retrun x x", "return 2 * x"), encoding="utf-8")
    assert "double               passed" in watching("1 of 2 passed")
    script = workspace.script.read_bytes()
    workspace.notebook.unlink()
    workspace.script.unlink()
    watching("waiting")
    workspace.script.write_bytes(script)
    put(double="def double(x):\n    while True: pass", triple=RIGHT["triple"])
    watching("was gone")
    process = psutil.Process(watching.process.pid)  # type: ignore[attr-defined]
    while not (attempts := _attempts(process)):
        pass
    process.send_signal(signal.SIGINT)
    assert "stopped" in watching("stopped")
    assert process.wait(30) == 130 or watching.process.wait(30) == 130  # type: ignore[attr-defined]
    assert not [child for child in attempts if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
