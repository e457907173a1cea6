"""Whether this computer has what the book needs: a line for each thing, with what to do where it has not."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from groundup.book import Book

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OLDEST_PYTHON = (3, 11)
ROOM = 2  # GiB: the site, the executed chapters and pip's work while it installs

OK, MISSING, OPTIONAL = "OK", "!!", "--"


def report(book: Book, port: int) -> int:
    """Print every finding; return 1 when something that the book needs is missing."""
    findings = list(_findings(book, port))
    for mark, text in findings:
        print(f"{mark}  {text}")
    return int(any(mark == MISSING for mark, _ in findings))


def _findings(book: Book, port: int) -> Iterator[tuple[str, str]]:
    yield _python()
    yield from _packages(book)
    yield _embedded()
    yield _mnist()
    yield _writing(book)
    yield _disk(book)
    yield _threads()
    yield _device()
    yield _browser()
    yield _port(port)


def _python() -> tuple[str, str]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return MISSING, f"Python {version} is older than 3.11: remove .venv, then make setup PYTHON=python3.12"
    return OK, f"Python {version}"


def _packages(book: Book) -> Iterator[tuple[str, str]]:
    pins = (book.root / "constraints.txt").read_text(encoding="utf-8").split()
    found = 0
    for pin in pins:
        name, _, version = pin.partition("==")
        try:
            installed = importlib.metadata.version(name).partition("+")[0]  # 2.13.0+cpu is 2.13.0
        except importlib.metadata.PackageNotFoundError:
            yield MISSING, f"{name} is not installed: make setup"
            continue
        if installed == version:
            found += 1
        else:
            yield OPTIONAL, f"{name} {installed}: the book was last run with {version}: make setup installs it"
    yield OK, f"{found} of {len(pins)} packages as in constraints.txt"


def _embedded() -> tuple[str, str]:
    from groundup.data import EMBEDDED, EMBEDDED_SHA256

    content = EMBEDDED.read_bytes() if EMBEDDED.is_file() else b""
    if hashlib.sha256(content).hexdigest() != EMBEDDED_SHA256:
        return MISSING, f"data: {EMBEDDED} is {'damaged' if content else 'missing'}: git checkout {EMBEDDED}"
    return OK, "data: the embedded digits"


def _mnist() -> tuple[str, str]:
    import pooch

    from groundup.download import HASHES, OWN

    if own := os.environ.get(OWN):
        return OK, f"data: the full MNIST from {OWN}={own}"
    folder = Path(pooch.os_cache("groundup"))
    if all((folder / f"{name}.gz").is_file() for name in HASHES):
        return OK, f"data: the full MNIST in {folder}"
    return OPTIONAL, "data: the full MNIST is not downloaded: DATA=mnist does it (12 MB) when it is first asked for"


def _writing(book: Book) -> tuple[str, str]:
    try:
        book.build.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=book.build):
            return OK, f"writing: in {book.root}"
    except OSError as error:
        return MISSING, f"writing: {book.build}: {error.strerror}: make it yours, or put the book where you may write"


def _disk(book: Book) -> tuple[str, str]:
    free = shutil.disk_usage(book.root).free / 2**30
    if free < ROOM:
        return MISSING, f"disk: {free:.1f} GiB free: make room, the book needs {ROOM} GiB"
    return OK, f"disk: {free:.0f} GiB free"


def _threads() -> tuple[str, str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked and not (asked.isdecimal() and 1 <= int(asked) <= cores):
        return OPTIONAL, f"threads: OMP_NUM_THREADS={asked} on {cores} cores: unset it, or give 1 to {cores}"
    return OK, f"threads: {cores} cores, of which PyTorch takes {asked or 'all'}; a chapter that is run takes one"


def _device() -> tuple[str, str]:
    try:
        import torch
    except Exception as error:  # ImportError, and OSError where one of its libraries is missing
        return MISSING, f"PyTorch cannot be imported ({error}): remove .venv, then make setup"
    if torch.cuda.is_available():
        return (
            OK,
            f"device: the processor, which is all that the book uses; there is also {torch.cuda.get_device_name()}",
        )
    return OK, "device: the processor, which is all that the book uses"


def _browser() -> tuple[str, str]:
    for name in BROWSERS:
        if path := shutil.which(name):
            return OK, f"browser for the tests: {path}"
    return OPTIONAL, "browser for the tests: none, so they are skipped: install chromium (.ci/run does it on Debian)"


def _port(port: int) -> tuple[str, str]:
    with socket.socket() as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just given back is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return OPTIONAL, f"port {port} is taken: make serve PORT={port + 1}"
    return OK, f"port {port} is free"
