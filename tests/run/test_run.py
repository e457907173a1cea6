"""Running chapters: once, only what changed, and a failure that leaves the last good run in place."""

import contextlib
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from groundup import run as station
from groundup.book import Book, BookError
from groundup.chapter import ChapterError, parse_book
from groundup.run import kernel, load_results, results, runner
from groundup.run.normalise import normalise
from groundup.run.progress import Progress
from groundup.run.results import key

MODULES = sorted(str(path.relative_to(results.TOOL)) for part in results.PARTS for path in results.TOOL.glob(part))
ONE_OF_EACH_PART = [next(name for name in MODULES if Path(name).match(part)) for part in results.PARTS]


def run(book: Book, numbers: list[int], force: bool = False) -> list[int]:
    chapters = parse_book(book)
    return station.run(book, [chapters[number] for number in numbers], force)


def write(book: Book, number: int, *cells: str) -> Path:
    """A chapter with a title and these code cells; a cell may begin with keys such as `tags=["timing"]`."""
    text = f"# %% [markdown]\n# # {number}. A chapter\n"
    for cell in cells:
        header, _, body = cell.rpartition("|")
        text += f"\n# %%{' ' * bool(header)}{header}\n{body}\n"
    path = book.root / "chapters" / f"{number:02d}_chapter.py"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def book(tmp_path, monkeypatch):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "src/ch01").mkdir(parents=True)
    (tmp_path / "docs/results").mkdir(parents=True)
    (tmp_path / "src/ch01/__init__.py").write_text("")
    (tmp_path / "src/ch01/linear.py").write_text("def predict(x):\n    return 2 * x\n")
    monkeypatch.delenv("DATA", raising=False)
    return Book(tmp_path)


def notebook(book: Book, number: int) -> nbformat.NotebookNode:
    return nbformat.read(book.executed(number), as_version=4)


def made(book: Book) -> dict[str, bytes]:
    """Every file under build/, by name."""
    return {str(p.relative_to(book.build)): p.read_bytes() for p in book.build.rglob("*") if p.is_file()}


def kernels_of(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children(recursive=True) if "ipykernel" in " ".join(child.cmdline())]


# --- what a run makes


def test_a_run_makes_a_notebook_and_results(book, capsys):
    write(
        book,
        2,
        "import os, sys\nfrom groundup import record\nfrom ch01.linear import predict\nprint(predict(21))",
        'tags=["claim"]|record("error rate", 0.5)\nrecord("losses", [3, 2])',
        'export="net.py"|def layer():\n    """A layer."""',
        'from groundup.record import append\nappend("certificate", {"name": "torch.matmul"})',
        "print(os.getcwd(), os.environ['OMP_NUM_THREADS'], os.environ['PYTHONHASHSEED'], os.environ['TZ'])",
    )
    write(book, 1, "1 + 1")
    assert run(book, [1, 2]) == [1, 2]
    nbformat.validate(notebook(book, 2))
    cells = notebook(book, 2).cells
    assert [cell.id for cell in cells] == [f"ch02-{n:03d}" for n in range(6)]
    assert cells[1].outputs[0].text == "42\n"
    assert dict(cells[2].metadata) == {"tags": ["claim"], "line": 10}
    assert dict(cells[3].metadata) == {"export": "net.py", "tags": [], "line": 14}
    assert re.fullmatch(rf"{book.build}/run-\w+/scratch 1 0 UTC\n", cells[5].outputs[0].text)
    results = load_results(book, 2)
    assert results.pop("seconds") > 0
    assert results.pop("unheld") == []
    assert results.pop("notebook") == hashlib.sha256(book.executed(2).read_bytes()).hexdigest()
    assert results == {
        "key": key(book, 2),
        "chapter": 2,
        "records": {"error rate": 0.5, "losses": [3.0, 2.0]},
        "certificates": [{"name": "torch.matmul"}],
    }
    output = capsys.readouterr()
    assert output.out == ""
    lines = sorted(re.sub(r"[\d.]+ s", "? s", line) for line in output.err.splitlines())
    assert lines == ["ch01  1 cells in ? s", "ch01  1 cells …", "ch02  5 cells in ? s", "ch02  5 cells …"]
    assert sorted(made(book)) == [
        "executed/01_chapter.ipynb", "executed/02_chapter.ipynb", "results/01.json", "results/02.json",
    ]  # fmt: skip
    assert kernels_of(os.getpid()) == []


def test_figures_are_transparent_svg_and_runs_are_reproducible(book, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    write(
        book,
        1,
        "import warnings\nimport groundup.plot as plot\nimport matplotlib.pyplot as plt",
        'tags=["figure"] alt="A line."|plt.plot([1, 2], label="loss")\nplt.legend();',
        'tags=["figure"] alt="A digit."|plot.images([[0.5] * 784])',
        "object()",
        'print("a", end="", flush=True)\nprint(object(), flush=True)\nwarnings.warn("hm")',
        'tags=["timing"]|print("0x7f0000000000")',
    )
    run(book, [1])
    first = made(book)["executed/01_chapter.ipynb"]
    _, _, line, digit, value, prints, timing = notebook(book, 1).cells
    for cell in (line, digit):
        (output,) = cell.outputs
        assert set(output.data) == {"image/svg+xml", "text/plain"}
        assert "fill: #ffffff" not in output.data["image/svg+xml"]
    assert value.outputs[0].data["text/plain"] == "<object at 0x…>"
    assert prints.outputs[0].text == "a<object object at 0x…>\n"
    assert prints.outputs[1].text.startswith("<cell>:3: UserWarning: hm")
    assert timing.outputs[0].text == "0x7f0000000000\n"
    assert run(book, [1], force=True) == [1]
    assert made(book)["executed/01_chapter.ipynb"] == first


def test_what_a_user_starts_python_with_stays_out(book, tmp_path, monkeypatch):
    (tmp_path / "start.py").write_text("mean = 3")
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "start.py"))
    write(book, 1, "'mean' in globals()")
    run(book, [1])
    assert notebook(book, 1).cells[1].outputs[0].data["text/plain"] == "False"


def test_a_prelude_is_executed_first_and_leaves_no_trace(book):
    write(book, 1, "seen")
    chapters = parse_book(book)
    runner.run(book, chapters.values(), prelude=lambda chapter: f"seen = {chapter.number}; print('here')")
    (_, cell) = notebook(book, 1).cells
    assert cell.execution_count == 1
    assert [output.data["text/plain"] for output in cell.outputs] == ["1"]
    with pytest.raises(ChapterError, match=r"^chapters/01_chapter.py:1: .* \(ZeroDivisionError: division by zero\)$"):
        runner.run(book, chapters.values(), force=True, prelude=lambda chapter: "1 / 0")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_rewrites_one_line_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    progress = Progress()
    progress.start("ch01", 12)
    progress.start("ch02", 52)
    progress.step("ch02", 37)
    progress.end("ch01", "12 cells in 1.0 s")
    progress.end("ch02", "failed")
    assert terminal.getvalue().split("\r")[1:] == [
        "\x1b[Kch01  0/12 cells",
        "\x1b[Kch01  0/12 cells   ch02  0/52 cells",
        "\x1b[Kch01  0/12 cells   ch02  37/52 cells"[:42],
        "\x1b[Kch01  12 cells in 1.0 s\n",
        "\x1b[Kch02  37/52 cells",
        "\x1b[Kch02  failed\n",
    ]


# --- only what changed


@pytest.fixture
def counted(book, monkeypatch):
    """The numbers of the chapters that were executed, without a kernel."""
    ran = []

    async def execute(_book, chapter, *_rest):
        ran.append(chapter.number)

    monkeypatch.setattr(runner, "execute", execute)
    for number in (1, 2, 3):
        write(book, number, "1 + 1")
    run(book, [1, 2, 3])
    ran.clear()
    return ran


def test_nothing_changed_nothing_runs(book, counted, capsys):
    capsys.readouterr()
    assert run(book, [1, 2, 3]) == []
    assert counted == []
    assert capsys.readouterr() == ("", "")
    assert run(book, [2], force=True) == [2]
    assert counted == [2]


def edit(path: str):
    def change(book: Book, _monkeypatch: pytest.MonkeyPatch) -> None:
        with (book.root / path).open("a", encoding="utf-8") as file:
            file.write("\n# changed\n")

    return change


def edit_module(name: str):
    def change(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
        copy = book.root / "tool"
        for module in MODULES:
            (copy / module).parent.mkdir(parents=True, exist_ok=True)
            (copy / module).write_bytes((results.TOOL / module).read_bytes() + (b"#" if module == name else b""))
        monkeypatch.setattr(results, "TOOL", copy)

    return change


def other_version(library: str):
    def change(_book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
        real = results.importlib.metadata.version
        monkeypatch.setattr(
            results.importlib.metadata, "version", lambda name: "0.0" if name == library else real(name)
        )

    return change


CHANGES = {
    "a chapter": (edit("chapters/02_chapter.py"), [2]),
    "a checkpoint": (edit("src/ch01/linear.py"), [1, 2]),
    "a new module in a checkpoint": (edit("src/ch01/other.py"), [1, 2]),
    "what was recorded for all": (edit("docs/results/long.json"), [1, 2, 3]),
    "the data": (lambda _, monkeypatch: monkeypatch.setenv("DATA", "mnist"), [1, 2, 3]),
    "the same data by another name": (lambda _, monkeypatch: monkeypatch.setenv("DATA", "embedded"), []),
    "Python": (lambda _, patch: patch.setattr(results.platform, "python_version", lambda: "3.99.0"), [1, 2, 3]),
    "a notebook lost": (lambda book, _: book.executed(2).unlink(), [2]),
    "results lost": (lambda book, _: book.results(3).unlink(), [3]),
    "results damaged": (lambda book, _: book.results(3).write_text('{"key": '), [3]),
    "results of another kind": (lambda book, _: book.results(3).write_text("null"), [3]),
    "another module of the tool": (edit_module("site/pages.py"), []),
    **{f"the tool's {name}": (edit_module(name), [1, 2, 3]) for name in ONE_OF_EACH_PART},
    **{f"the version of {name}": (other_version(name), [1, 2, 3]) for name in results.LIBRARIES},
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_runs_again(book, counted, monkeypatch, change):
    apply, expected = CHANGES[change]
    apply(book, monkeypatch)
    assert run(book, [1, 2, 3]) == expected
    assert sorted(counted) == expected
    assert run(book, [1, 2, 3]) == []


def test_the_key_covers_every_module_that_a_chapter_imports():
    program = (
        "import sys, groundup.data, groundup.plot, groundup.unlock, groundup.proof; "
        "print(*(module.__file__ for name, module in sys.modules.items() if name.startswith('groundup.')))"
    )
    files = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    inert = {f"book/{name}.py" for name in ("__init__", "errors", "files", "places")}  # paths and the class of errors
    assert {Path(file).relative_to(results.TOOL).as_posix() for file in files} - inert <= set(MODULES)


# --- what goes wrong


def test_a_failure_names_the_line_and_keeps_the_last_good_run(book):
    write(book, 1, "1 + 1")
    write(book, 2, "2 + 2")
    write(book, 3, "3 + 3")
    run(book, [1, 2, 3])
    before = made(book)
    write(book, 1, "def f(x):\n    raise ValueError(f'bad {x}')", "\n\ny = 1\nf(y)\ny = 2")
    write(book, 2, "class Odd:\n    def __repr__(self):\n        raise TypeError('no repr')", "Odd()")
    write(book, 3, "33")
    with pytest.raises(ChapterError) as caught:
        run(book, [1, 2, 3])
    assert str(caught.value).splitlines() == [
        "chapters/01_chapter.py:12: ValueError: bad 1",
        "chapters/02_chapter.py:10: TypeError: no repr",
    ]
    after = made(book)
    assert {name for name in before if after[name] != before[name]} == {"executed/03_chapter.ipynb", "results/03.json"}
    assert after.keys() == before.keys()
    write(book, 2, "2 + 2")
    assert run(book, [2]) == []


def test_a_figure_shows_no_value_beside_it(book):
    write(book, 1, "import matplotlib.pyplot as plt", 'tags=["figure"] alt="A line."|plt.plot([1, 2])\nplt.xlabel("x")')
    run(book, [1])
    assert [output.output_type for output in notebook(book, 1).cells[-1].outputs] == ["display_data"]


def test_a_figure_that_draws_nothing(book):
    write(book, 1, 'tags=["figure"] alt="A line."|1 + 1')
    with pytest.raises(ChapterError, match=r"^chapters/01_chapter\.py:4: a figure's cell draws nothing: draw, or"):
        run(book, [1])
    assert made(book) == {}


def test_a_cell_that_never_stops_printing(book, monkeypatch):
    monkeypatch.setattr(kernel, "OUTPUT_LIMIT", 10_000)
    write(book, 1, "while True:\n    print('x' * 1000)")
    with pytest.raises(ChapterError, match=r"^chapters/01_chapter\.py:5: the cell puts out more than"):
        run(book, [1])
    assert made(book) == {}


def test_long_lines_are_kept(book):
    write(book, 1, "print('x' * 1_000_000)")
    started = time.monotonic()
    run(book, [1])
    assert time.monotonic() - started < 30
    assert notebook(book, 1).cells[1].outputs[0].text == "x" * 1_000_000 + "\n"


def test_what_is_printed_piece_by_piece_is_joined():
    pieces = [("stderr", "a\n"), ("stdout", "1 of 2\r2 "), ("stderr", "b"), ("stdout", "of 2\r\n"), ("stdout", "3\r")]
    shown = nbformat.v4.new_output("display_data", {"text/plain": "figure"})
    cell = nbformat.v4.new_code_cell(metadata={"tags": []})
    cell.outputs = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in pieces]
    cell.outputs.insert(3, shown)
    normalise(nbformat.v4.new_notebook(cells=[cell]))
    assert [output.get("text") for output in cell.outputs] == ["2 of 2\r\n3\r", "a\nb", None]


def test_files_saved_by_a_relative_path_land_nowhere(book):
    write(book, 1, "open('saved.txt', 'w').write('x')")
    before = {path for path in book.root.rglob("*") if "build" not in path.parts}
    run(book, [1])
    assert {path for path in book.root.rglob("*") if "build" not in path.parts} == before
    assert not list(book.build.rglob("saved.txt"))


def test_a_kernel_that_does_not_start_is_tried_again(book, monkeypatch):
    write(book, 1, "1 + 1")
    real, calls = kernel.NotebookClient.async_start_new_kernel_client, []

    async def flaky(self):
        calls.append(1)
        if len(calls) <= failures:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return await real(self)

    monkeypatch.setattr(kernel.NotebookClient, "async_start_new_kernel_client", flaky)
    failures = 1
    assert run(book, [1]) == [1]
    failures = 10
    with pytest.raises(BookError, match="a Jupyter kernel did not start") as caught:
        run(book, [1], force=True)
    assert "chapters/" not in str(caught.value)


def test_a_figure_that_cannot_be_drawn_is_a_failure(book):
    write(book, 1, "import matplotlib.pyplot as plt", 'tags=["figure"] alt="A title."|plt.title(r"$\\frac{1$");')
    with pytest.raises(ChapterError, match=r"^chapters/01_chapter\.py:8: ValueError: "):
        run(book, [1])
    assert made(book) == {}


def test_data_that_cannot_be_had_is_a_failure_with_its_remedy(book, monkeypatch):
    monkeypatch.setenv("DATA", "mnist")
    monkeypatch.setenv("GROUNDUP_MNIST", str(book.root))
    write(book, 1, "from groundup.data import mnist\ntrain, valid = mnist()")
    with pytest.raises(
        ChapterError, match=r"^chapters/01_chapter\.py:\d: DataError: GROUNDUP_MNIST=.*leave DATA unset"
    ):
        run(book, [1])


def test_a_cell_that_takes_too_long(book, monkeypatch):
    monkeypatch.setattr(kernel, "TIME_LIMIT", 1)
    write(book, 1, "1 + 1", "import time\ntime.sleep(60)")
    with pytest.raises(
        ChapterError, match=r"^chapters/01_chapter\.py:8: the cell took longer than 1 s: make it smaller"
    ):
        run(book, [1])
    assert made(book) == {}
    assert kernels_of(os.getpid()) == []


def test_a_kernel_that_dies(book):
    write(book, 1, "1 + 1", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(ChapterError, match=r"^chapters/01_chapter\.py:8: the kernel died .*: it ran out of memory"):
        run(book, [1])
    assert made(book) == {}


@pytest.mark.parametrize("cause", ["", " from error"])
def test_of_chained_exceptions_the_last_counts(book, cause):
    write(book, 1, f"try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise AssertionError('no'){cause}")
    with pytest.raises(ChapterError, match=r"^chapters/01_chapter\.py:8: AssertionError: no$"):
        run(book, [1])


CLAIM = 'tags=["claim"]|'


def test_a_claim_that_does_not_hold_here_is_said_and_the_rest_runs(book):
    write(
        book, 1, "from groundup import record\nn = 1",
        f"{CLAIM}assert n == 1\nassert n == 2, 'one\\nmore'\nif n:\n    assert n == 3\nlate = 41",
        "n = late", f"{CLAIM}record('n', n)",
    )  # fmt: skip
    assert run(book, [1]) == [1]
    assert station.unheld(book, [1]) == ["chapters/01_chapter.py:10: AssertionError: one\nmore"]
    assert load_results(book, 1)["records"] == {"n": 41}
    outputs = [cell.outputs for cell in notebook(book, 1).cells if cell.cell_type == "code"]
    assert [[output.output_type for output in found] for found in outputs] == [[], ["error"], [], []]
    assert run(book, [1]) == [], "it would be no other the next time"
    write(book, 1, "n = 2", f"{CLAIM}assert n == 2")
    run(book, [1])
    assert station.unheld(book, [1]) == []


def test_a_claim_that_breaks_and_a_check_that_fails_stop_the_run(book):
    write(book, 1, f"{CLAIM}assert nowhere")
    with pytest.raises(ChapterError, match="NameError"):
        run(book, [1])
    write(book, 1, "raise AssertionError(1)")
    with pytest.raises(ChapterError, match="AssertionError: 1"):
        run(book, [1])


def test_a_chapter_edited_while_it_runs_runs_again(book):
    write(book, 1, f"with open({str(book.root / 'chapters/01_chapter.py')!r}, 'a') as file:\n    file.write('#')")
    assert run(book, [1]) == [1]
    write(book, 2, "2")
    assert run(book, [1, 2]) == [1, 2]


def test_a_number_recorded_twice(book):
    write(book, 1, "from groundup import record", "tags=[\"claim\"]|record('loss', 1)\nrecord('loss', 2)")
    with pytest.raises(ChapterError, match=r"01_chapter\.py: 'loss' is recorded twice"):
        run(book, [1])


@pytest.mark.parametrize("line", ["garbage", "[1]", "3", '{"name": "a"}', '{"entry": "record"}'])
def test_records_of_another_hand(book: Book, line: str) -> None:
    write(book, 1, f"import os\nopen(os.environ['GROUNDUP_RECORDS'], 'w').write({line!r})")
    with pytest.raises(ChapterError, match=r"01_chapter\.py: something else wrote into the file of its records"):
        run(book, [1])


def test_a_mistake_in_any_chapter_stops_before_the_first_runs(book, counted):
    write(book, 1, "changed")
    write(book, 2, "tags=[figure]|1")
    with pytest.raises(ChapterError, match=r"02_chapter\.py:4:"):
        run(book, [1, 2])
    assert counted == []


def test_no_room_for_the_result(book, counted, monkeypatch):
    before = made(book)
    write(book, 1, "changed")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(BookError, match="No space left on device"):
        run(book, [1])
    assert made(book) == before


def test_chapters_and_results_that_do_not_exist(book):
    write(book, 1, "1")
    with pytest.raises(BookError, match="chapter 1 has no results: groundup run 1"):
        load_results(book, 1)


PROGRAM = """
import os, sys
from pathlib import Path
from groundup.book import Book
from groundup.chapter import parse_book
from groundup.run import run
os.cpu_count = lambda: 2
try:
    book = Book(Path(sys.argv[1]))
    run(book, parse_book(book).values())
except KeyboardInterrupt:
    sys.exit(130)
"""


@contextlib.contextmanager
def started(book: Book):
    """A run of chapters 1 and 2, which sleep, and 3, which waits its turn, in a process of its own."""
    for number in (1, 2, 3):
        write(book, number, f"open({str(book.root / str(number))!r}, 'w').close()\nimport time\ntime.sleep(60)")
    folder = book.root / "temporary"  # what a killed process leaves there goes with the test
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(book.root)],
        stderr=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(folder)},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not all((book.root / name).exists() for name in "12"):
            assert process.poll() is None
            assert time.monotonic() < deadline, "the chapters did not start"
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def test_ctrl_c_leaves_nothing_half_written_and_no_kernel(book):
    with started(book) as process:
        kernels = kernels_of(process.pid)
        assert len(kernels) == 2
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 130
        assert not any(process.is_running() for process in kernels)
    assert "Traceback" not in errors
    assert sorted(errors.splitlines()) == [
        "ch01  1 cells …", "ch01  interrupted", "ch02  1 cells …", "ch02  interrupted",
    ]  # fmt: skip
    assert made(book) == {}
    assert not (book.root / "3").exists()
    assert list((book.root / "temporary").iterdir()) == []


def test_a_run_that_is_killed_takes_its_kernels_along(book):
    with started(book) as process:
        kernels = kernels_of(process.pid)
        process.kill()
        process.communicate(timeout=30)
    gone, alive = psutil.wait_procs(kernels, timeout=30)
    assert len(gone) == 2
    assert alive == []
    assert not any("executed" in name or "results" in name for name in made(book))


def test_results_are_plain_json(book, counted):
    assert json.loads(book.results(1).read_text()) == load_results(book, 1)


@pytest.mark.parametrize("damage", [b"", b"\xff", b'{"cells": ['])
def test_a_damaged_notebook_is_made_again(book: Book, damage: bytes) -> None:
    write(book, 1, "1 + 1")
    run(book, [1])
    good = book.executed(1).read_bytes()
    book.executed(1).write_bytes(damage)
    assert run(book, [1]) == [1]
    assert book.executed(1).read_bytes() == good
    assert run(book, [1]) == []
