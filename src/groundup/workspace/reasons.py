"""Why a case of the suite failed, in terms of the reader's package and not of the test."""

from __future__ import annotations

import ast
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest
import torch

from groundup.rules.watch import LockedError
from groundup.workspace.suite_process import Package

SMALL = 8  # as many numbers are printed; of a larger tensor the shape is
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\w)")
LONG = 400  # letters of a message
Frames = list[tuple[FrameType, int]]


class Missing(AttributeError):
    """The package has no such module, or the module no such name."""


class Unimportable(Exception):
    """A module that cannot be imported; what it raised is the cause."""


class Hung(Exception):
    """The import of a module has ended an earlier process, and is not begun again; says how."""


@dataclass(frozen=True)
class Reason:
    """What came instead of a behaviour; `about` is "missing", "import" or "rule" where that is no behaviour's own."""

    message: str
    about: str = ""
    module: str = ""
    name: str = ""


def reason(error: BaseException, package: Package) -> Reason:
    """Why a case failed with `error`."""
    while isinstance(error, BaseExceptionGroup):  # hypothesis has found several ways: one is enough
        error = error.exceptions[0]
    frames = [*traceback.walk_tb(error.__traceback__)]
    if isinstance(error, LockedError):
        return Reason(spelt(str(error), package), "rule")
    if isinstance(error, Missing):
        module, name = error.args
        return Reason("", "missing", module, name)
    if isinstance(error, Unimportable):
        cause = error.__cause__
        assert cause
        if isinstance(cause, Hung):
            return Reason(str(cause), "import", error.args[0])
        end = "it ends the program, with " if isinstance(cause, SystemExit) else ""
        got = _got(cause, [*traceback.walk_tb(cause.__traceback__)], package)
        return Reason(end + got.replace("SystemExit: None", "SystemExit"), "import", error.args[0])
    if _places(frames, package):
        return Reason(f"got {_got(error, frames, package)}")
    return Reason(_wanted(error, frames) or f"got {_words(error, package)}")


def spelt(line: str, package: Package) -> str:
    """A line that begins with a place, with the file as the reader spells it."""
    return re.sub(r"^(.+?\.py):(\d+)", lambda found: package.place(found[1], found[2]) or found[0], line)


def _got(error: BaseException, frames: Frames, package: Package) -> str:
    places = _places(frames, package)
    if isinstance(error, SyntaxError) and error.filename:
        places.append(package.place(error.filename, error.lineno))
    place = places[-1] if places else ""
    return _words(error, package) + (f" ({place})" if place else "")


def _words(error: BaseException, package: Package) -> str:
    """What an error is and says, in one line, with the package's own name."""
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    text = _cut(re.sub(rf"\b{package.alias}\b", package.folder.name, text))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _places(frames: Frames, package: Package) -> list[str]:
    """The lines of the package that an error came through, the innermost last."""
    return [place for frame, line in frames if (place := package.place(frame.f_code.co_filename, line))]


def _wanted(error: BaseException, frames: Frames) -> str:
    """What the suite missed in a result, or in an error that should have come."""
    for frame, _ in frames:
        values = frame.f_locals
        if frame.f_code.co_name == "assert_close" and {"actual", "expected"} <= values.keys():
            return _difference(values["actual"], values["expected"], str(error))
        if isinstance(raises := values.get("self"), pytest.RaisesExc) and frame.f_code.co_name == "__exit__":
            return _refusal(raises, values.get("exc_val"))
    if isinstance(error, AssertionError):
        first = str(error).partition("\n")[0]
        if not first.startswith("assert "):
            return first
        if first.startswith("assert got "):
            return first.removeprefix("assert ")
        return _claim(*frames[-1])
    return ""


def _refusal(raises: Any, error: BaseException | None) -> str:
    kinds = " or ".join(kind.__name__ for kind in raises.expected_exceptions)
    said = " that says " + raises.match.pattern.rpartition("(?#")[2].rstrip(")") if raises.match else ""
    if error is None:
        return f"got no error where a {kinds}{said} is wanted"
    return f"got the message {str(error)!r} where one{said} is wanted"


def own_words(raises: Callable[..., Any]) -> Callable[..., Any]:
    """`pytest.raises` for a reader's errors: of the words that it should match only the numbers, in any order."""

    def raises_with_numbers(*expected: Any, match: str | None = None, **more: Any) -> Any:
        numbers = [*dict.fromkeys(NUMBER.findall(re.sub(r"\\(.)", r"\1", match or "")))]
        each = "".join(rf"(?=.*(?<![\w.]){re.escape(number)}(?![\w.]*\w))" for number in numbers)
        said = rf"(?s)\A{each}(?#{' and '.join(numbers)})" if numbers else None
        return raises(*expected, match=said, **more)

    return raises_with_numbers


def _difference(actual: Any, expected: Any, text: str) -> str:
    if isinstance(actual, torch.Tensor) and isinstance(expected, torch.Tensor):
        if actual.shape != expected.shape:
            return f"got the shape {tuple(actual.shape)} where {tuple(expected.shape)} is wanted"
        if actual.dtype != expected.dtype:
            return f"got {actual.dtype} where {expected.dtype} is wanted"
    if (got := shown(actual)) != (wanted := shown(expected)):
        return f"got {got} where {wanted} is wanted"
    return "got other numbers than wanted: " + "; ".join(line for line in text.split("\n")[1:] if line)


def comparison(op: str, left: object, right: object) -> str:
    """What stands on the two sides of a comparison that does not hold."""
    return f"got {shown(left)} where {'' if op == '==' else f'{op} '}{shown(right)} is wanted"


def shown(value: object) -> str:
    """A value in a few characters: small tensors by their numbers, larger ones by their shape."""
    if isinstance(value, torch.Tensor):
        if value.numel() > SMALL:
            return f"a tensor of shape {tuple(value.shape)}"
        return shown(value.tolist()) if value.numel() else f"an empty tensor of shape {tuple(value.shape)}"
    if isinstance(value, float):
        return f"{value:.10g}"
    if type(value) in (list, tuple):
        opening, closing = ("[", "]") if isinstance(value, list) else ("(", ")")
        assert isinstance(value, Iterable)
        return opening + ", ".join(map(shown, value)) + closing
    return _cut(" ".join(repr(value).split()))


def _cut(text: str) -> str:
    return f"{text[:LONG]} …" if len(text) > LONG else text


def _claim(frame: FrameType, line: int) -> str:
    """The claim of the suite itself, where nothing says it better."""
    path = Path(frame.f_code.co_filename)
    asserts = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assert) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    claim = f"`{ast.unparse(asserts[-1].test)}` does not hold" if asserts else "does not hold"
    return f"{claim} (tests/{path.name}:{line})"


def module_class(asked: list[tuple[str, str, str]]) -> type[ModuleType]:
    """A class of module that notes each name which is asked of it, and by which function."""

    class Asked(ModuleType):
        def __getattribute__(self, name: str) -> Any:
            own = super().__getattribute__("__name__").partition(".")[2]
            if not name.startswith("__"):
                asked.append((own, name, sys._getframe(1).f_code.co_name))
            try:
                return super().__getattribute__(name)
            except AttributeError:
                if name.startswith("__"):
                    raise
                raise Missing(own, name) from None

    return Asked
