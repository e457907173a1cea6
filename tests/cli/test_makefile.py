"""`make`: its targets, and the environment that it sets up on first use."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.books import BOOK
from helpers.commands import COMMANDS

MAKEFILE = BOOK.root / "Makefile"
NO_COMMAND = {"help", "setup"}  # `groundup --help` is the one, and whoever has groundup is set up

PYTHON = """#!/bin/sh
# stands for a Python: STATE says what is wrong with it
case "$*" in
  *version_info*) [ "{state}" != old ] ;;
  *ensurepip*) [ "{state}" != without_venv ] ;;
  "-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip"*) [ "{state}" != offline ] ;;
  *) echo "ran $*" ;;
esac
"""


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(BOOK.root / name, tmp_path)
    return tmp_path


def python(folder: Path, state: str) -> str:
    path = folder / f"python_{state}"
    path.write_text(PYTHON.format(state=state))
    path.chmod(0o755)
    return f"PYTHON=./{path.name}"


def test_make_alone_prints_every_target(folder: Path) -> None:
    done = make(folder)
    targets = re.search(r"^\.PHONY: (.*)$", MAKEFILE.read_text(), re.M)
    assert targets
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines] == targets[1].split()
    assert all(re.fullmatch(r"make \w+ +\S.*", line) for line in lines)
    assert not (folder / ".venv").exists(), "to print them, nothing is installed"


def test_every_target_is_a_command() -> None:
    targets = set(re.findall(r"^(\w+):", MAKEFILE.read_text(), re.M))
    assert targets - NO_COMMAND == set(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["site"], "site"),
        (["serve", "PORT=8001"], "serve --port 8001"),
        (["run", "N=2"], "run 2"),
        (["run"], "run"),
        (["notebooks", "N=1 2"], "notebooks 1 2"),
        (["diff", "FROM=1", "TO=2"], "diff 1 2"),
        (["diff", "FROM=1", "TO=2", "OF=mse"], "diff 1 2 mse"),
        (["diff", "FROM=2", "MINE=my nétz"], "diff 2 --mine my nétz"),
        (["log", "OF=mse"], "log mse"),
        (["check", "CH=2", "PACKAGE=my_nn"], "check 2 --package my_nn"),
        (["check", "CH=5"], "check 5"),
        (["test"], "test"),
    ],
)
def test_a_target_sets_up_and_runs_its_command(folder: Path, arguments: list[str], command: str) -> None:
    first = make(folder, python(folder, "good"), *arguments)
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[-1] == f"ran -m groundup {command}"
    again = make(folder, *arguments)
    assert again.stdout == f"ran -m groundup {command}\n", "the second time nothing is set up"


@pytest.mark.parametrize("file", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed(folder: Path, file: str) -> None:
    make(folder, python(folder, "good"), "setup")
    ready = folder / ".venv" / ".ready"
    os.utime(ready, (1, 1))
    make(folder, python(folder, "good"), "setup")
    assert ready.stat().st_mtime >= (folder / file).stat().st_mtime


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        ("old", "make PYTHON=python3.12 site"),
        ("without_venv", "apt install python3-venv"),
        ("offline", "run make again"),
    ],
)
def test_what_is_missing_is_said_in_one_line(folder: Path, state: str, remedy: str) -> None:
    done = make(folder, python(folder, state), "site")
    said = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert len(said) == 1
    assert remedy in said[0]
    assert done.returncode == 2
    assert not (folder / ".venv" / ".ready").exists()
    assert make(folder, python(folder, "good"), "site").returncode == 0, "the next call takes it up"


def test_no_python_at_all(folder: Path) -> None:
    done = make(folder, "PYTHON=./nowhere", "setup")
    assert "make PYTHON=python3.12 setup" in done.stderr
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize("example", ["diff FROM=1 TO=2", "check CH=5"])
def test_a_target_without_its_chapter(folder: Path, example: str) -> None:
    make(folder, python(folder, "good"), "setup")
    done = make(folder, example.split()[0])
    assert f"make {example}" in done.stderr
    assert done.returncode == 2


def test_clean_needs_no_environment(folder: Path) -> None:
    (folder / "build").mkdir()
    assert make(folder, "clean").returncode == 0
    assert not (folder / "build").exists()
    assert not (folder / ".venv").exists()


PUT = """for each; do case $each in chromium|npm)
    printf '#!/bin/sh\\n' >"${0%/*}/$each"; chmod +x "${0%/*}/$each";;
esac; done"""
NO_BROWSER = "Chromium could not be installed: the browser tests will be skipped"
NO_NPM = "npm could not be installed: the tests of exercises in the page will be skipped"


@pytest.mark.parametrize(
    ("there", "apt", "said"),
    [
        (["chromium", "npm"], "exit 9", ["make test"]),
        (["google-chrome", "npm"], "exit 9", ["make test"]),
        ([], PUT, ["installing chromium nodejs npm", "make test"]),
        (["chromium"], PUT, ["installing nodejs npm", "make test"]),
        ([], "exit 9", ["installing", NO_BROWSER, NO_NPM, "make test"]),
        (["npm"], "exit 9", ["installing chromium", NO_BROWSER, "make test"]),
    ],
)
def test_ci_installs_what_the_tests_of_the_site_need(
    tmp_path: Path, there: list[str], apt: str, said: list[str]
) -> None:
    commands = {"apt-get": apt, "make": 'echo "make $*"', "sudo": 'shift; exec "$@"'}
    commands |= dict.fromkeys(there, "")
    for name in ("bash", "sh", "id", "dirname", "env", "chmod"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    for name, script in commands.items():
        (tmp_path / name).write_text(f"#!{shutil.which('sh')}\n{script}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [BOOK.root / ".ci" / "run"],
        env={"PATH": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout
    assert len(lines) == len(said), done.stdout
    assert all(part in line for part, line in zip(said, lines, strict=True))
