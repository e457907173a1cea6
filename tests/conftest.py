"""A `book` to write chapters into, and `@pytest.mark.since(n)`: a test runs for each checkpoint that differs for it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from helpers.books import BOOK, make_book
from helpers.checkpoints import Checkpoint
from helpers.differing import differing

from groundup.book import Book

CHAPTERS = BOOK.chapters()

# A shell has its background jobs ignore Ctrl-C, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What is said is as wide as the terminal, and the tests look for whole lines in it.
os.environ["COLUMNS"] = "120"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The chapters' own run takes longest of all: it begins at once, and those who need nothing of it come last.

    The first worker has the first half, and waits for the run; the other has something to do meanwhile.
    """
    items.sort(key=_place)


def _place(item: pytest.Item) -> tuple[bool, bool]:
    names = vars(item.module).keys()
    return not names & {"exercises", "outcomes"}, "built_site" not in names


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    mark = metafunc.definition.get_closest_marker("since")
    if mark is None:
        return
    last = mark.kwargs.get("until", max(CHAPTERS))
    numbers = [number for number in CHAPTERS if mark.args[0] <= number <= last]
    assert numbers, f"no checkpoint from chapter {mark.args[0]} to {last}: this test would never run"
    kept = [Checkpoint(number) for number in differing(metafunc.definition.path, numbers)]
    metafunc.parametrize("checkpoint", kept, ids=lambda c: f"ch{c.number:02d}")


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    """An empty book in a folder of its own; the environment chooses no data."""
    monkeypatch.delenv("DATA", raising=False)
    return make_book(tmp_path, {})
