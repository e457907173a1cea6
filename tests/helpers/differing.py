"""Which checkpoints a file of tests has to be run for: where nothing that it asks for has changed, once is enough."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from helpers.books import BOOK

HELPER = Path(__file__).with_name("checkpoints.py")  # asks for modules in the tests' name


def differing(test: Path, numbers: Iterable[int]) -> list[int]:
    """Of some checkpoints those in which what a file of tests asks for is not, letter by letter, as in the last one."""
    kept: list[int] = []
    for number in numbers:
        if not kept or asked(test, BOOK.checkpoint(number)) != asked(test, BOOK.checkpoint(kept[-1])):
            kept.append(number)
    return kept


@cache
def asked(test: Path, package: Path) -> dict[str, str]:
    """By module, the source of what a file of tests names, in any string, and of what that imports of the package."""
    waiting, found = [*words(test), *words(HELPER)], dict[str, str]()
    while waiting:
        path = package / f"{waiting.pop()}.py"
        if path.stem not in found and path.is_file():
            found[path.stem] = path.read_text(encoding="utf-8")
            waiting += re.findall(r"^ *from \.(\w+) import", found[path.stem], re.MULTILINE)
    return found


@cache
def words(test: Path) -> set[str]:
    """The words in a file's strings."""
    constants = [node.value for node in ast.walk(ast.parse(test.read_text("utf-8"))) if isinstance(node, ast.Constant)]
    return {word for value in constants if isinstance(value, str) for word in re.findall(r"\w+", value)}
