"""The command: what it answers, above all to mistakes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from helpers.commands import COMMANDS

from groundup import cli
from groundup.book import Book, BookError, UsageError
from groundup.cli import commands, doctor
from groundup.site import serve

ONE = '# %% [markdown]\n# # 1. One\n\n# %% export="one.py"\n"""One."""\n\nONE = 1\n'
TWO = '# %% [markdown]\n# # 2. Two\n\n# %% export="one.py"\nONE = 2\n'


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    """A book of two chapters around the current folder, nothing exported yet."""
    (tmp_path / "chapters").mkdir()
    (tmp_path / "src").mkdir()
    (tmp_path / "chapters" / "01_one.py").write_text(ONE)
    (tmp_path / "chapters" / "02_two.py").write_text(TWO)
    (tmp_path / "constraints.txt").write_text("pytest==0.1\nno-such-package==1.0\n")
    monkeypatch.chdir(tmp_path)
    return Book(tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    out = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"example: groundup {command}" in out


def test_no_command_prints_them_all(capsys: pytest.CaptureFixture) -> None:
    assert cli.main([]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {command} " in out for command in COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    """The reason why `groundup --help` is quick; its time is in `make bench`."""
    code = "import sys; from groundup.cli import main; main([]); print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "torch",
        "numpy",
        "matplotlib",
        "libcst",
        "nbformat",
        "nbclient",
        "nbconvert",
        "mkdocs",
        "pygments",
        "pooch",
    }
    assert not heavy & set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "x"], 2, "error: there is no chapter x: the chapters are 1, 2\n"),
        (["run", "1", "7"], 2, "error: there is no chapter 7: the chapters are 1, 2\n"),
        (["notebooks", "0"], 2, "error: there is no chapter 0: the chapters are 1, 2\n"),
        (["diff", "2", "9"], 2, "error: there is no chapter 9: the chapters are 1, 2\n"),
        (["diff", "1", "2"], 1, "error: src/ch01 is not there yet: make export\n"),
        (["diff", "1", "2", "--mine", "."], 2, "error: one checkpoint is compared with your own package: "),
        (["check", "7"], 2, "error: there is no chapter 7: the chapters are 1, 2\n"),
        (["check", "1", "--package", "nowhere"], 2, "nowhere"),
        (["serve", "--port", "70000"], 2, "error: there is no port 70000: "),
    ],
)
def test_mistakes(book: Book, capsys: pytest.CaptureFixture, arguments: list[str], code: int, message: str) -> None:
    assert cli.main(arguments) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def wrapped(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (BookError("a: b: c"), 1, "error: a: b: c\n"),
        (UsageError("a"), 2, "error: a\n"),
        (BookError("x.py:1: a\nx.py:2: b"), 1, "x.py:1: a\nx.py:2: b\n"),
        (KeyboardInterrupt(), 130, "error: stopped: what was finished is kept\n"),
        (
            OSError(errno.ENOSPC, "full", "x"),
            1,
            "error: no room on the disk: free some (groundup clean removes build/), ",
        ),
        (PermissionError(errno.EACCES, "permission denied", "x"), 1, "error: x: permission denied: "),
        (OSError(errno.EROFS, "Read-only file system", "x"), 1, "error: x: Read-only file system: "),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "x"), 1, "error: x: Is a directory: "),
        (shutil.Error([("a", "b", f"[Errno 28] {os.strerror(errno.ENOSPC)}: 'b'")]), 1, "error: no room on the disk: "),
        (shutil.Error([("a", "b", "gone"), ("c", "d", "why")]), 1, "a: gone: look whether it is there, and yours "),
        (wrapped(RuntimeError("a library"), KeyboardInterrupt()), 130, "error: stopped: what was finished is kept\n"),
    ],
)
def test_errors(
    book: Book,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    raised: BaseException,
    code: int,
    message: str,
) -> None:
    def clean(book: Book, options: object) -> None:
        raise raised

    monkeypatch.setattr(commands, "clean", clean)
    assert cli.main(["clean"]) == code
    assert capsys.readouterr().err.startswith(message)


def test_an_error_of_the_tool_itself_keeps_its_traceback(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    def clean(book: Book, options: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(commands, "clean", clean)
    with pytest.raises(OSError, match="broken"):
        cli.main(["clean"])


def test_no_book_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def find() -> Book:
        raise BookError("no chapters/ here")

    monkeypatch.setattr(Book, "find", find)
    assert cli.main(["clean"]) == 1
    assert capsys.readouterr().err == "error: no chapters/ here\n"


def test_a_closed_pipe_is_no_error(book: Book) -> None:
    cli.main(["export"])
    (book.root / "src" / "ch02" / "one.py").write_text("ONE = 2\n" * 100_000)  # more than a pipe holds
    command = f"{sys.executable} -m groundup diff 1 2 | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=book.root, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("--- src/ch01/one.py\n", "")


def test_from_chapters_to_a_diff(book: Book, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.main(["lint"]) == 1
    assert "src/ch01/one.py" in capsys.readouterr().err
    assert cli.main(["export"]) == 0
    assert "wrote src/ch02/one.py\n" in capsys.readouterr().out
    assert cli.main(["export"]) == 0
    assert capsys.readouterr().out == "the checkpoints are up to date\n"
    assert cli.main(["lint"]) == 0
    assert capsys.readouterr().out == "2 chapters and their checkpoints are in order\n"
    for arguments in (["diff", "1", "2"], ["diff", "2"]):
        assert cli.main(arguments) == 0
        text = capsys.readouterr().out
        assert text.startswith("--- src/ch01/one.py\n+++ src/ch02/one.py\n")
        assert text.endswith("-ONE = 1\n+ONE = 2\n")
    assert cli.main(["diff", "1", "--mine", "src/ch02"]) == 0
    assert capsys.readouterr().out.startswith("one.py\n  different  ONE\n1 different\n\n--- src/ch01/one.py:")
    assert cli.main(["diff", "0", "1"]) == 0
    assert capsys.readouterr().out.startswith("--- /dev/null\n+++ src/ch01/one.py\n")
    assert cli.main(["notebooks"]) == 0
    assert capsys.readouterr().out == "notebooks/01_one.ipynb\nnotebooks/02_two.ipynb\n"
    assert cli.main(["notebooks", "02"]) == 0
    assert capsys.readouterr().out == "notebooks/02_two.ipynb\n"
    assert cli.main(["clean"]) == 0
    assert not book.build.exists()
    assert cli.main(["clean"]) == 0


def test_lint_lists_the_mistakes_of_every_chapter(book: Book, capsys: pytest.CaptureFixture) -> None:
    book.chapter(1).write_text(ONE.replace('export="one.py"', "export=one.py"))
    book.chapter(2).write_text(TWO.replace("export", "exprot"))
    assert cli.main(["lint"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["chapters/01_one.py:4", "chapters/02_two.py:4"]


def test_a_part_of_a_diff_and_its_history(book: Book, capsys: pytest.CaptureFixture) -> None:
    cli.main(["export"])
    capsys.readouterr()
    part = "--- src/ch01/one.py ONE\n+++ src/ch02/one.py ONE\n@@ -1 +1 @@\n-ONE = 1\n+ONE = 2\n"
    for arguments in (["1", "2", "ONE"], ["2", "ONE"], ["02", "one.ONE"]):
        assert cli.main(["diff", *arguments]) == 0
        assert capsys.readouterr().out == part
    for arguments in (["1", "2", "--stat"], ["--stat", "2"], ["1", "--stat", "2", "one.py"]):
        assert cli.main(["diff", *arguments]) == 0
        assert capsys.readouterr().out == "one.py     +1    −1  changed: ONE\n1 module, +1 −1 lines\n"
    for arguments in (["ONE"], ["one.py", "ONE"], ["one", "ONE"], ["one.ONE"]):
        assert cli.main(["log", *arguments]) == 0
        text = capsys.readouterr().out
        assert text.startswith("chapter 1: ONE came, in one.py\n")
        assert text.endswith(f"\nchapter 2: ONE changed, in one.py\n{part}")
    assert cli.main(["diff", "1", "ONE", "--mine", "src/ch01"]) == 0
    assert capsys.readouterr().out == "1 the same\n"
    for arguments in (["diff", "1", "2", "OEN"], ["log", "OEN"]):
        assert cli.main(arguments) == 2
        assert "did you mean ONE?\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("terminal", "no_color", "coloured"), [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_colour(
    book: Book,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    no_color: str,
    coloured: bool,
) -> None:
    cli.main(["export"])
    capsys.readouterr()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setenv("NO_COLOR", no_color)
    cli.main(["diff", "1", "2"])
    assert ("\033[" in capsys.readouterr().out) == coloured


def test_serve(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<h1>Chapter</h1>")
    with serve.reserved(0, tmp_path) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/"
        assert server.server_address[0] == "127.0.0.1", "for this computer alone"
        assert urllib.request.urlopen(address).read() == b"<h1>Chapter</h1>"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address + "nowhere")
        server.shutdown()
        thread.join()


def test_serve_on_a_taken_port(book: Book, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(commands, "_built", lambda book: pytest.fail("the port is looked at before the site is built"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["serve", "--port", str(port)]) == 1
    assert capsys.readouterr().err.startswith(f"error: port {port} is taken: make serve PORT=")


def test_serve_ends_with_ctrl_c(tmp_path: Path) -> None:
    code = "from pathlib import Path; from groundup.site import serve; serve.serve(serve.reserved(0, Path()))"
    server = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert server.stdout is not None
    assert server.stdout.readline().startswith(b"http://127.0.0.1:")
    server.send_signal(signal.SIGINT)
    _, errors = server.communicate(timeout=30)
    assert (server.returncode, errors) == (0, b"")


def test_a_run_that_is_terminated_clears_up(book: Book) -> None:
    started = book.root / "started"
    sleeps = f"open({str(started)!r}, 'w').close()\nimport time\ntime.sleep(60)\n"
    (book.root / "chapters" / "01_one.py").write_text(f"{ONE}\n# %%\n{sleeps}")
    process = subprocess.Popen(
        [sys.executable, "-m", "groundup", "run", "1"], cwd=book.root, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while not started.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.endswith("error: stopped: what was finished is kept\n")
    assert "Traceback" not in errors
    assert list(book.build.iterdir()) == []


def test_doctor(book: Book, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert all(line[:4] in ("OK  ", "!!  ", "--  ") for line in lines)
    assert "!!  no-such-package is not installed: make setup" in lines
    assert any(
        line.startswith("--  pytest ") and line.endswith("last run with 0.1: make setup installs it") for line in lines
    )
    assert "OK  data: the embedded digits" in lines


def test_doctor_is_content(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    (book.root / "constraints.txt").write_text("pytest==0.1\n")
    assert cli.main(["doctor"]) == 0, "another version is worth a line, and no failure"


@pytest.mark.parametrize(
    ("attribute", "value", "line"),
    [
        ("OLDEST_PYTHON", (9, 9), "older than 3.11"),
        ("ROOM", 10**9, "make room"),
    ],
)
def test_doctor_finds(
    book: Book, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, attribute: str, value: object, line: str
) -> None:
    (book.root / "constraints.txt").write_text("")
    monkeypatch.setattr(doctor, attribute, value)
    assert cli.main(["doctor"]) == 1
    assert [found for found in capsys.readouterr().out.splitlines() if found.startswith("!!") and line in found]


def test_doctor_finds_damaged_digits(
    book: Book, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (book.root / "constraints.txt").write_text("")
    monkeypatch.setattr("groundup.data.EMBEDDED", book.root / "constraints.txt")
    assert cli.main(["doctor"]) == 1
    assert "constraints.txt is missing" in capsys.readouterr().out


def test_doctor_finds_what_may_not_be_written_in(book: Book, capsys: pytest.CaptureFixture) -> None:
    (book.root / "constraints.txt").write_text("")
    book.build.write_text("a file where the folder would be")  # a folder's rights mean nothing to root
    assert cli.main(["doctor"]) == 1
    assert f"!!  writing: {book.build}: File exists" in capsys.readouterr().out


def test_doctor_finds_a_torch_that_does_not_load(
    book: Book, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (book.root / "constraints.txt").write_text("")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert cli.main(["doctor"]) == 1
    assert "!!  PyTorch cannot be imported" in capsys.readouterr().out


@pytest.mark.parametrize("asked", ["0", "many", "100000"])
def test_doctor_doubts_a_number_of_threads(
    book: Book, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, asked: str
) -> None:
    (book.root / "constraints.txt").write_text("")
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert cli.main(["doctor"]) == 0
    assert f"--  threads: OMP_NUM_THREADS={asked}" in capsys.readouterr().out


def test_nothing_is_exported_where_a_name_is_locked(book: Book, capsys: pytest.CaptureFixture) -> None:
    locked = '\n# %% export="one.py"\nimport torch\n\nTHREE = torch.matmul\n'
    (book.root / "chapters" / "03_three.py").write_text(TWO.replace("# 2. Two", "# 3. Three") + locked)
    for command in (["export"], ["run"], ["site"]):
        assert cli.main(command) == 1
        assert "chapters/03_three.py:10 uses torch.matmul, which chapter 3 unlocks" in capsys.readouterr().err
        assert list((book.root / "src").iterdir()) == []


def test_a_claim_that_does_not_hold_here(book: Book, capsys: pytest.CaptureFixture) -> None:
    """Who writes a chapter is stopped; who reads the book gets it, and is told."""
    (book.root / "chapters" / "01_one.py").write_text(f'{ONE}\n# %% tags=["claim"]\nassert ONE == 2, "no"\n')
    line = "chapters/01_one.py:10: AssertionError: no\n"
    for _ in range(2):
        assert cli.main(["run", "1"]) == 1
        assert capsys.readouterr().err.endswith(line)
