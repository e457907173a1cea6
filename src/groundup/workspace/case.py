"""The case at which a check says no: the values that it looked at, with their types, shapes and numbers."""

from __future__ import annotations

import ast
import dis
import sys
import time
import types
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from groundup.workspace.task import Part, parsed
from groundup.workspace.values import as_lines, is_noise

MOST = 7  # lines for one part of a case
LONGEST = 5.0  # seconds for a check that is run once more, to see its calls


def asserted(frame: types.FrameType, line: int, parts: Sequence[Part]) -> list[str]:
    """The values that the assert on a line of a frame has looked at, as lines to print; none where there is none."""
    test = _test(frame.f_code.co_filename, line, parts)
    if test is None:
        return []
    values = {}
    for chain in _chains(test):
        try:
            value = eval(compile(ast.Expression(chain), "<case>", "eval"), frame.f_globals, frame.f_locals)
        except Exception:  # a comprehension's own name, or what the assert never came to
            continue
        if not is_noise(value) and not callable(value):
            values[ast.unparse(chain)] = value
    return shown(values)


def together(call: Sequence[str], rest: Sequence[str]) -> tuple[str, ...]:
    """The lines of a call, and of the rest those values that the call does not show."""
    blocks = _blocks(call)
    back = [block.partition(": ")[2] for block in blocks if block.startswith("gave back: ")]
    new = [block for block in _blocks(rest) if block not in blocks and block.partition(": ")[2] not in back]
    return (*call, *(line for block in new for line in block.split("\n")))


def _blocks(lines: Sequence[str]) -> list[str]:
    """Each value with the rows below it."""
    text = "\n".join(lines).replace("\n    ", "\0    ")
    return [block.replace("\0", "\n") for block in text.split("\n") if block]


def shown(values: dict[str, Any]) -> list[str]:
    """Values by their names, as lines to print."""
    return _first([line for name, value in values.items() for line in as_lines(name, value)])


class Calls:
    """The last call of some code from outside of it, while this is active: what went in, and what came back."""

    def __init__(self, files: Collection[str]) -> None:
        self.files = files
        self.name = ""
        self.went_in: dict[str, list[str]] = {}
        self.came_back: list[str] = []
        self._frame: types.FrameType | None = None
        self._until = time.monotonic() + LONGEST

    def __enter__(self) -> Calls:
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def lines(self) -> list[str]:
        """The call as lines to print."""
        if not self.name:
            return []
        inside = [line for lines in self.went_in.values() for line in lines]
        return [f"{self.name}({', '.join(self.went_in)})", *_first(inside), *self.came_back]

    def _see(self, frame: types.FrameType, event: str, result: Any) -> None:
        if time.monotonic() > self._until:
            sys.setprofile(None)
            self.name = ""
        elif event == "call" and self._frame is None and frame.f_code.co_filename in self.files:
            self._frame, code = frame, frame.f_code
            count = code.co_argcount + code.co_kwonlyargcount
            self.name, self.came_back = code.co_qualname, []
            values = {name: frame.f_locals[name] for name in code.co_varnames[:count] if name in frame.f_locals}
            self.went_in = {name: [] if is_noise(value) else as_lines(name, value) for name, value in values.items()}
        elif event == "return" and frame is self._frame:
            self._frame = None
            if dis.opname[frame.f_code.co_code[frame.f_lasti]].startswith("RETURN"):  # and not by an exception
                self.came_back = _first(as_lines("gave back", result))


def _first(lines: list[str]) -> list[str]:
    return lines if len(lines) <= MOST else [*lines[: MOST - 1], "…"]


def _test(file: str, line: int, parts: Sequence[Part]) -> ast.expr | None:
    """The condition of the assert that a line belongs to."""
    for part in parts:
        if part.holds(file, line):
            asserts = (node for node in ast.walk(parsed(part)) if isinstance(node, ast.Assert))
            return next((n.test for n in asserts if n.lineno <= line <= (n.end_lineno or n.lineno)), None)
    return None


def _chains(node: ast.AST) -> Iterator[ast.expr]:
    """The longest names, attributes and items in an expression, such as `g.squares` and `wanted["errors"]`."""
    if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and _is_plain(node):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        if not isinstance(node, ast.Call) or child is not node.func or not isinstance(child, ast.Name):
            yield from _chains(child)


def _is_plain(node: ast.AST) -> bool:
    """Whether looking at an expression once more can do nothing."""
    if isinstance(node, ast.Attribute):
        return _is_plain(node.value)
    if isinstance(node, ast.Subscript):
        return _is_plain(node.value) and isinstance(node.slice, ast.Constant | ast.Name)
    return isinstance(node, ast.Name)
