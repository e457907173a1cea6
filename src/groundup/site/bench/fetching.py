"""Python and the editor of the bench, fetched and bundled with npm, and kept between builds."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PAGE = Path(__file__).parent / "page"
RECIPE = ("package.json", "package-lock.json", ".npmrc", "bench.js", "PYODIDE.txt")
PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
LOCK = "pyodide-lock.json"  # which packages Python could load: none
BUNDLE = "bench.js"
LICENCES = "LICENCES.txt"
FILES = (*PYODIDE, LOCK, BUNDLE, LICENCES)
NOT_CARRIED = ("ws", "@types/emscripten")  # what Pyodide needs outside of browsers
SECONDS = 300  # for some 20 MB over a slow line
CI = (
    "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline",
    "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000",
)  # fmt: skip
ESBUILD = ("--bundle", "--format=esm", "--minify", "--target=es2022", f"--outfile=out/{BUNDLE}")


class MissingError(Exception):
    """The bench cannot be had: the message says why, and what to do."""


def name() -> str:
    """A name for what `fetched` gives, which changes when that does."""
    digest = hashlib.sha256()
    for path in (*(PAGE / file for file in RECIPE), Path(__file__)):  # all that the result depends on
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return f"bench-{digest.hexdigest()[:16]}"


@functools.cache
def fetched() -> Path:
    """The folder with Pyodide's files, the bundle and the licences, in the user's cache.

    Raises: MissingError where npm is not there, or cannot fetch or bundle them.
    """
    import pooch

    folder = Path(pooch.os_cache("groundup")) / name()
    if all((folder / file).is_file() for file in FILES):
        return folder
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise MissingError("npm is not here: install Node.js, then make site")
    print("fetching what the exercises in the page are made of (14 MB)", file=sys.stderr, flush=True)
    try:
        shutil.rmtree(folder, ignore_errors=True)  # somebody took a file out of it
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}-") as work:
            made = _made(Path(work), npm, node)
            try:
                made.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another build was quicker
                    raise
    except OSError as error:
        reason = f"it cannot be stored in {folder.parent} ({error.strerror or error})"
        raise MissingError(f"{reason}: make room there, then make site") from None
    return folder


def _made(work: Path, npm: str, node: str) -> Path:
    """Fetch and bundle in the folder `work`; return the folder of what is kept."""
    for file in RECIPE:
        shutil.copyfile(PAGE / file, work / file)
    out = work / "out"
    out.mkdir()
    _run([npm, *CI], work)
    _run([node, str(work / "node_modules" / "esbuild" / "bin" / "esbuild"), BUNDLE, *ESBUILD], work)
    modules = work / "node_modules"
    for file in PYODIDE:
        shutil.copyfile(modules / "pyodide" / file, out / file)
    packages = json.loads((modules / "pyodide" / LOCK).read_text(encoding="utf-8"))
    (out / LOCK).write_text(json.dumps({"info": packages["info"], "packages": {}}), encoding="utf-8")
    (out / LICENCES).write_text(_licences(modules), encoding="utf-8")
    return out


def _run(command: list[str], folder: Path) -> None:
    environment = os.environ | {"NO_COLOR": "1", "NO_UPDATE_NOTIFIER": "1"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8",
            errors="replace", timeout=SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise MissingError(f"npm was not done after {SECONDS} seconds: try make site again on a quicker line") from None
    if done.returncode:
        lines = [line.removeprefix("npm error ") for line in done.stderr.splitlines() if "error" in line.lower()]
        reason = next(
            (line for line in lines if not line.startswith(("code", "errno", "syscall"))), "it did not say why"
        )
        raise MissingError(f"npm failed ({reason}): look at the network, then make site")


def _licences(modules: Path) -> str:
    """The licences of all that is carried, and where Pyodide's source is."""
    found = sorted([*modules.glob("*/LICENSE"), *modules.glob("@*/*/LICENSE")])
    texts = {file.parent.relative_to(modules).as_posix(): file.read_text(encoding="utf-8") for file in found}
    parts = [f"npm {name}\n\n{text.strip()}" for name, text in texts.items() if name not in NOT_CARRIED]
    first = (PAGE / "PYODIDE.txt").read_text(encoding="utf-8").strip()
    return f"\n\n{'-' * 80}\n\n".join([first, *parts]) + "\n"
