"""A notebook from the site, where nothing of the book is installed: its first cell finds the wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from helpers.books import BOOK
from helpers.small import small_book
from packaging.requirements import Requirement

from groundup import site
from groundup.book import Book, BookError, digest
from groundup.chapter import Chapter, parse_book
from groundup.notebooks import notebooks
from groundup.site import serve, wheel

RUN = """
import json, sys
for name in sys.argv[1:]:
    cells = [cell for cell in json.load(open(name, encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    for cell in cells[:2]:
        exec("".join(cell["source"]), {"__name__": "__main__"})
"""
USE = """
from groundup import data, pictures, plot, proof, recorded
print(len(data.mnist()[0]), *recorded("resnet"))
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The Python of an environment that has pip and what the wheel requires, linked, and nothing else."""
    folder = tmp_path / "elsewhere"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    for entry in {entry for found in (distribution("pip"), *required("groundup")) for entry in entries(found)}:
        (packages / entry.name).symlink_to(entry)
    return folder / "bin" / "python"


def required(name: str) -> Iterator[Distribution]:
    """What a distribution requires, and what that requires."""
    wanted, found = [name], {name}
    while wanted:
        for text in distribution(wanted.pop()).requires or []:
            requirement = Requirement(text)
            if requirement.name not in found and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
                found.add(requirement.name)
                wanted.append(requirement.name)
                yield distribution(requirement.name)


def entries(found: Distribution) -> Iterator[Path]:
    """The top-level files and folders of a distribution."""
    for file in found.files or []:
        if not str(file).startswith(("..", "__pycache__")):
            yield Path(str(found.locate_file(file.parts[0])))


def run(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    return subprocess.run(
        [python, *arguments],
        cwd=folder, env=kept | {"MPLBACKEND": "agg", "PIP_NO_INDEX": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def take(folder: Path, chapters: Iterable[Chapter], site: str, sha256: str) -> list[str]:
    """Put the notebooks of the site with this address, whose wheel has this hash, into a folder."""
    found = notebooks(chapters, f"{site}notebooks/{BOOK.wheel}#sha256={sha256}")
    folder.mkdir()
    for name, text in found.items():
        (folder / name).write_text(text, encoding="utf-8")
    return list(found)


def test_notebooks_elsewhere(python: Path, tmp_path: Path) -> None:
    """One environment for all that can happen: no wheel, the wheel on the site, the wheel beside the notebook."""
    chapters = parse_book(BOOK)
    built = wheel.write(BOOK, tmp_path / "site" / "notebooks")

    sha256 = digest(built)
    [name] = take(tmp_path / "nowhere", [chapters[5]], "http://127.0.0.1:9/", sha256)
    done = run(python, tmp_path / "nowhere", "-c", RUN, name)
    assert done.returncode == 1
    assert "ImportError: this notebook needs groundup and ch04, which could not be installed from http" in done.stderr
    assert "Download the wheel" in done.stderr.splitlines()[-1]

    with serve.reserved(0, tmp_path / "site") as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        [name] = take(tmp_path / "served", [chapters[5]], f"http://127.0.0.1:{server.server_port}/", sha256)
        done = run(python, tmp_path / "served", "-c", RUN, name)
        again = run(python, tmp_path / "served", "-c", RUN, name)
        server.shutdown()
        thread.join()
    assert done.stdout.splitlines()[-1] == "groundup and ch04: installed", done.stderr

    assert again.stdout == "groundup and ch04: found\n", again.stderr

    [name] = take(tmp_path / "newer", [chapters[5]], "http://127.0.0.1:9/", "0" * 64)
    done = run(python, tmp_path / "newer", "-c", RUN, name)
    assert done.stdout.splitlines()[-1].startswith("groundup and ch04: found, of another edition than this notebook")
    newer = Path(shutil.copy(built, tmp_path / "newer"))
    with zipfile.ZipFile(newer, "a") as opened:
        opened.comment = b"another edition of the same version"
    for wanted in ("installed", "found"):
        done = run(python, tmp_path / "newer", "-c", RUN, name)
        assert done.stdout.splitlines()[-1] == f"groundup and ch04: {wanted}", done.stderr

    run(python, tmp_path, "-m", "pip", "uninstall", "--yes", "groundup")
    names = take(tmp_path / "beside", chapters.values(), "http://127.0.0.1:9/", sha256)
    shutil.copy(built, tmp_path / "beside")
    done = run(python, tmp_path / "beside", "-c", RUN + USE, *names)
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"installing {BOOK.wheel}, and PyTorch where that is missing"), done.stderr
    assert lines[1] == "groundup: installed", "chapter 1 needs no checkpoint"
    found = [line for line in lines if line.endswith(": found")]
    assert found == [f"groundup and ch{number - 1:02d}: found" for number in chapters if number > 1]
    assert lines[-1].startswith("4000 what"), done.stderr


def test_what_is_in_the_wheel(tmp_path: Path) -> None:
    first = wheel.write(BOOK, tmp_path / "first")
    umask = os.umask(0o077)
    try:
        again = wheel.write(BOOK, tmp_path / "again")
    finally:
        os.umask(umask)
    assert first.read_bytes() == again.read_bytes()
    with zipfile.ZipFile(first) as opened:
        names = opened.namelist()
        [metadata] = [opened.read(name).decode() for name in names if name.endswith("METADATA")]
    checkpoints = {BOOK.checkpoint(number).name for number in BOOK.chapters()}
    folders = {name.partition("/")[0] for name in names}
    assert folders == {*checkpoints, "groundup", f"groundup-{BOOK.version}.dist-info"}
    assert {"groundup/assets/mnist_5k.npz", "groundup/results/resnet.json"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]
    carried = [re.sub("^groundup/results/", "docs/results/", name) for name in names if ".dist-info/" not in name]
    sources = [path.as_posix() for path in site._sources(BOOK)]  # if one changes, the site is built anew
    assert [name for name in [*carried, *wheel.FILES] if not any(path.endswith(f"/{name}") for path in sources)] == []
    needed = set(re.findall(r"^Requires-Dist: ([\w-]+)$", metadata, re.M))  # the others are of extras
    assert needed == {"torch", "matplotlib", "numpy", "pillow", "pooch", "tqdm"}


@pytest.mark.parametrize(
    "line", ["site_url: https://a.b/c", 'site_url: "https://a.b/c/"  # there', "site_url:  https://a.b/c/"]
)
def test_the_address_that_the_site_is_built_for(book: Book, line: str) -> None:
    (book.root / "mkdocs.yml").write_text(f"site_name: x\n{line}\nstrict: true\n")
    assert book.address == "https://a.b/c/"
    (book.root / "mkdocs.yml").write_text("site_name: x\n")
    with pytest.raises(BookError, match=r"mkdocs\.yml: no site_url: give the address"):
        _ = book.address


def test_a_wheel_that_cannot_be_built(tmp_path: Path) -> None:
    book = small_book(tmp_path)
    (book.root / "pyproject.toml").write_text('[project]\nname = "groundup"\nversion = "0.1.0"\ndependencies = 3\n')
    with pytest.raises(BookError, match=r"the wheel for the notebooks could not be built: .*: make setup"):
        wheel.write(book, tmp_path / "made")
    assert not (tmp_path / "made").exists()
